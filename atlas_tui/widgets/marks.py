"""Which rows are marked: some keys, or everything in the filter except some keys.

Promise: marking all of a million rows costs no more than marking one, and the count is always said.

Must not know: rows, pages, the screen.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What was marked, for whoever acts on it.

    Attributes:
        keys: The marked rows, or with `all_in_filter` the rows excepted.
        all_in_filter: Whether everything the filter finds is meant.
        count: How many rows that is; None when the size of the list is unknown.
    """

    keys: frozenset[Hashable]
    all_in_filter: bool
    count: int | None


class Marks:
    """The marks of one list."""

    def __init__(self) -> None:
        self._keys: set[Hashable] = set()
        self._all = False
        self.anchor: Hashable | None = None
        """The row marked or unmarked last: where a range begins."""

    def __contains__(self, key: Hashable) -> bool:
        return (key in self._keys) != self._all

    def __bool__(self) -> bool:
        return self._all or bool(self._keys)

    @property
    def all_in_filter(self) -> bool:
        """Whether everything the filter finds is marked, but for exceptions."""
        return self._all

    def toggle(self, key: Hashable) -> None:
        """Mark a row, or take its mark away."""
        self._keys.symmetric_difference_update((key,))
        self.anchor = key

    def mark(self, keys: Iterable[Hashable]) -> None:
        """Mark rows, whether they were marked or not."""
        if self._all:
            self._keys.difference_update(keys)
        else:
            self._keys.update(keys)

    def mark_all(self) -> None:
        """Mark everything in the filter."""
        self.clear()
        self._all = True

    def clear(self) -> None:
        """Take all marks away."""
        self._keys.clear()
        self._all = False
        self.anchor = None

    def count(self, total: int | None) -> int | None:
        """How many rows are marked.

        Args:
            total: Rows in the filter, None when unknown.
        """
        if not self._all:
            return len(self._keys)
        return None if total is None else max(0, total - len(self._keys))

    def selection(self, total: int | None) -> Selection:
        """The marks as they are now, to act on."""
        return Selection(frozenset(self._keys), self._all, self.count(total))
