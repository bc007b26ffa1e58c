"""The list of schedules: what is started by itself, on what, when next, and what became of it the last time.

Must not know: how a schedule's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.cells import Cell, Line, Part, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_schedule
from atlas_tui.schedule_words import quiet_words, record_of, short
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.schedule_actions import ScheduleActs, to_runs_of
from atlas_tui.screens.schedule_form import NewSchedule
from atlas_tui.screens.schedule_text import (
    DUE_WIDTH,
    LAST_WIDTH,
    STATE_WIDTH,
    due_cell,
    last_cell,
    schedule_lines,
    state_badge,
)
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import schedule_detail, schedules
from storage.pages import Page, Place
from storage.schedule_detail import ScheduleDetail
from storage.schedules import ScheduleQuery, ScheduleRow
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session


class SchedulesScreen(ScheduleActs, ListScreen[ScheduleRow]):
    """The list."""

    VIEW = View.SCHEDULES
    PLACES = (Where.LIST, Where.SCHEDULES, Where.SCHEDULE_ACTION)
    TOPICS = frozenset({Topic.SCHEDULES})
    FILTER_HINT: ClassVar[str] = "word  !word  enabled:no  scope:tag  tag:gold  tenant:x  type:inventory"
    ORDER: ClassVar[str] = "sort name ^"
    EXPORTED: ClassVar[str] = "the schedules"
    TEXTS = ListTexts(empty="Nothing is started by itself.", empty_hint="N makes a schedule.")

    def tab(self) -> View:
        """Runs: that is what they make."""
        return View.RUNS

    def crumb(self) -> str:
        """What this is."""
        return "schedules"

    def columns(self, wide: bool) -> Sequence[Column[ScheduleRow]]:
        """Few, or with the rhythm in words and whose clock it is."""
        usual: tuple[Column[ScheduleRow], ...] = (
            Column("state", "IS", lambda row, now: state_badge(row.is_enabled), STATE_WIDTH),
            Column("name", "NAME", lambda row, now: cell(row.name, "strong"), 11, share=2),
            Column("what", "STARTS", lambda row, now: cell(short(row.type)), 10, priority=3),
            Column(
                "reach", "ON", lambda row, now: cell(row.reach.words.removeprefix("whole ")), 10, share=1, priority=2
            ),
            Column("rhythm", "RHYTHM", lambda row, now: cell(str(row.rule.rhythm)), 11, share=1, priority=1),
            Column("due", "NEXT DUE", self._due, DUE_WIDTH),
            Column("last", "LAST TIME", lambda row, now: last_cell(row), LAST_WIDTH, priority=4),
        )
        if not wide:
            return usual
        return (
            *usual,
            Column("words", "IN WORDS", lambda row, now: cell(row.rule.rhythm.words), 20, share=2, priority=5),
            Column("zone", "TIME ZONE", lambda row, now: cell(row.rule.time_zone), 14, priority=6),
            Column("quiet", "QUIET", lambda row, now: cell(quiet_words(row)), 11, priority=7),
            Column(
                "jitter", "JITTER", lambda row, now: cell(f"{row.jitter_minutes} min"), 8, priority=8, align="right"
            ),
        )

    def _due(self, row: ScheduleRow, now: datetime) -> Cell:
        return due_cell(row, self.times)

    def key_of(self, row: ScheduleRow) -> int:
        """The schedule's number."""
        return row.id

    def link_to(self, row: ScheduleRow) -> Link:
        """Its page."""
        return to_schedule(row.id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[ScheduleRow]:
        """A page of schedules; with a pinned tenant those that reach it."""
        wanted, tenant_id = asked(request)
        query = ScheduleQuery(session.workspace.workspace_id, wanted.text, tenant_id)
        return schedules.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> ScheduleDetail:
        """What its page shows."""
        return schedule_detail.get(session.db, session.who, key)

    def panel_lines(self, read: ScheduleDetail) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.row.name}", "title"),), blank()]
            return [*head, *schedule_lines(read, self.times, width)]

        return lines

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The schedules as the command line writes them."""
        place = Place.first()
        while True:
            page = self.read_page(session, request, place)
            yield from (record_of(row) for row in page.rows)
            if not page.has_after or not page.cursors:
                return
            place = Place.after(page.cursors[-1])

    def linked(self) -> Link | None:
        """Its runs."""
        row = self.table.cursor_row
        return None if row is None else to_runs_of(row.id)

    def command_copy_json(self) -> None:
        """Copy the row as the command line writes it."""
        if (row := self.table.cursor_row) is not None:
            copy_json(self.atlas, record_of(row))

    def command_new_schedule(self) -> None:
        """Make one, in a form."""
        open_form(self.atlas, NewSchedule(self.session.workspace.workspace_id))

    def schedule_meant(self) -> int | None:
        """The one under the cursor."""
        row = self.table.cursor_row
        return None if row is None else row.id
