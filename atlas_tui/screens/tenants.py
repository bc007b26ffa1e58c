"""The list of tenants.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part, cell
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_tenant
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.screens.tenant_form import EditTenant, NewTenant
from atlas_tui.screens.tenant_text import TenantRead, read_tenant, tenant_lines
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import tenants
from storage.states import TenantLifecycle, Topic
from storage.tenants import TenantQuery, TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

_GLYPHS = {
    TenantLifecycle.DRAFT: "o",
    TenantLifecycle.ONBOARDING: "~",
    TenantLifecycle.ACTIVE: "+",
    TenantLifecycle.ARCHIVED: "-",
}


def _connections(row: TenantRow, now: datetime) -> Cell:
    return cell(row.connections) if row.connections else cell("none", "warn")


_COLUMNS: tuple[Column[TenantRow], ...] = (
    Column("name", "TENANT", lambda row, now: cell(row.name), 20, share=3),
    Column("lifecycle", "LIFECYCLE", lambda row, now: badge(_GLYPHS[row.lifecycle], row.lifecycle.value, 12), 12),
    Column("connections", "CONNS", _connections, 5, align="right"),
    Column("domain", "DOMAIN", lambda row, now: cell(row.primary_domain), 18, share=2, priority=1),
    Column("cloud", "CLOUD", lambda row, now: cell(row.cloud.value), 6, priority=2),
    Column("tags", "TAGS", lambda row, now: cell(" ".join(row.tags)), 10, share=1, priority=3),
)


class TenantsScreen(ListScreen[TenantRow]):
    """The list."""

    VIEW = View.TENANTS
    PLACES = (Where.LIST, Where.TENANTS)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS})
    FILTER_HINT: ClassVar[str] = "word  !word  tag:gold  lifecycle:active  cloud:global  archived:yes"
    TEXTS = ListTexts(empty="No tenant yet.", empty_hint="N adds one; or run: atlas-tui tenant add")

    def columns(self, wide: bool) -> Sequence[Column[TenantRow]]:
        """Those that fit."""
        return _COLUMNS

    def key_of(self, row: TenantRow) -> int:
        """The tenant's id."""
        return row.id

    def link_to(self, row: TenantRow) -> Link:
        """Its page."""
        return to_tenant(row.id)

    def tenant_of(self, row: TenantRow) -> tuple[int, str]:
        """Itself."""
        return row.id, row.name

    def id_text(self, row: TenantRow) -> str:
        """Its GUID."""
        return row.entra_tenant_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[TenantRow]:
        """A page of tenants."""
        wanted, _ = asked(request)
        query = TenantQuery(session.workspace.workspace_id, wanted.text)
        return tenants.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> TenantRead:
        """What its page shows."""
        return read_tenant(session, key)

    def panel_lines(self, read: TenantRead) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.tenant.name}", "title"),), blank()]
            return [*head, *tenant_lines(read, self.times, width)]

        return lines

    def command_new(self) -> None:
        """A tenant of this workspace."""
        open_form(self.atlas, NewTenant(self.session.workspace.workspace_id))

    def command_edit(self) -> None:
        """The tenant under the cursor."""
        if (row := self.table.cursor_row) is not None:
            open_form(self.atlas, EditTenant(row.id))
