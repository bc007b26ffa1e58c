"""Completing a run: the one place where a run gets its outcome.

Promise: whatever ends a run (its finish, a cancel, the reaper, a block at its claim) comes through here, in a transaction that holds
the connection's lock: the guarded update, the terminal notification, what became of the operation and of the connection's breaker, the
audit entry, and the next waiting run's turn. A breaker that opens ends what schedules have waiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, exists, func, insert, or_, select, update

from storage import alert_noting, audit, breakers, connection_operations, operations, reasons
from storage.access import WORKER, Principal
from storage.database import Transaction
from storage.errors import InvalidInput
from storage.failures import Failure, clean_text
from storage.schema import ACTIVE_RUN, WAITING_RUN, notifications, operation_runs, run_batch_members, tenants
from storage.states import NotificationKind, RunCause, RunOutcome, RunStatus, Topic

CANCELLED: Final = "cancelled"
"""The reason code of a run that somebody cancelled."""

_TOLD_CAUSES: Final = (RunCause.PERSON.value, RunCause.RETRY.value)


def complete(
    tx: Transaction,
    who: Principal,
    run_id: int,
    guard: Sequence[ColumnElement[bool]],
    outcome: RunOutcome,
    *,
    reason_code: str | None = None,
    reason_sentence: str | None = None,
    summary_counts: Mapping[str, int] | None = None,
    failures: Sequence[Failure] = (),
) -> Row[Any] | None:
    """Gives a run its outcome, if it is still as the guard says.

    Args:
        tx: a write transaction that holds the connection's lock.
        who: who ended it.
        run_id: which run.
        guard: conditions on the run's row (status, fence, lease); when they do not hold, nothing happens.
        outcome: how it ended.
        reason_code: the deciding reason.
        reason_sentence: its sentence; the catalog's own when None.
        summary_counts: only keys of the operation's allowlist.
        failures: what went wrong, aggregated.

    Returns:
        The completed row, or None when the guard did not hold.

    Raises:
        InvalidInput: a summary key that the catalog does not allow.
    """
    now = tx.now()
    own = reasons.find(reason_code).sentence if reason_code else ""
    sentence = clean_text(reason_sentence or "", own, limit=1000) or None
    row = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id == run_id, *guard)
        .values(
            **_ended(outcome, now),
            reason_code=reason_code,
            reason_sentence=sentence,
            summary_counts=dict(summary_counts or {}),
            failures=[msgspec.to_builtins(failure) for failure in failures],
        )
        .returning(*operation_runs.c)
    ).first()
    if row is None:
        return None
    check_summary_keys(row.type, summary_counts or {})
    if _tell(tx, who, row, now):
        _hold_back(tx, row.connection_id, now)
    promote_next(tx, row.connection_id, now)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return row


def _hold_back(tx: Transaction, connection_id: int, now: datetime) -> None:
    """Ends what schedules have waiting on a connection whose breaker opens, where everybody sees it: they would not have started it now.

    What a person or a bulk start waits for too is theirs and goes on. Nobody is alerted once more: what opened the breaker was told.
    """
    run = operation_runs.c
    is_awaited = exists().where(run_batch_members.c.run_id == run.id)
    held = tx.run(
        update(operation_runs)
        .where(run.connection_id == connection_id, WAITING_RUN, run.cause == RunCause.SCHEDULE.value, ~is_awaited)
        .values(
            **_ended(RunOutcome.BLOCKED, now),
            reason_code=breakers.BREAKER_OPEN,
            reason_sentence=reasons.find(breakers.BREAKER_OPEN).sentence,
            summary_counts={},
            failures=[],
        )
        .returning(*run)
    ).all()
    for row in sorted(held, key=lambda row: row.id):
        connection_operations.note_held_back(tx, row, breakers.BREAKER_OPEN)
        _record(tx, WORKER, row)


def cancel_each(tx: Transaction, who: Principal, run_ids: Sequence[int], sentence: str) -> list[Row[Any]]:
    """Cancels those of some runs that wait or are queued, each as `complete` would, in a few statements however many they are.

    Args:
        tx: a write transaction that holds their connections' locks.
        who: who cancels them.
        run_ids: which runs, 500 at most.
        sentence: why.

    Returns:
        The completed rows, by id; those that run by now or are over are not among them.
    """
    now = tx.now()
    own = reasons.find(CANCELLED).sentence
    rows = tx.run(
        update(operation_runs)
        .where(
            operation_runs.c.id.in_(list(run_ids)),
            operation_runs.c.status.in_([RunStatus.WAITING.value, RunStatus.QUEUED.value]),
        )
        .values(
            **_ended(RunOutcome.CANCELLED, now),
            reason_code=CANCELLED,
            reason_sentence=clean_text(sentence, own, limit=1000),
            summary_counts={},
            failures=[],
        )
        .returning(*operation_runs.c)
    ).all()
    cancelled = sorted(rows, key=lambda row: row.id)
    for row in cancelled:
        _tell(tx, who, row, now)
    if cancelled:
        promote_each(tx, [row.connection_id for row in cancelled], now)
        tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return cancelled


def _ended(outcome: RunOutcome, now: datetime) -> dict[str, Any]:
    """What every run's end writes: nobody holds it, and it waits for nothing."""
    return {
        "status": RunStatus.COMPLETED.value,
        "outcome": outcome.value,
        "completed_at": now,
        "lease_until": None,
        "waiting_until": None,
        "not_before": None,
        "phase": None,
    }


