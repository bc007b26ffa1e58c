"""The system directory: all tenants of all workspaces with how they are, for platform staff, to look at.

Promise: nothing here changes anything. What is said of a tenant's health is its default Microsoft connection's, as stored, from
verification and permission truth; other connections are neither counted nor shown, and neither is what a workspace wrote for itself (notes,
contacts, tags). A page costs the same at a million tenants as at ten; counts stop at `COUNT_LIMIT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, and_, case, func, select

from storage import filters, runs
from storage.access import Principal
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import connection_permissions, operation_runs, tenants, workspaces
from storage.schema import provider_connections as pc
from storage.states import Cloud, ConnectionType, ConsentStatus, TenantLifecycle, VerificationStatus
from storage.system_directory_filters import IN_USE, IS_DEFAULT, KEYS, conditions_of, lacking, of_workspaces, refused
from storage.system_plane import has_platform_grant, require
from storage.tenant_detail import PermissionSummary, permission_summary

COUNT_LIMIT: Final = 10_000
"""Tenants are counted up to here; beyond it people read "10,000+"."""

RECENT_RUNS: Final = 10


@dataclass(frozen=True, slots=True)
class DefaultTruth:
    """A tenant's default Microsoft connection, its dimensions beside each other as they are stored.

    Attributes:
        missing_permissions: how many permissions that an operation requires were refused; None when no check has had a token yet.
    """

    connection_type: ConnectionType
    is_enabled: bool
    consent_status: ConsentStatus
    verification_status: VerificationStatus
    reason_code: str | None
    reason_sentence: str | None
    lifecycle_changed_at: datetime
    consent_changed_at: datetime | None
    verification_changed_at: datetime | None
    last_checked_at: datetime | None
    last_good_at: datetime | None
    missing_permissions: int | None


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """A tenant in the directory.

    Attributes:
        workspace: the short name of its workspace.
        default: None when it has no connection.
    """

    id: int
    workspace_id: int
    workspace: str
    workspace_name: str
    name: str
    entra_tenant_id: str
    primary_domain: str | None
    cloud: Cloud
    lifecycle: TenantLifecycle
    default: DefaultTruth | None


@dataclass(frozen=True, slots=True)
class DirectoryDetail:
    """A tenant's page in the directory.

    Attributes:
        permissions: of the default connection; None when there is none.
        may_see_runs: whether the principal may read runs too.
        runs: the newest, newest first; none for somebody who may not read runs.
    """

    row: DirectoryRow
    permissions: PermissionSummary | None
    created_at: datetime
    may_see_runs: bool
    runs: tuple[runs.RunRow, ...]


@dataclass(frozen=True, slots=True)
class Rollup:
    """How many tenants stand how, by their default connection. A number that is `COUNT_LIMIT` means that many or more.

    Attributes:
        verification: status → tenants.
        consent: status → tenants.
        missing_permissions: tenants of which an operation's required permission was refused.
    """

    verification: Mapping[str, int]
    consent: Mapping[str, int]
    missing_permissions: int


def page(db: Database, who: Principal, text: str, place: Place, limit: int = 100) -> Page[DirectoryRow]:
    """Returns a page of the tenants of all workspaces, by name. Drafts and archived ones are there only with `archived:yes`.

    Args:
        db: the database.
        who: somebody with `platform.directory.view`.
        text: the filter line.
        place: where.
        limit: rows wanted.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound, Forbidden: they have no platform role, or another one.
    """
    with db.read() as tx:
        require(tx, who, Capability.PLATFORM_DIRECTORY_VIEW)
        wanted = filters.read_filter(text, KEYS)
        statement = select(tenants.c.id, tenants.c.sort_name).where(*conditions_of(tx, wanted))
        keys = [SortKey(tenants.c.sort_name, "sort_name"), SortKey(tenants.c.id, "id")]
        found = read_page(tx, statement, keys, place, limit, lambda row: int(row.id), tenants.c.id)
        rows = tuple(_rows(tx, found.rows))
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def get(db: Database, who: Principal, tenant_id: int) -> DirectoryDetail:
    """Returns a tenant's page, whatever its workspace.

    Raises:
        NotFound: there is no such tenant, or the principal has no platform role.
        Forbidden: they have another one.
    """
    with db.read() as tx:
        require(tx, who, Capability.PLATFORM_DIRECTORY_VIEW, f"Tenant {tenant_id}")
        found = _rows(tx, [tenant_id])
        if not found:
            raise NotFound(f"Tenant {tenant_id} does not exist.")
        connection_id = tx.run(select(pc.c.id).where(pc.c.tenant_id == tenant_id, IS_DEFAULT)).scalar_one_or_none()
        may_see_runs = has_platform_grant(tx, who, Capability.PLATFORM_RUNS_VIEW)
        return DirectoryDetail(
            row=found[0],
            permissions=None if connection_id is None else permission_summary(tx, connection_id),
            created_at=tx.run(select(tenants.c.created_at).where(tenants.c.id == tenant_id)).scalar_one(),
            may_see_runs=may_see_runs,
            runs=_runs(tx, tenant_id) if may_see_runs else (),
        )


def rollup(db: Database, who: Principal, workspace: str | None = None) -> Rollup:
    """Returns how many tenants that are in use stand how, over all workspaces or in one.

    Args:
        db: the database.
        who: somebody with `platform.directory.view`.
        workspace: only the workspace of this short name.

    Raises:
        NotFound, Forbidden: they have no platform role, or another one.
    """
    with db.read() as tx:
        require(tx, who, Capability.PLATFORM_DIRECTORY_VIEW)
        slugs = None if workspace is None else (workspace,)
        every = select(pc.c.id).where(IS_DEFAULT, pc.c.workspace_id.in_(of_workspaces(slugs)))
        return Rollup(
            {s.value: _count(tx, every.where(pc.c.verification_status == s.value)) for s in VerificationStatus},
            {s.value: _count(tx, every.where(pc.c.consent_status == s.value)) for s in ConsentStatus},
            _count(tx, lacking(tx, slugs)),
        )


def _count(tx: Transaction, some: Select[Any]) -> int:
    in_use = some.join(tenants, tenants.c.id == pc.c.tenant_id).where(tenants.c.lifecycle.in_(IN_USE))
    few = in_use.limit(COUNT_LIMIT).subquery()
    return int(tx.run(select(func.count()).select_from(few)).scalar_one())


def _rows(tx: Transaction, ids: Sequence[int]) -> list[DirectoryRow]:
    """Returns the rows of some tenants, in the order of `ids`."""
    if not ids:
        return []
    statement = (
        select(
            tenants.c.id,
            tenants.c.workspace_id,
            workspaces.c.slug,
            workspaces.c.name.label("workspace_name"),
            tenants.c.name,
            tenants.c.entra_tenant_id,
            tenants.c.primary_domain,
            tenants.c.cloud,
            tenants.c.lifecycle,
            pc.c.id.label("connection_id"),
            pc.c.connection_type,
            pc.c.is_enabled,
            pc.c.consent_status,
            pc.c.verification_status,
            pc.c.last_reason_code,
            pc.c.last_reason_sentence,
            pc.c.lifecycle_changed_at,
            pc.c.consent_changed_at,
            pc.c.verification_changed_at,
            pc.c.last_checked_at,
            pc.c.last_good_at,
        )
        .join(workspaces, workspaces.c.id == tenants.c.workspace_id)
        .outerjoin(pc, and_(pc.c.tenant_id == tenants.c.id, IS_DEFAULT))
        .where(tenants.c.id.in_(list(ids)))
    )
    found = {row.id: row for row in tx.run(statement).all()}
    missing = _missing(tx, [row.connection_id for row in found.values() if row.connection_id is not None])
    return [_row(found[id], missing) for id in ids if id in found]


def _missing(tx: Transaction, connection_ids: Sequence[int]) -> dict[int, int]:
    """How many required permissions each connection was refused; one that nothing is known of is not there."""
    if not connection_ids:
        return {}
    rows = tx.run(
        select(connection_permissions.c.connection_id, func.sum(case((refused(), 1), else_=0)).label("n"))
        .where(connection_permissions.c.connection_id.in_(connection_ids))
        .group_by(connection_permissions.c.connection_id)
    )
    return {row.connection_id: int(row.n) for row in rows}


def _row(row: Row[Any], missing: Mapping[int, int]) -> DirectoryRow:
    default = None
    if row.connection_id is not None:
        default = DefaultTruth(
            connection_type=ConnectionType(row.connection_type),
            is_enabled=row.is_enabled,
            consent_status=ConsentStatus(row.consent_status),
            verification_status=VerificationStatus(row.verification_status),
            reason_code=row.last_reason_code,
            reason_sentence=row.last_reason_sentence,
            lifecycle_changed_at=row.lifecycle_changed_at,
            consent_changed_at=row.consent_changed_at,
            verification_changed_at=row.verification_changed_at,
            last_checked_at=row.last_checked_at,
            last_good_at=row.last_good_at,
            missing_permissions=missing.get(row.connection_id),
        )
    return DirectoryRow(
        id=row.id,
        workspace_id=row.workspace_id,
        workspace=row.slug,
        workspace_name=row.workspace_name,
        name=row.name,
        entra_tenant_id=row.entra_tenant_id,
        primary_domain=row.primary_domain,
        cloud=Cloud(row.cloud),
        lifecycle=TenantLifecycle(row.lifecycle),
        default=default,
    )


def _runs(tx: Transaction, tenant_id: int) -> tuple[runs.RunRow, ...]:
    newest = tx.run(
        select(operation_runs.c.id)
        .where(operation_runs.c.tenant_id == tenant_id)
        .order_by(operation_runs.c.id.desc())
        .limit(RECENT_RUNS)
    ).scalars()
    return tuple(runs.rows_by_id(tx, list(newest)))
