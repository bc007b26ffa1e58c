"""What the list screens share: the list itself, its filter line, the line above it, the panel beside it.

Promise: the list reads pages in worker threads through storage; the cursor follows its row; a filter that cannot be read leaves the rows
that were there and says why. The panel shows what the row's own page shows, nothing else.

Must not know: which rows these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from textual import events, on
from textual.containers import Horizontal
from textual.widget import Widget

from atlas_tui.keymap import Keymap
from atlas_tui.links import Link
from atlas_tui.screens.copying import copy_json, copy_text
from atlas_tui.screens.exports import Exports
from atlas_tui.screens.list_filter import ListFilter
from atlas_tui.screens.scrolled import Composer, Scrolled
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.filter_line import FilterAccepted, FilterChanged, FilterClosed, FilterLine
from atlas_tui.widgets.pages import PageRequest, Row
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.stored_pages import StoredPages
from atlas_tui.widgets.tab_line import TabLine
from atlas_tui.widgets.table_messages import (
    ListTexts,
    MarksChanged,
    PageFailed,
    PageShown,
    RangeRefused,
    RowHighlighted,
    RowOpened,
    SortChanged,
)
from atlas_tui.widgets.virtual_table import VirtualTable
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

WIDE_FROM = 120
"""Columns from which on there is room for the panel."""

NOTHING_FITS = ListTexts(empty="Nothing fits.", empty_hint="Esc shows all again.")


class ListScreen(Exports, Generic[Row]):
    """A list, the whole screen."""

    TEXTS: ClassVar[ListTexts] = ListTexts()
    FILTER_HINT: ClassVar[str] = "word  !word"
    ORDER: ClassVar[str] = "sort tenant ^"
    AUTO_FOCUS = "VirtualTable"

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.filter = ListFilter()
        self.is_wide = False
        self.shows_panel = True
        self._marked: int | None = 0
        self._panel_key: Any = None
        self._panel_busy = False
        self.table: VirtualTable[Row] = VirtualTable(
            self.columns(False), self.key_of, None, texts=self.TEXTS, clock=lambda: self.atlas.clock(), id="list"
        )

    # What a list screen says about its rows

    def columns(self, wide: bool) -> Sequence[Column[Row]]:
        """The columns of the list."""
        raise NotImplementedError

    def key_of(self, row: Row) -> int:
        """The row's id."""
        raise NotImplementedError

    def link_to(self, row: Row) -> Link:
        """The row's own page."""
        raise NotImplementedError

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Row]:
        """One page, in a worker thread."""
        raise NotImplementedError

    def read_panel(self, session: Session, key: int) -> Any:
        """What the panel shows about a row, in a worker thread."""
        raise NotImplementedError

    def panel_lines(self, read: Any) -> Composer:
        """The panel's lines."""
        raise NotImplementedError

    def id_text(self, row: Row) -> str:
        """What `y` copies."""
        return str(self.key_of(row))

    # What it is made of

    def compose_body(self) -> Iterable[Widget]:
        """The line above the list, the filter line in its place, the list, the panel."""
        yield StatusLine(id="state")
        yield FilterLine(placeholder=self.FILTER_HINT, id="filter")
        with Horizontal():
            yield self.table
            yield Scrolled(id="panel", classes="beside")

    def on_mount(self) -> None:
        """Ask for the first page."""
        session = self.session
        self.table.set_query(sort=None, filter=(self.filter, self.atlas.navigation.pin))
        self.table.set_source(StoredPages(lambda place, request: self.read_page(session, request, place)))
        self.show_state()
        self.lay_out()

    def on_resize(self, event: events.Resize) -> None:
        """The panel comes and goes with the room for it."""
        self.lay_out()

    def offers(self, id: str) -> bool:
        """The panel is offered where there is room for it; elsewhere its key says how much it needs."""
        return super().offers(id) and (id != "panel" or self.size.width >= WIDE_FROM)

    def lay_out(self) -> None:
        """Columns and panel, as there is room."""
        self.show_hints()
        panel = self.query_one("#panel", Scrolled)
        panel.display = self.has_panel
        self.table.set_columns(self.columns(self.is_wide))
        self.show_panel()

    @property
    def has_panel(self) -> bool:
        """Whether the panel is seen."""
        return self.shows_panel and self.size.width >= WIDE_FROM

    # The rows

    def reload(self) -> None:
        """Read the rows on the screen again, and the panel."""
        self.table.refresh_page()
        self._panel_key = None
        self.show_panel()

    def show_ages(self) -> None:
        """Ages that read differently now."""
        self.table.refresh_ages(self.atlas.clock())

    def thing_here(self) -> Row | None:
        """The row under the cursor."""
        return self.table.cursor_row

    def set_filter(self, filter: ListFilter) -> None:
        """Show something else."""
        self.filter = filter
        self.table.texts = self.TEXTS if filter == ListFilter() else NOTHING_FITS
        self.table.set_query(sort=self.table.sort, filter=(filter, self.atlas.navigation.pin))
        self.show_state()
        self.show_frame()

    def follow(self, link: Link) -> None:
        """A link leads here."""
        if link.filter is None and link.connection_id is None and self.filter.connection_id is None:
            return
        wanted = replace(
            self.filter,
            text=self.filter.text if link.filter is None else link.filter,
            connection_id=link.connection_id,
            title=link.title,
        )
        if wanted != self.filter:
            self.set_filter(wanted)

    def link(self) -> Link:
        """The way back to this list as it is."""
        return Link(
            self.VIEW, filter=self.filter.text, connection_id=self.filter.connection_id, title=self.filter.title
        )

    def on_screen_resume(self) -> None:
        """Seen again: perhaps another tenant is pinned by now."""
        super().on_screen_resume()
        if self.table.filter != (self.filter, self.atlas.navigation.pin):
            self.set_filter(self.filter)
        self.show_state()

    def show_state(self) -> None:
        """The line above the list: filter, marks, order."""
        if not self.is_mounted:
            return
        left = self.leading()
        if self.filter.title:
            left.append(Segment(f"of {self.filter.title}", "strong"))
        if (pin := self.atlas.navigation.pin) is not None:
            left.append(Segment(f"@{pin[1]}", "strong"))
        if self.filter.problems:
            left.append(Segment("problems only", "warn"))
        left.append(Segment(f"/{self.filter.text}" if self.filter.text else "", "info"))
        right: list[Segment] = []
        if self._marked is None or self._marked:
            right.append(Segment(f"{'all' if self._marked is None else f'{self._marked:,}'} marked", "warn"))
        sort = self.table.sort
        order = self.ORDER if sort is None else f"sort {sort.key} {'v' if sort.descending else '^'}"
        right.append(Segment(order, "muted", 1))
        self.query_one("#state", StatusLine).show(left, right)

    def leading(self) -> list[Segment]:
        """What stands before the filter on that line."""
        return []

    # What the list tells

    @on(PageShown)
    def _place_changed(self, event: PageShown) -> None:
        self.query_one("#tabs", TabLine).show_place(event.position, event.total, event.total_is_exact)

    @on(PageFailed)
    def _page_failed(self, event: PageFailed) -> None:
        if isinstance(event.error, AtlasError):
            self.tell_error(event.error)

    @on(RowOpened)
    def _row_opened(self, event: RowOpened) -> None:
        self.open_row(event.row)

    def open_row(self, row: Row) -> None:
        """Go to the row's own page."""
        self.atlas.navigation.go(self.link_to(row))

    @on(MarksChanged)
    def _marks_changed(self, event: MarksChanged) -> None:
        self._marked = event.count
        self.show_state()

    @on(RangeRefused)
    def _range_refused(self, event: RangeRefused) -> None:
        self.atlas.flash(event.reason, "warn")

    @on(SortChanged)
    def _sort_changed(self, event: SortChanged) -> None:
        self.call_after_refresh(self.show_state)

    @on(RowHighlighted)
    def _row_highlighted(self, event: RowHighlighted) -> None:
        self.show_panel()

    # The panel

    def show_panel(self) -> None:
        """Ask for what the panel shows, unless it shows it already; while an answer is awaited, the newest row waits."""
        key = self.table.cursor_key
        if not self.is_mounted or not self.has_panel or key == self._panel_key or self._panel_busy:
            return
        if not isinstance(key, int):
            self.query_one("#panel", Scrolled).show(lambda width: [], from_top=True)
            return
        session, self._panel_busy = self.session, True

        def show(read: Any) -> None:
            another, self._panel_key, self._panel_busy = self._panel_key != key, key, False
            self.query_one("#panel", Scrolled).show(self.panel_lines(read), from_top=another)
            self.show_panel()

        def failed(error: AtlasError) -> None:
            self._panel_busy = False
            if self.table.cursor_key != key:
                self.show_panel()

        self.ask("panel", lambda: self.read_panel(session, key), show, failed)

    # The filter line

    @on(FilterChanged)
    def _filter_typed(self, event: FilterChanged) -> None:
        if isinstance(event, FilterAccepted | FilterClosed):
            self.query_one("#state", StatusLine).display = True
            self.table.focus()
            text = event.text
        else:
            # A key whose value is still being typed would be refused at every letter: it counts from Enter on.
            text = " ".join(word for word in event.text.split() if ":" not in word)
        if text != self.filter.text:
            self.set_filter(replace(self.filter, text=text))

    def command_filter(self) -> None:
        """Type a filter."""
        self.query_one("#state", StatusLine).display = False
        self.query_one("#filter", FilterLine).open(self.filter.text)

    # Commands

    def do(self, id: str) -> None:
        """The list's own commands go to the list."""
        if id.startswith("list_"):
            getattr(self.table, f"action_{id.removeprefix('list_')}")()
        else:
            super().do(id)

    def command_open(self) -> None:
        """Open the row."""
        self.table.action_open_row()

    def clear_marks(self) -> None:
        """Take all marks away."""
        self.table.action_clear_marks()

    def command_back(self) -> None:
        """Take away marks, then the filter, then go back."""
        if self.table.selection.all_in_filter or self.table.selection.keys:
            self.clear_marks()
        elif self.filter != ListFilter():
            self.set_filter(ListFilter())
        else:
            self.atlas.everywhere.command_back()

    def command_wide(self) -> None:
        """More columns, or the usual ones."""
        self.is_wide = not self.is_wide
        self.table.set_columns(self.columns(self.is_wide))

    def command_panel(self) -> None:
        """Show or hide the panel."""
        if self.size.width < WIDE_FROM:
            self.atlas.flash(f"The panel needs {WIDE_FROM} columns; enter opens the same on its own page.")
            return
        self.shows_panel = not self.shows_panel
        self._panel_key = None
        self.lay_out()

    def command_pin(self) -> None:
        """Only this row's tenant in all views, or all tenants again."""
        row: Any = self.table.cursor_row
        if row is not None or self.atlas.navigation.pin is not None:
            self.atlas.navigation.toggle_pin((0, "") if row is None else self.tenant_of(row))
            self.set_filter(self.filter)

    def tenant_of(self, row: Row) -> tuple[int, str]:
        """The row's tenant: id and name."""
        raise NotImplementedError

    def command_copy_id(self) -> None:
        """Copy the row's id."""
        if (row := self.table.cursor_row) is not None:
            copy_text(self.atlas, self.id_text(row))

    def command_copy_json(self) -> None:
        """Copy the row as JSON."""
        if (row := self.table.cursor_row) is not None:
            copy_json(self.atlas, row)

    def step(self, rows: int) -> Link | None:
        """Move the cursor, for the page on top of this list.

        Returns:
            The page of the row it is on now; None when there is no other row.
        """
        before = self.table.cursor_key
        self.table.move_cursor(rows)
        row = self.table.cursor_row
        return None if row is None or self.table.cursor_key == before else self.link_to(row)
