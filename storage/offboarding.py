"""Saying goodbye to a tenant, and taking it back until its data is purged.

Promise: offboarding is one transaction: runs cancelled, connections disabled, schedules, links and acknowledgements ended, credentials of
its own destroyed, the tenant archived, the purge dated. What we cannot do, remove our application from the customer's tenant, is said on
a sheet for the customer (`customer_sheet.py`). Restoring works until the purge is due; what was destroyed stays so. The audit trail
stays in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update

from storage import audit, credential_changes, operations
from storage.access import Principal
from storage.cancelling import cancel_in
from storage.capabilities import Capability
from storage.consent_withdrawals import OFFBOARDED, answerable_links, withdraw
from storage.credential_slots import owner_of
from storage.customer_sheet import CustomerSheet, make_sheet
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput
from storage.gate import unfinished_runs
from storage.schema import acknowledgements, consent_requests, credentials, onboardings, provider_connections, schedules
from storage.schema import tenants as tenant_table
from storage.states import (
    ConnectionType,
    OnboardingStatus,
    RunStatus,
    TenantLifecycle,
    Topic,
    VerificationStatus,
)
from storage.tenant_archive import note_lifecycle
from storage.tenants import TenantRow, lock, require, row_in

PURGE_DAYS: Final = 30
MAX_PURGE_DAYS: Final = 3650
_OFFBOARD: Final = "tenant.offboard"
_RESTORE: Final = "tenant.restore"


@dataclass(frozen=True, slots=True)
class DoomedRun:
    """A run that offboarding would cancel."""

    id: int
    label: str
    status: RunStatus


@dataclass(frozen=True, slots=True)
class OffboardingPreview:
    """What offboarding would do now.

    Attributes:
        runs: which would be cancelled; a running one stops at its next safe point.
        disabled: names of the connections that would be disabled.
        schedules: how many would stop.
        links: how many open consent links would be revoked.
        credentials_destroyed: how many stored credentials would be destroyed; those of platform apps stay.
        purge_after: from when what was collected is deleted.
        sheet: what the customer would be told.
    """

    tenant: TenantRow
    runs: tuple[DoomedRun, ...]
    disabled: tuple[str, ...]
    schedules: int
    links: int
    credentials_destroyed: int
    purge_after: datetime
    sheet: CustomerSheet


@dataclass(frozen=True, slots=True)
class Restored:
    """A tenant that was taken back.

    Attributes:
        disabled: the connections, all disabled, by id and name.
        without_credential: those of them whose credential was destroyed; each needs a new one before it can be checked.
        schedules_stopped: how many schedules of it stay stopped.
    """

    tenant: TenantRow
    disabled: tuple[tuple[int, str], ...]
    without_credential: tuple[int, ...]
    schedules_stopped: int


def preview(db: Database, who: Principal, tenant_id: int, *, purge_days: int = PURGE_DAYS) -> OffboardingPreview:
    """Returns what offboarding a tenant would do now, without doing it.

    Raises:
        InvalidInput: the days cannot be used.
        NotFound: the tenant is not visible.
    """
    days = _read_days(purge_days)
    with db.read() as tx:
        tenant = require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        connections = tx.run(
            select(provider_connections)
            .where(provider_connections.c.tenant_id == tenant_id)
            .order_by(provider_connections.c.id)
        ).all()
        ids = [row.id for row in connections]
        purge_after = tx.now() + days
        return OffboardingPreview(
            tenant=row_in(tx, tenant_id),
            runs=tuple(
                DoomedRun(run.id, operations.find(run.type).label, RunStatus(run.status))
                for key in ids
                for run in unfinished_runs(tx, key)
            ),
            disabled=tuple(row.display_name for row in connections if row.is_enabled),
            schedules=_count(tx, schedules.c.id, _schedules_of(tenant_id, ids), schedules.c.is_enabled),
            links=_count(
                tx,
                consent_requests.c.id,
                consent_requests.c.connection_id.in_(ids),
                answerable_links(tx),
            ),
            credentials_destroyed=_count(tx, credentials.c.id, credentials.c.connection_id.in_(ids)),
            purge_after=purge_after,
            sheet=make_sheet(tx, tenant, purge_after=purge_after),
        )


def _count(tx: Transaction, column: ColumnElement[int], *conditions: ColumnElement[bool]) -> int:
    return int(tx.run(select(func.count(column)).where(*conditions)).scalar_one())


def _schedules_of(tenant_id: int, connection_ids: Sequence[int]) -> ColumnElement[bool]:
    return or_(schedules.c.tenant_id == tenant_id, schedules.c.connection_id.in_(connection_ids))


def _read_days(days: int) -> timedelta:
    if not 0 <= days <= MAX_PURGE_DAYS:
        raise InvalidInput("purge days", f"must be from 0 to {MAX_PURGE_DAYS}", f"{PURGE_DAYS} is usual.")
    return timedelta(days=days)


def offboard(
    db: Database, who: Principal, tenant_id: int, *, purge_days: int = PURGE_DAYS, ticket: str | None = None
) -> CustomerSheet:
    """Offboards a tenant.

    Args:
        db: the database.
        who: who does it.
        tenant_id: which.
        purge_days: after how many days what was collected is deleted; until then it can be restored.
        ticket: a reference for the audit trail.

    Returns:
        The sheet for the customer: what only they can do.

    Raises:
        InvalidInput: the days cannot be used.
        Conflict: it is offboarded already.
        NotFound, Forbidden: not visible, or not allowed.
    """
    days = _read_days(purge_days)

    def work(tx: Transaction) -> CustomerSheet:
        tenant, connections = lock(tx, who, tenant_id)
        if tenant.purge_after is not None:
            raise Conflict(f"{tenant.name} is offboarded already.", "Its sheet: atlas-tui tenant offboard --sheet")
        ids = [row.id for row in connections]
        now = tx.now()
        runs = _cancel_runs(tx, who, ids, ticket)
        enabled = [row for row in connections if row.is_enabled]
        for row in enabled:
            _note_disabled(tx, who, row, ticket)
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.tenant_id == tenant_id, provider_connections.c.is_enabled)
            .values(is_enabled=False, lifecycle_changed_at=now, lifecycle_changed_by_id=who.user_id)
        )
        stopped = _stop(tx, who, tenant_id, ids, now, ticket)
        destroyed = sum(_destroy_credentials(tx, who, row, ticket) for row in connections)
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.tenant_id == tenant_id)
            .values(offboarded_at=now, generation=provider_connections.c.generation + 1, updated_at=now)
        )
        archived = (
            tx.run(
                update(tenant_table)
                .where(tenant_table.c.id == tenant_id)
                .values(
                    lifecycle=TenantLifecycle.ARCHIVED.value, archived_at=now, purge_after=now + days, updated_at=now
                )
                .returning(*tenant_table.c)
            )
        ).one()
        note_lifecycle(
            tx,
            who,
            _OFFBOARD,
            tenant,
            ticket,
            {
                "lifecycle_before": tenant.lifecycle,
                "runs_cancelled": runs,
                "connections_disabled": len(enabled),
                "schedules_stopped": stopped,
                "credentials_destroyed": destroyed,
                "purge_after": f"{now + days:%Y-%m-%d %H:%M:%S}Z",
            },
        )
        return make_sheet(tx, archived, purge_after=now + days)

    return audit.attempt(db, who, _OFFBOARD, work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def _cancel_runs(tx: Transaction, who: Principal, connection_ids: Sequence[int], ticket: str | None) -> int:
    """Cancels what is unfinished; waiting runs first, so that cancelling an active one promotes none of them."""
    runs = [run for key in connection_ids for run in unfinished_runs(tx, key)]
    for run in sorted(runs, key=lambda row: row.status != RunStatus.WAITING):
        cancel_in(tx, who, run.id, ticket)
    return len(runs)


def _destroy_credentials(tx: Transaction, who: Principal, connection: Row[Any], ticket: str | None) -> int:
    """Destroys a connection's own credentials; what was verified with them is not known any more. Returns how many there were.

    What Microsoft may still accept stays a reminder. A platform app's credential is others' too.
    """
    if connection.connection_type != ConnectionType.DEDICATED:
        return 0
    destroyed = credential_changes.discard_all(tx, who, owner_of(connection), ticket=ticket)
    if destroyed:
        now = tx.now()
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.id == connection.id)
            .values(
                credential_changed_at=now,
                verification_status=VerificationStatus.UNKNOWN.value,
                verification_changed_at=now,
                last_reason_code=None,
                last_reason_sentence=None,
            )
        )
    return destroyed


def _note_disabled(tx: Transaction, who: Principal, connection: Row[Any], ticket: str | None) -> None:
    audit.record(
        tx,
        who,
        "connection.disable",
        target_kind="connection",
        target_id=connection.id,
        workspace_id=connection.workspace_id,
        ticket=ticket,
        detail={"because": "offboarding"},
    )


def _stop(
    tx: Transaction, who: Principal, tenant_id: int, ids: Sequence[int], now: datetime, ticket: str | None
) -> int:
    """Ends what would go on by itself or wait for an answer. Returns how many schedules stopped."""
    stopped = tx.run(
        update(schedules)
        .where(_schedules_of(tenant_id, ids), schedules.c.is_enabled)
        .values(is_enabled=False, next_due_at=None, updated_at=now)
    ).rowcount
    tx.run(
        update(acknowledgements)
        .where(acknowledgements.c.connection_id.in_(list(ids)), acknowledgements.c.ended_at.is_(None))
        .values(ended_at=now)
    )
    withdraw(tx, who, consent_requests.c.connection_id.in_(list(ids)), OFFBOARDED, ticket=ticket)
    tx.run(
        update(onboardings)
        .where(onboardings.c.tenant_id == tenant_id, onboardings.c.status == OnboardingStatus.OPEN.value)
        .values(
            status=OnboardingStatus.CANCELLED.value,
            ended_at=now,
            ended_by_id=who.user_id,
            ended_reason="The tenant was offboarded.",
        )
    )
    tx.touch(Topic.SCHEDULES)
    return stopped


def sheet(db: Database, who: Principal, tenant_id: int) -> CustomerSheet:
    """Returns the sheet for the customer of an offboarded tenant again.

    Raises:
        Conflict: it is not offboarded.
        NotFound: it is not visible.
    """
    with db.read() as tx:
        tenant = require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        if tenant.purge_after is None:
            raise Conflict(
                f"{tenant.name} is not offboarded.", "See what it would do: atlas-tui tenant offboard --dry-run"
            )
        return make_sheet(tx, tenant, purge_after=tenant.purge_after)


def restore(db: Database, who: Principal, tenant_id: int, *, ticket: str | None = None) -> Restored:
    """Takes an offboarded tenant back, until its purge is due. Connections stay disabled, credentials stay destroyed.

    Raises:
        Conflict: it was not offboarded, or its purge is due or done.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> Restored:
        tenant, connections = lock(tx, who, tenant_id)
        now = tx.now()
        if tenant.purge_after is None:
            raise Conflict(f"{tenant.name} was not offboarded.", "One that is only archived is unarchived.")
        if tenant.purged_at is not None:
            raise Conflict(
                f"{tenant.name} was purged at {tenant.purged_at:%Y-%m-%d %H:%M}Z.",
                "Unarchive it to begin anew with the empty tenant.",
            )
        if tenant.purge_after <= now:
            raise Conflict(
                f"{tenant.name} is being purged: that was due at {tenant.purge_after:%Y-%m-%d %H:%M}Z.",
                "When it is done, unarchive it to begin anew with the empty tenant.",
            )
        tx.run(
            update(tenant_table)
            .where(tenant_table.c.id == tenant_id)
            .values(lifecycle=TenantLifecycle.ACTIVE.value, archived_at=None, purge_after=None, updated_at=now)
        )
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.tenant_id == tenant_id)
            .values(offboarded_at=None, updated_at=now)
        )
        ids = [row.id for row in connections]
        stopped = _count(tx, schedules.c.id, and_(_schedules_of(tenant_id, ids), ~schedules.c.is_enabled))
        note_lifecycle(tx, who, _RESTORE, tenant, ticket, {"lifecycle": TenantLifecycle.ACTIVE.value})
        return Restored(
            row_in(tx, tenant_id),
            tuple((row.id, row.display_name) for row in connections),
            tuple(row.id for row in connections if row.connection_type == ConnectionType.DEDICATED),
            stopped,
        )

    return audit.attempt(db, who, _RESTORE, work, target_kind="tenant", target_id=tenant_id, ticket=ticket)
