"""Starting one operation on many connections: the batch with its members first, then the members chunk by chunk.

Promise: each member goes through the same gate as a single start (`starting.start_each_in`) and is asked with its initiator's authority as
of that moment; its class is written in the transaction that makes its run. So whoever advances a batch may be killed between any two
statements: nothing is started twice, and anybody goes on with what is left. Locks: the batch, then connections by id, then runs.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, bindparam, or_, select, update

from storage import operations
from storage.access import Principal, authority
from storage.batch_selection import Selection, choose
from storage.batch_tallies import RETRIED, members
from storage.batch_writing import Wanted, write_down
from storage.batches import find, is_begun
from storage.connection_filters import ConnectionQuery
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.gate import lock_connections
from storage.schema import operation_runs, run_batch_members, run_batches
from storage.starting import AlreadyRunning, Blocked, Origin, ScopeBusy, StartResult, start_each_in
from storage.states import BatchClass, RunCause, Topic

CHUNK: Final = 100
"""Members of one transaction: some tens of milliseconds of SQLite's one write lock, a tenth of a second on PostgreSQL."""


def create(
    db: Database, who: Principal, operation_type: str, selection: Selection, *, ticket: str | None = None
) -> int:
    """Makes a batch of what was selected; nothing is started yet, which is what `advance` and the workers do.

    Connections on which the principal may not start it become the class `not_permitted`, as long as there is one on which they may.

    Args:
        db: the database.
        who: who starts it.
        operation_type: an entry of the catalog.
        selection: on which connections.
        ticket: a reference for the audit trail.

    Returns:
        The batch's number.

    Raises:
        InvalidInput: the operation is not in the catalog, the selection cannot be read or is too large, or the ticket cannot be used.
        NotFound: the principal is no member of the workspace, or sees none of the connections.
        Forbidden: the principal may start it on none of them (audited).
    """
    operation = operations.find(operation_type)
    with db.read() as tx:
        chosen = choose(tx, who, selection)
    wanted = Wanted(who, operation, selection.query.workspace_id, chosen, selection.words, ticket)
    return write_down(db, wanted)


def retry_failed(db: Database, who: Principal, batch_id: int, *, ticket: str | None = None) -> int:
    """Makes another batch of those connections of a batch on which the operation did not do its job.

    Those are the ones whose run failed, was blocked when it began, was cancelled or lost, and the ones that were cancelled before they were
    tried. Each goes through the gate again.

    Returns:
        The new batch's number.

    Raises:
        NotFound: the batch is not visible.
        Forbidden: the principal may start it on none of them (audited).
        Conflict: there is nothing to retry.
    """
    with db.read() as tx:
        batch = find(tx, authority(tx, who), batch_id)
        ids = tuple(
            tx.run(
                select(members.connection_id)
                .outerjoin(operation_runs, operation_runs.c.id == members.run_id)
                .where(
                    members.batch_id == batch_id,
                    or_(
                        members["class"] == BatchClass.CANCELLED.value,
                        operation_runs.c.outcome.in_([outcome.value for outcome in RETRIED]),
                    ),
                )
                .order_by(members.connection_id)
            ).scalars()
        )
        if not ids:
            raise Conflict(f"Nothing of batch {batch_id} has failed.", "There is nothing to start again.")
        chosen = choose(tx, who, Selection(ConnectionQuery(batch.workspace_id), ids))
    operation = operations.find(batch.type)
    return write_down(
        db, Wanted(who, operation, batch.workspace_id, chosen, batch.filter_text, ticket, of_batch_id=batch_id)
    )


def advance(db: Database, batch_id: int, *, limit: int = CHUNK) -> int:
    """Starts the next members of a batch, as its initiator.

    Anybody may call it, as often as they like and several at once: a worker's sweep, and the process in which the person waits.

    Args:
        db: the database.
        batch_id: which batch.
        limit: how many members in this transaction.

    Returns:
        How many were tried; 0 when none is left, the batch was cancelled, or somebody else is at it.
    """
    return db.write(lambda tx: _advance(tx, batch_id, limit))


def lock_open(tx: Transaction, batch_id: int) -> Row[Any] | None:
    """Locks a batch that has begun and is not over, and returns its row; None when it is not, or when somebody else works on it."""
    statement = select(run_batches).where(
        run_batches.c.id == batch_id, run_batches.c.completed_at.is_(None), is_begun()
    )
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True, skip_locked=True)
    return tx.run(statement).first()


def untried(tx: Transaction, batch_id: int, limit: int) -> list[int]:
    """Returns connections of a batch that were not tried yet, by id."""
    statement = select(members.connection_id).where(members.batch_id == batch_id, members["class"].is_(None))
    return list(tx.run(statement.order_by(members.connection_id).limit(limit)).scalars())


def _advance(tx: Transaction, batch_id: int, limit: int) -> int:
    batch = lock_open(tx, batch_id)
    if batch is None or batch.cancel_requested_at is not None:
        return 0
    ids = untried(tx, batch_id, limit)
    connections = lock_connections(tx, ids) if ids else []
    if not connections:
        return 0
    operation = operations.find(batch.type)
    # The label as it was: a shared account's login stands in it, and rights are asked by the user's number alone.
    who = Principal(batch.initiator_id, batch.initiator)
    rights = authority(tx, who)
    allowed = rights.may_each(tx, operation.capability, batch.workspace_id, {row.tenant_id for row in connections})
    mine = [row for row in connections if row.tenant_id in allowed]
    origin = Origin(RunCause.BULK, run_after=True, batch_id=batch_id, ticket=batch.ticket)
    results = start_each_in(tx, who, mine, operation, origin)
    told = [
        _told(batch_id, row.id, results[row.id] if row.tenant_id in allowed else None)
        for row in connections
        if row.tenant_id not in allowed or row.id in results
    ]
    if told:
        tx.run(
            update(run_batch_members)
            .where(members.batch_id == bindparam("of_batch"), members.connection_id == bindparam("on_connection"))
            .values({"class": bindparam("told"), "reason_code": bindparam("why"), "run_id": bindparam("run")}),
            told,
        )
    tx.touch(Topic.BATCHES)
    return len(told)


def _told(batch_id: int, connection_id: int, result: StartResult | None) -> dict[str, Any]:
    """What is written of one member: its class, why it is blocked, its run."""
    why: str | None = None
    run: int | None = None
    if result is None:
        told = BatchClass.NOT_PERMITTED
    elif isinstance(result, Blocked):
        told, why = BatchClass.BLOCKED, result.reason.code
    elif isinstance(result, AlreadyRunning):
        told, run = BatchClass.ATTACHED, result.run.id
    elif isinstance(result, ScopeBusy):
        told, run = BatchClass.WAITING, (result.waiting or result.run).id
    else:
        told, run = BatchClass.STARTED, result.run.id
    return {"of_batch": batch_id, "on_connection": connection_id, "told": told.value, "why": why, "run": run}
