"""Deleting what was collected of an offboarded tenant, once its time has come.

Promise: nothing is deleted before the database's clock says so, and nothing that a person wrote or the audit trail tells. Deleting goes
in transactions of at most 500 rows, so that no lease outlasts one; killed in the middle, the next sweep goes on. The tenant is marked as
purged only when nothing is left, once, however many workers sweep. A restore is refused from the moment the purge is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, delete, exists, select, tuple_, update

from storage import audit
from storage.access import WORKER
from storage.connection_locks import lock_all
from storage.database import Database, Transaction
from storage.schema import (
    circuit_breakers,
    compliance_snapshots,
    connection_operations,
    connection_permissions,
    directory_counts,
    drafts,
    inventory_items,
    inventory_staging,
    onboardings,
    operation_runs,
    provider_connections,
    role_assignments,
    role_findings,
    role_reports,
    run_steps,
    tenants,
    verification_reports,
)
from storage.states import RunStatus, TenantLifecycle, Topic

CHUNK: Final = 500
"""Rows that one transaction deletes."""

PARTS: Final = 20
"""Transactions of one sweep, so that a sweep ends soon; the next one goes on."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What one sweep did.

    Attributes:
        rows: how many rows were deleted.
        tenants: the tenants of which nothing collected is left.
    """

    rows: int = 0
    tenants: tuple[int, ...] = ()


def purge_due(db: Database, *, parts: int = PARTS, chunk: int = CHUNK) -> Purged:
    """Goes on with purging the tenants that are due. For workers: there is no principal to ask.

    Args:
        db: the database.
        parts: transactions at most.
        chunk: rows each of them deletes at most.
    """
    with db.read() as tx:
        due = tx.run(
            select(tenants.c.id).where(*_is_due(tx)).order_by(tenants.c.purge_after, tenants.c.id).limit(parts)
        ).scalars()
        waiting = due.all()
    rows, done, left = 0, [], parts
    for tenant_id in waiting:
        while left > 0:
            left -= 1
            step = db.write(lambda tx, t=tenant_id: _purge_some(tx, t, chunk))  # type: ignore[misc]
            if step is None:
                break
            rows += step
            if step == 0:
                done.append(tenant_id)
                break
    return Purged(rows, tuple(done))


def _is_due(tx: Transaction) -> list[ColumnElement[bool]]:
    """Due, and no run could still write something: one that is asked to stop gets there first."""
    unfinished = exists().where(
        operation_runs.c.tenant_id == tenants.c.id, operation_runs.c.status != RunStatus.COMPLETED.value
    )
    return [
        tenants.c.purge_after.is_not(None),
        tenants.c.purge_after <= tx.now(),
        tenants.c.purged_at.is_(None),
        tenants.c.lifecycle == TenantLifecycle.ARCHIVED.value,
        ~unfinished,
    ]


def _purge_some(tx: Transaction, tenant_id: int, chunk: int) -> int | None:
    """Deletes up to `chunk` rows of a tenant. Returns how many; 0 when it is purged now; None when it is not due any more."""
    lock_all(tx, provider_connections.c.tenant_id == tenant_id)  # connections before their tenant, as everywhere
    statement = select(tenants).where(tenants.c.id == tenant_id, *_is_due(tx))
    tenant = tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True, of=tenants)).first()
    if tenant is None:
        return None
    deleted = 0
    for table, condition in _collected(tx, tenant_id):
        keys = list(table.primary_key.columns)
        some = select(*keys).where(condition).limit(chunk - deleted)
        deleted += tx.run(delete(table).where(tuple_(*keys).in_(some))).rowcount
        if deleted >= chunk:
            return deleted
    if deleted:
        return deleted
    _mark(tx, tenant)
    return 0


def _collected(tx: Transaction, tenant_id: int) -> list[tuple[Table, ColumnElement[bool]]]:
    """Where something of a tenant is that operations collected or somebody typed and never sent; children before their parents."""
    runs = select(operation_runs.c.id).where(operation_runs.c.tenant_id == tenant_id)
    reports = select(role_reports.c.id).where(role_reports.c.tenant_id == tenant_id)
    connections = select(provider_connections.c.id).where(provider_connections.c.tenant_id == tenant_id)
    return [
        (inventory_staging, inventory_staging.c.run_id.in_(runs)),
        (inventory_items, inventory_items.c.tenant_id == tenant_id),
        (compliance_snapshots, compliance_snapshots.c.tenant_id == tenant_id),
        (role_assignments, role_assignments.c.report_id.in_(reports)),
        (role_findings, role_findings.c.report_id.in_(reports)),
        (role_reports, role_reports.c.tenant_id == tenant_id),
        (directory_counts, directory_counts.c.tenant_id == tenant_id),
        (verification_reports, verification_reports.c.connection_id.in_(connections)),
        (connection_permissions, connection_permissions.c.connection_id.in_(connections)),
        (connection_operations, connection_operations.c.connection_id.in_(connections)),
        (circuit_breakers, circuit_breakers.c.connection_id.in_(connections)),
        (run_steps, run_steps.c.run_id.in_(runs)),
        (drafts, drafts.c.subject.in_(_subjects(tx, tenant_id, connections))),
    ]


def _subjects(tx: Transaction, tenant_id: int, connections: Select[Any]) -> Sequence[str]:
    begun = select(onboardings.c.id).where(onboardings.c.tenant_id == tenant_id)
    return [
        f"tenant:{tenant_id}",
        *(f"connection:{key}" for key in tx.run(connections).scalars()),
        *(f"onboarding:{key}" for key in tx.run(begun).scalars()),
    ]


def _mark(tx: Transaction, tenant: Any) -> None:
    """Writes down that nothing is left. Names of ours stay; what Microsoft called it and whom to ask there go as well."""
    marked = tx.run(
        update(tenants)
        .where(tenants.c.id == tenant.id, tenants.c.purged_at.is_(None))
        .values(purged_at=tx.now(), microsoft_name=None, contact="", updated_at=tx.now())
    ).rowcount
    if not marked:
        return
    tx.run(
        update(provider_connections)
        .where(provider_connections.c.tenant_id == tenant.id)
        .values(last_reason_code=None, last_reason_sentence=None, manifest_version=None)
    )
    audit.record(
        tx,
        WORKER,
        "tenant.purge",
        target_kind="tenant",
        target_id=tenant.id,
        workspace_id=tenant.workspace_id,
        detail={"due": f"{tenant.purge_after:%Y-%m-%d %H:%M:%S}Z"},
    )
    tx.touch(Topic.TENANTS, Topic.CONNECTIONS)
