"""What the pages with tabs share: the line of tabs, the tab that is seen, and tabs that are lists of rows.

Promise: each tab asks for its own part and only while it is seen; the keys that move go to the rows of a tab that is a list, else to its
lines.

Must not know: which tabs there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual import on
from textual.widget import Widget

from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, to_run
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.runs import USUAL
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.screens.sections import section_line, turned
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.stored_pages import StoredPages
from atlas_tui.widgets.table_messages import ListTexts, RowOpened
from atlas_tui.widgets.virtual_table import VirtualTable
from storage import runs
from storage.runs import RunQuery, RunRow

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

S = TypeVar("S", bound=StrEnum)
Reader = Callable[["Place", PageRequest], "Page[Any]"]
"""Reads a page of a tab's rows, in a worker thread."""

_MOVES = {
    "scroll_down": "cursor_down",
    "scroll_up": "cursor_up",
    "scroll_page_down": "page_down",
    "scroll_page_up": "page_up",
    "scroll_top": "top",
    "scroll_bottom": "bottom",
}


class SectionedPage(PageScreen, Generic[S]):
    """A page with tabs.

    Args:
        keymap: Which keys the commands have.
    """

    FIRST: ClassVar[Any]
    """The tab that a page begins with."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.section: S = self.FIRST
        self.lists: Mapping[S, VirtualTable[Any]] = self.make_lists()

    # What a page says about its tabs

    @property
    def sections(self) -> Sequence[S]:
        """The tabs there are now."""
        raise NotImplementedError

    def make_lists(self) -> Mapping[S, VirtualTable[Any]]:
        """The tabs that are lists."""
        return {}

    def reader(self, section: S, session: Session, subject: int) -> Reader:
        """How the rows of a tab are read."""
        raise NotImplementedError

    def counts(self) -> Mapping[S, int]:
        """How many things are on a tab, where that is known."""
        return {}

    def row_link(self, row: Any) -> Link | None:
        """What enter opens on a tab of rows."""
        return to_run(row.id) if isinstance(row, RunRow) else None

    def compose_top(self) -> Iterable[Widget]:
        """What is above the tabs."""
        return ()

    # What it is made of

    def compose_body(self) -> Iterable[Widget]:
        """The top, the line of tabs, and one of them."""
        yield from self.compose_top()
        yield Scrolled(id="sections")
        yield Scrolled(id="page")
        yield from self.lists.values()

    def on_mount(self) -> None:
        """Ask; rows wait until their tab is opened."""
        self.query_one("#sections").styles.height = 1
        for rows in self.lists.values():
            rows.display = False
        self.reload()

    @property
    def rows(self) -> VirtualTable[Any] | None:
        """The rows of the open tab; None where it is lines."""
        return self.lists.get(self.section)

    def thing_here(self) -> Any:
        """The row under the cursor while rows are seen; else what the page has read."""
        return super().thing_here() if (rows := self.rows) is None else rows.cursor_row

    def reload(self) -> None:
        """Read again; rows too while they are seen."""
        super().reload()
        if (rows := self.rows) is not None and self.subject is not None and self.is_mounted:
            rows.refresh_page()

    def begin_anew(self) -> None:
        """Another thing: from its first tab on."""
        self.section = self.FIRST

    def follow(self, link: Link) -> None:
        """Another thing: from its first tab on."""
        if link.id != self.subject:
            self.begin_anew()
        super().follow(link)

    def show_page(self) -> None:
        """The tabs, and the open one."""
        if not self.is_whole:
            return
        self.page.display = self.rows is None
        for section, rows in self.lists.items():
            rows.display = section is self.section
        counts = self.counts()
        self.query_one("#sections", Scrolled).show(lambda width: [section_line(self.sections, self.section, counts)])
        self.show_hints()
        super().show_page()

    def show_ages(self) -> None:
        """Ages that read differently now."""
        super().show_ages()
        for rows in self.lists.values():
            rows.refresh_ages(self.atlas.clock())

    # Tabs

    def open_section(self, section: S) -> None:
        """Go to a tab."""
        self.section, self._from_top = section, True
        if (rows := self.rows) is not None and self.subject is not None:
            rows.set_source(StoredPages(self.reader(section, self.session, self.subject)))
        self.show_page()
        if rows is not None:
            rows.focus()
        else:
            self.set_focus(None)
        self.reload()

    def command_next_tab(self) -> None:
        """The next tab of the page."""
        self.open_section(turned(self.sections, self.section, 1))

    def command_previous_tab(self) -> None:
        """The tab before."""
        self.open_section(turned(self.sections, self.section, -1))

    # The keys that move go to the rows while they are seen.

    def do(self, id: str) -> None:
        """Moving moves the cursor of the rows while they are seen."""
        if (rows := self.rows) is not None and id in _MOVES:
            getattr(rows, f"action_{_MOVES[id]}")()
        else:
            super().do(id)

    @on(RowOpened)
    def _row_opened(self, event: RowOpened) -> None:
        if (link := self.row_link(event.row)) is not None:
            self.atlas.navigation.go(link)

    def step_rows(self, rows: int) -> Link | None:
        """Move the cursor of the rows that are seen, for the page on top.

        Returns:
            What the row it is on now opens; None when there is no other row.
        """
        table = self.rows
        if table is None:
            return None
        before = table.cursor_key
        table.move_cursor(rows)
        row = table.cursor_row
        return None if row is None or table.cursor_key == before else self.row_link(row)


def run_rows(clock: Callable[[], datetime], hint: str) -> VirtualTable[RunRow]:
    """The list of runs of one tenant or connection, for a tab.

    Args:
        clock: The present, for ages.
        hint: How a first one begins.
    """
    return VirtualTable(
        [column for column in USUAL if column.key != "tenant"],
        lambda row: row.id,
        None,
        texts=ListTexts(empty="No run yet.", empty_hint=hint),
        clock=clock,
        id="runs",
    )


def run_reader(session: Session, *, connection_id: int | None = None, tenant_id: int | None = None) -> Reader:
    """How the runs of one tenant or connection are read."""
    query = RunQuery(session.workspace.workspace_id, connection_id=connection_id, tenant_id=tenant_id)
    return lambda place, request: runs.page(session.db, session.who, query, place, request.limit)
