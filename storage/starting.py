"""Starting a run: one gate, one transaction.

Promise: a start answers with exactly one of Started, AlreadyRunning, ScopeBusy or Blocked, or raises NotFound or Forbidden; a second
press opens the same run and never makes another. The run row is the queue: nothing else has to be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, select, true, update

from storage import audit, operations, reasons
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.gate import Facts, judge, lock_connection, read_facts, unfinished_runs, unfinished_runs_of
from storage.operations import Operation
from storage.reasons import Reason
from storage.run_rows import PRIORITY, Origin, RunRef, audit_start, context_of, make_each, ref
from storage.schema import operation_runs, provider_connections, tenants
from storage.states import RunCause, RunStatus, Topic

__all__ = [
    "PRIORITY",
    "AlreadyRunning",
    "Blocked",
    "Origin",
    "RunRef",
    "ScopeBusy",
    "StartResult",
    "Started",
    "bring_each_forward",
    "context_of",
    "judge_each",
    "preview",
    "ref",
    "retry",
    "start",
    "start_each_in",
    "start_in",
]


@dataclass(frozen=True, slots=True)
class Started:
    """A run was made, or one that waited was brought forward."""

    run: RunRef


@dataclass(frozen=True, slots=True)
class AlreadyRunning:
    """The same operation is active or waiting: this is it."""

    run: RunRef


@dataclass(frozen=True, slots=True)
class ScopeBusy:
    """Another operation is active on the connection.

    Attributes:
        run: the one that is.
        waiting: the run that will follow it, when that was asked for.
    """

    run: RunRef
    waiting: RunRef | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The operation may not start.

    Attributes:
        reason: why.
        sentence: why, with names.
    """

    reason: Reason
    sentence: str


StartResult = Started | AlreadyRunning | ScopeBusy | Blocked


def start(
    db: Database,
    who: Principal,
    connection_id: int,
    operation_type: str,
    *,
    run_after: bool = False,
    ticket: str | None = None,
) -> StartResult:
    """Starts an operation on a connection.

    Args:
        db: the database.
        who: who asks.
        connection_id: on which connection.
        operation_type: an entry of the catalog.
        run_after: when another operation is active, wait for it instead of only naming it.
        ticket: a reference for the audit trail.

    Raises:
        NotFound: the connection is not visible.
        Forbidden: it is, but starting is not allowed (audited).
        InvalidInput: the operation is not in the catalog.
    """
    operation = operations.find(operation_type)
    origin = Origin(RunCause.PERSON, run_after=run_after, ticket=ticket)
    return _attempt(db, who, connection_id, operation, origin)


def preview(db: Database, who: Principal, connection_id: int, operation_type: str) -> StartResult | None:
    """Says what a start would answer now, without writing: None means that it would start.

    Raises:
        NotFound: the connection is not visible.
        Forbidden: starting is not allowed.
        InvalidInput: the operation is not in the catalog.
    """
    operation = operations.find(operation_type)
    with db.read(wanting="run.start") as tx:
        connection = _read_connection(tx, connection_id)
        _require(tx, who, connection, operation)
        return _judge(tx, connection, operation)


def retry(db: Database, who: Principal, run_id: int, *, ticket: str | None = None) -> StartResult:
    """Starts a completed run's operation again, through the gate, as a new run that remembers the old one.

    Raises:
        NotFound: the run is not visible.
        Forbidden: starting is not allowed (audited).
        Conflict: the run has not completed.
    """
    with db.read() as tx:
        old = tx.run(select(operation_runs).where(operation_runs.c.id == run_id)).first()
        if old is None:
            raise NotFound(f"Run {run_id} does not exist.")
        authority(tx, who).require(
            tx, Capability.RUN_VIEW, old.workspace_id, old.tenant_id, see=Capability.RUN_VIEW, what=f"Run {run_id}"
        )
    if old.status != RunStatus.COMPLETED:
        raise Conflict(f"Run {run_id} has not completed.", "Cancel it first, or wait for it.")
    operation = operations.find(old.type)
    origin = Origin(RunCause.RETRY, ticket=ticket, retry_of_id=run_id)
    return _attempt(db, who, old.connection_id, operation, origin)


