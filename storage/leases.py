"""Who works on a run: claim, beat, progress, defer and release.

Promise: a run is held by at most one worker at a time, proven by its fence; whoever lost the lease cannot write about the run any more.
Losing every message in every queue loses nothing, because the run's row is the queue. Functions here are for workers: they ask for no
principal and are not reachable from a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import operations
from storage.access import WORKER
from storage.completing import complete
from storage.credential_slots import sealed_for
from storage.database import Database, Transaction
from storage.failures import clean_text
from storage.gate import find_obstacle, lock_connection
from storage.schema import operation_runs, platform_apps, run_steps
from storage.sealing import SealedCredential
from storage.starting import context_of
from storage.states import Cloud, ConnectionType, RunCause, RunOutcome, RunStatus, StepStatus, Topic

LEASE: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Held:
    """The proof that a worker holds a run."""

    run_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this worker holds, with all it needs to work on it; nothing is read again while it works.

    Attributes:
        held: the proof.
        operation_type: what to do.
        attempt: which claim of the run this is, from 1.
        deferrals: how often it gave its thread back before.
        waited_for: a person waits for it.
        deadline_at: when it must have ended.
        connection_id: on which connection; the other attributes are that connection's, as of the claim.
        credentials: sealed; the staged one first when there is one, then the active one.
    """

    held: Held
    operation_type: str
    attempt: int
    deferrals: int
    waited_for: bool
    deadline_at: datetime
    connection_id: int
    provider: str
    entra_tenant_id: str
    tenant_name: str
    primary_domain: str | None
    cloud: Cloud
    connection_type: ConnectionType
    client_id: str
    home_tenant_id: str | None
    is_enabled: bool
    credential_changed_at: datetime | None
    consent_changed_at: datetime | None
    consent_granted_before: bool
    credentials: tuple[SealedCredential, ...]


