"""What a new schedule shall reach, and what it would do.

Promise: naming what it reaches asks for authority over all of it: a tag or the whole workspace takes the whole workspace, since tags move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.schedule_fields import read_changes
from storage.schedule_reach import connections_of, count_usable
from storage.schedule_times import DueRule, upcoming
from storage.schema import provider_connections, tenants
from storage.states import ScheduleScope, TenantLifecycle
from storage.tags import find_tag
from storage.tenant_fields import read_tag


@dataclass(frozen=True, slots=True)
class Target:
    """What a new schedule shall reach: at most one of these, the whole workspace when none is given."""

    tag: str | None = None
    tenant_id: int | None = None
    connection_id: int | None = None


WHOLE_WORKSPACE: Final = Target()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schedule would do.

    Attributes:
        rule: when it would be due.
        due: its next due times, in UTC.
        connections: how many connections something would be started on now, at most `schedule_reach.COUNTED` + 1.
    """

    rule: DueRule
    due: tuple[datetime, ...]
    connections: int


def preview(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    rhythm: str,
    target: Target = WHOLE_WORKSPACE,
    time_zone: str = "UTC",
    quiet: str = "",
    anchor: datetime | None = None,
    count: int = 3,
) -> Preview:
    """Says when a schedule would be due and on how many connections it would start something, without writing.

    Args:
        db: the database.
        who: who asks.
        workspace_id: where.
        rhythm: a cron expression, or `every 6h`.
        target: what it would reach.
        time_zone: whose clock they are read from.
        quiet: the quiet hours.
        anchor: from when intervals are counted; None for now.
        count: how many due times.

    Raises:
        InvalidInput: a field cannot be used.
        NotFound, Forbidden: what it would reach is not visible, or not allowed.
    """
    values = read_changes({"rhythm": rhythm, "time_zone": time_zone, "quiet": quiet})
    with db.read(wanting="schedule.create") as tx:
        reached = columns_of(tx, authority(tx, who), workspace_id, target)
        now = tx.now()
        rule = DueRule(values["rhythm"], values["time_zone"], values["quiet"], anchor or now)
        target_id = next((id for key, id in reached.items() if key != "scope_kind"), None)
        condition = connections_of(ScheduleScope(reached["scope_kind"]), workspace_id, target_id)
        return Preview(rule, upcoming(rule, now, count), count_usable(tx, condition))


def columns_of(tx: Transaction, rights: Authority, workspace_id: int, target: Target) -> dict[str, Any]:
    """Returns the columns that say what a schedule reaches, when the principal may manage all of it.

    Raises:
        InvalidInput: several things are named, or a tag that nothing has.
        Conflict: the tenant is archived.
        NotFound, Forbidden: it is not visible, or not allowed.
    """
    if sum(part is not None for part in (target.tag, target.tenant_id, target.connection_id)) > 1:
        raise InvalidInput("reach", "names several things", "Name one of tag, tenant and connection, or none of them.")
    manage, see = Capability.PROVIDER_MANAGE, Capability.PROVIDER_VIEW
    if target.connection_id is not None:
        found = tx.run(
            select(provider_connections.c.workspace_id, provider_connections.c.tenant_id).where(
                provider_connections.c.id == target.connection_id
            )
        ).first()
        what = f"Connection {target.connection_id}"
        if found is None or found.workspace_id != workspace_id:
            raise NotFound(f"{what} does not exist.")
        rights.require(tx, manage, workspace_id, found.tenant_id, see=see, what=what)
        refuse_archived(tx, found.tenant_id)
        return {"scope_kind": ScheduleScope.CONNECTION.value, "connection_id": target.connection_id}
    if target.tenant_id is not None:
        what = f"Tenant {target.tenant_id}"
        rights.require(tx, manage, workspace_id, target.tenant_id, see=see, what=what)
        refuse_archived(tx, target.tenant_id)
        return {"scope_kind": ScheduleScope.TENANT.value, "tenant_id": target.tenant_id}
    rights.require(tx, manage, workspace_id, what=f"Workspace {workspace_id}")
    if target.tag is None:
        return {"scope_kind": ScheduleScope.WORKSPACE.value}
    tag_id = find_tag(tx, workspace_id, read_tag(target.tag))
    if tag_id is None:
        raise InvalidInput("tag", "no tenant of this workspace has it", "Give it to a tenant first, or choose another.")
    return {"scope_kind": ScheduleScope.TAG.value, "tag_id": tag_id}


def refuse_archived(tx: Transaction, tenant_id: int) -> None:
    """Refuses a schedule that would start nothing.

    Raises:
        Conflict: the tenant is archived.
    """
    tenant = tx.run(select(tenants.c.name, tenants.c.lifecycle).where(tenants.c.id == tenant_id)).one()
    if tenant.lifecycle == TenantLifecycle.ARCHIVED:
        raise Conflict(f"{tenant.name} is archived: nothing is started on it.", "Restore the tenant first.")
