"""How a bulk start goes on and ends: the next members, the rest cancelled, the last run's end noticed.

Promise: `go_on` does whatever is next for a batch in one short transaction, whoever calls it and however many do; a batch ends once,
with one notification to its initiator and one entry in the trail. A run that was there before the batch is somebody else's: it is waited
for and never cancelled with it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, insert, or_, select, text, update

from storage import audit, batch_tallies, operations
from storage.access import WORKER, Principal, authority
from storage.batch_starting import CHUNK, advance, lock_open, untried
from storage.batch_tallies import Tally, members
from storage.batch_writing import is_abandoned, throw_away
from storage.batches import find, is_begun, may_cancel
from storage.completing import cancel_each
from storage.consequences import count as in_words
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.gate import lock_connections
from storage.schema import notifications, operation_runs, run_batch_members, run_batches
from storage.states import BatchClass, NotificationKind, RunStatus, Topic

STOPPED_AT_ONCE: Final = 250
"""Runs that one transaction ends: each has its own entry in the trail, and the next run of its connection gets its turn."""

UNTRIED_AT_ONCE: Final = 500
"""Members that one transaction writes off."""

_UNFINISHED: Final = text("operation_runs.status <> 'completed'")


def cancel_rest(db: Database, who: Principal, batch_id: int, *, ticket: str | None = None) -> None:
    """Has a batch start nothing more and end what it started: what waits or is queued at once, what runs at its next safe point.

    This writes down the wish; `go_on`, here or in a worker, carries it out chunk by chunk.

    Raises:
        NotFound: the batch is not visible.
        Forbidden: it is somebody else's and the principal may not cancel all of it, or may cancel nothing any more (audited).
        Conflict: it is over, or being cancelled already.
    """
    audit.attempt(
        db,
        who,
        "run.batch_cancel",
        lambda tx: _cancel_rest(tx, who, batch_id, ticket),
        target_kind="batch",
        target_id=batch_id,
        ticket=ticket,
    )


def open_batches(db: Database) -> list[int]:
    """Returns the batches that are not over, the oldest first, and the drafts that nobody writes any more."""
    with db.read() as tx:
        return list(
            tx.run(
                select(run_batches.c.id)
                .where(text("run_batches.completed_at IS NULL"), or_(is_begun(), is_abandoned(tx)))
                .order_by(run_batches.c.id)
            ).scalars()
        )


def go_on(db: Database, batch_id: int, *, limit: int = CHUNK) -> bool:
    """Does what is next for a batch: start some members, cancel some, or end it. Looks first, so that waiting writes nothing.

    Args:
        db: the database.
        batch_id: which batch.
        limit: how many members are started in one transaction.

    Returns:
        Whether something was done, so that it pays to go on at once.
    """
    with db.read() as tx:
        batch = tx.run(select(run_batches).where(run_batches.c.id == batch_id)).first()
        if batch is None or batch.completed_at is not None:
            return False
        if not batch.member_count:
            return throw_away(db, batch_id)
        cancelled = batch.cancel_requested_at is not None
        has_untried = bool(untried(tx, batch_id, 1))
        to_stop = _to_stop(tx, batch, 1) if cancelled and not has_untried else []
        over = not has_untried and not to_stop and _is_over(tx, batch_id)
    if has_untried:
        return db.write(lambda tx: _write_off(tx, batch_id)) if cancelled else advance(db, batch_id, limit=limit) > 0
    if to_stop:
        return db.write(lambda tx: _stop_some(tx, batch_id))
    return over and db.write(lambda tx: _close(tx, batch_id))


def sentence(tally: Tally) -> str:
    """Says in a few words what a batch came to: "36 succeeded, 2 failed, 5 blocked"."""
    parts = [(number, outcome.value.replace("_", " ")) for outcome, number in tally.outcomes.items()]
    shown = (BatchClass.BLOCKED, BatchClass.NOT_PERMITTED, BatchClass.GONE, BatchClass.CANCELLED)
    words = {BatchClass.BLOCKED: "not started (blocked)", BatchClass.CANCELLED: "never tried"}
    parts += [(tally.classes.get(name, 0), words.get(name, name.value.replace("_", " "))) for name in shown]
    return ", ".join(f"{number:,} {word}" for number, word in parts if number) or "nothing to do"


def _cancel_rest(tx: Transaction, who: Principal, batch_id: int, ticket: str | None) -> None:
    rights = authority(tx, who)
    batch = find(tx, rights, batch_id)
    if not may_cancel(tx, rights, batch):
        rights.require(tx, operations.find(batch.type).capability, batch.workspace_id, what=f"Batch {batch_id}")
    asked = tx.run(
        update(run_batches)
        .where(
            run_batches.c.id == batch_id,
            run_batches.c.completed_at.is_(None),
            run_batches.c.cancel_requested_at.is_(None),
        )
        .values(cancel_requested_at=tx.now(), cancel_requested_by=who.label)
    ).rowcount
    if not asked:
        raise Conflict(f"Batch {batch_id} is over or being cancelled.", "Nothing to cancel.")
    tally = batch_tallies.count(tx, [batch_id])[batch_id]
    audit.record(
        tx,
        who,
        "run.batch_cancel",
        target_kind="batch",
        target_id=batch_id,
        workspace_id=batch.workspace_id,
        ticket=ticket,
        detail={
            "type": batch.type,
            "untried": tally.untried,
            "waiting": tally.waiting,
            "queued": tally.queued,
            "running": tally.running,
        },
    )
    tx.touch(Topic.BATCHES)


def _write_off(tx: Transaction, batch_id: int) -> bool:
    """Members of a cancelled batch that were not tried never will be."""
    if lock_open(tx, batch_id) is None:
        return False
    ids = untried(tx, batch_id, UNTRIED_AT_ONCE)
    tx.run(
        update(run_batch_members)
        .where(members.batch_id == batch_id, members.connection_id.in_(ids))
        .values({"class": BatchClass.CANCELLED.value})
    )
    tx.touch(Topic.BATCHES)
    return bool(ids)


def _to_stop(tx: Transaction, batch: Row[Any], limit: int) -> list[Row[Any]]:
    """Runs that the batch started and nobody has asked to stop."""
    run = operation_runs.c
    return list(
        tx.run(
            select(run.id, run.connection_id)
            .where(
                run.workspace_id == batch.workspace_id,
                _UNFINISHED,
                run.batch_id == batch.id,
                run.cancel_requested_at.is_(None),
            )
            .order_by(run.id)
            .limit(limit)
        ).all()
    )


def _stop_some(tx: Transaction, batch_id: int) -> bool:
    """Ends what waits or is queued, and asks what runs; what was claimed in between is asked as well."""
    batch = lock_open(tx, batch_id)
    if batch is None:
        return False
    found = _to_stop(tx, batch, STOPPED_AT_ONCE)
    held = {row.id for row in lock_connections(tx, sorted({row.connection_id for row in found}))} if found else set()
    mine = [row.id for row in found if row.connection_id in held]
    if not mine:
        return False
    by = Principal(None, batch.cancel_requested_by, via="system")
    cancel_each(tx, by, mine, f"Cancelled by {batch.cancel_requested_by} with batch {batch_id}.")
    tx.run(
        update(operation_runs)
        .where(operation_runs.c.id.in_(mine), operation_runs.c.status == RunStatus.RUNNING.value)
        .values(cancel_requested_at=tx.now(), cancel_requested_by=batch.cancel_requested_by)
    )
    tx.touch(Topic.BATCHES, Topic.RUNS)
    return True


def _is_over(tx: Transaction, batch_id: int) -> bool:
    """Nothing is untried or unfinished. What was tried last ends last, more often than not: so from the end."""
    unfinished = (
        select(members.connection_id)
        .join(operation_runs, operation_runs.c.id == members.run_id)
        .where(members.batch_id == batch_id, _UNFINISHED)
        .order_by(members.connection_id.desc())
        .limit(1)
    )
    return not untried(tx, batch_id, 1) and tx.run(unfinished).first() is None


def _close(tx: Transaction, batch_id: int) -> bool:
    batch = lock_open(tx, batch_id)
    if batch is None or not _is_over(tx, batch_id):
        return False
    now = tx.now()
    tally = batch_tallies.with_gone(batch_tallies.count(tx, [batch_id])[batch_id], batch.member_count)
    tx.run(
        update(run_batches)
        .where(run_batches.c.id == batch_id)
        .values(completed_at=now, classes=batch_tallies.kept(tally))
    )
    told = sentence(tally)
    if batch.initiator_id is not None:
        about = f"{operations.find(batch.type).label} of {in_words(batch.member_count, 'connection')}"
        tx.run(
            insert(notifications).values(
                user_id=batch.initiator_id,
                workspace_id=batch.workspace_id,
                kind=NotificationKind.BATCH_COMPLETED.value,
                batch_id=batch_id,
                title=f"{about}: {told}",
                created_at=now,
            )
        )
        tx.touch(Topic.NOTIFICATIONS)
    audit.record(
        tx,
        WORKER,
        "run.batch_complete",
        target_kind="batch",
        target_id=batch_id,
        workspace_id=batch.workspace_id,
        detail={"type": batch.type, "result": told},
    )
    tx.touch(Topic.BATCHES)
    return True