def start_in(
    tx: Transaction, who: Principal, connection: Row[Any], operation: Operation, origin: Origin
) -> StartResult:
    """Starts a run inside a transaction that holds the connection's lock; authority was asked by the caller.

    Scheduled, bulk and follow-up starts wait instead of dropping: give an `Origin` with `run_after`.
    """
    found = _judge(tx, connection, operation)
    if isinstance(found, AlreadyRunning):
        return _bring_forward(tx, who, connection, found, origin)
    if isinstance(found, Blocked):
        return found
    if isinstance(found, ScopeBusy):
        if not origin.run_after:
            return found
        waiting = make_each(tx, who, [connection], operation, origin, RunStatus.WAITING).get(connection.id)
        return ScopeBusy(found.run, waiting) if waiting else _judge(tx, connection, operation) or found
    status = RunStatus.QUEUED if origin.not_before is None else RunStatus.WAITING
    made = make_each(tx, who, [connection], operation, origin, status).get(connection.id)
    if made is None:
        # Another transaction was quicker; on PostgreSQL it has committed by now, since the insert waited for it.
        return _judge(tx, connection, operation) or Blocked(*_vanished())
    return Started(made)


def start_each_in(
    tx: Transaction,
    who: Principal,
    connections: Sequence[Row[Any]],
    operation: Operation,
    origin: Origin,
    begins: Mapping[int, datetime] | None = None,
) -> dict[int, StartResult]:
    """Starts a run on each of some connections, as `start_in` on one: the same gate, in as many statements as for one.

    What is waiting already is attached to. A person waits for a bulk start, so that one of those waits for its time no longer.

    Args:
        tx: a write transaction that holds the connections' locks.
        who: who starts them; authority was asked by the caller.
        connections: their rows, as `gate.lock_connections` returned them.
        operation: what shall run.
        origin: why; with `run_after`, and for now.
        begins: by connection, before when its run shall not begin: it waits until then. Whose is not in it begins now.

    Returns:
        By connection; one on which another transaction was quicker is not in it, and may be tried again.
    """
    results: dict[int, StartResult] = {}
    free, busy = [], []
    blockers: dict[int, RunRef] = {}
    found = judge_each(tx, connections, operation)
    for row in connections:
        met = found[row.id]
        if met is None:
            free.append(row)
        elif isinstance(met, ScopeBusy):
            busy.append(row)
            blockers[row.id] = met.run
        else:
            results[row.id] = met
    if origin.cause is RunCause.BULK:
        bring_each_forward(tx, [met.run.id for met in results.values() if isinstance(met, AlreadyRunning)])
    later = begins or {}
    now_free = [row for row in free if row.id not in later]
    for id, run in make_each(tx, who, now_free, operation, origin, RunStatus.QUEUED).items():
        results[id] = Started(run)
    waiting = [row for row in free if row.id in later] + busy
    for id, run in make_each(tx, who, waiting, operation, origin, RunStatus.WAITING, later).items():
        results[id] = ScopeBusy(blockers[id], run) if id in blockers else Started(run)
    return results


def judge_each(
    tx: Transaction, connections: Sequence[Row[Any]], operation: Operation
) -> dict[int, AlreadyRunning | ScopeBusy | Blocked | None]:
    """Says for each of some connections what a start would meet now; None means that it would start.

    Args:
        tx: a transaction; whoever starts next holds the connections' locks.
        connections: their rows, with their tenants' lifecycle.
        operation: what would start.
    """
    facts = read_facts(tx, connections)
    unfinished = unfinished_runs_of(tx, [row.id for row in connections])
    return {row.id: _decide(row, unfinished.get(row.id, ()), facts[row.id], operation) for row in connections}


def _attempt(db: Database, who: Principal, connection_id: int, operation: Operation, origin: Origin) -> StartResult:
    return audit.attempt(
        db,
        who,
        origin.action,
        lambda tx: _start_as(tx, who, connection_id, operation, origin),
        target_kind="connection",
        target_id=connection_id,
        ticket=origin.ticket,
        detail={"type": operation.type, "retry_of": origin.retry_of_id},
    )


