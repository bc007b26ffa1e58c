"""Starting a run: one gate, one transaction.

Promise: a start answers with exactly one of Started, AlreadyRunning, ScopeBusy or Blocked, or raises NotFound or Forbidden; a second
press opens the same run and never makes another. The run row is the queue: nothing else has to be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, and_, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import audit, operations, reasons
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.fields import read_ticket
from storage.gate import find_obstacle, lock_connection, unfinished_runs
from storage.operations import Operation
from storage.reasons import Reason
from storage.schema import ACTIVE_RUN, WAITING_RUN, operation_runs, provider_connections, tenants
from storage.states import RunCause, RunStatus, Topic, VerificationStatus

PRIORITY: Final = {
    RunCause.PERSON: 10,
    RunCause.RETRY: 10,
    RunCause.FOLLOW_UP: 20,
    RunCause.BULK: 30,
    RunCause.SCHEDULE: 30,
}
"""Lower is sooner: what a person waits for goes before what a machine started."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """Enough of a run to name it: "#1842, started 02:14 by dana, 37 %"."""

    id: int
    type: str
    status: RunStatus
    initiator: str
    queued_at: datetime
    started_at: datetime | None
    progress_done: int | None
    progress_total: int | None
    phase: str | None


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


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a run is made; kept on its row."""

    cause: RunCause
    run_after: bool = False
    ticket: str | None = None
    retry_of_id: int | None = None
    follow_up_of_id: int | None = None
    follow_up_depth: int = 0
    not_before: datetime | None = None
    batch_id: int | None = None
    schedule_id: int | None = None

    @property
    def action(self) -> str:
        """What the audit trail calls it."""
        return "run.retry" if self.cause is RunCause.RETRY else "run.start"


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
    with db.read() as tx:
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
        waiting = _insert(tx, who, connection, operation, origin, RunStatus.WAITING)
        return ScopeBusy(found.run, waiting) if waiting else _judge(tx, connection, operation) or found
    later = origin.not_before is not None
    made = _insert(tx, who, connection, operation, origin, RunStatus.WAITING if later else RunStatus.QUEUED)
    if made is None:
        # Another transaction was quicker; on PostgreSQL it has committed by now, since the insert waited for it.
        return _judge(tx, connection, operation) or Blocked(*_vanished())
    return Started(made)


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


def _judge(tx: Transaction, connection: Row[Any], operation: Operation) -> StartResult | None:
    unfinished = unfinished_runs(tx, connection.id)
    same = [row for row in unfinished if row.type == operation.type]
    if same:
        return AlreadyRunning(ref(same[0]))
    obstacle = find_obstacle(tx, connection, operation)
    if obstacle is not None:
        return Blocked(obstacle.reason, obstacle.sentence)
    if unfinished and unfinished[0].status != RunStatus.WAITING:
        return ScopeBusy(ref(unfinished[0]))
    return None


def _bring_forward(
    tx: Transaction, who: Principal, connection: Row[Any], found: AlreadyRunning, origin: Origin
) -> Started | AlreadyRunning:
    """A run that waits for its time is started now when a person asks for the same thing and nothing is active.

    One that a machine had queued becomes the person's: they wait for it and are told how it ended.
    """
    if origin.cause not in (RunCause.PERSON, RunCause.RETRY) or found.run.status is not RunStatus.WAITING:
        return found
    if any(row.status != RunStatus.WAITING for row in unfinished_runs(tx, connection.id)):
        return found
    mine = and_(operation_runs.c.initiator_id.is_(None), operation_runs.c.batch_id.is_(None))
    row = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id == found.run.id, operation_runs.c.status == RunStatus.WAITING.value)
        .values(
            status=RunStatus.QUEUED.value,
            not_before=None,
            priority=PRIORITY[origin.cause],
            queued_at=tx.now(),
            cause=case((mine, origin.cause.value), else_=operation_runs.c.cause),
            initiator_id=case((mine, who.user_id), else_=operation_runs.c.initiator_id),
            initiator=case((mine, who.label), else_=operation_runs.c.initiator),
        )
        .returning(*operation_runs.c)
    ).first()
    if row is None:
        return found
    _audit_start(tx, who, connection, row, origin)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return Started(ref(row))


def _insert(
    tx: Transaction, who: Principal, connection: Row[Any], operation: Operation, origin: Origin, status: RunStatus
) -> RunRef | None:
    now = tx.now()
    dialect = sqlite if tx.is_sqlite else postgresql
    waiting = status is RunStatus.WAITING
    row = tx.run(
        dialect.insert(operation_runs)
        .values(
            workspace_id=connection.workspace_id,
            tenant_id=connection.tenant_id,
            connection_id=connection.id,
            type=operation.type,
            status=status.value,
            cause=origin.cause.value,
            initiator_id=who.user_id,
            initiator=who.label,
            batch_id=origin.batch_id,
            schedule_id=origin.schedule_id,
            retry_of_id=origin.retry_of_id,
            follow_up_of_id=origin.follow_up_of_id,
            follow_up_depth=origin.follow_up_depth,
            ticket=read_ticket(origin.ticket),
            priority=PRIORITY[origin.cause],
            generation=connection.generation,
            context=context_of(connection, operation),
            queued_at=now,
            not_before=origin.not_before,
        )
        .on_conflict_do_nothing(
            index_elements=["connection_id", "type"] if waiting else ["connection_id"],
            index_where=WAITING_RUN if waiting else ACTIVE_RUN,
        )
        .returning(*operation_runs.c)
    ).first()
    if row is None:
        return None
    _note_on_connection(tx, connection, operation, now)
    _audit_start(tx, who, connection, row, origin)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return ref(row)


def _audit_start(tx: Transaction, who: Principal, connection: Row[Any], row: Row[Any], origin: Origin) -> None:
    audit.record(
        tx,
        who,
        origin.action,
        target_kind="connection",
        target_id=connection.id,
        workspace_id=connection.workspace_id,
        ticket=origin.ticket,
        detail={
            "run": row.id,
            "type": row.type,
            "cause": origin.cause.value,
            "status": row.status,
            "retry_of": origin.retry_of_id,
        },
    )


def _note_on_connection(tx: Transaction, connection: Row[Any], operation: Operation, now: datetime) -> None:
    changes: dict[str, Any] = {}
    if connection.first_run_at is None:
        changes["first_run_at"] = now
    if (
        operation.type == operations.CONNECTION_CHECK
        and connection.verification_status == VerificationStatus.UNKNOWN.value
    ):
        changes |= {"verification_status": VerificationStatus.PENDING.value, "verification_changed_at": now}
    if changes:
        tx.run(update(provider_connections).where(provider_connections.c.id == connection.id).values(**changes))


def context_of(connection: Row[Any], operation: Operation) -> dict[str, Any]:
    """Returns the context of a run on a connection as `gate.lock_connection` returned it: these keys are always there.

    Written when the run is made, and again when it begins, since it may have waited while the tenant was corrected.
    """
    return {
        "provider": connection.provider,
        "module": operation.module,
        "provider_connection_id": connection.id,
        "target_scope": {
            "entra_tenant_id": connection.entra_tenant_id,
            "entra_tenant_name": connection.tenant_name,
        },
    }


def ref(row: Any) -> RunRef:
    """Names a run from its row."""
    return RunRef(
        id=row.id,
        type=row.type,
        status=RunStatus(row.status),
        initiator=row.initiator,
        queued_at=row.queued_at,
        started_at=row.started_at,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        phase=row.phase,
    )


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
