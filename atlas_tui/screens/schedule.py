"""A schedule's page: when it is due next, what became of it, and, with a cursor, what is held up.

Must not know: how lists look.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_connection
from atlas_tui.schedule_words import detail_record
from atlas_tui.screens.copying import copy_json, copy_text
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.schedule_actions import ScheduleActs, to_runs_of
from atlas_tui.screens.schedule_text import schedule_lines
from storage import schedule_detail
from storage.schedule_detail import HeldUp, ScheduleDetail
from storage.states import Topic


class ScheduleScreen(ScheduleActs, PageScreen):
    """The page."""

    VIEW = View.SCHEDULE
    PLACES = (Where.DETAIL, Where.SCHEDULE, Where.SCHEDULE_ACTION)
    TOPICS = frozenset({Topic.SCHEDULES, Topic.CONNECTIONS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen: int | None = None

    def tab(self) -> View:
        """Runs, as the list."""
        return View.RUNS

    def crumb(self) -> str:
        """The schedule's name."""
        return f"schedule {self.read.row.name}" if self.read is not None else ""

    def read_subject(self, id: int) -> ScheduleDetail:
        """Everything about it."""
        return schedule_detail.get(self.session.db, self.session.who, id)

    @property
    def chosen(self) -> HeldUp | None:
        """What the cursor is on: nothing until it was moved, so that enter opens the runs."""
        read: ScheduleDetail | None = self.read
        return next((held for held in read.held_up if held.connection_id == self._chosen), None) if read else None

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return schedule_lines(self.read, self.times, width, self._chosen)

    def reason_here(self) -> str | None:
        """The reason under the cursor."""
        return None if self.chosen is None else self.chosen.reason_code

    def command_scroll_down(self) -> None:
        """The next connection that is held up; past the last one a line down."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The one before; past the first one a line up."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        held = self.read.held_up if self.read is not None else ()
        at = held.index(self.chosen) + step if self.chosen is not None else 0 if step > 0 else -1
        if 0 <= at < len(held):
            self._chosen = held[at].connection_id
            self.show_page()
        elif at < 0 and self._chosen is not None:
            self._chosen = None
            self.show_page()
        self.page.scroll_lines(step)

    def linked(self) -> Link | None:
        """Its runs."""
        return None if self.subject is None else to_runs_of(self.subject)

    def command_open(self) -> None:
        """The connection under the cursor, else the runs."""
        link = self.linked() if self.chosen is None else to_connection(self.chosen.connection_id)
        if link is not None:
            self.atlas.navigation.go(link)

    def command_linked_audit(self) -> None:
        """What the audit trail tells of it."""
        if self.subject is not None:
            self.atlas.navigation.go(Link(View.AUDIT, filter=f"target:schedule:{self.subject}"))

    def command_copy_id(self) -> None:
        """Copy the schedule's number."""
        if self.subject is not None:
            copy_text(self.atlas, str(self.subject))

    def command_copy_json(self) -> None:
        """Copy the page as the command line writes it."""
        if self.read is not None:
            copy_json(self.atlas, detail_record(self.read))

    def schedule_meant(self) -> int | None:
        """This one."""
        return self.subject

    def schedule_is_gone(self) -> None:
        """Back to where it was opened."""
        if self.atlas.seen is self and self.atlas.screen is self:
            self.atlas.navigation.back()
