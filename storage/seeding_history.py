"""The check that stands behind a badge of a seeded fleet: its run and its report, as a worker would have written them.

Promise: a seeded connection that says "checked 3 hours ago" has that check; its steps say what its badges say. Used while an empty database
is filled, and nowhere else: a real report comes from `finishing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, update

from storage import connection_operations, operations, reasons
from storage.access import WORKER
from storage.database import Transaction
from storage.gate import lock_connection
from storage.reports import write_report
from storage.schema import operation_runs, provider_connections, verification_reports
from storage.starting import PRIORITY, context_of
from storage.states import RunCause, RunOutcome, RunStatus, StepStatus, VerificationStatus
from storage.verification import CheckReport, ReportStep, Verdict

STEPS: Final = (
    ("preflight", "Ready to sign in"),
    ("discovery", "Tenant exists"),
    ("token", "Sign-in"),
    ("claims", "Token"),
    ("organization", "Organization"),
    ("permissions", "Permissions"),
    ("licences", "Licences"),
    ("intune_probe", "Intune"),
    ("roles_probe", "Directory roles"),
    ("pim_probe", "Privileged identity management"),
    ("credential_expiry", "Credential expiry"),
)
"""The recipe's steps, as the connection check names them (a test compares them)."""

_OUTCOMES: Final = {
    VerificationStatus.HEALTHY: RunOutcome.SUCCEEDED,
    VerificationStatus.DEGRADED: RunOutcome.PARTIALLY_SUCCEEDED,
    VerificationStatus.BLOCKED: RunOutcome.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class PastCheck:
    """What the check found.

    Attributes:
        ended_at: when it ended.
        status: the badge it wrote.
        reason_code: why, when it was not simply healthy.
        missing: permissions that were not granted.
    """

    ended_at: datetime
    status: VerificationStatus
    reason_code: str | None
    missing: frozenset[str]


def remember_check(tx: Transaction, connection_id: int, check: PastCheck) -> None:
    """Writes the run and the report of a check that is over.

    Args:
        tx: the seeding's transaction.
        connection_id: the connection, as seeded.
        check: what it found.
    """
    connection = lock_connection(tx, connection_id)
    if connection is None:
        return
    began = check.ended_at - timedelta(seconds=9)
    steps = _steps(check, began)
    verdict = Verdict(check.status, check.reason_code, _sentence(check.reason_code))
    counts = {
        "passed": StepStatus.PASS,
        "warned": StepStatus.WARN,
        "failed": StepStatus.FAIL,
        "skipped": StepStatus.SKIP,
    }
    outcome = _OUTCOMES.get(check.status, RunOutcome.FAILED)
    run = tx.run(
        insert(operation_runs)
        .values(
            workspace_id=connection.workspace_id,
            tenant_id=connection.tenant_id,
            connection_id=connection_id,
            type=operations.CONNECTION_CHECK,
            status=RunStatus.COMPLETED.value,
            outcome=outcome.value,
            cause=RunCause.SCHEDULE.value,
            initiator=WORKER.label,
            priority=PRIORITY[RunCause.SCHEDULE],
            generation=connection.generation,
            context=context_of(connection, operations.find(operations.CONNECTION_CHECK)),
            queued_at=began - timedelta(seconds=2),
            started_at=began,
            claimed_at=began,
            completed_at=check.ended_at,
            attempt=1,
            fence=1,
            reason_code=check.reason_code,
            reason_sentence=_sentence(check.reason_code) or None,
            summary_counts={"total": len(steps)}
            | {name: sum(step.status is status for step in steps) for name, status in counts.items()},
            failures=[],
        )
        .returning(operation_runs)
    ).one()
    write_report(tx, run, CheckReport(steps=steps), verdict, is_superseded=False)
    tx.run(
        update(verification_reports).where(verification_reports.c.run_id == run.id).values(created_at=check.ended_at)
    )
    tx.run(
        update(provider_connections)
        .where(provider_connections.c.id == connection_id)
        .values(first_run_at=run.queued_at)
    )
    connection_operations.note_completed(tx, run)


def _steps(check: PastCheck, began: datetime) -> tuple[ReportStep, ...]:
    """The steps up to the one that went wrong pass; those behind one that the check itself needs are skipped."""
    wrong = None if check.reason_code is None else _step_of(check.reason_code)
    steps: list[ReportStep] = []
    stopped = False
    for number, (key, label) in enumerate(STEPS):
        at = began + timedelta(seconds=0.7 * number)
        if stopped:
            steps.append(ReportStep(key, label, StepStatus.SKIP, "prerequisite_failed", started_at=at))
        elif key == wrong:
            warns = check.status is VerificationStatus.HEALTHY
            limits = check.status is VerificationStatus.DEGRADED
            needed = tuple(name for name in operations.CATALOG if (name == operations.CONNECTION_CHECK) is not limits)
            steps.append(
                ReportStep(
                    key,
                    label,
                    StepStatus.WARN if warns else StepStatus.FAIL,
                    check.reason_code,
                    _sentence(check.reason_code),
                    {"missing": ", ".join(sorted(check.missing))} if check.missing else {},
                    () if warns else needed,
                    started_at=at,
                    seconds=0.6,
                )
            )
            stopped = not warns and not limits
        else:
            steps.append(ReportStep(key, label, StepStatus.PASS, started_at=at, seconds=0.6))
    return tuple(steps)


def _step_of(reason_code: str) -> str:
    """Which step finds out about a reason."""
    if reason_code == "tenant_domain_mismatch":
        return "discovery"
    if "expiring" in reason_code:
        return "credential_expiry"
    return "permissions" if reasons.find(reason_code).category is reasons.Category.PERMISSION else "token"


def _sentence(reason_code: str | None) -> str:
    return "" if reason_code is None else reasons.find(reason_code).sentence
