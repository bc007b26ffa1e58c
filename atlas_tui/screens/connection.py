"""A connection's page: its truths, why and the next step; and seven tabs about it.

Promise: the top says what an operator must know; each tab asks for its own part and only while it is seen.

Must not know: how lists look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_platform_app, to_run, to_runs_of
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_cursor import CollectedCursor
from atlas_tui.screens.collected_tab import CollectedRead, collected_lines, read_collected
from atlas_tui.screens.connection_form import EditConnection
from atlas_tui.screens.connection_text import (
    audit_lines,
    name_of,
    overview,
    reader_of,
    summary,
)
from atlas_tui.screens.copying import copy_json, copy_text
from atlas_tui.screens.credential_holder import Holder, read_holder
from atlas_tui.screens.credential_text import credential_lines
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.permission_text import permission_lines
from atlas_tui.screens.prose import wrapped
from atlas_tui.screens.report_acting import ReportActs
from atlas_tui.screens.report_text import ReportRead, report_lines
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.screens.sectioned import Reader, run_reader, run_rows
from atlas_tui.screens.standing_text import standing_lines
from atlas_tui.widgets.virtual_table import VirtualTable
from storage import audit_trail, connections, permissions, shared_problems
from storage.connections import ConnectionDetail
from storage.errors import AtlasError
from storage.shared_problems import SharedProblem
from storage.states import CredentialOwner, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

SUMMARY_LINES = 11
"""Lines of the top at most, so that an open tab has some too on a screen of 24; the rest is counted."""


class Section(StrEnum):
    """The tabs."""

    OVERVIEW = "Overview"
    REPORT = "Report"
    PERMISSIONS = "Permissions"
    COLLECTED = "Collected"
    RUNS = "Runs"
    CREDENTIAL = "Credential"
    AUDIT = "Audit"


@dataclass(frozen=True, slots=True)
class _Read:
    """A connection, the problems it shares, and what the open tab shows of it: report, permissions, ...; or why that cannot be shown."""

    detail: ConnectionDetail
    shared: tuple[SharedProblem, ...]
    section: Section
    part: Any = None
    refusal: AtlasError | None = None


class ConnectionScreen(ReportActs, Acts, CollectedCursor):
    """The page."""

    VIEW = View.CONNECTION
    PLACES = (Where.DETAIL, Where.CONNECTION)
    TOPICS = frozenset({Topic.CONNECTIONS, Topic.RUNS, Topic.AUDIT})

    FIRST = Section.OVERVIEW
    COLLECTED = Section.COLLECTED

    @property
    def sections(self) -> Sequence[Section]:
        """All tabs."""
        return tuple(Section)

    def make_lists(self) -> Mapping[Section, VirtualTable[Any]]:
        """The runs."""
        return {Section.RUNS: run_rows(lambda: self.atlas.clock(), "x, c starts a check.")}

    def reader(self, section: Section, session: Session, subject: int) -> Reader:
        """The connection's runs."""
        return run_reader(session, connection_id=subject)

    def compose_top(self) -> Iterable[Widget]:
        """What an operator must know, whatever tab is seen."""
        yield Scrolled(id="summary")

    def tab(self) -> View:
        """Connections."""
        return View.CONNECTIONS

    def crumb(self) -> str:
        """The connection's name."""
        return name_of(self.read.detail.row) if self.read is not None else ""

    def offers(self, id: str) -> bool:
        """Enter opens a run, when there is one."""
        if self.section is Section.REPORT:
            is_open: object = self.report_read is not None and len(self.report_read.all) > 1
        elif self.section is Section.CREDENTIAL:
            is_open = isinstance(holder := self.part, Holder) and holder.app_id is not None
        else:
            active = self.read is not None and self.read.detail.row.active_run_id
            is_open = self.section in (Section.RUNS, Section.COLLECTED) or active or self._shared_app() is not None
        return id != "open" or bool(is_open)

    def read_subject(self, id: int) -> _Read:
        """The connection, and what its open tab needs."""
        session, section = self.session, self.section
        detail = connections.get(session.db, session.who, id)
        shared = shared_problems.of_connection(session.db, session.who, id)
        try:
            if section is Section.REPORT:
                return _Read(detail, shared, section, self.read_reports(session, id))
            if section is Section.PERMISSIONS:
                return _Read(detail, shared, section, permissions.of_connection(session.db, session.who, id))
            if section is Section.CREDENTIAL:
                return _Read(detail, shared, section, read_holder(session, CredentialOwner.CONNECTION, id))
            if section is Section.COLLECTED:
                return _Read(detail, shared, section, read_collected(session, detail.row.tenant_id, id))
            if section is Section.AUDIT:
                return _Read(detail, shared, section, audit_trail.of_connection(session.db, session.who, id))
        except AtlasError as error:
            return _Read(detail, shared, section, refusal=error)
        return _Read(detail, shared, section)

    def begin_anew(self) -> None:
        """Another connection: from its Overview on."""
        super().begin_anew()
        self.report_id = None

    def show_page(self) -> None:
        """The top, the tabs, and the open one."""
        if not self.is_whole:
            return
        top = self.query_one("#summary", Scrolled)
        if self.read is None:
            top.styles.height = 3
            top.show(lambda width: [])
        else:
            top.styles.height = min(SUMMARY_LINES, len(self._summary(self.size.width or 80)))
            top.show(self._summary, from_top=self._from_top)
        super().show_page()

    def _summary(self, width: int) -> list[Line]:
        detail, times = self.read.detail, self.times
        return summary(detail, times, width, standing_lines(detail, self.read.shared, self.atlas.outage, times, width))

    def lines(self, width: int) -> list[Line]:
        """The open tab."""
        read: _Read = self.read
        if read.section is not self.section:
            return [(Part(" Loading", "muted"),)]
        if read.refusal is not None:
            return wrapped(str(read.refusal), width, indent=1, style="warn")
        times = self.times
        if self.section is Section.REPORT:
            return report_lines(read.part, times, width, is_folded=self.is_folded)
        if self.section is Section.PERMISSIONS:
            return permission_lines(read.part, reader_of(read.detail), times, width)
        if self.section is Section.CREDENTIAL:
            return credential_lines(read.part, times, width)
        if self.section is Section.COLLECTED:
            return collected_lines(read.part, self.kind, times, width, blocks=self.atlas.blocks)
        if self.section is Section.AUDIT:
            return audit_lines(read.part, times, width)
        return overview(read.detail, times, width)

    # What is done here

    def open_section(self, section: Section) -> None:
        """Go to a tab; the newest report first."""
        self.report_id = None
        super().open_section(section)

    def command_linked_audit(self) -> None:
        """The audit trail, on its tab."""
        self.open_section(Section.AUDIT)

    def command_scroll_down(self) -> None:
        """The next kind of thing that was collected; elsewhere a line down."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The kind before; elsewhere a line up."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        if not self.move_kind(step):
            self.page.scroll_lines(step)

    def command_open(self) -> None:
        """Open the run under the cursor, or what runs now, or the app that is the problem."""
        if self.section is Section.RUNS:
            self.lists[Section.RUNS].action_open_row()
        elif self.section is Section.REPORT:
            self.choose_report()
        elif self.section is Section.COLLECTED:
            self.open_kind("" if self.read is None else name_of(self.read.detail.row))
        elif (
            self.section is Section.CREDENTIAL and isinstance(holder := self.part, Holder) and holder.app_id is not None
        ):
            self.atlas.navigation.go(to_platform_app(holder.app_id))
        elif self.read is not None and self.read.detail.row.active_run_id is not None:
            self.atlas.navigation.go(to_run(self.read.detail.row.active_run_id))
        elif (app_id := self._shared_app()) is not None:
            self.atlas.navigation.go(to_platform_app(app_id))

    def _shared_app(self) -> int | None:
        """The platform app that is the problem, if one is."""
        shared = self.read.shared if self.read is not None else ()
        return shared[0].platform_app_id if shared else None

    def command_edit(self) -> None:
        """Edit the connection in a form."""
        if self.subject is not None:
            open_form(self.atlas, EditConnection(self.subject))

    def linked(self) -> Link | None:
        """The connection's runs; on the Collected tab the last one that collected what the cursor is on."""
        if self.read is None:
            return None
        if self.section is Section.COLLECTED and (run := self.linked_kind()) is not None:
            return run
        return to_runs_of(self.read.detail.row.id, name_of(self.read.detail.row))

    def command_pin(self) -> None:
        """Only this tenant in all views, or all again."""
        if self.read is not None:
            row = self.read.detail.row
            self.atlas.navigation.toggle_pin((row.tenant_id, row.tenant_name))

    def command_copy_id(self) -> None:
        """Copy the tenant's GUID."""
        if self.read is not None:
            copy_text(self.atlas, self.read.detail.row.entra_tenant_id)

    def command_copy_json(self) -> None:
        """Copy what the tab shows as JSON: the report, the permissions, or the connection."""
        if self.section is Section.REPORT and self.report_read is not None:
            self.copy_report()
        elif self.section is Section.PERMISSIONS and self.part is not None:
            copy_json(self.atlas, self.part)
        elif self.read is not None:
            copy_json(self.atlas, self.read.detail)

    def command_actions(self) -> None:
        """The connection's menu; on the Credential tab that of its credentials."""
        if self.section is Section.CREDENTIAL:
            self.command_credentials()
        else:
            super().command_actions()

    def show_report(self) -> None:
        """The tab again."""
        self.show_page()

    @property
    def part(self) -> Any:
        """What the open tab shows; None while it is being read."""
        read: _Read | None = self.read
        return read.part if read is not None and read.section is self.section else None

    def collected_read(self) -> CollectedRead | None:
        """What the Collected tab shows."""
        return self.part if self.section is Section.COLLECTED else None

    @property
    def report_read(self) -> ReportRead | None:
        """The report that is seen; None on another tab."""
        return self.part if self.section is Section.REPORT else None

    def targets(self) -> Targets:
        """This connection."""
        return Targets(() if self.subject is None else (self.subject,))
