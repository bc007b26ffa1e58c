"""Which connections a schedule reaches, and which schedules reach a tenant or a connection.

Promise: one meaning of "reaches", for the worker that starts runs and for the pages that say what will be started. Tags are read when it
is asked: a tenant that gets the tag tomorrow is reached tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select

from storage import operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schedules import reaches_tenant
from storage.schema import provider_connections, schedules, tenant_tags, tenants
from storage.states import ScheduleScope, TenantLifecycle

COUNTED: Final = 10_000
"""How many connections are counted; more are said to be more."""

IN_USE: Final = (TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value)
"""Tenants that schedules start something on; drafts and archived ones are passed over."""


@dataclass(frozen=True, slots=True)
class NextDue:
    """What is started by itself next, of one operation.

    Attributes:
        type: which operation.
        schedule_id: the schedule that is due first.
        schedule_name: its name.
        at: when; None when a worker has not computed it yet.
    """

    type: str
    schedule_id: int
    schedule_name: str
    at: datetime | None

    @property
    def label(self) -> str:
        """What people call the operation."""
        return operations.find(self.type).label


def connections_of(
    kind: ScheduleScope, workspace_id: int, target_id: int | None, *, by_id: bool = False
) -> ColumnElement[bool]:
    """Makes the condition on `provider_connections` that a schedule reaches one.

    Args:
        kind: what the schedule reaches.
        workspace_id: whose it is.
        target_id: which tag, tenant or connection.
        by_id: they are wanted in the order of their ids, a few at a time: an index of the workspace would give all of them to be sorted.
    """
    workspace = provider_connections.c.workspace_id
    mine = (workspace + 0 if by_id else workspace) == workspace_id
    match kind:
        case ScheduleScope.WORKSPACE:
            return mine
        case ScheduleScope.TAG:
            tagged = select(tenant_tags.c.tenant_id).where(tenant_tags.c.tag_id == target_id)
            return and_(mine, provider_connections.c.tenant_id.in_(tagged))
        case ScheduleScope.TENANT:
            return and_(mine, provider_connections.c.tenant_id == target_id)
        case ScheduleScope.CONNECTION:
            return and_(mine, provider_connections.c.id == target_id)


def target_of(row: Row[Any]) -> int | None:
    """Returns which tag, tenant or connection a stored schedule is about; None for the whole workspace."""
    found = {
        ScheduleScope.TAG: row.tag_id,
        ScheduleScope.TENANT: row.tenant_id,
        ScheduleScope.CONNECTION: row.connection_id,
    }.get(ScheduleScope(row.scope_kind))
    return None if found is None else int(found)


def count_usable(tx: Transaction, condition: ColumnElement[bool]) -> int:
    """Returns how many of the connections something would be started on now: enabled ones of tenants in use; at most `COUNTED` + 1."""
    some = (
        select(literal(1))
        .select_from(provider_connections)
        .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
        .where(
            condition,
            provider_connections.c.is_enabled,
            tenants.c.lifecycle.in_(IN_USE),
        )
        .limit(COUNTED + 1)
        .subquery()
    )
    return int(tx.run(select(func.count()).select_from(some)).scalar_one())


def next_for_tenant(db: Database, who: Principal, tenant_id: int) -> tuple[NextDue, ...]:
    """Returns for each operation the enabled schedule that reaches something of a tenant first, soonest first.

    None when the tenant has no enabled connection: there is nothing that could be started.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant = tx.run(select(tenants.c.workspace_id, tenants.c.lifecycle).where(tenants.c.id == tenant_id)).first()
        if tenant is None:
            raise NotFound(f"Tenant {tenant_id} does not exist.")
        view = Capability.PROVIDER_VIEW
        authority(tx, who).require(tx, view, tenant.workspace_id, tenant_id, see=view, what=f"Tenant {tenant_id}")
        usable = (provider_connections.c.tenant_id == tenant_id, provider_connections.c.is_enabled)
        if tenant.lifecycle not in IN_USE or tx.run(select(provider_connections.c.id).where(*usable)).first() is None:
            return ()
        rows = tx.run(
            select(schedules.c.id, schedules.c.name, schedules.c.type, schedules.c.next_due_at)
            .outerjoin(provider_connections, provider_connections.c.id == schedules.c.connection_id)
            .where(schedules.c.workspace_id == tenant.workspace_id, schedules.c.is_enabled, reaches_tenant(tenant_id))
            .order_by(schedules.c.next_due_at.is_(None), schedules.c.next_due_at, schedules.c.id)
        ).all()
    first: dict[str, NextDue] = {}
    for row in rows:
        first.setdefault(row.type, NextDue(row.type, row.id, row.name, row.next_due_at))
    return tuple(first.values())


def reaches_connection(connection: Row[Any]) -> ColumnElement[bool]:
    """Makes the condition on `schedules` that one reaches a connection.

    Args:
        connection: its row, with id, workspace and tenant.
    """
    labels = select(tenant_tags.c.tag_id).where(tenant_tags.c.tenant_id == connection.tenant_id)
    return and_(
        schedules.c.workspace_id == connection.workspace_id,
        or_(
            schedules.c.scope_kind == ScheduleScope.WORKSPACE.value,
            schedules.c.tag_id.in_(labels),
            schedules.c.tenant_id == connection.tenant_id,
            schedules.c.connection_id == connection.id,
        ),
    )
