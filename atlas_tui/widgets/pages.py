"""What a list asks its source, and what it gets: pages by position in the order, never by number.

Promise: a source is asked only from a worker thread, one bounded page at a time, and never for "rows 500,000 to 500,100" (a
database would have to walk there).

Must not know: which database answers, how a row looks.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")
RowOut = TypeVar("RowOut", covariant=True)


class Direction(StrEnum):
    """Which page is wanted."""

    FIRST = "first"
    """The first rows of the list."""
    LAST = "last"
    """The last rows of the list, in the list's order."""
    AFTER = "after"
    """The rows that follow the place `cursor` marks (a `next_cursor`)."""
    BEFORE = "before"
    """The rows right before the place `cursor` marks (a `previous_cursor`), in the list's order."""
    AT = "at"
    """The rows from the one with `key` on, that one included. If it is gone: from the place `cursor` marks on (a
    `previous_cursor`, so the row right behind the place comes first). Without a cursor, or if that is unusable: the first page."""


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list. The source adds the id as the tie-breaker.

    Attributes:
        key: A column's key.
        descending: Largest first.
    """

    key: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One question to a source.

    Attributes:
        direction: Which page.
        limit: Rows at most.
        cursor: A place between two rows, from an earlier answer under the same sort and filter; opaque here.
        key: A row's key.
        sort: The order, None for the source's own.
        filter: Whatever the owner of the list set; opaque here, immutable.
    """

    direction: Direction
    limit: int
    cursor: str | None = None
    key: Hashable | None = None
    sort: Sort | None = None
    filter: object = None


@dataclass(frozen=True, slots=True)
class PageResult(Generic[RowOut]):
    """One answer.

    Attributes:
        rows: In the list's order, none twice.
        previous_cursor: The place right before the first row; None when nothing comes before it.
        next_cursor: The place right behind the last row; None when nothing comes after it.
        total: Rows in the whole list, None when unknown.
        total_is_exact: False when `total` is an estimate.
        position: The place of the first row in the list, counted from 1; None when unknown.
    """

    rows: tuple[RowOut, ...]
    previous_cursor: str | None = None
    next_cursor: str | None = None
    total: int | None = None
    total_is_exact: bool = True
    position: int | None = None


class PageSource(Protocol[RowOut]):
    """Where a list's rows come from."""

    def fetch(self, request: PageRequest) -> PageResult[RowOut]:
        """One page. Called from a worker thread; must end within a bounded time, or quitting waits for it.

        Raises:
            storage.errors.AtlasError: With a sentence and a hint for people. Anything else is shown as an unexpected error,
                without its text.
        """
        ...
