"""Completing a run: the one place where a run gets its outcome.

Promise: whatever ends a run (its finish, a cancel, the reaper, a block at its claim) comes through here, in a transaction that holds
the connection's lock: the guarded update, the terminal notification, what became of the operation and of the connection's breaker, the
audit entry, and the next waiting run's turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, insert, or_, select, update

from storage import alert_noting, audit, breakers, connection_operations, operations, reasons
from storage.access import Principal
from storage.database import Transaction
from storage.errors import InvalidInput
from storage.failures import Failure, clean_text
from storage.schema import notifications, operation_runs, tenants
from storage.states import NotificationKind, RunCause, RunOutcome, RunStatus, Topic

_TOLD_CAUSES = (RunCause.PERSON.value, RunCause.RETRY.value)


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
            status=RunStatus.COMPLETED.value,
            outcome=outcome.value,
            completed_at=now,
            lease_until=None,
            waiting_until=None,
            not_before=None,
            phase=None,
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
    _notify(tx, row, now)
    breakers.note_completed(tx, row)
    connection_operations.note_completed(tx, row)
    alert_noting.note_run(tx, row, now)
    audit.record(
        tx,
        who,
        "run.complete",
        target_kind="connection",
        target_id=row.connection_id,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        detail={"run": row.id, "type": row.type, "outcome": outcome.value, "reason": reason_code},
    )
    promote_next(tx, row.connection_id, now)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return row


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
    active = tx.run(
        select(operation_runs.c.id).where(
            operation_runs.c.connection_id == connection_id,
            operation_runs.c.status.in_([RunStatus.QUEUED.value, RunStatus.RUNNING.value]),
        )
    ).first()
    if active is not None:
        return None
    oldest = (
        select(operation_runs.c.id)
        .where(
            operation_runs.c.connection_id == connection_id,
            operation_runs.c.status == RunStatus.WAITING.value,
            or_(operation_runs.c.not_before.is_(None), operation_runs.c.not_before <= now),
        )
        .order_by(operation_runs.c.id)
        .limit(1)
        .scalar_subquery()
    )
    promoted = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id == oldest, operation_runs.c.status == RunStatus.WAITING.value)
        .values(status=RunStatus.QUEUED.value, not_before=None, queued_at=now)
        .returning(operation_runs.c.id)
    ).scalar_one_or_none()
    if promoted is not None:
        tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return promoted


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
