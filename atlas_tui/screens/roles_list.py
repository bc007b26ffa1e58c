"""Administrator roles of the workspace's tenants: what the last report of each found, and what changed since the one before.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_roles_of
from atlas_tui.screens.collected_reading import read_collector
from atlas_tui.screens.list_filter import asked, sort_key
from atlas_tui.screens.roles_text import RolesRead, finding_lines
from atlas_tui.screens.tenant_figures import TenantFiguresList
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from storage import role_overview, roles
from storage.role_finding_codes import CODES
from storage.role_overview import RolesOrder, RolesQuery, TenantRoles

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


def _count(key: str) -> Any:
    def shown(row: TenantRoles, now: datetime) -> Cell:
        return cell("" if row.report_id is None else f"{row.counts.get(key, 0):,}")

    return shown


def _changed(row: TenantRoles, now: datetime) -> Cell:
    if not row.added and not row.removed:
        return cell("")
    return cell(f"+{row.added or 0} -{row.removed or 0}", "warn" if row.added else "")


def _findings(row: TenantRoles, now: datetime) -> Cell:
    """The weightiest first; or why there is nothing."""
    if row.findings:
        words = [
            f"{CODES[code].title if code in CODES else code}{f' x{n}' if n > 1 else ''}"
            for code, n in row.findings.items()
        ]
        return Cell((Part("! ", "warn"), Part(", ".join(words))))
    if row.report_id is not None:
        return Cell((Part("+ ", "ok"), Part("nothing found")))
    if row.last_run is None:
        return cell("o never scanned", "muted")
    if row.last_run.is_skipped:
        return cell(f"o skipped ({row.last_run.reason_code})", "muted")
    return Cell((Part("x ", "bad"), Part(f"{row.last_run.reason_code or 'no report'}")))


def _age(row: TenantRoles, now: datetime) -> Cell:
    return cell("" if row.taken_at is None else age_bucket(now - row.taken_at))


_COLUMNS: tuple[Column[TenantRoles], ...] = (
    Column("name", "TENANT", lambda row, now: cell(row.tenant_name), 14, share=2, sortable=True),
    Column("findings", "FOUND", _count("findings"), 7, align="right", sortable=True, largest_first=True),
    Column("what", "FINDINGS", _findings, 22, share=3),
    Column(
        "privileged", "PRIV.", _count("privileged"), 7, priority=2, align="right", sortable=True, largest_first=True
    ),
    Column("added", "+/-", _changed, 7, priority=3, align="right", sortable=True, largest_first=True),
    Column("age", "AGE", _age, 5, priority=1, align="right", age_of=lambda row: row.taken_at, sortable=True),
)


class RolesListScreen(TenantFiguresList[TenantRoles]):
    """The list."""

    VIEW = View.ROLES
    PLACES = (Where.LIST, Where.ROLES)
    FILTER_HINT: ClassVar[str] = "word  !word  finding:guest_privileged"
    WORD = "admin roles"
    EXPORTED = "the tenants of this list with their findings"

    def columns(self, wide: bool) -> Sequence[Column[TenantRoles]]:
        """Those that fit."""
        return _COLUMNS

    def link_to(self, row: TenantRoles) -> Link:
        """The tenant's page of roles."""
        return to_roles_of(row.tenant_id)

    def run_of(self, row: TenantRoles) -> int | None:
        """The scan."""
        return row.run_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[TenantRoles]:
        """A page of tenants."""
        wanted, pinned = asked(request)
        order, descending = sort_key(request.sort, RolesOrder.NAME.value)
        workspace_id = session.workspace.workspace_id
        query = RolesQuery(workspace_id, wanted.text, wanted.problems, pinned, descending, RolesOrder(order))
        return role_overview.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> RolesRead:
        """What the tenant's page shows first."""
        return RolesRead(read_collector(session, key), roles.latest(session.db, session.who, key))

    def page_lines(self, read: RolesRead, width: int) -> list[Line]:
        """The findings."""
        return finding_lines(read, self.times, width)

    def command_findings_only(self) -> None:
        """Only tenants with findings, or all again."""
        self.set_filter(replace(self.filter, problems=not self.filter.problems))

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """A tenant a line."""
        for found in super().records(session, request, format):
            last_run = found["last_run"]
            counts = found["counts"]
            yield {
                "tenant_id": found["tenant_id"],
                "tenant_name": found["tenant_name"],
                "taken_at": found["taken_at"],
                **{key: counts.get(key) for key in ("assignments", "privileged", "eligible")},
                "findings": sum(found["findings"].values()) if found["report_id"] is not None else None,
                **{code: found["findings"].get(code, 0) for code in CODES},
                "added": found["added"],
                "removed": found["removed"],
                "last_run_reason": None if last_run is None else last_run.reason_code,
            }
