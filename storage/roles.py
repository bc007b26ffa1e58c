"""Reports of administrator roles, read: the latest, one, its assignments page by page, and the findings of a whole workspace.

Promise: a report is seen by whoever may see its tenant's provider, and by nobody else. Lists are keyset pages; a workspace's findings are
those of each tenant's last whole report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select

from storage import tenants as tenant_reads
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.role_finding_codes import CODES
from storage.roles_publishing import RoleAssignment, RoleFinding
from storage.schema import role_assignments, role_findings, role_reports, tenants
from storage.states import TenantLifecycle

_R: Final = role_reports.c


@dataclass(frozen=True, slots=True)
class RoleDifference:
    """What changed since the last whole report before.

    Attributes:
        previous_report_id: that report.
        added, removed: assignments; at most a hundred of each, privileged ones first.
        new_findings, solved_findings: likewise.
        added_count, removed_count, new_findings_count, solved_findings_count: how many there are in all.
    """

    previous_report_id: int
    added: tuple[RoleAssignment, ...]
    removed: tuple[RoleAssignment, ...]
    new_findings: tuple[RoleFinding, ...]
    solved_findings: tuple[RoleFinding, ...]
    added_count: int
    removed_count: int
    new_findings_count: int
    solved_findings_count: int


@dataclass(frozen=True, slots=True)
class RoleReport:
    """One report.

    Attributes:
        is_complete: everything the tenant has and the permissions allow was read.
        counts: `assignments`, `principals`, `privileged`, `findings`; `eligible` and `activated` where they could be read.
        difference: to the last whole report before; None for the first one and for one that is not whole.
        findings: all of them, the weightiest kind first.
    """

    id: int
    tenant_id: int
    connection_id: int
    run_id: int
    taken_at: datetime
    is_complete: bool
    counts: Mapping[str, int]
    difference: RoleDifference | None
    findings: tuple[RoleFinding, ...]


@dataclass(frozen=True, slots=True)
class LatestRoles:
    """What is known of a tenant's administrators.

    Attributes:
        report: the last whole report; None when there is none.
        partial: the last one of all, when it is newer than `report` and not whole.
    """

    report: RoleReport | None
    partial: RoleReport | None


@dataclass(frozen=True, slots=True)
class WorkspaceFinding:
    """A finding of a tenant's last whole report."""

    id: int
    tenant_id: int
    tenant_name: str
    report_id: int
    taken_at: datetime
    finding: RoleFinding


def latest(db: Database, who: Principal, tenant_id: int) -> LatestRoles:
    """Returns a tenant's last reports.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return latest_in(tx, tenant_id)


def latest_in(tx: Transaction, tenant_id: int, connection_id: int | None = None) -> LatestRoles:
    """Does what `latest` does, for a caller that has asked for authority.

    Args:
        tx: an open transaction.
        tenant_id: which tenant.
        connection_id: only reports of scans on this connection.
    """
    newest = select(role_reports).where(_R.tenant_id == tenant_id)
    if connection_id is not None:
        newest = newest.where(_R.connection_id == connection_id)
    newest = newest.order_by(_R.taken_at.desc(), _R.id.desc()).limit(1)
    whole = tx.run(newest.where(_R.is_complete)).first()
    last = tx.run(newest).first()
    partial = None if last is None or last.is_complete else _report(tx, last)
    return LatestRoles(None if whole is None else _report(tx, whole), partial)


def report(db: Database, who: Principal, report_id: int) -> RoleReport:
    """Returns one report.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        return _report(tx, _see(tx, who, report_id))


