"""The list of tenants: each with the three badges of its default connection, and why it needs somebody.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.badges import consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_tenant
from atlas_tui.screens.compliance_text import TREND_WIDTH, trend_cell
from atlas_tui.screens.connection_columns import reason
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.screens.tenant_actions import TenantActs
from atlas_tui.screens.tenant_form import EditTenant, NewTenant
from atlas_tui.screens.tenant_tagging import TenantTargets
from atlas_tui.screens.tenant_text import LIFECYCLE_WIDTH, TenantRead, read_tenant, tenant_badge, tenant_lines
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import Direction, PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import tenant_lines as lines_of_tenants
from storage.states import TenantLifecycle, Topic
from storage.tenant_lines import TenantLine
from storage.tenants import TenantQuery

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

Columns = tuple[Column[TenantLine], ...]


def _enabled(row: TenantLine, now: datetime) -> Cell:
    """No connection is said in the place of the first badge; an archived tenant is no place to add one."""
    if row.default is not None:
        return lifecycle_badge(row.default.is_enabled)
    return cell("- none", "muted" if row.tenant.lifecycle is TenantLifecycle.ARCHIVED else "warn")


def _consent(row: TenantLine, now: datetime) -> Cell:
    found = row.default
    return cell("") if found is None else consent_badge(found.consent_status, _age(found.last_checked_at, now))


def _verification(row: TenantLine, now: datetime) -> Cell:
    found = row.default
    return (
        cell("") if found is None else verification_badge(found.verification_status, _age(found.last_checked_at, now))
    )


def _age(at: datetime | None, now: datetime) -> Any:
    return None if at is None else now - at


def _checked_at(row: TenantLine) -> datetime | None:
    return None if row.default is None else row.default.last_checked_at


def _reason(row: TenantLine, now: datetime) -> Cell:
    """Why it needs somebody: where the tenant is, when that matters, else its default connection's reason."""
    if row.tenant.lifecycle is not TenantLifecycle.ACTIVE:
        return cell("offboarded" if row.tenant.purge_after is not None else row.tenant.lifecycle.value, "muted")
    return cell("no connection yet", "warn") if row.default is None else reason(row.default, now)


USUAL: Columns = (
    Column("name", "TENANT", lambda row, now: cell(row.tenant.name), 17, share=1, sortable=True),
    Column("enabled", "CONNECTION", _enabled, 10),
    Column("consent", "CONSENT", _consent, 10, priority=2),
    Column("verification", "VERIFICATION", _verification, 12),
    Column(
        "checked",
        "AGE",
        lambda row, now: cell("" if row.default is None else age_bucket(_age(_checked_at(row), now))),
        5,
        priority=3,
        align="right",
        age_of=_checked_at,
    ),
    Column("reason", "REASON", _reason, 16, share=2, priority=1),
)
"""What fits into 80 columns."""

MORE: Columns = (
    Column("domain", "DOMAIN", lambda row, now: cell(row.tenant.primary_domain), 18, share=2, priority=5),
    Column("tags", "TAGS", lambda row, now: cell(" ".join(row.tenant.tags)), 10, share=1, priority=5),
    Column("lifecycle", "LIFECYCLE", lambda row, now: tenant_badge(row.tenant.lifecycle), LIFECYCLE_WIDTH, priority=6),
    Column("connections", "CONNS", lambda row, now: cell(row.tenant.connections), 5, priority=7, align="right"),
    Column("cloud", "CLOUD", lambda row, now: cell(row.tenant.cloud.value), 6, priority=8),
)
"""What else the list knows, as far as it fits."""


