"""A schedule that is due: fired once, and worked off in small transactions, however many workers there are and whichever dies.

Promise: a guarded update of the next due time and the firing's row are one transaction, so a due time fires exactly once; due times that
nobody saw, since no worker was there, fire once together. A firing is worked off in the order of its connections' ids: the runs made and
the place reached are one transaction under lease and fence, so whoever takes it up makes no run twice. Runs are started through the gate;
one that exists already is attached to. Functions here are for workers: they ask for no principal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Row, and_, delete, func, literal, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import audit, breakers, connection_operations, operations
from storage.access import WORKER
from storage.database import Database, Transaction
from storage.errors import InvalidInput
from storage.gate import lock_connections
from storage.leases import LEASE
from storage.operations import Operation
from storage.schedule_reach import connections_of, target_of
from storage.schedule_stored import rule_of
from storage.schedule_times import begins_at, end_of_quiet, next_due, spread_until
from storage.schedules import Became
from storage.schema import operation_runs, schedule_firings, schedules
from storage.schema import provider_connections as pc
from storage.starting import (
    AlreadyRunning,
    Blocked,
    Origin,
    ScopeBusy,
    Started,
    StartResult,
    bring_each_forward,
    start_each_in,
)
from storage.states import RunCause, ScheduleScope, TenantLifecycle, Topic

CHUNK: Final = 200
"""Connections in one transaction: well under half a second of writing."""

KEPT: Final = 100
"""Firings of a schedule that are kept to be looked at; what they started is kept with the runs."""


_ENABLED: Final = literal_column("schedules.is_enabled", Boolean())
"""Word for word as in the partial index: compared with 1, as SQLite's dialect would write it, the index is not used."""


@dataclass(frozen=True, slots=True)
class HeldFiring:
    """The proof that a worker holds a firing."""

    firing_id: int
    fence: int


def fire_due(db: Database, *, limit: int = 100) -> int:
    """Fires the schedules that are due, and computes when new ones are. Returns how many were fired.

    Any number of workers may ask at once. What is not due costs one look into an index.
    """
    with db.read() as tx:
        due = tx.run(
            select(schedules.c.id, schedules.c.next_due_at)
            .where(
                _ENABLED,
                or_(schedules.c.next_due_at.is_(None), schedules.c.next_due_at <= tx.now()),
            )
            .order_by(schedules.c.next_due_at, schedules.c.id)
            .limit(limit)
        ).all()
    return sum(db.write(lambda tx, row=row: _fire(tx, row.id, row.next_due_at)) for row in due)  # type: ignore[misc]


def _fire(tx: Transaction, schedule_id: int, seen: datetime | None) -> int:
    statement = select(schedules).where(schedules.c.id == schedule_id, _ENABLED)
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True, skip_locked=True)
    row = tx.run(statement).first()
    if row is None or row.next_due_at != seen:
        return 0
    now = tx.now()
    try:
        rule = rule_of(row)
        following = next_due(rule, now)
        begin = end_of_quiet(rule, now)
    except InvalidInput as error:
        return _give_up(tx, row, error.message)
    if following is None:
        return _give_up(tx, row, "it is never due again")
    if seen is None:
        _move(tx, row, next_due_at=following)
        return 0
    if begin > now:
        # Nobody was there when it was due, and now the quiet hours have begun: it is due when they end.
        _move(tx, row, next_due_at=begin)
        return 0
    if not _move(tx, row, next_due_at=following, last_due_at=seen):
        return 0
    spread = spread_until(rule, now, row.jitter_minutes) - now
    dialect = sqlite if tx.is_sqlite else postgresql
    fired = tx.run(
        dialect.insert(schedule_firings)
        .values(
            schedule_id=schedule_id,
            workspace_id=row.workspace_id,
            due_at=seen,
            status="open",
            counts={"classes": {}, "reasons": {}, "by": None, "spread_seconds": int(spread.total_seconds())},
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["schedule_id", "due_at"])
        .returning(schedule_firings.c.id)
    ).first()
    if fired is None:
        return 0  # it was fired for this very time before the clock was set back
    _note(tx, "schedule.fire", row, {"name": row.name, "type": row.type, "due": f"{seen:%Y-%m-%d %H:%M:%S}Z"})
    return 1