def of_run(db: Database, who: Principal, tenant_id: int, run_id: int) -> RoleReport | None:
    """Returns the report that a run of a tenant wrote; None when it wrote none.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        row = tx.run(select(role_reports).where(_R.run_id == run_id, _R.tenant_id == tenant_id)).first()
        return None if row is None else _report(tx, row)


def assignments(
    db: Database, who: Principal, report_id: int, place: Place, limit: int = 100, *, privileged_only: bool = False
) -> Page[RoleAssignment]:
    """Returns a page of a report's assignments, by role.

    Raises:
        NotFound: the report is not visible.
    """
    a = role_assignments.c
    with db.read() as tx:
        _see(tx, who, report_id)
        statement = select(role_assignments).where(a.report_id == report_id)
        if privileged_only:
            statement = statement.where(a.is_privileged)
        keys = [SortKey(a.role_name, "role_name"), SortKey(a.id, "id")]
        return read_page(tx, statement, keys, place, limit, _assignment, a.id)


def findings_of_workspace(
    db: Database, who: Principal, workspace_id: int, place: Place, limit: int = 100, *, code: str | None = None
) -> Page[WorkspaceFinding]:
    """Returns a page of findings, by tenant.

    Args:
        db: the database.
        who: who asks.
        workspace_id: where; archived tenants are left out.
        place: which page.
        limit: rows wanted.
        code: only those of this kind.

    Raises:
        InvalidInput: there is no such code.
        NotFound: the principal is no member.
    """
    if code is not None and code not in CODES:
        raise InvalidInput("code", "is no kind of finding", f"Use one of: {', '.join(CODES)}.")
    f = role_findings.c
    last = (
        select(_R.id)
        .where(_R.tenant_id == tenants.c.id, _R.is_complete)
        .order_by(_R.taken_at.desc(), _R.id.desc())
        .limit(1)
        .correlate(tenants)
        .scalar_subquery()
    )
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        statement = (
            select(
                f.id,
                f.code,
                f.subject,
                f.sentence,
                tenants.c.id.label("tenant_id"),
                tenants.c.name.label("tenant_name"),
                tenants.c.sort_name,
                _R.id.label("report_id"),
                _R.taken_at,
            )
            .select_from(tenants)
            .join(role_reports, _R.id == last)
            .join(role_findings, f.report_id == _R.id)
            .where(
                tenants.c.workspace_id == workspace_id,
                tenants.c.lifecycle.in_([TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value]),
                rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, tenants.c.id),
            )
        )
        if code is not None:
            statement = statement.where(f.code == code)
        keys = [SortKey(tenants.c.sort_name, "sort_name"), SortKey(tenants.c.id, "tenant_id"), SortKey(f.id, "id")]
        return read_page(tx, statement, keys, place, limit, _workspace_finding, f.id)


def _see(tx: Transaction, who: Principal, report_id: int) -> Row[Any]:
    row = tx.run(select(role_reports).where(_R.id == report_id)).first()
    rights = authority(tx, who)
    if row is None or not rights.may(tx, Capability.PROVIDER_VIEW, row.workspace_id, row.tenant_id):
        raise NotFound(f"Role report {report_id} does not exist.")
    return row


def _report(tx: Transaction, row: Row[Any]) -> RoleReport:
    f = role_findings.c
    findings = tx.run(select(f.code, f.subject, f.sentence).where(f.report_id == row.id).order_by(f.id)).all()
    return RoleReport(
        row.id,
        row.tenant_id,
        row.connection_id,
        row.run_id,
        row.taken_at,
        row.is_complete,
        row.counts,
        msgspec.convert(row.difference, RoleDifference) if row.difference else None,
        tuple(RoleFinding(one.code, one.subject, one.sentence) for one in findings),
    )


def _assignment(row: Row[Any]) -> RoleAssignment:
    return RoleAssignment(
        row.principal_id,
        row.principal_name,
        row.principal_kind,
        row.role_template_id,
        row.role_name,
        row.is_privileged,
        row.assignment,
        row.via_group_id,
        row.directory_scope,
    )


def _workspace_finding(row: Row[Any]) -> WorkspaceFinding:
    return WorkspaceFinding(
        row.id,
        row.tenant_id,
        row.tenant_name,
        row.report_id,
        row.taken_at,
        RoleFinding(row.code, row.subject, row.sentence),
    )
