"""Finishing a run: what an operation learned becomes the truth, in one transaction with the run's end.

Promise: run, connection, report, permissions, audit, notification, follow-up and the next waiting run are written together or not at
all. A worker that lost its lease writes nothing. A check that finishes under another generation stores its report as superseded, writes
no badge and queues a fresh check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Row, select

from storage import audit, connection_truth, operations, reasons
from storage.access import WORKER
from storage.completing import complete
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.failures import Failure, failure
from storage.gate import lock_connection
from storage.leases import Held
from storage.reports import write_report
from storage.schema import operation_runs
from storage.starting import Origin, start_in
from storage.states import RunCause, RunOutcome, RunStatus, StepStatus, VerificationStatus
from storage.verification import SECOND_ANSWER_AFTER, CheckReport, Verdict, cleaned, judge

RETRY_TRANSIENT_AFTER: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""A check that failed for a transient reason is tried again after these, or up to half as long again, so that the tenants of an outage
do not all come back at the same moment; then the daily check takes over. `outage_rules.HOLD` is longer than the longest, `CALM` than the
second."""

SPREAD_DOUBTS_OVER: Final = timedelta(minutes=1)
"""When an app's secret ends, all its connections fail within seconds of a round: their checks are spread over this. What a person waits
for is checked at once."""

_RECHECK: Final = (reasons.Category.CREDENTIAL, reasons.Category.CONSENT, reasons.Category.PERMISSION)


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """A check to queue once the run has ended: after how long, and how many of its kind came before it."""

    after: timedelta | None = None
    depth: int = 0


class LeaseLost(Conflict):
    """The run is not held by this worker any more; nothing was written."""


@dataclass(frozen=True, slots=True)
class Published:
    """What writing a result found out, because only the database knows what was there before.

    Attributes:
        summary_counts: added to the run's own.
        failures: what was not believed; a run that had succeeded becomes partially succeeded, for the first one's reason.
    """

    summary_counts: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[Failure] = ()


class Collected(Protocol):
    """What an operation other than the check brings home."""

    def publish(self, tx: Transaction, run: Row[Any]) -> Published:
        """Writes it as the run's result, in the transaction that ends the run and under its connection's lock.

        Args:
            tx: the finish's transaction; what is written here must be little, or staged before.
            run: the run's row.

        Returns:
            What was found out meanwhile.
        """


@dataclass(frozen=True, slots=True)
class RunResult:
    """What an operation gives to be written.

    Attributes:
        outcome: how it ended; ignored for a check, whose outcome follows from its report.
        reason_code: the deciding reason.
        reason_sentence: its sentence.
        summary_counts: only allowed keys; ignored for a check.
        failures: what went wrong, aggregated.
        check: a connection check's report.
        collected: what another operation brings home; nothing of it is written when the connection became another one meanwhile.
    """

    outcome: RunOutcome = RunOutcome.SUCCEEDED
    reason_code: str | None = None
    reason_sentence: str | None = None
    summary_counts: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    check: CheckReport | None = None
    collected: Collected | None = None


def finish(db: Database, held: Held, result: RunResult) -> RunOutcome:
    """Writes a run's result. Returns how the run ended: what a check found decides that, and what could not be believed.

    Raises:
        LeaseLost: the run is not held any more; everything was rolled back.
        InvalidInput: a summary key that the catalog does not allow.
    """
    return db.write(lambda tx: _finish(tx, held, result))


def _finish(tx: Transaction, held: Held, result: RunResult) -> RunOutcome:
    connection_id = tx.run(
        select(operation_runs.c.connection_id).where(operation_runs.c.id == held.run_id)
    ).scalar_one_or_none()
    connection = None if connection_id is None else lock_connection(tx, connection_id)
    guard = [operation_runs.c.status == RunStatus.RUNNING.value, operation_runs.c.fence == held.fence]
    statement = select(operation_runs).where(operation_runs.c.id == held.run_id, *guard)
    run = tx.run(statement if tx.is_sqlite else statement.with_for_update()).first()
    if connection is None or run is None:
        raise LeaseLost(f"Run {held.run_id} is not held by this worker any more.")
    follow_up: _FollowUp | None = None
    if result.check is not None:
        result, follow_up = _write_check(tx, connection, run, result.check)
    else:
        if _says_something_about_the_connection(result):
            follow_up = _FollowUp(after=_pause_before_check(run))
        result = _publish(tx, connection, run, result)
    done = complete(
        tx,
        WORKER,
        run.id,
        guard,
        result.outcome,
        reason_code=result.reason_code,
        reason_sentence=result.reason_sentence,
        summary_counts=result.summary_counts,
        failures=result.failures,
    )
    if done is None:
        raise LeaseLost(f"Run {held.run_id} is not held by this worker any more.")
    if follow_up is not None:
        _queue_check(tx, run, follow_up)
    return result.outcome


def _publish(tx: Transaction, connection: Row[Any], run: Row[Any], result: RunResult) -> RunResult:
    """Writes what was collected, unless the connection has another credential, consent or identity than the one it was collected with."""
    if result.collected is None:
        return result
    if run.generation != connection.generation:
        return _set_aside("superseded", dict(result.summary_counts), list(result.failures))
    found = result.collected.publish(tx, run)
    result = replace(
        result,
        summary_counts={**result.summary_counts, **found.summary_counts},
        failures=[*result.failures, *found.failures],
    )
    if found.failures and result.outcome is RunOutcome.SUCCEEDED:
        return replace(result, outcome=RunOutcome.PARTIALLY_SUCCEEDED, reason_code=found.failures[0].reason_code)
    return result