def _tell(tx: Transaction, who: Principal, row: Row[Any], now: datetime) -> bool:
    """Tells everybody who is told of every run's end; each of them knows which ends are none of their business.

    Returns:
        Whether the connection's breaker holds back from now on what schedules have waiting.
    """
    _notify(tx, row, now)
    holds_back = breakers.note_completed(tx, row)
    connection_operations.note_completed(tx, row)
    alert_noting.note_run(tx, row, now)
    _record(tx, who, row)
    return holds_back


def _record(tx: Transaction, who: Principal, row: Row[Any]) -> None:
    audit.record(
        tx,
        who,
        "run.complete",
        target_kind="connection",
        target_id=row.connection_id,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        detail={"run": row.id, "type": row.type, "outcome": row.outcome, "reason": row.reason_code},
    )


def check_summary_keys(operation_type: str, counts: Mapping[str, int]) -> None:
    """Refuses a summary count that the operation's catalog entry does not allow.

    Raises:
        InvalidInput: naming the key.
    """
    foreign = sorted(set(counts) - set(operations.find(operation_type).summary_keys))
    if foreign:
        raise InvalidInput("summary counts", f"{', '.join(foreign)} is not allowed for {operation_type}")


def promote_next(tx: Transaction, connection_id: int, now: datetime) -> int | None:
    """Queues the connection's oldest waiting run that may go now, if none is active. Returns its id.

    The caller holds the connection's lock, so nobody else can make a run active meanwhile.
    """
    return promote_each(tx, [connection_id], now).get(connection_id)


def promote_each(tx: Transaction, connection_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Does what `promote_next` does on each of some connections (500 at most), in one statement. Returns the queued runs by connection."""
    run, mine = operation_runs.c, operation_runs.c.connection_id.in_(sorted(set(connection_ids)))
    oldest = (
        select(func.min(run.id))
        .where(mine, WAITING_RUN, or_(run.not_before.is_(None), run.not_before <= now))
        .group_by(run.connection_id)
    )
    busy = select(run.connection_id).where(mine, ACTIVE_RUN)
    promoted = tx.run(
        update(operation_runs)
        .where(run.id.in_(oldest), run.status == RunStatus.WAITING.value, run.connection_id.not_in(busy))
        .values(status=RunStatus.QUEUED.value, not_before=None, queued_at=now)
        .returning(run.id, run.connection_id)
    ).all()
    if promoted:
        tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return {row.connection_id: row.id for row in promoted}


def _notify(tx: Transaction, row: Row[Any], now: datetime) -> None:
    """Writes the terminal notification: to the person who started it; a schedule or a follow-up tells nobody here."""
    if row.initiator_id is None or row.cause not in _TOLD_CAUSES or row.batch_id is not None:
        return
    tenant = tx.run(select(tenants.c.name).where(tenants.c.id == row.tenant_id)).scalar_one()
    label = operations.find(row.type).label
    tx.run(
        insert(notifications).values(
            user_id=row.initiator_id,
            workspace_id=row.workspace_id,
            kind=NotificationKind.RUN_COMPLETED.value,
            run_id=row.id,
            title=f"{label} of {tenant[:200]}: {row.outcome.replace('_', ' ')}"
            + (f" ({row.reason_code})" if row.reason_code and row.outcome != row.reason_code else ""),
            created_at=now,
        )
    )
    tx.touch(Topic.NOTIFICATIONS)
