"""Everything about one tenant that its page shows, read at one moment.

Promise: the provider summary is the default connection's row with its three badges as they are stored; a tenant without one is given the
call to create it instead, with whether the reader may and who may otherwise. Nothing here is a status of the tenant's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from storage import operations, runs
from storage.access import Principal, authority, who_may
from storage.capabilities import Capability
from storage.connections import ConnectionRow, rows_by_id
from storage.database import Database, Transaction
from storage.schema import connection_permissions, onboardings, operation_runs, provider_connections, schedules, users
from storage.states import OnboardingStatus, Provider, TenantLifecycle
from storage.tenants import TenantRow, require, row_in

RECENT_RUNS: Final = 10
MOST_CONNECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class CallToCreate:
    """That the tenant has no connection yet, and what to do about it.

    Attributes:
        may: whether the principal may create one.
        who_may: who could, when the principal may not; empty otherwise.
        why_not: why nobody may now (it is archived); empty otherwise.
    """

    may: bool
    who_may: str
    why_not: str


@dataclass(frozen=True, slots=True)
class PermissionSummary:
    """Permission truth of the default connection, as of its last check that had a token.

    Attributes:
        granted: what was granted of what some operation wants.
        missing_required: what an operation cannot do without and was not granted.
        missing_optional: what an operation does less without.
        checked_at: when; None when no check had a token yet, so that nothing is known.
    """

    granted: tuple[str, ...]
    missing_required: tuple[str, ...]
    missing_optional: tuple[str, ...]
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenOnboarding:
    """That somebody is bringing the tenant on."""

    id: int
    started_at: datetime
    started_by: str | None


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Where a tenant's end is.

    Attributes:
        purge_after: from when what was collected is deleted.
        purged_at: when that was done; None while it can be restored or the purge goes on.
        may_restore: it can be restored now, by who may manage it.
    """

    purge_after: datetime
    purged_at: datetime | None
    may_restore: bool


@dataclass(frozen=True, slots=True)
class TenantDetail:
    """A tenant's page.

    Attributes:
        provider: the default connection; None when there is none, and then `call_to_create` says what to do.
        connections: all of them, the default first.
        more_connections: there are more than these.
        permissions: of the default connection; None when there is none.
        runs: the newest, newest first.
        onboarding: the open one, if any.
        goodbye: None unless it was offboarded.
        may_manage, who_may_manage: whether the principal may change it, and who could otherwise.
        may_run, who_may_run: the same for starting operations.
    """

    tenant: TenantRow
    provider: ConnectionRow | None
    call_to_create: CallToCreate | None
    connections: tuple[ConnectionRow, ...]
    more_connections: bool
    permissions: PermissionSummary | None
    runs: tuple[runs.RunRow, ...]
    schedules: int
    onboarding: OpenOnboarding | None
    goodbye: Goodbye | None
    may_manage: bool
    who_may_manage: str
    may_run: bool
    who_may_run: str