def _says_something_about_the_connection(result: RunResult) -> bool:
    """A run that ends in a credential, consent or permission reason makes the badges doubtful, so a check follows."""
    if result.reason_code is None or result.outcome is RunOutcome.SUCCEEDED:
        return False
    return reasons.find(result.reason_code).category in _RECHECK


def _write_check(
    tx: Transaction, connection: Row[Any], run: Row[Any], report: CheckReport
) -> tuple[RunResult, _FollowUp | None]:
    report = cleaned(report)
    verdict = judge(report.steps)
    superseded = run.generation != connection.generation
    write_report(tx, run, report, verdict, is_superseded=superseded)
    _audit_result(tx, run, report, verdict, superseded)
    counts, problems = _count(report), _failures(report)
    if superseded:
        if report.token_passed:
            went_to = run.context["target_scope"]["entra_tenant_id"]
            connection_truth.settle_tenant_id(tx, connection, went_to, tx.now())
        return _set_aside("superseded", counts, problems), _FollowUp()
    if connection_truth.apply_report(tx, connection, report, verdict, claimed_at=run.claimed_at, run_id=run.id):
        return _set_aside("consent_doubted", counts, problems), _FollowUp(after=SECOND_ANSWER_AFTER)
    result = RunResult(_outcome(verdict), verdict.reason_code, verdict.sentence or None, counts, problems)
    if verdict.status is None and run.follow_up_depth < len(RETRY_TRANSIENT_AFTER):
        pause = RETRY_TRANSIENT_AFTER[run.follow_up_depth]
        return result, _FollowUp(pause + _part_of(pause / 2, run), run.follow_up_depth + 1)
    return result, None


def spread(run_id: int) -> float:
    """Returns where a run's next attempt lies between soonest and latest: from 0 to below 1, evenly, and the same for the same run."""
    digest = hashlib.blake2b(str(run_id).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _pause_before_check(run: Row[Any]) -> timedelta | None:
    if run.cause in (RunCause.PERSON.value, RunCause.RETRY.value):
        return None
    return _part_of(SPREAD_DOUBTS_OVER, run)


def _part_of(span: timedelta, run: Row[Any]) -> timedelta:
    return timedelta(seconds=round(span.total_seconds() * spread(run.id)))


def _audit_result(tx: Transaction, run: Row[Any], report: CheckReport, verdict: Verdict, superseded: bool) -> None:
    """Every result of a verification is told, also the one that changed no badge or was not believed."""
    audit.record(
        tx,
        WORKER,
        "verification.result",
        target_kind="connection",
        target_id=run.connection_id,
        workspace_id=run.workspace_id,
        detail={
            "run": run.id,
            "verdict": "unchanged" if verdict.status is None else verdict.status.value,
            "reason": verdict.reason_code,
            "steps_failed": [step.key for step in report.steps if step.status is StepStatus.FAIL],
            "superseded": superseded,
        },
    )


def _set_aside(code: str, counts: dict[str, int], problems: list[Failure]) -> RunResult:
    return RunResult(RunOutcome.PARTIALLY_SUCCEEDED, code, None, counts, [failure(code), *problems])


def _outcome(verdict: Verdict) -> RunOutcome:
    if verdict.status is VerificationStatus.HEALTHY:
        return RunOutcome.SUCCEEDED
    if verdict.status is VerificationStatus.DEGRADED:
        return RunOutcome.PARTIALLY_SUCCEEDED
    if verdict.status is VerificationStatus.BLOCKED:
        return RunOutcome.BLOCKED
    return RunOutcome.FAILED


def _count(report: CheckReport) -> dict[str, int]:
    return {
        "total": len(report.steps),
        "passed": sum(step.status is StepStatus.PASS for step in report.steps),
        "warned": sum(step.status is StepStatus.WARN for step in report.steps),
        "failed": sum(step.status is StepStatus.FAIL for step in report.steps),
        "skipped": sum(step.status is StepStatus.SKIP for step in report.steps),
    }


def _failures(report: CheckReport) -> list[Failure]:
    return [
        failure(
            step.reason_code or reasons.UNKNOWN_ERROR,
            step.sentence,
            provider_code=str(step.evidence.get("provider_code") or ""),
            request_id=step.request_id,
        )
        for step in report.steps
        if step.status is StepStatus.FAIL
    ]


def _queue_check(tx: Transaction, run: Row[Any], follow_up: _FollowUp) -> None:
    """Queues a connection check behind a run that has just ended; a gate that blocks it, or one that is there, is enough."""
    connection = lock_connection(tx, run.connection_id)
    if connection is None:
        return
    origin = Origin(
        RunCause.FOLLOW_UP,
        run_after=True,
        follow_up_of_id=run.id,
        follow_up_depth=follow_up.depth,
        not_before=None if follow_up.after is None else tx.now() + follow_up.after,
    )
    start_in(tx, WORKER, connection, operations.find(operations.CONNECTION_CHECK), origin)
