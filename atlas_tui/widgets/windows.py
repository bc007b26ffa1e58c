"""The few pages of a long list that are in memory: joined, trimmed, and looked up by row key.

Promise: whole pages leave at the far end as soon as enough rows stay, no row stands twice, and an end that was trimmed can be fetched
again.

Must not know: the screen, threads, what a row is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

from atlas_tui.widgets.pages import PageResult, Row


@dataclass(slots=True)
class _Page(Generic[Row]):
    rows: list[Row]
    previous_cursor: str | None
    next_cursor: str | None


class Window(Generic[Row]):
    """A contiguous stretch of a list.

    Attributes:
        rows: The rows in memory, in the list's order.
        total: Rows in the whole list, None when unknown.
        total_is_exact: False when `total` is an estimate.
        position: The place of the first row in memory in the whole list, from 1; None when unknown.
    """

    def __init__(self, key_of: Callable[[Row], Hashable]) -> None:
        self._key_of = key_of
        self._pages: list[_Page[Row]] = []
        self._index: dict[Hashable, int] = {}
        self.rows: list[Row] = []
        self.total: int | None = None
        self.total_is_exact = True
        self.position: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def previous_cursor(self) -> str | None:
        """The place right before the first row in memory; None when nothing comes before it."""
        return self._pages[0].previous_cursor if self._pages else None

    @property
    def next_cursor(self) -> str | None:
        """The place right behind the last row in memory; None when nothing comes after it."""
        return self._pages[-1].next_cursor if self._pages else None

    def key_at(self, index: int) -> Hashable:
        """The key of the row at an index.

        Raises:
            IndexError: No such row in memory.
        """
        return self._key_of(self.rows[index])

    def keys(self) -> list[Hashable]:
        """The keys in memory, in order."""
        return list(self._index)

    def index_of(self, key: Hashable) -> int | None:
        """Where the row with this key is in memory, None when it is not."""
        return self._index.get(key)

    def nearest(self, key: Hashable, order_before: Sequence[Hashable]) -> int | None:
        """Where a row is now or, if it is gone, its nearest neighbour in the order there was: the following ones first.

        Args:
            key: The row looked for.
            order_before: The keys in the order they had when the row was last seen.
        """
        if (index := self._index.get(key)) is not None:
            return index
        if key not in order_before:
            return None
        place = order_before.index(key)
        for other in (*order_before[place + 1 :], *reversed(order_before[:place])):
            if (index := self._index.get(other)) is not None:
                return index
        return None

    def replace(self, result: PageResult[Row]) -> None:
        """Forget everything and hold one answer."""
        position = result.position
        if position is None:
            position = self._position_from_ends(result)
        if position is None and self.position is not None and result.rows and result.total in (None, self.total):
            # The list did not change its length and the row is one we knew: it stands where it stood.
            known = self._index.get(self._key_of(result.rows[0]))
            position = None if known is None else self.position + known
        self._pages = [_Page(self._new(result.rows, ()), result.previous_cursor, result.next_cursor)]
        self._take_total(result)
        self.position = position
        self._flatten()

    def append(self, result: PageResult[Row], keep: int) -> int:
        """Add the answer that follows the last row.

        Args:
            result: The answer.
            keep: Rows that must stay in memory; pages at the front beyond them go.

        Returns:
            How many rows were dropped at the front to make room.
        """
        self._pages.append(_Page(self._new(result.rows, self._index), result.previous_cursor, result.next_cursor))
        self._take_total(result)
        dropped, held = 0, sum(len(page.rows) for page in self._pages)
        while len(self._pages) > 1 and held - dropped - len(self._pages[0].rows) >= keep:
            dropped += len(self._pages.pop(0).rows)
        if self.position is not None:
            self.position += dropped
        elif self._pages[-1].next_cursor is None and self.total is not None and self.total_is_exact:
            self.position = self.total - sum(len(page.rows) for page in self._pages) + 1
        self._flatten()
        return dropped

    def prepend(self, result: PageResult[Row], keep: int) -> int:
        """Add the answer that comes right before the first row.

        Args:
            result: The answer.
            keep: Rows that must stay in memory; pages at the end beyond them go.

        Returns:
            How many rows were added at the front.
        """
        rows = self._new(result.rows, self._index)
        self._pages.insert(0, _Page(rows, result.previous_cursor, result.next_cursor))
        self._take_total(result)
        if result.previous_cursor is None:
            self.position = 1
        elif result.position is not None:
            self.position = result.position
        elif self.position is not None:
            self.position = max(1, self.position - len(rows))
        held = sum(len(page.rows) for page in self._pages)
        while len(self._pages) > 1 and held - len(self._pages[-1].rows) >= keep:
            held -= len(self._pages.pop().rows)
        self._flatten()
        return len(rows)

    def _new(self, rows: Iterable[Row], known: Iterable[Hashable]) -> list[Row]:
        """The rows that are not known yet: a row that moved between two answers must not stand in the list twice."""
        seen = set(known)
        fresh: list[Row] = []
        for row in rows:
            if (key := self._key_of(row)) not in seen:
                seen.add(key)
                fresh.append(row)
        return fresh

    def _take_total(self, result: PageResult[Row]) -> None:
        if result.total is not None:
            self.total, self.total_is_exact = result.total, result.total_is_exact

    def _position_from_ends(self, result: PageResult[Row]) -> int | None:
        """The ends of a list tell where an answer stands even when its source does not."""
        if result.previous_cursor is None:
            return 1
        if result.next_cursor is None and result.total is not None and result.total_is_exact:
            return result.total - len(result.rows) + 1
        return None

    def _flatten(self) -> None:
        self.rows = [row for page in self._pages for row in page.rows]
        self._index = {self._key_of(row): index for index, row in enumerate(self.rows)}
