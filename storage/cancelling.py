"""Cancelling a run: at once while it waits or is queued, at its next safe point while it runs.

Promise: a completed run never changes; cancelling twice is harmless; the run that waited next gets its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from storage import audit, operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.completing import complete
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.gate import lock_connection
from storage.schema import operation_runs
from storage.starting import RunRef, ref
from storage.states import RunOutcome, RunStatus, Topic


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What cancelling did.

    Attributes:
        run: the run as it is now.
        immediate: it is cancelled; otherwise it stops at its next safe point.
    """

    run: RunRef
    immediate: bool


def cancel(db: Database, who: Principal, run_id: int, *, ticket: str | None = None) -> CancelResult:
    """Cancels a run.

    Raises:
        NotFound: the run is not visible.
        Forbidden: cancelling is not allowed (audited).
        Conflict: it has completed.
    """
    return audit.attempt(
        db,
        who,
        "run.cancel",
        lambda tx: _cancel(tx, who, run_id, ticket),
        target_kind="run",
        target_id=run_id,
        ticket=ticket,
        detail={"run": run_id},
    )


def _cancel(tx: Transaction, who: Principal, run_id: int, ticket: str | None) -> CancelResult:
    found = tx.run(
        select(operation_runs.c.connection_id, operation_runs.c.type).where(operation_runs.c.id == run_id)
    ).first()
    if found is None:
        raise NotFound(f"Run {run_id} does not exist.")
    connection = lock_connection(tx, found.connection_id)
    if connection is None:
        raise NotFound(f"Run {run_id} does not exist.")
    authority(tx, who).require(
        tx,
        operations.find(found.type).capability,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.RUN_VIEW,
        what=f"Run {run_id}",
    )
    return cancel_in(tx, who, run_id, ticket)


def cancel_in(tx: Transaction, who: Principal, run_id: int, ticket: str | None = None) -> CancelResult:
    """Cancels a run inside a transaction that holds its connection's lock; authority was asked by the caller.

    Raises:
        Conflict: it has completed.
    """
    stopped = complete(
        tx,
        who,
        run_id,
        [operation_runs.c.status.in_([RunStatus.WAITING.value, RunStatus.QUEUED.value])],
        RunOutcome.CANCELLED,
        reason_code="cancelled",
        reason_sentence=f"Cancelled by {who.label}.",
    )
    if stopped is not None:
        _audit(tx, who, stopped, ticket, immediate=True)
        return CancelResult(ref(stopped), immediate=True)
    asked = tx.run(
        update(operation_runs)
        .where(operation_runs.c.id == run_id, operation_runs.c.status == RunStatus.RUNNING.value)
        .values(cancel_requested_at=tx.now(), cancel_requested_by=who.label)
        .returning(*operation_runs.c)
    ).first()
    if asked is None:
        raise Conflict(f"Run {run_id} has completed.", "Nothing to cancel.")
    _audit(tx, who, asked, ticket, immediate=False)
    tx.touch(Topic.RUNS)
    return CancelResult(ref(asked), immediate=False)


def _audit(tx: Transaction, who: Principal, run: Row[Any], ticket: str | None, *, immediate: bool) -> None:
    audit.record(
        tx,
        who,
        "run.cancel",
        target_kind="connection",
        target_id=run.connection_id,
        workspace_id=run.workspace_id,
        ticket=ticket,
        detail={"run": run.id, "type": run.type, "immediate": immediate},
    )
