"""Runs, as lists and pages show them. Starting, working on and ending them is elsewhere; here they are read.

Promise: newest first, by keyset; what a principal may not see is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from storage import batch_filters, filters, operations, reasons
from storage.access import Principal, authority, who_may
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.failures import Failure
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import operation_runs, provider_connections, run_steps, tenants, verification_reports, workers
from storage.states import RunCause, RunOutcome, RunStatus, StepStatus

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "status": set(RunStatus),
    "outcome": set(RunOutcome),
    "type": None,
    "cause": set(RunCause),
    "reason": None,
    "by": None,
    "since": None,
    "tenant": None,
    "batch": None,
    "schedule": None,
}


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What a list of runs shall show. `text` is the filter line; newest first."""

    workspace_id: int
    text: str = ""
    connection_id: int | None = None
    tenant_id: int | None = None
    unfinished_only: bool = False


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list."""

    id: int
    workspace_id: int
    tenant_id: int
    tenant_name: str
    connection_id: int
    connection_name: str
    type: str
    status: RunStatus
    outcome: RunOutcome | None
    cause: RunCause
    initiator: str
    queued_at: datetime
    not_before: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    progress_done: int | None
    progress_total: int | None
    phase: str | None
    waiting_until: datetime | None
    reason_code: str | None
    reason_sentence: str | None
    attempt: int
    cancel_requested_at: datetime | None

    @property
    def label(self) -> str:
        """What people call its operation."""
        return operations.find(self.type).label


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run, as far as it is known."""

    key: str
    label: str
    status: StepStatus
    reason_code: str | None
    sentence: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """Everything about one run.

    Attributes:
        summary_counts: in the catalog's order.
        may_cancel, may_retry: whether the principal may, now.
        why_not: why neither is possible, when it is not.
        report_id: the verification report it wrote.
    """

    row: RunRow
    entra_tenant_id: str
    context: Mapping[str, Any]
    steps: tuple[RunStep, ...]
    summary_counts: Mapping[str, int]
    failures: tuple[Failure, ...]
    retry_of_id: int | None
    follow_up_of_id: int | None
    schedule_id: int | None
    batch_id: int | None
    deferrals: int
    ticket: str | None
    worker_id: str | None
    worker_host: str | None
    report_id: int | None
    may_cancel: bool
    may_retry: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class UnfinishedCounts:
    """How many runs are on their way."""

    queued: int
    running: int
    waiting: int