@dataclass(frozen=True, slots=True)
class BeatResult:
    """What a beat said: the runs still held, and those of them that a person wants cancelled."""

    alive: frozenset[int]
    cancel_requested: frozenset[int]


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step of a running operation, as far as it is known."""

    key: str
    position: int
    label: str
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None = None
    reason_code: str | None = None
    sentence: str = ""


def claim(db: Database, worker_id: str, run_id: int) -> Claim | None:
    """Claims a run: counts the attempt, sets lease, fence, deadline and generation, and asks the gate again.

    Returns:
        The claim, or None when there is nothing to do: another worker was quicker, its time has not come, or the gate blocked it
        (then it is completed as blocked).
    """
    return db.write(lambda tx: _claim(tx, worker_id, run_id))


def _claim(tx: Transaction, worker_id: str, run_id: int) -> Claim | None:
    found = tx.run(
        select(operation_runs.c.connection_id, operation_runs.c.type).where(
            operation_runs.c.id == run_id, operation_runs.c.status == "queued"
        )
    ).first()
    if found is None:
        return None
    connection = lock_connection(tx, found.connection_id)
    if connection is None:
        return None
    operation = operations.find(found.type)
    obstacle = find_obstacle(tx, connection, operation)
    if obstacle is not None:
        complete(
            tx,
            WORKER,
            run_id,
            [operation_runs.c.status == "queued"],
            RunOutcome.BLOCKED,
            reason_code=obstacle.reason.code,
            reason_sentence=obstacle.sentence,
        )
        return None
    now = tx.now()
    row = tx.run(
        update(operation_runs)
        .where(
            operation_runs.c.id == run_id,
            operation_runs.c.status == "queued",
            or_(operation_runs.c.not_before.is_(None), operation_runs.c.not_before <= now),
        )
        .values(
            status=RunStatus.RUNNING.value,
            fence=operation_runs.c.fence + 1,
            attempt=operation_runs.c.attempt + 1,
            worker_id=worker_id,
            generation=connection.generation,
            context=context_of(connection, operation),
            claimed_at=now,
            started_at=func.coalesce(operation_runs.c.started_at, _bound(now)),
            deadline_at=now + timedelta(seconds=operation.deadline_seconds),
            lease_until=now + LEASE,
            not_before=None,
            waiting_until=None,
        )
        .returning(*operation_runs.c)
    ).first()
    if row is None:
        return None
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return _as_claim(tx, row, connection)


def _bound(value: datetime) -> Any:
    from sqlalchemy import bindparam

    from storage.columns import UtcTime

    return bindparam(None, value, type_=UtcTime())


def _as_claim(tx: Transaction, row: Row[Any], connection: Row[Any]) -> Claim:
    client_id, home_tenant_id = connection.client_id, connection.entra_tenant_id
    app_changed_at = None
    if connection.connection_type == ConnectionType.PLATFORM and connection.platform_app_id is not None:
        app = tx.run(select(platform_apps).where(platform_apps.c.id == connection.platform_app_id)).one()
        client_id, home_tenant_id, app_changed_at = app.client_id, app.home_tenant_id, app.credential_changed_at
    return Claim(
        held=Held(row.id, row.fence),
        operation_type=row.type,
        attempt=row.attempt,
        deferrals=row.deferrals,
        waited_for=row.cause in (RunCause.PERSON, RunCause.RETRY),
        deadline_at=row.deadline_at,
        connection_id=connection.id,
        provider=connection.provider,
        entra_tenant_id=connection.entra_tenant_id,
        tenant_name=connection.tenant_name,
        primary_domain=connection.primary_domain,
        cloud=Cloud(connection.cloud),
        connection_type=ConnectionType(connection.connection_type),
        client_id=client_id or "",
        home_tenant_id=home_tenant_id,
        is_enabled=connection.is_enabled,
        credential_changed_at=app_changed_at or connection.credential_changed_at,
        consent_changed_at=connection.consent_changed_at,
        consent_granted_before=connection.consent_granted_at is not None,
        credentials=sealed_for(tx, connection),
    )


def beat(db: Database, held: Sequence[Held]) -> BeatResult:
    """Extends the leases of all runs that a worker holds, in one statement.

    A run that does not come back must stop before its next outside call: it was taken by another, ended, or passed its deadline.
    """
    if not held:
        return BeatResult(frozenset(), frozenset())
    return db.write(lambda tx: _beat(tx, held))


def _beat(tx: Transaction, held: Sequence[Held]) -> BeatResult:
    now = tx.now()
    rows = tx.run(
        update(operation_runs)
        .where(
            tuple_(operation_runs.c.id, operation_runs.c.fence).in_([(h.run_id, h.fence) for h in held]),
            operation_runs.c.status == RunStatus.RUNNING.value,
            operation_runs.c.deadline_at > now,
        )
        .values(lease_until=now + LEASE)
        .returning(operation_runs.c.id, operation_runs.c.cancel_requested_at)
    ).all()
    return BeatResult(
        frozenset(row.id for row in rows),
        frozenset(row.id for row in rows if row.cancel_requested_at is not None),
    )


def _guard(held: Held) -> Any:
    return and_(
        operation_runs.c.id == held.run_id,
        operation_runs.c.fence == held.fence,
        operation_runs.c.status == RunStatus.RUNNING.value,
    )


def report_progress(
    db: Database,
    held: Held,
    *,
    done: int | None = None,
    total: int | None = None,
    phase: str | None = None,
    waiting_until: datetime | None = None,
    steps: Sequence[StepProgress] = (),
) -> bool:
    """Shows how far a run is. Returns False, writing nothing, when the run is not held any more."""

    def work(tx: Transaction) -> bool:
        changed = tx.run(
            update(operation_runs)
            .where(_guard(held))
            .values(progress_done=done, progress_total=total, phase=_phase(phase), waiting_until=waiting_until)
        ).rowcount
        if changed != 1:
            return False
        _write_steps(tx, held.run_id, steps)
        tx.touch(Topic.RUNS)
        return True

    return db.write(work)


def _phase(phase: str | None) -> str | None:
    return None if phase is None else clean_text(phase, limit=200)


def _write_steps(tx: Transaction, run_id: int, steps: Sequence[StepProgress]) -> None:
    dialect = sqlite if tx.is_sqlite else postgresql
    for step in steps:
        values = {
            "position": step.position,
            "label": clean_text(step.label, step.key),
            "status": step.status.value,
            "reason_code": step.reason_code,
            "sentence": clean_text(step.sentence, limit=1000),
            "started_at": step.started_at,
            "ended_at": step.ended_at,
        }
        tx.run(
            dialect.insert(run_steps)
            .values(run_id=run_id, key=step.key, **values)
            .on_conflict_do_update(index_elements=["run_id", "key"], set_=values)
        )


def defer(db: Database, held: Held, *, seconds: float, reason_code: str, phase: str) -> bool:
    """Gives a run back for a while: it waits longer than a thread may be held. The attempt is not counted.

    A run that a person wants cancelled is cancelled instead. Returns False when it was not held any more.

    Args:
        db: the database.
        held: the proof.
        seconds: how long it shall not be taken up.
        reason_code: why it waits.
        phase: what people read meanwhile.
    """
    return db.write(lambda tx: _give_back(tx, held, seconds=max(0.0, seconds), reason_code=reason_code, phase=phase))


def release(db: Database, held: Held) -> bool:
    """Gives a run back at once, when a worker stops gracefully. The attempt is not counted."""
    return db.write(lambda tx: _give_back(tx, held, seconds=None, reason_code=None, phase=None))


def _give_back(
    tx: Transaction, held: Held, *, seconds: float | None, reason_code: str | None, phase: str | None
) -> bool:
    connection_id = tx.run(select(operation_runs.c.connection_id).where(_guard(held))).scalar_one_or_none()
    if connection_id is None or lock_connection(tx, connection_id) is None:
        return False
    # Read under the lock: a cancel that came a moment ago must not be answered by putting the run back into the queue.
    asked = tx.run(select(operation_runs.c.cancel_requested_at).where(_guard(held))).scalar_one_or_none()
    if asked is not None:
        done = complete(tx, WORKER, held.run_id, [_guard(held)], RunOutcome.CANCELLED, reason_code="cancelled")
        return done is not None
    until = None if seconds is None else tx.now() + timedelta(seconds=seconds)
    changed = tx.run(
        update(operation_runs)
        .where(_guard(held))
        .values(
            status=RunStatus.QUEUED.value,
            fence=operation_runs.c.fence + 1,
            attempt=operation_runs.c.attempt - 1,
            deferrals=operation_runs.c.deferrals + (0 if seconds is None else 1),
            dispatched_at=None,
            dispatched_to=None,
            lease_until=None,
            worker_id=None,
            not_before=until,
            waiting_until=until,
            reason_code=reason_code,
            phase=_phase(phase),
        )
    ).rowcount
    tx.touch(Topic.RUNS, Topic.CONNECTIONS)
    return changed == 1
