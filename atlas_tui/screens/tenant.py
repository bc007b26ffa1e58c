"""A tenant's page, with a cursor on its connections.

Must not know: how lists look.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_audit_of, to_connection, to_runs_of
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.connection_form import NewConnection
from atlas_tui.screens.connection_text import name_of
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.tenant_form import EditTenant
from atlas_tui.screens.tenant_text import TenantRead, read_tenant, tenant_lines
from storage.connections import ConnectionRow
from storage.states import Topic


class TenantScreen(Acts, PageScreen):
    """The page."""

    VIEW = View.TENANT
    PLACES = (Where.DETAIL, Where.TENANT)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen: int | None = None

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """The tenant's name."""
        return self.read.tenant.name if self.read is not None else ""

    def read_subject(self, id: int) -> TenantRead:
        """The tenant and its connections."""
        return read_tenant(self.session, id)

    @property
    def connection(self) -> ConnectionRow | None:
        """The connection under the cursor: the first one until the cursor was moved."""
        rows: tuple[ConnectionRow, ...] = self.read.connections if self.read is not None else ()
        return next((row for row in rows if row.id == self._chosen), rows[0] if rows else None)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        row = self.connection
        return tenant_lines(self.read, self.times, width, None if row is None else row.id)

    def command_scroll_down(self) -> None:
        """The next connection; past the last one a line down."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The connection before; past the first one a line up."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        row = self.connection
        rows: tuple[ConnectionRow, ...] = self.read.connections if self.read is not None else ()
        at = rows.index(row) + step if row is not None else -1
        if 0 <= at < len(rows):
            self._chosen = rows[at].id
            self.show_page()
        self.page.scroll_lines(step)

    def command_open(self) -> None:
        """Open the connection under the cursor."""
        if (row := self.connection) is not None:
            self.atlas.navigation.go(to_connection(row.id))

    def command_new(self) -> None:
        """A connection of this tenant."""
        if self.subject is not None:
            open_form(self.atlas, NewConnection(self.subject))

    def command_edit(self) -> None:
        """Edit the tenant in a form."""
        if self.subject is not None:
            open_form(self.atlas, EditTenant(self.subject))

    def step(self, rows: int) -> Link | None:
        """The next connection, for its page on top of this one."""
        before = self.connection
        self._choose(rows)
        row = self.connection
        return None if row is None or row == before else to_connection(row.id)

    def linked(self) -> Link | None:
        """The runs of the connection under the cursor."""
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

    def targets(self) -> Targets:
        """The connection under the cursor."""
        row = self.connection
        return Targets(() if row is None else (row.id,))
