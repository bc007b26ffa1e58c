"""Putting a tenant away, and taking it out again.

Promise: what is archived is found only with `archived:yes`, and nothing starts on it; nothing is deleted. It is refused while something is
enabled or unfinished, naming it. Saying goodbye to a customer is more, and is in `offboarding.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, update

from storage import audit
from storage.access import Principal
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.gate import unfinished_runs
from storage.schema import tenants
from storage.states import TenantLifecycle, Topic
from storage.tenants import TenantRow, lock, row_in

_SHOWN: Final = 5


def archive(db: Database, who: Principal, tenant_id: int, *, ticket: str | None = None) -> TenantRow:
    """Puts a tenant away: it is found only with `archived:yes`, and nothing starts on it. Nothing is deleted.

    Archiving what is archived changes nothing.

    Raises:
        Conflict: connections are enabled, or runs are unfinished; they are named.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> TenantRow:
        tenant, connections = lock(tx, who, tenant_id)
        if tenant.lifecycle == TenantLifecycle.ARCHIVED:
            return row_in(tx, tenant_id)
        _refuse_busy(tx, tenant, connections)
        now = tx.now()
        tx.run(
            update(tenants)
            .where(tenants.c.id == tenant_id)
            .values(lifecycle=TenantLifecycle.ARCHIVED.value, archived_at=now, updated_at=now)
        )
        note_lifecycle(tx, who, "tenant.archive", tenant, ticket, {"lifecycle_before": tenant.lifecycle})
        return row_in(tx, tenant_id)

    return audit.attempt(db, who, "tenant.archive", work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def _refuse_busy(tx: Transaction, tenant: Row[Any], connections: Sequence[Row[Any]]) -> None:
    runs = [run for connection in connections for run in unfinished_runs(tx, connection.id)]
    if runs:
        raise Conflict(
            f"{tenant.name} has unfinished runs: {_some([f'#{run.id} {run.type} ({run.status})' for run in runs])}.",
            "Cancel them or wait, then disable the connections; or offboard the tenant, which does both.",
        )
    enabled = [f"{row.display_name} ({row.id})" for row in connections if row.is_enabled]
    if enabled:
        raise Conflict(
            f"{tenant.name} has enabled connections: {_some(enabled)}.",
            "Disable them first; or offboard the tenant, which does that.",
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def unarchive(db: Database, who: Principal, tenant_id: int, *, ticket: str | None = None) -> TenantRow:
    """Takes a tenant out of the archive: it is active, its connections stay disabled. One whose data was purged comes back empty.

    Doing so with one that is not archived changes nothing.

    Raises:
        Conflict: it was offboarded, which is undone by `offboarding.restore` until the purge.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> TenantRow:
        tenant, _ = lock(tx, who, tenant_id)
        if tenant.lifecycle != TenantLifecycle.ARCHIVED:
            return row_in(tx, tenant_id)
        if tenant.purge_after is not None and tenant.purged_at is None:
            raise Conflict(
                f"{tenant.name} was offboarded, and its data is deleted after {tenant.purge_after:%Y-%m-%d %H:%M}Z.",
                "Restore it instead.",
            )
        tx.run(
            update(tenants)
            .where(tenants.c.id == tenant_id)
            .values(
                lifecycle=TenantLifecycle.ACTIVE.value,
                archived_at=None,
                purge_after=None,
                purged_at=None,
                updated_at=tx.now(),
            )
        )
        note_lifecycle(tx, who, "tenant.unarchive", tenant, ticket, {"lifecycle": TenantLifecycle.ACTIVE.value})
        return row_in(tx, tenant_id)

    return audit.attempt(db, who, "tenant.unarchive", work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def note_lifecycle(
    tx: Transaction,
    who: Principal,
    action: str,
    tenant: Row[Any],
    ticket: str | None,
    detail: Mapping[str, audit.DetailValue],
) -> None:
    """Writes down that a tenant was put away or brought back, and announces it."""
    audit.record(
        tx,
        who,
        action,
        target_kind="tenant",
        target_id=tenant.id,
        workspace_id=tenant.workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.TENANTS, Topic.CONNECTIONS)