def get(db: Database, who: Principal, tenant_id: int) -> TenantDetail:
    """Returns a tenant's page.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        tenant = require(tx, who, tenant_id, Capability.TENANT_VIEW)
        row = row_in(tx, tenant_id)
        rights, place = authority(tx, who), (tenant.workspace_id, tenant_id)
        may_manage = rights.may(tx, Capability.PROVIDER_MANAGE, *place)
        may_run = rights.may(tx, Capability.PROVIDER_RUN, *place)
        who_may_manage = "" if may_manage else who_may(tx, Capability.PROVIDER_MANAGE, *place)
        connections = _connections(tx, tenant_id)
        provider = next((found for found in connections if found.is_default), None)
        return TenantDetail(
            tenant=row,
            provider=provider,
            call_to_create=None if provider else _call_to_create(row, may_manage, who_may_manage),
            connections=connections[:MOST_CONNECTIONS],
            more_connections=len(connections) > MOST_CONNECTIONS,
            permissions=None if provider is None else permission_summary(tx, provider.id),
            runs=_runs(tx, tenant_id),
            schedules=_schedules(tx, tenant_id),
            onboarding=_onboarding(tx, tenant_id),
            goodbye=_goodbye(tx, row, may_manage),
            may_manage=may_manage,
            who_may_manage=who_may_manage,
            may_run=may_run,
            who_may_run="" if may_run else who_may(tx, Capability.PROVIDER_RUN, *place),
        )


def _connections(tx: Transaction, tenant_id: int) -> tuple[ConnectionRow, ...]:
    ids = tx.run(
        select(provider_connections.c.id)
        .where(
            provider_connections.c.tenant_id == tenant_id,
            provider_connections.c.provider == Provider.MICROSOFT.value,
        )
        .order_by(provider_connections.c.is_default.desc(), provider_connections.c.sort_name, provider_connections.c.id)
        .limit(MOST_CONNECTIONS + 1)
    ).scalars()
    order = list(ids)
    return tuple(sorted(rows_by_id(tx, order), key=lambda row: order.index(row.id)))


def _call_to_create(row: TenantRow, may_manage: bool, who_may_manage: str) -> CallToCreate:
    if row.lifecycle is TenantLifecycle.ARCHIVED:
        return CallToCreate(False, "", "The tenant is archived: bring it back first.")
    return CallToCreate(may_manage, who_may_manage, "")


def permission_summary(tx: Transaction, connection_id: int) -> PermissionSummary:
    """Returns the permission truth of a connection against what the operations want. The caller has asked for authority."""
    rows = tx.run(
        select(connection_permissions)
        .where(connection_permissions.c.connection_id == connection_id)
        .order_by(connection_permissions.c.permission)
    ).all()
    required = {name for operation in operations.CATALOG.values() for name in operation.required_permissions}
    wanted = required | {name for operation in operations.CATALOG.values() for name in operation.optional_permissions}
    known = {row.permission: bool(row.is_granted) for row in rows}
    missing = [name for name, is_granted in known.items() if not is_granted and name in wanted]
    return PermissionSummary(
        granted=tuple(name for name, is_granted in known.items() if is_granted and name in wanted),
        missing_required=tuple(name for name in missing if name in required),
        missing_optional=tuple(name for name in missing if name not in required),
        checked_at=max((row.checked_at for row in rows), default=None),
    )


def _runs(tx: Transaction, tenant_id: int) -> tuple[runs.RunRow, ...]:
    newest = tx.run(
        select(operation_runs.c.id)
        .where(operation_runs.c.tenant_id == tenant_id)
        .order_by(operation_runs.c.id.desc())
        .limit(RECENT_RUNS)
    ).scalars()
    return tuple(runs.rows_by_id(tx, list(newest)))


def _schedules(tx: Transaction, tenant_id: int) -> int:
    """How many enabled schedules are about this tenant or one of its connections alone."""
    mine = select(provider_connections.c.id).where(provider_connections.c.tenant_id == tenant_id)
    return int(
        tx.run(
            select(func.count())
            .select_from(schedules)
            .where(
                schedules.c.is_enabled,
                (schedules.c.tenant_id == tenant_id) | schedules.c.connection_id.in_(mine),
            )
        ).scalar_one()
    )


def _onboarding(tx: Transaction, tenant_id: int) -> OpenOnboarding | None:
    row = tx.run(
        select(onboardings.c.id, onboardings.c.started_at, users.c.login)
        .outerjoin(users, users.c.id == onboardings.c.started_by_id)
        .where(onboardings.c.tenant_id == tenant_id, onboardings.c.status == OnboardingStatus.OPEN.value)
    ).first()
    return None if row is None else OpenOnboarding(row.id, row.started_at, row.login)


def _goodbye(tx: Transaction, row: TenantRow, may_manage: bool) -> Goodbye | None:
    if row.purge_after is None:
        return None
    in_time = row.purged_at is None and row.purge_after > tx.now()
    return Goodbye(row.purge_after, row.purged_at, may_manage and in_time)