def _start_as(tx: Transaction, who: Principal, connection_id: int, operation: Operation, origin: Origin) -> StartResult:
    connection = lock_connection(tx, connection_id)
    if connection is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    _require(tx, who, connection, operation)
    return start_in(tx, who, connection, operation, origin)


def _require(tx: Transaction, who: Principal, connection: Row[Any], operation: Operation) -> None:
    authority(tx, who).require(
        tx,
        operation.capability,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=f"Connection {connection.id}",
    )


def _judge(tx: Transaction, connection: Row[Any], operation: Operation) -> AlreadyRunning | ScopeBusy | Blocked | None:
    return judge_each(tx, [connection], operation)[connection.id]


def _decide(
    connection: Row[Any], unfinished: Sequence[Row[Any]], facts: Facts, operation: Operation
) -> AlreadyRunning | ScopeBusy | Blocked | None:
    same = [row for row in unfinished if row.type == operation.type]
    if same:
        return AlreadyRunning(ref(same[0]))
    obstacle = judge(connection, facts, operation)
    if obstacle is not None:
        return Blocked(obstacle.reason, obstacle.sentence)
    if unfinished and unfinished[0].status != RunStatus.WAITING:
        return ScopeBusy(ref(unfinished[0]))
    return None


def _bring_forward(
    tx: Transaction, who: Principal, connection: Row[Any], found: AlreadyRunning, origin: Origin
) -> Started | AlreadyRunning:
    """A run that waits becomes a person's when they ask for the same thing and a machine had queued it: they wait for it and are told how
    it ended. One that waits for its time is started now when nothing is active, whoever's it is.
    """
    if origin.cause not in (RunCause.PERSON, RunCause.RETRY) or found.run.status is not RunStatus.WAITING:
        return found
    is_free = all(row.status == RunStatus.WAITING for row in unfinished_runs(tx, connection.id))
    mine = and_(operation_runs.c.initiator_id.is_(None), operation_runs.c.batch_id.is_(None))
    begins = {"status": RunStatus.QUEUED.value, "queued_at": tx.now()} if is_free else {}
    row = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id == found.run.id, operation_runs.c.status == RunStatus.WAITING.value)
        .where(true() if is_free else mine)
        .values(
            **begins,
            not_before=None,
            priority=PRIORITY[origin.cause],
            cause=case((mine, origin.cause.value), else_=operation_runs.c.cause),
            initiator_id=case((mine, who.user_id), else_=operation_runs.c.initiator_id),
            initiator=case((mine, who.label), else_=operation_runs.c.initiator),
        )
        .returning(*operation_runs.c)
    ).first()
    if row is None:
        return found
    audit_start(tx, who, row, origin)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return Started(ref(row)) if is_free else AlreadyRunning(ref(row))


def bring_each_forward(tx: Transaction, run_ids: Sequence[int]) -> None:
    """Has runs that wait for their time (a schedule's jitter, a pause before a check is tried again) wait for their turn only.

    They stay whose they are; the sweep queues them, since it looks whether anything is active.

    Args:
        tx: a write transaction that holds their connections' locks.
        run_ids: which runs; those that do not wait for their time are left as they are.
    """
    brought = tx.run(
        update(operation_runs)
        .where(
            operation_runs.c.id.in_(run_ids),
            operation_runs.c.status == RunStatus.WAITING.value,
            operation_runs.c.not_before.is_not(None),
        )
        .values(not_before=None)
    ).rowcount
    if brought:
        tx.touch(Topic.RUNS)


def _read_connection(tx: Transaction, connection_id: int) -> Row[Any]:
    row = tx.run(
        select(provider_connections, tenants.c.name.label("tenant_name"), tenants.c.lifecycle.label("tenant_lifecycle"))
        .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
        .where(provider_connections.c.id == connection_id)
    ).first()
    if row is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    return row


def _vanished() -> tuple[Reason, str]:
    reason = reasons.find("internal_error")
    return reason, "Another run began and ended at this very moment; start it again."