def _move(tx: Transaction, row: Row[Any], **values: datetime) -> bool:
    """Sets when a schedule is due next, if it is still as it was read: this update is what only one worker does."""
    unchanged = (
        schedules.c.next_due_at.is_(None) if row.next_due_at is None else schedules.c.next_due_at == row.next_due_at
    )
    moved = tx.run(
        update(schedules)
        .where(schedules.c.id == row.id, _ENABLED, unchanged, schedules.c.updated_at == row.updated_at)
        .values(**values)
    ).rowcount
    tx.touch(Topic.SCHEDULES)
    return moved == 1


def _give_up(tx: Transaction, row: Row[Any], because: str) -> int:
    """Disables a schedule that can never be due (its time zone is gone, say), so that it is seen and holds up no other."""
    now = tx.now()
    tx.run(update(schedules).where(schedules.c.id == row.id).values(is_enabled=False, next_due_at=None, updated_at=now))
    _note(tx, "schedule.disable", row, {"name": row.name, "because": because})
    return 0


def _note(tx: Transaction, action: str, row: Row[Any], detail: Mapping[str, audit.DetailValue]) -> None:
    audit.record(
        tx,
        WORKER,
        action,
        target_kind="schedule",
        target_id=row.id,
        workspace_id=row.workspace_id,
        detail=detail,
    )
    tx.touch(Topic.SCHEDULES)


def take(db: Database, worker_id: str) -> HeldFiring | None:
    """Takes a firing that is not worked off and that no living worker holds; None when there is none."""
    with db.read() as tx:
        if tx.run(select(schedule_firings.c.id).where(*_free(tx.now())).limit(1)).first() is None:
            return None
    return db.write(lambda tx: _take(tx, worker_id))


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    # The status as a literal, word for word as in the partial index, so that a prepared statement uses it too.
    is_open = schedule_firings.c.status == literal("open", literal_execute=True)
    return is_open, or_(schedule_firings.c.lease_until.is_(None), schedule_firings.c.lease_until < now)


def _take(tx: Transaction, worker_id: str) -> HeldFiring | None:
    now = tx.now()
    oldest = select(schedule_firings.c.id).where(*_free(now)).order_by(schedule_firings.c.id).limit(1)
    if not tx.is_sqlite:
        oldest = oldest.with_for_update(skip_locked=True)
    row = tx.run(
        update(schedule_firings)
        .where(schedule_firings.c.id == oldest.scalar_subquery(), *_free(now))
        .values(worker_id=worker_id, lease_until=now + LEASE, fence=schedule_firings.c.fence + 1)
        .returning(schedule_firings.c.id, schedule_firings.c.fence)
    ).first()
    return None if row is None else HeldFiring(row.id, row.fence)


def release(db: Database, held: HeldFiring) -> None:
    """Gives a firing back, when a worker stops: others go on with it at once."""
    db.write(
        lambda tx: (
            tx.run(update(schedule_firings).where(_guard(held)).values(worker_id=None, lease_until=None)) and None
        )
    )


def _guard(held: HeldFiring) -> ColumnElement[bool]:
    return and_(
        schedule_firings.c.id == held.firing_id,
        schedule_firings.c.fence == held.fence,
        schedule_firings.c.status == "open",
    )


def work_chunk(db: Database, held: HeldFiring, *, chunk: int = CHUNK) -> bool:
    """Starts the runs of the next connections of a firing. Returns whether there is more to do with it.

    False as well when the firing is not held any more: nothing was written then.

    Args:
        db: the database.
        held: the proof.
        chunk: how many connections.
    """
    return db.write(lambda tx: _work_chunk(tx, held, chunk))


def _work_chunk(tx: Transaction, held: HeldFiring, chunk: int) -> bool:
    schedule_id = tx.run(select(schedule_firings.c.schedule_id).where(_guard(held))).scalar_one_or_none()
    if schedule_id is None:
        return False
    schedule = _lock(tx, select(schedules).where(schedules.c.id == schedule_id), read=True)
    firing = _lock(tx, select(schedule_firings).where(_guard(held)))
    if schedule is None or firing is None:
        return False
    # Whoever disables a schedule wants no more of it, also of what was just begun; what a person told to run goes on.
    is_wanted = schedule.is_enabled or firing.counts["by"] is not None
    reached = _next_connections(tx, schedule, firing.last_connection_id, chunk) if is_wanted else ()
    found = _start(tx, schedule, firing, operations.find(schedule.type), reached)
    is_done = len(reached) < chunk
    counts = dict(firing.counts)
    counts["classes"] = dict(Counter(counts["classes"]) + Counter(what.value for what, _ in found))
    counts["reasons"] = dict(Counter(counts["reasons"]) + Counter(why for _, why in found if why))
    now = tx.now()
    changed: dict[str, Any] = {"counts": counts, "lease_until": now + LEASE}
    if reached:
        changed["last_connection_id"] = reached[-1]
    if is_done:
        counts["last_run_id"] = tx.run(select(func.max(operation_runs.c.id))).scalar_one_or_none()
        changed |= {"status": "done", "completed_at": now, "lease_until": None}
    tx.run(update(schedule_firings).where(_guard(held)).values(**changed))
    if is_done:
        tx.run(update(schedules).where(schedules.c.id == schedule.id).values(last_result=counts))
        _forget_old(tx, schedule.id)
    tx.touch(Topic.SCHEDULES)
    return not is_done


