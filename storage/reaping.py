"""Runs whose worker died or which took too long, and waiting runs that nobody woke.

Promise: every worker sweeps, and any number of them may at once: each run is judged by one guarded statement under its connection's
lock, never read and then written. A dead worker's run is taken up again when that is safe, and is `lost` when it is not.
"""

from __future__ import annotations

from sqlalchemy import and_, or_, select, update

from storage import operations
from storage.access import WORKER
from storage.completing import complete, promote_next
from storage.database import Database, Transaction
from storage.gate import lock_connection
from storage.schema import operation_runs
from storage.states import RunOutcome, RunStatus, Topic


def reap(db: Database, *, limit: int = 100) -> int:
    """Ends or requeues runs whose lease is over. Returns how many.

    In this order: a cancel was requested → cancelled; past its deadline → failed (deadline_exceeded); safe to take up again and attempts
    left → queued; else lost.
    """
    with db.read() as tx:
        now = tx.now()
        expired = tx.run(
            select(operation_runs.c.id, operation_runs.c.connection_id, operation_runs.c.type)
            .where(operation_runs.c.status == "running", operation_runs.c.lease_until < now)
            .order_by(operation_runs.c.id)
            .limit(limit)
        ).all()
    count = 0
    for row in expired:
        count += db.write(lambda tx, row=row: _reap_one(tx, row.id, row.connection_id, row.type))  # type: ignore[misc]
    return count


def _reap_one(tx: Transaction, run_id: int, connection_id: int, operation_type: str) -> int:
    if lock_connection(tx, connection_id, skip_locked=True) is None:
        return 0
    operation = operations.find(operation_type)
    now = tx.now()
    over = and_(operation_runs.c.status == RunStatus.RUNNING.value, operation_runs.c.lease_until < now)
    asked = operation_runs.c.cancel_requested_at.is_not(None)
    late = operation_runs.c.deadline_at <= now
    if complete(tx, WORKER, run_id, [over, asked], RunOutcome.CANCELLED, reason_code="cancelled"):
        return 1
    if complete(tx, WORKER, run_id, [over, late], RunOutcome.FAILED, reason_code="deadline_exceeded"):
        return 1
    if operation.retry_safe:
        again = tx.run(
            update(operation_runs)
            .where(operation_runs.c.id == run_id, over, operation_runs.c.attempt < operation.max_attempts)
            .values(
                status=RunStatus.QUEUED.value,
                fence=operation_runs.c.fence + 1,
                dispatched_at=None,
                dispatched_to=None,
                lease_until=None,
                worker_id=None,
                waiting_until=None,
                phase="taken up again: its worker stopped",
            )
        ).rowcount
        if again:
            tx.touch(Topic.RUNS, Topic.CONNECTIONS)
            return 1
    reason = "attempts_exhausted" if operation.retry_safe else "run_lost"
    return 1 if complete(tx, WORKER, run_id, [over], RunOutcome.LOST, reason_code=reason) else 0


def promote_waiting(db: Database, *, limit: int = 100) -> int:
    """Queues waiting runs whose time has come on connections where nothing is active: follow-ups, and leftovers. Returns how many."""
    with db.read() as tx:
        now = tx.now()
        active = operation_runs.alias("active")
        ready = (
            tx.run(
                select(operation_runs.c.connection_id)
                .where(
                    operation_runs.c.status == "waiting",
                    or_(operation_runs.c.not_before.is_(None), operation_runs.c.not_before <= now),
                    ~select(active.c.id)
                    .where(
                        active.c.connection_id == operation_runs.c.connection_id,
                        active.c.status.in_([RunStatus.QUEUED.value, RunStatus.RUNNING.value]),
                    )
                    .exists(),
                )
                .distinct()
                .limit(limit)
            )
            .scalars()
            .all()
        )

    def promote(tx: Transaction, connection_id: int) -> bool:
        if lock_connection(tx, connection_id, skip_locked=True) is None:
            return False
        return promote_next(tx, connection_id, tx.now()) is not None

    return sum(db.write(lambda tx, c=connection_id: promote(tx, c)) for connection_id in ready)  # type: ignore[misc]