def page(db: Database, who: Principal, query: RunQuery, place: Place, limit: int = 100) -> Page[RunRow]:
    """Returns a page of runs, newest first.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member of the workspace.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        conditions: list[ColumnElement[bool]] = [
            operation_runs.c.workspace_id == query.workspace_id,
            rights.tenant_clause(query.workspace_id, Capability.RUN_VIEW, operation_runs.c.tenant_id),
        ]
        if query.connection_id is not None:
            conditions.append(operation_runs.c.connection_id == query.connection_id)
        if query.tenant_id is not None:
            conditions.append(operation_runs.c.tenant_id == query.tenant_id)
        if query.unfinished_only:
            conditions.append(operation_runs.c.status != "completed")
        return page_in(tx, conditions, query.text, place, limit)


def page_in(
    tx: Transaction, conditions: Sequence[ColumnElement[bool]], text: str, place: Place, limit: int
) -> Page[RunRow]:
    """Returns a page of the runs that fit, newest first. The caller has asked for authority.

    Args:
        tx: an open transaction.
        conditions: on `operation_runs`.
        text: the filter line.
        place: where.
        limit: rows wanted.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
    """
    wanted, narrowed = filters.read_filter(text, _KEYS), list(conditions)
    narrowed += [_mentions(word) for word in wanted.words]
    narrowed += [~_mentions(word) for word in wanted.not_words]
    narrowed += [_matches(tx, key, values) for key, values in wanted.values.items()]
    narrowed += [~_matches(tx, key, values) for key, values in wanted.not_values.items()]
    keys = [SortKey(operation_runs.c.id, "id", descending=True)]
    return read_page(tx, _select().where(*narrowed), keys, place, limit, _row, operation_runs.c.id)


def _mentions(word: str) -> ColumnElement[bool]:
    pattern = filters.like(word)
    number = filters.read_number(word)
    alternatives: list[ColumnElement[bool]] = [
        provider_connections.c.sort_name.like(pattern, escape="\\"),
        operation_runs.c.type.like(pattern, escape="\\"),
        func.coalesce(operation_runs.c.reason_code, "").like(pattern, escape="\\"),
        func.coalesce(operation_runs.c.outcome, operation_runs.c.status).like(pattern, escape="\\"),
    ]
    if number is not None:
        alternatives.append(operation_runs.c.id == number)
    return or_(*alternatives)


def _matches(tx: Transaction, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "since":
        return operation_runs.c.queued_at >= tx.now() - filters.read_span(values[-1])
    if key == "tenant":
        return or_(*(provider_connections.c.sort_name.like(filters.like(v), escape="\\") for v in values))
    if key == "by":
        return or_(*(func.lower(operation_runs.c.initiator).like(filters.like(v), escape="\\") for v in values))
    if key == "type":
        return or_(*(operation_runs.c.type.like(filters.like(v), escape="\\") for v in values))
    if key == "batch":
        return operation_runs.c.id.in_(batch_filters.runs_of(values))
    if key == "schedule":
        numbers = [filters.read_number(value) for value in values]
        return and_(
            operation_runs.c.schedule_id.is_not(None), operation_runs.c.schedule_id.in_([n for n in numbers if n])
        )
    column = {
        "status": operation_runs.c.status,
        "outcome": operation_runs.c.outcome,
        "cause": operation_runs.c.cause,
        "reason": operation_runs.c.reason_code,
    }[key]
    return func.coalesce(column, "").in_(values)


def _select() -> Select[Any]:
    return (
        select(
            operation_runs,
            tenants.c.name.label("tenant_name"),
            tenants.c.entra_tenant_id,
            provider_connections.c.display_name.label("connection_name"),
        )
        .join(tenants, tenants.c.id == operation_runs.c.tenant_id)
        .join(provider_connections, provider_connections.c.id == operation_runs.c.connection_id)
    )


def _row(row: Row[Any]) -> RunRow:
    return RunRow(
        id=row.id,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        tenant_name=row.tenant_name,
        connection_id=row.connection_id,
        connection_name=row.connection_name,
        type=row.type,
        status=RunStatus(row.status),
        outcome=None if row.outcome is None else RunOutcome(row.outcome),
        cause=RunCause(row.cause),
        initiator=row.initiator,
        queued_at=row.queued_at,
        not_before=row.not_before,
        started_at=row.started_at,
        completed_at=row.completed_at,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        phase=row.phase,
        waiting_until=row.waiting_until,
        reason_code=row.reason_code,
        reason_sentence=row.reason_sentence or (reasons.find(row.reason_code).sentence if row.reason_code else None),
        attempt=row.attempt,
        cancel_requested_at=row.cancel_requested_at,
    )


def rows_by_id(tx: Transaction, ids: Sequence[int]) -> list[RunRow]:
    """Returns the rows of some runs, newest first. The caller has asked for authority."""
    if not ids:
        return []
    found = tx.run(_select().where(operation_runs.c.id.in_(list(ids))).order_by(operation_runs.c.id.desc())).all()
    return [_row(row) for row in found]


def get(db: Database, who: Principal, run_id: int) -> RunDetail:
    """Returns everything about one run.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        row = tx.run(_select().where(operation_runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"Run {run_id} does not exist.")
        rights = authority(tx, who)
        place = (row.workspace_id, row.tenant_id)
        rights.require(tx, Capability.RUN_VIEW, *place, see=Capability.RUN_VIEW, what=f"Run {run_id}")
        capability = operations.find(row.type).capability
        allowed = rights.may(tx, capability, *place)
        why_not = "" if allowed else f"Your role may not. {who_may(tx, capability, *place)}"
        return detail_in(tx, run_id, why_not)


def detail_in(tx: Transaction, run_id: int, why_not: str) -> RunDetail:
    """Returns everything about one run. The caller has asked for authority, and knows that it exists.

    Args:
        tx: an open transaction.
        run_id: which run.
        why_not: why the reader may neither cancel nor retry it; empty when they may.
    """
    row, allowed = tx.run(_select().where(operation_runs.c.id == run_id)).one(), not why_not
    operation, completed = operations.find(row.type), row.status == RunStatus.COMPLETED
    steps = tx.run(select(run_steps).where(run_steps.c.run_id == run_id).order_by(run_steps.c.position)).all()
    host = tx.run(select(workers.c.host).where(workers.c.id == row.worker_id)).scalar_one_or_none()
    report_id = tx.run(
        select(verification_reports.c.id).where(verification_reports.c.run_id == run_id)
    ).scalar_one_or_none()
    counts = row.summary_counts or {}
    return RunDetail(
        row=_row(row),
        entra_tenant_id=row.entra_tenant_id,
        context=dict(row.context),
        steps=tuple(
            RunStep(s.key, s.label, StepStatus(s.status), s.reason_code, s.sentence, s.started_at, s.ended_at)
            for s in steps
        ),
        summary_counts={key: counts[key] for key in operation.summary_keys if key in counts},
        failures=tuple(msgspec.convert(row.failures or [], list[Failure])),
        retry_of_id=row.retry_of_id,
        follow_up_of_id=row.follow_up_of_id,
        schedule_id=row.schedule_id,
        batch_id=row.batch_id,
        deferrals=row.deferrals,
        ticket=row.ticket,
        worker_id=row.worker_id,
        worker_host=host,
        report_id=report_id,
        may_cancel=allowed and not completed and row.cancel_requested_at is None,
        may_retry=allowed and completed,
        why_not=why_not,
    )


def unfinished_counts(db: Database, who: Principal, workspace_id: int) -> UnfinishedCounts:
    """Returns how many runs of a workspace, among those the principal may see, are queued, running and waiting.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        rows = tx.run(
            select(operation_runs.c.status, func.count().label("n"))
            .where(
                operation_runs.c.workspace_id == workspace_id,
                operation_runs.c.status != "completed",
                rights.tenant_clause(workspace_id, Capability.RUN_VIEW, operation_runs.c.tenant_id),
            )
            .group_by(operation_runs.c.status)
        ).all()
    found = {row.status: row.n for row in rows}
    return UnfinishedCounts(found.get("queued", 0), found.get("running", 0), found.get("waiting", 0))
