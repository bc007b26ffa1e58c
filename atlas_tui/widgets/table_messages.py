"""What a list tells its screen, and the words it shows when it has no rows.

Must not know: how the list works.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from atlas_tui.widgets.paged_rows import PagedRows


@dataclass(frozen=True, slots=True)
class ListAction:
    """Something a list can do, for the registry that gives it keys and help.

    Attributes:
        id: The action's name: `action_<id>` on the table.
        help: What it does, for people.
        keys: The keys it usually has.
    """

    id: str
    help: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListTexts:
    """What a list says when there are no rows to show.

    Attributes:
        loading: Before the first answer.
        empty: The answer had no rows.
        empty_hint: What to do about it; may be empty.
    """

    loading: str = "Loading"
    empty: str = "Nothing here."
    empty_hint: str = ""


class TableMessage(Message):
    """Something a list tells. `control` is the list, so that `@on(…, "#id")` works."""

    def __init__(self, table: PagedRows[Any]) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> PagedRows[Any]:
        """The list that tells it."""
        return self.table


class RowHighlighted(TableMessage):
    """Another row, or another state of the same row, is under the cursor. Both None: there is no row."""

    def __init__(self, table: PagedRows[Any], key: Hashable | None, row: Any) -> None:
        super().__init__(table)
        self.key = key
        self.row = row


class RowOpened(TableMessage):
    """Someone wants to see a row (a double click, or the screen's own key)."""

    def __init__(self, table: PagedRows[Any], key: Hashable, row: Any) -> None:
        super().__init__(table)
        self.key = key
        self.row = row


class MarksChanged(TableMessage):
    """Other rows are marked. `count` is None when everything is marked and nobody knows how much that is."""

    def __init__(self, table: PagedRows[Any], count: int | None) -> None:
        super().__init__(table)
        self.count = count


class RangeRefused(TableMessage):
    """A range could not be marked; `reason` is a sentence for people."""

    def __init__(self, table: PagedRows[Any], reason: str) -> None:
        super().__init__(table)
        self.reason = reason


class PageShown(TableMessage):
    """The cursor's place in the whole list, or its size, changed. None: unknown."""

    def __init__(self, table: PagedRows[Any], position: int | None, total: int | None, total_is_exact: bool) -> None:
        super().__init__(table)
        self.position = position
        self.total = total
        self.total_is_exact = total_is_exact


class PageFailed(TableMessage):
    """A page could not be read. The rows on the screen stay and are called stale, unless they may not be read any more: then they go."""

    def __init__(self, table: PagedRows[Any], error: Exception) -> None:
        super().__init__(table)
        self.error = error


class SortChanged(TableMessage):
    """The list is sorted differently now. `key` None: in its source's own order."""

    def __init__(self, table: PagedRows[Any], key: str | None, descending: bool) -> None:
        super().__init__(table)
        self.key = key
        self.descending = descending


class PageRead(Message):
    """A page was read, and something beside its rows was found out: a screen posts it to itself from the thread that read."""
