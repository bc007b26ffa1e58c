"""Giving out the runs that are ready to workers with free slots. The runs' rows are the queue.

Promise: soonest priority first; no tenant takes more than its slots; a run that was given out and not claimed is given out again, so a lost
message loses nothing. However many runs are queued, only the first of them are looked at. For workers: asks for no principal.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal, or_, select, union_all, update

from storage.database import Database, Transaction
from storage.schema import operation_runs

HINT_AGAIN_AFTER: Final = timedelta(seconds=5)
SLOTS_PER_TENANT: Final = 2
"""A tenant with several connections may not take a worker for itself."""

_WINDOWS: Final = (256, 8192, None)
"""How many queued runs are looked at: the first ones, and more only while those are all of tenants that have their slots."""

# Word for word as in the partial indexes, so that a prepared statement uses them too.
_QUEUED: Final = operation_runs.c.status == literal("queued", literal_execute=True)
_RUNNING: Final = operation_runs.c.status == literal("running", literal_execute=True)
_ORDER: Final = (operation_runs.c.priority, operation_runs.c.queued_at, operation_runs.c.id)


def dispatch(db: Database, worker_id: str, free_slots: int) -> list[int]:
    """Takes runs that are ready, for this worker's free slots only, soonest priority first.

    A run that was given to a worker and not claimed within five seconds is given again: the hint was lost.

    Args:
        db: the database.
        worker_id: this process.
        free_slots: how many runs it can begin now.
    """
    if free_slots <= 0:
        return []
    return db.write(lambda tx: _dispatch(tx, worker_id, free_slots))


def _dispatch(tx: Transaction, worker_id: str, free_slots: int) -> list[int]:
    now = tx.now()
    taken: list[int] = []
    for window in _WINDOWS:
        taken += _take(tx, worker_id, free_slots - len(taken), window, now)
        if len(taken) >= free_slots or window is None or not _are_more(tx, window, now):
            break
    return sorted(taken)


def _take(tx: Transaction, worker_id: str, free_slots: int, window: int | None, now: datetime) -> list[int]:
    hinted_since = now - HINT_AGAIN_AFTER
    at_work = union_all(
        select(operation_runs.c.tenant_id).where(_RUNNING),
        select(operation_runs.c.tenant_id).where(
            _QUEUED, operation_runs.c.dispatched_at.is_not(None), operation_runs.c.dispatched_at >= hinted_since
        ),
    ).subquery()
    busy = select(at_work.c.tenant_id, func.count().label("n")).group_by(at_work.c.tenant_id).subquery()
    columns = (operation_runs.c.tenant_id, *_ORDER)
    first = select(*columns).where(*_may_go(now)).order_by(*_ORDER).limit(window).subquery()
    order = (first.c.priority, first.c.queued_at, first.c.id)
    place = func.row_number().over(partition_by=first.c.tenant_id, order_by=order)
    candidates = (
        select(first.c.id, (place + func.coalesce(busy.c.n, 0)).label("slot"))
        .outerjoin(busy, busy.c.tenant_id == first.c.tenant_id)
        .subquery()
    )
    # Asked again of the row that is locked: PostgreSQL looks once more at a row that another dispatcher has just changed, but only with
    # the conditions on that row itself, not with those inside the subquery.
    ready = (
        select(operation_runs.c.id)
        .join(candidates, candidates.c.id == operation_runs.c.id)
        .where(*_may_go(now), candidates.c.slot <= SLOTS_PER_TENANT)
        .order_by(*_ORDER)
        .limit(free_slots)
    )
    chosen: Any = ready.scalar_subquery()
    if not tx.is_sqlite:
        # Asked once: a subquery may be run again for each row it is compared with, and skips what it has locked before, so that its LIMIT
        # limits nothing. PostgreSQL, "SELECT", The Locking Clause, and "WITH Queries", 7.8.3 (MATERIALIZED).
        locked = ready.with_for_update(key_share=True, skip_locked=True, of=operation_runs)
        chosen = select(locked.cte("ready").prefix_with("MATERIALIZED").c.id)
    rows = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id.in_(chosen))
        .values(dispatched_at=now, dispatched_to=worker_id)
        .returning(operation_runs.c.id)
    ).scalars()
    return list(rows)


def _may_go(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        _QUEUED,
        or_(operation_runs.c.not_before.is_(None), operation_runs.c.not_before <= now),
        or_(operation_runs.c.dispatched_at.is_(None), operation_runs.c.dispatched_at < now - HINT_AGAIN_AFTER),
    )


def _are_more(tx: Transaction, window: int, now: datetime) -> bool:
    """Whether more runs may go than were looked at."""
    beyond: Any = select(literal(1)).select_from(operation_runs).where(*_may_go(now)).order_by(*_ORDER).offset(window)
    return tx.run(beyond.limit(1)).first() is not None
