"""Making the row of a run: who wants it, why, on what, and what has to be written beside it.

Promise: every run there is was made by `make_each`, after the gate (`starting`) had let it pass and under its connection's lock; the row is
the queue. Must not know whether it may start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import audit, connection_operations, operations
from storage.access import Principal
from storage.database import Transaction
from storage.fields import read_ticket
from storage.operations import Operation
from storage.schema import ACTIVE_RUN, WAITING_RUN, operation_runs, provider_connections
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


def make_each(
    tx: Transaction,
    who: Principal,
    connections: Sequence[Row[Any]],
    operation: Operation,
    origin: Origin,
    status: RunStatus,
    begins: Mapping[int, datetime] | None = None,
) -> dict[int, RunRef]:
    """Makes a run on each of some connections, in as many statements as for one.

    Args:
        tx: a write transaction that holds the connections' locks.
        who: who starts them.
        connections: their rows, as `gate.lock_connection` returns them.
        operation: what shall run.
        origin: why.
        status: `queued`, or `waiting`.
        begins: by connection, before when the run shall not begin; the origin's `not_before` when None.

    Returns:
        By connection; one on which another transaction was quicker is not in it.
    """
    if not connections:
        return {}
    now = tx.now()
    dialect = sqlite if tx.is_sqlite else postgresql
    waiting = status is RunStatus.WAITING
    shared = {
        "type": operation.type,
        "status": status.value,
        "cause": origin.cause.value,
        "initiator_id": who.user_id,
        "initiator": who.label,
        "batch_id": origin.batch_id,
        "schedule_id": origin.schedule_id,
        "retry_of_id": origin.retry_of_id,
        "follow_up_of_id": origin.follow_up_of_id,
        "follow_up_depth": origin.follow_up_depth,
        "ticket": read_ticket(origin.ticket),
        "priority": PRIORITY[origin.cause],
        "queued_at": now,
    }
    statement = (
        dialect.insert(operation_runs)
        .on_conflict_do_nothing(
            index_elements=["connection_id", "type"] if waiting else ["connection_id"],
            index_where=WAITING_RUN if waiting else ACTIVE_RUN,
        )
        .returning(*operation_runs.c)
    )
    rows = tx.run(
        statement,
        [
            shared
            | {
                "workspace_id": connection.workspace_id,
                "tenant_id": connection.tenant_id,
                "connection_id": connection.id,
                "generation": connection.generation,
                "context": context_of(connection, operation),
                "not_before": origin.not_before if begins is None else begins.get(connection.id),
            }
            for connection in connections
        ],
    ).all()
    if not rows:
        return {}
    made = {row.connection_id: row for row in rows}
    _note_on_connections(tx, [c for c in connections if c.id in made], operation, now)
    connection_operations.clear_blocked(tx, list(made), operation.type)
    if origin.schedule_id is None:  # of a schedule's runs the trail tells once, when it fires
        for row in rows:
            audit_start(tx, who, row, origin)
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return {connection_id: ref(row) for connection_id, row in made.items()}


def audit_start(tx: Transaction, who: Principal, row: Row[Any], origin: Origin) -> None:
    """Writes down that a run was made, or brought forward."""
    audit.record(
        tx,
        who,
        origin.action,
        target_kind="connection",
        target_id=row.connection_id,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        ticket=origin.ticket,
        detail={
            "run": row.id,
            "type": row.type,
            "cause": origin.cause.value,
            "status": row.status,
            "retry_of": origin.retry_of_id,
        },
    )


def _note_on_connections(tx: Transaction, connections: Sequence[Row[Any]], operation: Operation, now: datetime) -> None:
    first = [c.id for c in connections if c.first_run_at is None]
    if first:
        tx.run(update(provider_connections).where(provider_connections.c.id.in_(first)).values(first_run_at=now))
    if operation.type != operations.CONNECTION_CHECK:
        return
    unknown = [c.id for c in connections if c.verification_status == VerificationStatus.UNKNOWN.value]
    if unknown:
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.id.in_(unknown))
            .values(verification_status=VerificationStatus.PENDING.value, verification_changed_at=now)
        )


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
