"""Columns: which ones fit, how wide each is, and the line a row becomes.

Promise: whatever the width, the columns and their gaps fill it exactly; when there is no room, the least important columns go first,
a narrower one stays in the place of a wide one that had to go, and their order never changes.

Must not know: pages, queries, the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from atlas_tui.cells import Align, Cell, Part, fit, fit_line

Row = TypeVar("Row")

GAP = 1
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column of a list.

    Attributes:
        key: Its name for sorting and configuration.
        title: The word in the header.
        render: Row and now → what is shown. Called on the event loop for visible rows only; must not block.
        width: Cells, for a column of fixed width; the least width for a flexible one.
        share: Parts of the room left over that a flexible column takes; 0 is fixed.
        sortable: Whether the list can be sorted by it.
        largest_first: Whether sorting by it begins with the largest, because that is what one looks for.
        priority: 0 is never dropped; of the others the highest number is dropped first.
        align: Left for words, right for numbers.
        age_of: The moment whose age the column shows, if it shows one.
    """

    key: str
    title: str
    render: Callable[[Row, datetime], Cell]
    width: int
    share: int = 0
    sortable: bool = False
    priority: int = 0
    align: Align = "left"
    age_of: Callable[[Row], datetime | None] | None = None
    largest_first: bool = False


@dataclass(frozen=True, slots=True)
class Placed(Generic[Row]):
    """A column with the width it got."""

    column: Column[Row]
    width: int


def place(columns: Sequence[Column[Row]], width: int) -> tuple[Placed[Row], ...]:
    """Choose the columns that fit and share out the room.

    Args:
        columns: All columns, in the order they are shown.
        width: Cells there are for them.

    Returns:
        The chosen columns in their order. Their widths and the gaps between them add up to `width`, unless not even the first
        essential column fits or none is flexible.
    """
    kept = list(columns)
    dropped: list[Column[Row]] = []
    while len(kept) > 1 and _least(kept) > width:
        droppable = [column for column in kept if column.priority > 0]
        gone = max(droppable, key=lambda column: (column.priority, kept.index(column))) if droppable else kept[-1]
        kept.remove(gone)
        dropped.append(gone)
    if not kept:
        return ()
    # The last to go may have been a wide one: what went before it, most important first, may fit in its place; not in an essential one's.
    for column in reversed(dropped[:-1]):
        again = [one for one in columns if one in kept or one is column]
        if all(one.priority for one in dropped) and _least(again) <= width:
            kept = again
    spare = max(0, width - _least(kept))
    shares = sum(column.share for column in kept)
    placed: list[Placed[Row]] = []
    for column in kept:
        extra = 0
        if column.share:
            # Each takes its part of what is left, so that rounding is made good by the last one.
            extra = spare * column.share // shares
            spare -= extra
            shares -= column.share
        placed.append(Placed(column, min(column.width + extra, width)))
    return tuple(placed)


def _least(columns: Sequence[Column[Row]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def row_parts(placed: Sequence[Placed[Row]], row: Row, now: datetime) -> list[Part]:
    """What a row shows, column by column, each exactly as wide as its place.

    Args:
        placed: The columns.
        row: The row.
        now: For ages.
    """
    parts: list[Part] = []
    for index, place_ in enumerate(placed):
        if index:
            parts.append(Part(" " * GAP))
        shown = place_.column.render(row, now).parts
        if len(shown) == 1:
            parts.append(Part(fit(shown[0].text, place_.width, place_.column.align), shown[0].style))
        else:
            parts.extend(fit_line(shown, place_.width, place_.column.align))
    return parts


def header_parts(placed: Sequence[Placed[Row]], sort_key: str | None, descending: bool) -> list[Part]:
    """The header line: titles, and `^` (ascending) or `v` (descending) behind the one the list is sorted by.

    Args:
        placed: The columns.
        sort_key: The key of the column sorted by, if any.
        descending: Largest first.
    """
    parts: list[Part] = []
    for index, place_ in enumerate(placed):
        if index:
            parts.append(Part(" " * GAP))
        column = place_.column
        if column.key == sort_key:
            arrow = "v" if descending else "^"
            title = fit(column.title, min(len(column.title), max(0, place_.width - 2))) + " " + arrow
        else:
            title = column.title
        parts.append(Part(fit(title, place_.width, column.align), "title"))
    return parts


def column_at(placed: Sequence[Placed[Row]], x: int) -> Column[Row] | None:
    """The column at a position, counted in cells from where the first one begins; None on a gap or outside."""
    left = 0
    for place_ in placed:
        if left <= x < left + place_.width:
            return place_.column
        left += place_.width + GAP
    return None
