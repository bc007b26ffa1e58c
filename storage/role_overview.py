"""Administrator roles of a whole workspace: every tenant in a line, with what its last whole report found.

Promise: a page costs a bounded number of questions, whatever the reports hold. A tenant without a report is there too, with how the last
scan ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, exists, func, select

from storage import figure_order, filters, last_runs, operations, resolver
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.last_runs import LastRun
from storage.pages import Page, Place, SortKey, read_page
from storage.role_finding_codes import CODES
from storage.schema import role_findings, role_reports, tenants
from storage.states import TenantLifecycle

_KEYS: Final[dict[str, Collection[str] | None]] = {"finding": set(CODES)}
_R: Final = role_reports.c
_F: Final = role_findings.c


class RolesOrder(StrEnum):
    """What the list can be in the order of: the name, or a figure of the last whole report."""

    NAME = "name"
    FINDINGS = "findings"
    PRIVILEGED = "privileged"
    ADDED = "added"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class RolesQuery:
    """What the list shall show. Archived tenants and drafts are left out.

    Attributes:
        text: the filter line: words of the tenant's name or domain, `finding:guest_privileged`.
        findings_only: only tenants whose last report found something.
        tenant_id: only this tenant.
        descending: the other way round.
        order: in the order of what. `ADDED` is how many assignments came since the report before; `AGE` is when the report was taken.
    """

    workspace_id: int
    text: str = ""
    findings_only: bool = False
    tenant_id: int | None = None
    descending: bool = False
    order: RolesOrder = RolesOrder.NAME


_FIGURES: Final[Mapping[RolesOrder, ColumnElement[Any]]] = {
    RolesOrder.FINDINGS: _R.counts["findings"].as_integer(),
    RolesOrder.PRIVILEGED: _R.counts["privileged"].as_integer(),
    RolesOrder.ADDED: _R.difference["added_count"].as_integer(),
    RolesOrder.AGE: _R.taken_at,
}


@dataclass(frozen=True, slots=True)
class TenantRoles:
    """One line.

    Attributes:
        report_id, run_id, taken_at: of the last whole report; None when there is none.
        counts: its counts: `assignments`, `privileged`, `findings` …
        findings: how often each kind of finding is in it, the weightiest kind first.
        added, removed: assignments that came and went since the report before; None when it is compared with none.
        last_run: how the last scan ended, where there is no whole report.
        connection_id: the tenant's default connection; None when it has none.
    """

    tenant_id: int
    tenant_name: str
    report_id: int | None
    run_id: int | None
    taken_at: datetime | None
    counts: Mapping[str, int]
    findings: Mapping[str, int]
    added: int | None
    removed: int | None
    last_run: LastRun | None
    connection_id: int | None


def page(db: Database, who: Principal, query: RolesQuery, place: Place, limit: int = 100) -> Page[TenantRoles]:
    """Returns a page of tenants.

    Raises:
        InvalidInput: the filter line or the place cannot be read, or too many tenants fit for this order.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        conditions: list[ColumnElement[bool]] = [
            tenants.c.workspace_id == query.workspace_id,
            tenants.c.lifecycle.in_([TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value]),
            rights.tenant_clause(query.workspace_id, Capability.PROVIDER_VIEW, tenants.c.id),
            *(tenants.c.sort_name.like(filters.like(word), escape="\\") for word in wanted.words),
            *(~tenants.c.sort_name.like(filters.like(word), escape="\\") for word in wanted.not_words),
        ]
        if query.tenant_id is not None:
            conditions.append(tenants.c.id == query.tenant_id)
        if query.findings_only:
            conditions.append(_found())
        if "finding" in wanted.values:
            conditions.append(_found(*wanted.values["finding"]))
        if "finding" in wanted.not_values:
            conditions.append(~_found(*wanted.not_values["finding"]))
        if query.order is RolesOrder.NAME:
            keys = [SortKey(column, column.name, query.descending) for column in (tenants.c.sort_name, tenants.c.id)]
            statement = select(tenants.c.id, tenants.c.sort_name, tenants.c.name).where(*conditions)
            found = read_page(tx, statement, keys, place, limit, lambda row: row, tenants.c.id)
        else:
            figure = _last(_FIGURES[query.order])
            found = figure_order.page_by(tx, figure, conditions, place, limit, descending=query.descending)
        rows = tuple(_lines(tx, found.rows))
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def _last(what: ColumnElement[Any] = _R.id) -> Any:
    """The last whole report of a tenant, of the tenants around it: its id, or a figure of it."""
    return (
        select(what)
        .where(_R.tenant_id == tenants.c.id, _R.is_complete)
        .order_by(_R.taken_at.desc(), _R.id.desc())
        .limit(1)
        .correlate(tenants)
        .scalar_subquery()
    )


def _found(*codes: str) -> ColumnElement[bool]:
    """The last whole report found something, of these kinds if any are given."""
    wanted = exists().where(_F.report_id == _last())
    return wanted.where(_F.code.in_(codes)) if codes else wanted


def _lines(tx: Transaction, found: Sequence[Row[Any]]) -> list[TenantRoles]:
    ids = [row.id for row in found]
    if not ids:
        return []
    picked = tx.run(select(tenants.c.id, _last().label("report_id")).where(tenants.c.id.in_(ids))).all()
    report_of = {row.id: row.report_id for row in picked}
    wanted = [report_id for report_id in report_of.values() if report_id is not None]
    reports = {row.id: row for row in tx.run(select(role_reports).where(_R.id.in_(wanted))).all()}
    findings = _count_findings(tx, wanted)
    tried = last_runs.of_tenants(tx, [one for one in ids if report_of[one] is None], operations.ADMIN_ROLES_SCAN)
    default = resolver.default_ids(tx, ids)
    lines = []
    for row in found:
        report = reports.get(report_of[row.id])
        difference = {} if report is None else report.difference
        lines.append(
            TenantRoles(
                row.id,
                row.name,
                None if report is None else report.id,
                None if report is None else report.run_id,
                None if report is None else report.taken_at,
                {} if report is None else report.counts,
                {} if report is None else findings[report.id],
                difference.get("added_count"),
                difference.get("removed_count"),
                tried.get(row.id),
                default.get(row.id),
            )
        )
    return lines


def _count_findings(tx: Transaction, report_ids: Sequence[int]) -> Mapping[int, dict[str, int]]:
    rows = tx.run(
        select(_F.report_id, _F.code, func.count().label("times"))
        .where(_F.report_id.in_(list(report_ids)))
        .group_by(_F.report_id, _F.code)
    ).all()
    order = list(CODES)
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: order.index(row.code) if row.code in CODES else len(order)):
        counted[row.report_id][row.code] = row.times
    return counted
