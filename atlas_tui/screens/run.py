"""A run's page: where it is, how it ended, why, its steps, counts and failures.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_audit_of, to_connection
from atlas_tui.outage_banner import part_of
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_kinds import kind_of_run, page_of_run
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.prose import field
from atlas_tui.screens.run_text import run_lines
from storage import runs
from storage.states import Topic


class RunScreen(Acts, PageScreen):
    """The page."""

    VIEW = View.RUN
    PLACES = (Where.DETAIL, Where.RUN)
    TOPICS = frozenset({Topic.RUNS})

    def tab(self) -> View:
        """Runs."""
        return View.RUNS

    def crumb(self) -> str:
        """The run's number and operation."""
        return f"#{self.subject} {self.read.row.label}" if self.read is not None else f"#{self.subject}"

    def read_subject(self, id: int) -> Any:
        """The run."""
        return runs.get(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The page, the way to what the run collected, and the outage it is a part of."""
        head: Line = (Part(f" Run #{self.read.row.id}  {self.read.row.label}", "title"),)
        kind = kind_of_run(self.read)
        found = [] if kind is None else field("Collected", f"enter: {kind.found}", width, style="strong")
        row = self.read.row
        outage = part_of(self.atlas.outage, row.reason_code, row.completed_at, self.times, width)
        return [head, *found, *outage, *run_lines(self.read, self.times, width)]

    def offers(self, id: str) -> bool:
        """Enter leads to what the run collected, when it is a run that collects."""
        return id != "open" or (self.read is not None and page_of_run(self.read) is not None)

    def show_page(self) -> None:
        """The page; what enter does depends on it."""
        super().show_page()
        if self.is_mounted:
            self.show_hints()

    def command_open(self) -> None:
        """What the run collected."""
        link = None if self.read is None else page_of_run(self.read)
        if link is not None:
            self.atlas.navigation.go(link)
        else:
            self.atlas.flash("This run collected nothing.")

    def linked(self) -> Link | None:
        """The run's connection."""
        return None if self.read is None else to_connection(self.read.row.connection_id)

    def command_linked_audit(self) -> None:
        """What the audit trail tells of this run."""
        if self.subject is not None:
            self.atlas.navigation.go(to_audit_of("run", self.subject))

    def command_pin(self) -> None:
        """Only this tenant in all views, or all again."""
        if self.read is not None:
            self.atlas.navigation.toggle_pin((self.read.row.tenant_id, self.read.row.tenant_name))

    def command_copy_id(self) -> None:
        """Copy the run's number."""
        copy_text(self.atlas, str(self.subject))

    def targets(self) -> Targets:
        """This run."""
        return Targets(run_id=self.subject)
