"""Everything about one schedule: when it is due next, what became of it lately, what holds it up.

Promise: totals are for who sees all that it reaches; what is blocked is named as far as the principal sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from storage.access import Authority, Principal, authority, who_may
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.edits import LastChange, last_change
from storage.schedule_changes import CREATE, DISABLE, EDIT, ENABLE
from storage.schedule_reach import connections_of, count_usable
from storage.schedule_times import upcoming
from storage.schedules import ScheduleRow, Tally, find, sees_all_of, tally_of
from storage.schema import connection_operations, provider_connections, schedule_firings, tenants

UPCOMING: Final = 5
SHOWN_FIRINGS: Final = 10
SHOWN_BLOCKED: Final = 20
_CHANGES: Final = (CREATE, EDIT, ENABLE, DISABLE)


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that a schedule was due, or was told to run.

    Attributes:
        by: who told it to run; None when it was due.
        is_open: a worker is starting its runs, or will.
        tally: what became of its connections so far.
    """

    id: int
    due_at: datetime
    created_at: datetime
    completed_at: datetime | None
    by: str | None
    is_open: bool
    tally: Tally


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A connection on which the schedule could not start its operation the last time."""

    connection_id: int
    connection_name: str
    tenant_id: int
    tenant_name: str
    reason_code: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ScheduleDetail:
    """Everything about one schedule.

    Attributes:
        due: its next due times, in UTC; as if it were enabled.
        connections: on how many connections it would start something now, at most `schedule_reach.COUNTED` + 1; None for who does not
            see all of them.
        firings: the last ones, newest first; None for who does not see all that it reaches.
        held_up: connections that are blocked, those longest so first; more than `SHOWN_BLOCKED` are cut.
        may_manage, may_run: whether the principal may change it, or have it run now.
        who_may_manage, who_may_run: else, who may.
        changed: who made it, edited it, enabled or disabled it last; None for what came with the workspace and was left so.
    """

    row: ScheduleRow
    due: tuple[datetime, ...]
    connections: int | None
    firings: tuple[Firing, ...] | None
    held_up: tuple[HeldUp, ...]
    may_manage: bool
    may_run: bool
    who_may_manage: str
    who_may_run: str
    changed: LastChange | None


def get(db: Database, who: Principal, schedule_id: int) -> ScheduleDetail:
    """Returns everything about one schedule.

    Raises:
        NotFound: it is not there, or reaches nothing that is visible.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        row = find(tx, rights, schedule_id)
        place = (row.workspace_id, row.reach.tenant_id)
        condition = connections_of(row.reach.kind, row.workspace_id, row.reach.id)
        sees_all = sees_all_of(rights, row.workspace_id, row.reach)
        may_manage = rights.may(tx, Capability.PROVIDER_MANAGE, *place)
        may_run = rights.may(tx, Capability.PROVIDER_RUN, *place)
        return ScheduleDetail(
            row=row,
            due=_upcoming(row, tx.now()),
            connections=count_usable(tx, condition) if sees_all else None,
            firings=_firings(tx, schedule_id) if sees_all else None,
            held_up=_held_up(tx, rights, row),
            may_manage=may_manage,
            may_run=may_run,
            who_may_manage="" if may_manage else who_may(tx, Capability.PROVIDER_MANAGE, *place),
            who_may_run="" if may_run else who_may(tx, Capability.PROVIDER_RUN, *place),
            changed=last_change(tx, row.workspace_id, "schedule", schedule_id, _CHANGES),
        )


def _upcoming(row: ScheduleRow, now: datetime) -> tuple[datetime, ...]:
    """The next due times; none of a schedule that cannot be due any more, which a worker disables."""
    return () if row.faults else upcoming(row.rule, now, UPCOMING)


def _firings(tx: Transaction, schedule_id: int) -> tuple[Firing, ...]:
    rows = tx.run(
        select(schedule_firings)
        .where(schedule_firings.c.schedule_id == schedule_id)
        .order_by(schedule_firings.c.due_at.desc())
        .limit(SHOWN_FIRINGS)
    )
    return tuple(
        Firing(
            id=row.id,
            due_at=row.due_at,
            created_at=row.created_at,
            completed_at=row.completed_at,
            by=row.counts["by"],
            is_open=row.status == "open",
            tally=tally_of(row.counts) or Tally({}, {}),
        )
        for row in rows
    )


def _held_up(tx: Transaction, rights: Authority, row: ScheduleRow) -> tuple[HeldUp, ...]:
    rows = tx.run(
        select(
            provider_connections.c.id,
            provider_connections.c.display_name,
            provider_connections.c.tenant_id,
            tenants.c.name,
            connection_operations.c.blocked_reason_code,
            connection_operations.c.blocked_since,
        )
        .join(provider_connections, provider_connections.c.id == connection_operations.c.connection_id)
        .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
        .where(
            connection_operations.c.workspace_id == row.workspace_id,
            connection_operations.c.type == row.type,
            connection_operations.c.blocked_since.is_not(None),
            provider_connections.c.is_enabled,
            connections_of(row.reach.kind, row.workspace_id, row.reach.id),
            rights.tenant_clause(row.workspace_id, Capability.PROVIDER_VIEW, provider_connections.c.tenant_id),
        )
        .order_by(connection_operations.c.blocked_since, provider_connections.c.id)
        .limit(SHOWN_BLOCKED)
    )
    return tuple(
        HeldUp(row.id, row.display_name, row.tenant_id, row.name, row.blocked_reason_code, row.blocked_since)
        for row in rows
    )