class TenantsScreen(TenantActs, ListScreen[TenantLine]):
    """The list."""

    VIEW = View.TENANTS
    PLACES = (Where.LIST, Where.TENANTS, Where.TENANT_ACTION)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS})
    FILTER_HINT: ClassVar[str] = "word  !word  tag:gold  lifecycle:draft  cloud:global  archived:yes"
    TEXTS = ListTexts(empty="No tenant yet.", empty_hint="N adds one; x or :import FILE brings many in.")

    def columns(self, wide: bool) -> Sequence[Column[TenantLine]]:
        """Few, or as many as fit; all of them where there is room beside no panel."""
        if not self.has_room(wide):
            return USUAL
        trend: Column[TenantLine] = Column("trend", "LAST 14 DAYS", self._trend, TREND_WIDTH, priority=4)
        return (*USUAL, trend, *MORE)

    def has_room(self, wide: bool) -> bool:
        """Whether more than the usual columns is shown."""
        return wide or (self.size.width >= 110 and not self.has_panel)

    def _trend(self, row: TenantLine, now: datetime) -> Cell:
        """The share of compliant devices, day by day."""
        return cell(trend_cell(row.points, now.date(), blocks=self.atlas.blocks), "info")

    def command_wide(self) -> None:
        """More columns, or the usual ones; a trend is read only while it is seen."""
        super().command_wide()
        self.table.refresh_page()

    def lay_out(self) -> None:
        """Columns and panel, as there is room; a trend is read only while it is seen."""
        had_room, self._had_room = self._had_room, self.has_room(self.is_wide)
        super().lay_out()
        if self._had_room and not had_room:
            self.table.refresh_page()

    _had_room = False

    def key_of(self, row: TenantLine) -> int:
        """The tenant's id."""
        return row.tenant.id

    def link_to(self, row: TenantLine) -> Link:
        """Its page."""
        return to_tenant(row.tenant.id)

    def tenant_of(self, row: TenantLine) -> tuple[int, str]:
        """Itself."""
        return row.tenant.id, row.tenant.name

    def id_text(self, row: TenantLine) -> str:
        """Its GUID."""
        return row.tenant.entra_tenant_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[TenantLine]:
        """A page of tenants."""
        wanted, _ = asked(request)
        descending = request.sort is not None and request.sort.descending
        query = TenantQuery(session.workspace.workspace_id, wanted.text, descending)
        trend = self.has_room(self.is_wide)
        return lines_of_tenants.page(session.db, session.who, query, place, request.limit, with_trend=trend)

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The tenants, each with its default connection's three badges and reason."""
        for found in super().records(session, request, format):
            row, default = found["tenant"], found["default"]
            yield {field.name: getattr(row, field.name) for field in fields(row)} | {
                "connection": None if default is None else "enabled" if default.is_enabled else "disabled",
                "consent": None if default is None else default.consent_status.value,
                "verification": None if default is None else default.verification_status.value,
                "reason": None if default is None else default.reason_code,
            }

    def read_panel(self, session: Session, key: int) -> TenantRead:
        """What its page shows."""
        return read_tenant(session, key)

    def panel_lines(self, read: TenantRead) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.tenant.name}", "title"),), blank()]
            return [*head, *tenant_lines(read, self.times, width, blocks=self.atlas.blocks)]

        return lines

    def command_new(self) -> None:
        """A tenant of this workspace."""
        open_form(self.atlas, NewTenant(self.session.workspace.workspace_id))

    def command_edit(self) -> None:
        """The tenant under the cursor."""
        if (row := self.table.cursor_row) is not None:
            open_form(self.atlas, EditTenant(row.tenant.id))

    def around_the_menu(self, detail: Any) -> Mapping[str, str]:
        """Bringing in many."""
        return {"import_fleet": "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"}

    def tenants_meant(self) -> TenantTargets:
        """The marked tenants, or the one under the cursor."""
        selection, row = self.table.selection, self.table.cursor_row
        if selection.all_in_filter or selection.keys:
            keys = tuple(key for key in selection.keys if isinstance(key, int))
            request = PageRequest(Direction.FIRST, 200, sort=self.table.sort, filter=self.table.filter)
            return TenantTargets(keys, selection.all_in_filter, selection.count, request)
        return TenantTargets(() if row is None else (row.tenant.id,))