def _lock(tx: Transaction, statement: Any, *, read: bool = False) -> Row[Any] | None:
    """Locks a row: the schedule so that it is not deleted meanwhile, the firing so that nobody else works on it."""
    if not tx.is_sqlite:
        statement = statement.with_for_update(read=read, key_share=True)
    found: Row[Any] | None = tx.run(statement).first()
    return found


def _next_connections(tx: Transaction, schedule: Row[Any], after: int, chunk: int) -> Sequence[int]:
    kind = ScheduleScope(schedule.scope_kind)
    condition = connections_of(kind, schedule.workspace_id, target_of(schedule), by_id=True)
    return tx.run(select(pc.c.id).where(condition, pc.c.id > after).order_by(pc.c.id).limit(chunk)).scalars().all()


def _start(
    tx: Transaction, schedule: Row[Any], firing: Row[Any], operation: Operation, reached: Sequence[int]
) -> list[tuple[Became, str | None]]:
    """Starts the operation on some connections. Returns what became of each, and why when it was blocked."""
    if not reached:
        return []
    connections = lock_connections(tx, reached, skip_locked=False)
    held_back = breakers.held_back(tx, reached, tx.now())
    free = [row for row in connections if _skipped(row) is None and row.id not in held_back]
    origin = Origin(RunCause.SCHEDULE, run_after=True, schedule_id=schedule.id)
    results = start_each_in(tx, WORKER, free, operation, origin, _begins(firing, [row.id for row in free]))
    if firing.counts["by"] is not None:
        # A person told it to run now, so what it attaches to waits for no jitter and no pause any more.
        attached = (result.run.id for result in results.values() if isinstance(result, AlreadyRunning))
        bring_each_forward(tx, list(attached))
    found: list[tuple[Became, str | None]] = []
    blocked: list[tuple[Row[Any], str]] = []
    for row in connections:
        if (skipped := _skipped(row)) is not None:
            found.append((skipped, None))
            continue
        what, why = (Became.BLOCKED, breakers.BREAKER_OPEN) if row.id in held_back else _became(results.get(row.id))
        found.append((what, why))
        if why is not None:
            blocked.append((row, why))
    connection_operations.note_each_blocked(tx, blocked, operation.type)
    return found


def _skipped(connection: Row[Any]) -> Became | None:
    """What keeps a schedule from a connection without being a problem of it."""
    if connection.tenant_lifecycle == TenantLifecycle.ARCHIVED:
        return Became.ARCHIVED
    if connection.tenant_lifecycle == TenantLifecycle.DRAFT:
        return Became.DRAFT
    return None if connection.is_enabled else Became.DISABLED


def _begins(firing: Row[Any], connection_ids: Sequence[int]) -> dict[int, datetime]:
    """When each connection's run may begin: spread by the jitter, from when the schedule was really fired."""
    spread = timedelta(seconds=firing.counts["spread_seconds"])
    if not spread:
        return {}
    begin = firing.created_at
    return {id: begins_at(firing.schedule_id, id, begin, begin + spread) for id in connection_ids}


def _became(result: StartResult | None) -> tuple[Became, str | None]:
    if isinstance(result, Started):
        return Became.STARTED, None
    if isinstance(result, ScopeBusy):
        return Became.WAITING, None
    if isinstance(result, Blocked):
        return Became.BLOCKED, result.reason.code
    return Became.ATTACHED, None


def _forget_old(tx: Transaction, schedule_id: int) -> None:
    firing = schedule_firings.c
    oldest_kept = (
        select(firing.id).where(firing.schedule_id == schedule_id).order_by(firing.id.desc()).offset(KEPT - 1).limit(1)
    ).scalar_subquery()
    tx.run(
        delete(schedule_firings).where(
            firing.schedule_id == schedule_id, firing.status == "done", firing.id < oldest_kept
        )
    )
