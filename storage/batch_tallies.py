"""How a bulk start stands, in numbers: its classes, and what became of the runs that are in it.

Promise: counted from the members and their runs in one query, whatever their number; once the batch is over the numbers are kept with
it and nothing is counted again. No number is a state of a connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, case, func, select

from storage.batch_pace import LATELY
from storage.database import Transaction
from storage.schema import operation_runs, run_batch_members
from storage.states import BatchClass, RunOutcome, RunStatus

members: Final = run_batch_members.c

FAILED: Final = (RunOutcome.FAILED, RunOutcome.BLOCKED, RunOutcome.LOST)
"""Outcomes of runs that did not do their job."""

RETRIED: Final = (*FAILED, RunOutcome.CANCELLED)
"""Outcomes of runs that `retry_failed` starts again, with the connections that were never tried."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many connections of a batch stand where.

    Attributes:
        untried: the gate was not asked yet.
        classes: what the gate said to the others.
        blocked_by: why it blocked, by reason code, the most frequent first.
        waiting: runs that wait for another one on their connection.
        queued: runs that wait for a worker.
        running: runs that are worked on.
        waiting_for_microsoft: how many of the queued and running ones wait because Microsoft asked for it.
        outcomes: how the completed runs ended.
        reasons: why, by outcome and reason code, the most frequent first; what simply succeeded has none.
        done_lately: how many of the completed runs ended in the last `batch_pace.LATELY`.
        first_started_at: when the first of the runs began.
    """

    untried: int = 0
    classes: Mapping[BatchClass, int] = field(default_factory=dict)
    blocked_by: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    queued: int = 0
    running: int = 0
    waiting_for_microsoft: int = 0
    outcomes: Mapping[RunOutcome, int] = field(default_factory=dict)
    reasons: tuple[tuple[RunOutcome, str, int], ...] = ()
    done_lately: int = 0
    first_started_at: datetime | None = None

    @property
    def done(self) -> int:
        """How many runs have completed, however."""
        return sum(self.outcomes.values())

    @property
    def unfinished(self) -> int:
        """How many runs are still on their way."""
        return self.waiting + self.queued + self.running

    @property
    def without_run(self) -> int:
        """How many connections will have no run: blocked, not permitted, gone, cancelled before they were tried."""
        running = (BatchClass.STARTED, BatchClass.ATTACHED, BatchClass.WAITING)
        return sum(number for name, number in self.classes.items() if name not in running)

    @property
    def settled(self) -> int:
        """For how many connections nothing more will happen."""
        return self.done + self.without_run

    @property
    def failed(self) -> int:
        """How many runs did not do their job; those that somebody cancelled are not among them."""
        return sum(self.outcomes.get(outcome, 0) for outcome in FAILED)

    @property
    def retryable(self) -> int:
        """How many can be retried: runs that failed or were cancelled, and connections that were cancelled before they were tried."""
        return sum(self.outcomes.get(outcome, 0) for outcome in RETRIED) + self.classes.get(BatchClass.CANCELLED, 0)


def count(tx: Transaction, batch_ids: Collection[int]) -> dict[int, Tally]:
    """Counts how some batches stand now, by their ids. Connections that are gone are not in it; see `with_gone`."""
    run, now = operation_runs.c, tx.now()
    held = and_(
        run.status.in_([RunStatus.QUEUED.value, RunStatus.RUNNING.value]),
        func.coalesce(run.waiting_until > now, False),
    )
    waits = case((held, 1), else_=0)
    lately = case((func.coalesce(run.completed_at > now - LATELY, False), 1), else_=0)
    rows = tx.run(
        select(
            members.batch_id,
            members["class"].label("class_"),
            members.reason_code,
            run.status,
            run.outcome,
            run.reason_code.label("run_reason"),
            func.count().label("n"),
            func.sum(waits).label("held"),
            func.sum(lately).label("lately"),
            func.min(run.started_at).label("first"),
        )
        .select_from(run_batch_members.outerjoin(operation_runs, run.id == members.run_id))
        .where(members.batch_id.in_(sorted(batch_ids)))
        .group_by(members.batch_id, members["class"], members.reason_code, run.status, run.outcome, run.reason_code)
    ).all()
    return {id: _add_up([row for row in rows if row.batch_id == id]) for id in batch_ids}


def _add_up(rows: list[Any]) -> Tally:
    classes: Counter[BatchClass] = Counter()
    blocked: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    outcomes: Counter[RunOutcome] = Counter()
    reasons: Counter[tuple[RunOutcome, str]] = Counter()
    for row in rows:
        if row.class_ is None:
            continue
        classes[BatchClass(row.class_)] += row.n
        if row.class_ == BatchClass.BLOCKED:
            blocked[row.reason_code or ""] += row.n
        if row.outcome is not None:
            outcomes[RunOutcome(row.outcome)] += row.n
            if row.run_reason:
                reasons[RunOutcome(row.outcome), row.run_reason] += row.n
        elif row.status is not None:
            statuses[row.status] += row.n
    return Tally(
        untried=sum(row.n for row in rows if row.class_ is None),
        classes={name: classes[name] for name in BatchClass if classes[name]},
        blocked_by=dict(blocked.most_common()),
        waiting=statuses[RunStatus.WAITING],
        queued=statuses[RunStatus.QUEUED],
        running=statuses[RunStatus.RUNNING],
        waiting_for_microsoft=int(sum(row.held for row in rows)),
        outcomes={outcome: outcomes[outcome] for outcome in RunOutcome if outcomes[outcome]},
        reasons=tuple((outcome, code, n) for (outcome, code), n in reasons.most_common()),
        done_lately=int(sum(row.lately for row in rows)),
        first_started_at=min((row.first for row in rows if row.first is not None), default=None),
    )


def with_gone(tally: Tally, member_count: int) -> Tally:
    """Adds the class `gone`: the connections that were named and are not there, or have been deleted since."""
    gone = member_count - tally.untried - sum(tally.classes.values())
    return replace(tally, classes={**tally.classes, BatchClass.GONE: gone}) if gone > 0 else tally


def kept(tally: Tally) -> dict[str, Any]:
    """What is stored with a batch that is over."""
    return {
        "classes": {name.value: number for name, number in tally.classes.items()},
        "blocked_by": dict(tally.blocked_by),
        "outcomes": {outcome.value: number for outcome, number in tally.outcomes.items()},
        "reasons": [[outcome.value, code, number] for outcome, code, number in tally.reasons],
    }


def read_kept(stored: Mapping[str, Any]) -> Tally:
    """Reads what `kept` wrote."""
    return Tally(
        classes={BatchClass(name): number for name, number in stored.get("classes", {}).items()},
        blocked_by=dict(stored.get("blocked_by", {})),
        outcomes={RunOutcome(outcome): number for outcome, number in stored.get("outcomes", {}).items()},
        reasons=tuple((RunOutcome(outcome), code, number) for outcome, code, number in stored.get("reasons", [])),
    )
