"""Verification reports: what each connection check found, kept.

Promise: a report is written once, by the finish of its run, and never changed. What is stored is what `verification.CheckReport` holds:
sentences of ours and small facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, insert, select

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schema import operation_runs, provider_connections, verification_reports
from storage.states import VerificationStatus
from storage.verification import MANIFEST_VERSION, CheckReport, OrganizationFacts, ReportStep, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A stored report.

    Attributes:
        verdict: the verification badge it led to; None when it changed nothing.
        is_superseded: the connection changed while the check ran, so nothing was believed.
        limited_operations: operation types that cannot work, when degraded.
        granted_permissions: what the token carried; None when no token was had.
    """

    id: int
    connection_id: int
    run_id: int
    created_at: datetime
    verdict: VerificationStatus | None
    reason_code: str | None
    is_superseded: bool
    generation: int
    manifest_version: int
    steps: tuple[ReportStep, ...]
    organization: OrganizationFacts | None
    granted_permissions: tuple[str, ...] | None
    licences: tuple[str, ...] | None
    limited_operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """One line of a connection's list of reports.

    Attributes:
        verdict, reason_code, is_superseded: as in `Report`.
    """

    id: int
    run_id: int
    created_at: datetime
    verdict: VerificationStatus | None
    reason_code: str | None
    is_superseded: bool
    generation: int
    manifest_version: int


class _Document(msgspec.Struct):
    steps: list[ReportStep]
    organization: OrganizationFacts | None = None
    granted_permissions: list[str] | None = None
    licences: list[str] | None = None
    limited_operations: list[str] = []


def write_report(tx: Transaction, run: Row[Any], report: CheckReport, verdict: Verdict, *, is_superseded: bool) -> None:
    """Stores a check's report with its run."""
    document = _Document(
        steps=list(report.steps),
        organization=report.organization,
        granted_permissions=None if report.granted_permissions is None else sorted(report.granted_permissions),
        licences=None if report.licences is None else sorted(report.licences),
        limited_operations=list(verdict.limited_operations),
    )
    tx.run(
        insert(verification_reports).values(
            workspace_id=run.workspace_id,
            connection_id=run.connection_id,
            run_id=run.id,
            generation=run.generation,
            is_superseded=is_superseded,
            verdict=None if verdict.status is None else verdict.status.value,
            reason_code=verdict.reason_code,
            manifest_version=MANIFEST_VERSION,
            document=msgspec.to_builtins(document, builtin_types=()),
            created_at=tx.now(),
        )
    )


def latest(db: Database, who: Principal, connection_id: int) -> Report | None:
    """Returns a connection's newest report, superseded or not; None when it was never checked.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        _see_connection(tx, who, connection_id)
        return _one(
            tx,
            select(verification_reports)
            .where(verification_reports.c.connection_id == connection_id)
            .order_by(verification_reports.c.id.desc())
            .limit(1),
        )


def of_run(db: Database, who: Principal, run_id: int) -> Report | None:
    """Returns the report that a run wrote; None when it wrote none.

    Raises:
        NotFound: the run is not visible.
    """
    with db.read() as tx:
        place = tx.run(
            select(operation_runs.c.workspace_id, operation_runs.c.tenant_id).where(operation_runs.c.id == run_id)
        ).first()
        _see(tx, who, place, f"Run {run_id}")
        return _one(tx, select(verification_reports).where(verification_reports.c.run_id == run_id))


def by_id(db: Database, who: Principal, connection_id: int, report_id: int) -> Report:
    """Returns one report of a connection.

    Raises:
        NotFound: the connection is not visible, or has no such report.
    """
    with db.read() as tx:
        _see_connection(tx, who, connection_id)
        found = _one(
            tx,
            select(verification_reports).where(
                verification_reports.c.id == report_id, verification_reports.c.connection_id == connection_id
            ),
        )
    if found is None:
        raise NotFound(
            f"Connection {connection_id} has no report {report_id}.", "See: atlas-tui report CONNECTION --list"
        )
    return found


def before(db: Database, who: Principal, report: Report) -> Report | None:
    """Returns the report before this one that was believed (not superseded); None when there is none.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        _see_connection(tx, who, report.connection_id)
        return _one(
            tx,
            select(verification_reports)
            .where(
                verification_reports.c.connection_id == report.connection_id,
                verification_reports.c.id < report.id,
                ~verification_reports.c.is_superseded,
            )
            .order_by(verification_reports.c.id.desc())
            .limit(1),
        )


def of_connection(db: Database, who: Principal, connection_id: int, *, limit: int = 100) -> tuple[ReportSummary, ...]:
    """Returns a connection's reports, newest first.

    Raises:
        NotFound: the connection is not visible.
    """
    r = verification_reports.c
    with db.read() as tx:
        _see_connection(tx, who, connection_id)
        rows = tx.run(
            select(
                r.id,
                r.run_id,
                r.created_at,
                r.verdict,
                r.reason_code,
                r.is_superseded,
                r.generation,
                r.manifest_version,
            )
            .where(r.connection_id == connection_id)
            .order_by(r.id.desc())
            .limit(limit)
        ).all()
    return tuple(
        ReportSummary(
            row.id,
            row.run_id,
            row.created_at,
            None if row.verdict is None else VerificationStatus(row.verdict),
            row.reason_code,
            row.is_superseded,
            row.generation,
            row.manifest_version,
        )
        for row in rows
    )


def _see_connection(tx: Transaction, who: Principal, connection_id: int) -> None:
    place = tx.run(
        select(provider_connections.c.workspace_id, provider_connections.c.tenant_id).where(
            provider_connections.c.id == connection_id
        )
    ).first()
    _see(tx, who, place, f"Connection {connection_id}")


def _see(tx: Transaction, who: Principal, place: Row[Any] | None, what: str) -> None:
    if place is None:
        raise NotFound(f"{what} does not exist.")
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_VIEW,
        place.workspace_id,
        place.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=what,
    )


def _one(tx: Transaction, statement: Select[Any]) -> Report | None:
    row = tx.run(statement).first()
    if row is None:
        return None
    document = msgspec.convert(row.document, _Document, strict=False)
    return Report(
        id=row.id,
        connection_id=row.connection_id,
        run_id=row.run_id,
        created_at=row.created_at,
        verdict=None if row.verdict is None else VerificationStatus(row.verdict),
        reason_code=row.reason_code,
        is_superseded=row.is_superseded,
        generation=row.generation,
        manifest_version=row.manifest_version,
        steps=tuple(document.steps),
        organization=document.organization,
        granted_permissions=None if document.granted_permissions is None else tuple(document.granted_permissions),
        licences=None if document.licences is None else tuple(document.licences),
        limited_operations=tuple(document.limited_operations),
    )
