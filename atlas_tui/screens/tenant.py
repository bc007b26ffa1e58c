"""A tenant's page: what it is and the connection that speaks for it; tabs with its connections, runs, trail and customer's sheet.

Promise: the Overview says what an operator must know; each tab asks for its own part and only while it is seen. `x` is about the tenant on
the Overview, and about the row under the cursor on a tab of rows.

Must not know: how lists look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Command, Where
from atlas_tui.commands import applying
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_audit_of, to_connection, to_onboarding, to_runs_of
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_cursor import CollectedCursor
from atlas_tui.screens.collected_tab import CollectedRead, collected_lines, read_collected
from atlas_tui.screens.connection_form import NewConnection
from atlas_tui.screens.connection_text import audit_lines, name_of
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.prose import wrapped
from atlas_tui.screens.sectioned import Reader, run_reader, run_rows
from atlas_tui.screens.tenant_actions import TenantActs
from atlas_tui.screens.tenant_form import EditTenant
from atlas_tui.screens.tenant_tagging import TenantTargets
from atlas_tui.screens.tenant_text import (
    SHOWN_FIRST,
    Section,
    TenantRead,
    connection_list,
    sheet_lines,
    tenant_lines,
    with_overview,
)
from atlas_tui.widgets.virtual_table import VirtualTable
from storage import audit_trail, offboarding, tenant_detail
from storage.audit_filters import AuditQuery
from storage.connections import ConnectionRow
from storage.errors import AtlasError
from storage.pages import Place
from storage.states import Topic
from storage.tenant_detail import TenantDetail

if TYPE_CHECKING:
    from atlas_tui.session import Session

_ENTRIES = 100
"""Audit entries on the tab; the list of the trail has them all."""


class TenantScreen(TenantActs, Acts, CollectedCursor):
    """The page."""

    VIEW = View.TENANT
    PLACES = (Where.DETAIL, Where.TENANT, Where.TENANT_ACTION)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS, Topic.RUNS, Topic.AUDIT})

    FIRST = Section.OVERVIEW
    COLLECTED = Section.COLLECTED

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen: int | None = None

    def make_lists(self) -> Mapping[Section, VirtualTable[Any]]:
        """The runs."""
        return {Section.RUNS: run_rows(lambda: self.atlas.clock(), "A run begins on a connection: x, c checks it.")}

    def reader(self, section: Section, session: Session, subject: int) -> Reader:
        """The tenant's runs."""
        return run_reader(session, tenant_id=subject)

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """The tenant's name."""
        return self.read.tenant.name if self.read is not None else ""

    def offers(self, id: str) -> bool:
        """Enter opens a connection or a run, or makes the first connection."""
        if id != "open":
            return True
        if self.section in (Section.RUNS, Section.COLLECTED):
            return True
        if self.section in (Section.AUDIT, Section.SHEET) or self.read is None:
            return False
        call = self.read.detail.call_to_create
        return call is None or call.may

    def all_commands(self) -> tuple[Command, ...]:
        """What the menus do, too."""
        return (*self.commands, *applying(Where.ACTION))

    # What is read

    def read_subject(self, id: int) -> TenantRead:
        """The tenant, and what its open tab needs."""
        session, section = self.session, self.section
        detail = tenant_detail.get(session.db, session.who, id)
        try:
            if section is Section.AUDIT:
                query = AuditQuery(detail.tenant.workspace_id, "", id)
                page = audit_trail.page(session.db, session.who, query, Place.first(), _ENTRIES)
                return TenantRead(detail, section, page.rows)
            if section is Section.OVERVIEW:
                return with_overview(session, detail)
            if section is Section.COLLECTED:
                return TenantRead(detail, section, read_collected(session, id))
            if section is Section.SHEET and detail.goodbye is not None:
                return TenantRead(detail, section, offboarding.sheet(session.db, session.who, id))
        except AtlasError as error:
            return TenantRead(detail, section, refusal=error)
        return TenantRead(detail, section)

    def begin_anew(self) -> None:
        """Another tenant: from its Overview on."""
        super().begin_anew()
        self._chosen = None

    def collected_read(self) -> CollectedRead | None:
        """What the Collected tab shows."""
        read: TenantRead | None = self.read
        is_there = read is not None and read.section is self.section is Section.COLLECTED and read.refusal is None
        return read.part if read is not None and is_there else None

    @property
    def connection(self) -> ConnectionRow | None:
        """The connection under the cursor: the default one until the cursor was moved."""
        rows = self._rows()
        return next((row for row in rows if row.id == self._chosen), rows[0] if rows else None)

    def _rows(self) -> tuple[ConnectionRow, ...]:
        """The connections that the cursor goes over on this tab."""
        found: tuple[ConnectionRow, ...] = self.read.connections if self.read is not None else ()
        return found[:SHOWN_FIRST] if self.section is Section.OVERVIEW else found

    # What is shown

    @property
    def sections(self) -> tuple[Section, ...]:
        """The tabs there are: the sheet only of an offboarded tenant."""
        is_over = self.section is Section.SHEET or (self.read is not None and self.read.detail.goodbye is not None)
        return tuple(section for section in Section if is_over or section is not Section.SHEET)

    def show_page(self) -> None:
        """The tabs, and the open one."""
        if not self.is_whole:
            return
        if self.section is Section.SHEET and self.read is not None and self.read.section is Section.SHEET:
            # Restored meanwhile: what is read for this tab says so, what was read before it was opened does not.
            self.section = Section.SHEET if self.read.detail.goodbye is not None else Section.OVERVIEW
        super().show_page()

    def counts(self) -> Mapping[Section, int]:
        """How many connections there are."""
        return {} if self.read is None else {Section.CONNECTIONS: len(self.read.connections)}

    def lines(self, width: int) -> list[Line]:
        """The open tab."""
        read: TenantRead = self.read
        row = self.connection
        chosen = None if row is None else row.id
        if self.section is Section.OVERVIEW:
            return tenant_lines(read, self.times, width, chosen, blocks=self.atlas.blocks)
        if self.section is Section.CONNECTIONS:
            return connection_list(read, self.times, width, chosen)
        if read.section is not self.section:
            return [(Part(" Loading", "muted"),)]
        if read.refusal is not None:
            return wrapped(str(read.refusal), width, indent=1, style="warn")
        if self.section is Section.SHEET:
            return sheet_lines(read.part.lines, width)
        if self.section is Section.COLLECTED:
            return collected_lines(read.part, self.kind, self.times, width, blocks=self.atlas.blocks)
        return audit_lines(read.part, self.times, width)

    # What the cursor is on

    def command_scroll_down(self) -> None:
        """The next connection, or kind of thing; past the last one a line down."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The connection, or the kind, before; past the first one a line up."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        if self.section in (Section.OVERVIEW, Section.CONNECTIONS):
            row, rows = self.connection, self._rows()
            at = rows.index(row) + step if row is not None else -1
            if 0 <= at < len(rows):
                self._chosen = rows[at].id
                self.show_page()
        elif self.move_kind(step):
            return
        self.page.scroll_lines(step)

    def command_open(self) -> None:
        """Open the run or the connection under the cursor; where there is no connection, the wizard that was begun, or the form for one."""
        if self.section is Section.RUNS:
            self.lists[Section.RUNS].action_open_row()
        elif self.section is Section.COLLECTED:
            self.open_kind("" if self.read is None else self.read.tenant.name)
        elif self.section in (Section.AUDIT, Section.SHEET):
            return
        elif (row := self.connection) is not None:
            self.atlas.navigation.go(to_connection(row.id))
        elif self.read is not None and (begun := self.read.detail.onboarding) is not None:
            self.atlas.navigation.go(to_onboarding(begun.id))
        elif self.read is not None and self.read.detail.call_to_create is not None:
            self.command_new()

    def command_new(self) -> None:
        """A connection of this tenant."""
        if self.subject is not None:
            open_form(self.atlas, NewConnection(self.subject))

    def command_edit(self) -> None:
        """Edit the tenant in a form."""
        if self.subject is not None:
            open_form(self.atlas, EditTenant(self.subject))

    def step(self, rows: int) -> Link | None:
        """The next connection, or run, for its page on top of this one."""
        if self.section is Section.RUNS:
            return self.step_rows(rows)
        was = self.connection
        self._choose(rows)
        row = self.connection
        return None if row is None or row == was else to_connection(row.id)

    def linked(self) -> Link | None:
        """The runs of the connection under the cursor; of a run its connection; of what was collected the run that did."""
        if self.section is Section.RUNS:
            run = self.lists[Section.RUNS].cursor_row
            return None if run is None else to_connection(run.connection_id)
        if self.section is Section.COLLECTED and (collected := self.linked_kind()) is not None:
            return collected
        row = self.connection
        return None if row is None else to_runs_of(row.id, name_of(row))

    def command_linked_audit(self) -> None:
        """What the audit trail tells of this tenant."""
        if self.subject is not None:
            self.atlas.navigation.go(to_audit_of("tenant", self.subject))

    def command_pin(self) -> None:
        """Only this tenant in all views, or all again."""
        if self.read is not None:
            self.atlas.navigation.toggle_pin((self.read.tenant.id, self.read.tenant.name))

    def command_copy_id(self) -> None:
        """Copy the tenant's GUID."""
        if self.read is not None:
            copy_text(self.atlas, self.read.tenant.entra_tenant_id)

    # What is acted on

    def command_actions(self) -> None:
        """What can be done with the tenant; on a tab of rows, with the row under the cursor."""
        if self.section in (Section.CONNECTIONS, Section.COLLECTED, Section.RUNS):
            Acts.command_actions(self)
        else:
            TenantActs.command_actions(self)

    def around_the_menu(self, detail: TenantDetail) -> Mapping[str, str]:
        """Checking its connection."""
        row = self.connection
        if row is None:
            return {}
        return {"check": "" if detail.may_run else f"Your role may not. {detail.who_may_run}"}

    def tenants_meant(self) -> TenantTargets:
        """This tenant."""
        return TenantTargets(() if self.subject is None else (self.subject,))

    def targets(self) -> Targets:
        """The connection, or the run, under the cursor."""
        if self.section is Section.RUNS:
            run: Any = self.lists[Section.RUNS].cursor_row
            return Targets(run_id=None if run is None else run.id)
        row = self.connection
        return Targets(() if row is None else (row.id,))
