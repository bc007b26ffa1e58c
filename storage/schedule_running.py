"""Having a schedule run now, and how that goes on, for whoever waits for it: what became of its connections, and of their runs.

Promise: it is told to run in one transaction with its entry in the trail, and a worker starts the runs. A firing's runs are those of its
operation on what it reaches that were on their way when it was fired or began with it: what it started, and what it attached to. What
begins after it was worked off is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, exists, func, insert, literal, select, text

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schedule_changes import lock, note
from storage.schedule_reach import connections_of
from storage.schedules import Became, ScheduleRow, Tally, find, tally_of
from storage.schema import operation_runs, provider_connections, schedule_firings
from storage.states import RunOutcome, RunStatus

RUN: Final = "schedule.run"


@dataclass(frozen=True, slots=True)
class RunningNow:
    """A schedule that was told to run now.

    Attributes:
        firing_id: under which number a worker works it off.
        is_new: False when it was being worked off already: nothing was added.
    """

    firing_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class FiringProgress:
    """How a firing stands.

    Attributes:
        is_open: a worker is starting its runs, or will.
        tally: what became of its connections so far.
        unfinished: how many of its runs are on their way.
        outcomes: how the others ended.
    """

    is_open: bool
    tally: Tally
    unfinished: int
    outcomes: Mapping[RunOutcome, int]

    @property
    def ended(self) -> int:
        """How many of its runs have ended."""
        return sum(self.outcomes.values())

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return not self.is_open and not self.unfinished

    @property
    def result(self) -> RunOutcome | None:
        """How it ended as a whole, in the words of a run: what command lines and scripts go by. None while it is not over.

        A connection that the gate blocked counts as a blocked run; one that schedules pass over (disabled, archived) does not count.
        """
        if not self.is_over:
            return None
        found = set(self.outcomes)
        if self.tally.classes.get(Became.BLOCKED):
            found.add(RunOutcome.BLOCKED)
        if len(found) <= 1:
            return next(iter(found), RunOutcome.SUCCEEDED)
        did_something = found & {RunOutcome.SUCCEEDED, RunOutcome.PARTIALLY_SUCCEEDED}
        return RunOutcome.PARTIALLY_SUCCEEDED if did_something else RunOutcome.FAILED


def run_now(db: Database, who: Principal, schedule_id: int, *, ticket: str | None = None) -> RunningNow:
    """Has a schedule start its runs now: all at once, also in its quiet hours and while it is disabled. Its next due time stays.

    While it is being worked off already, nothing is added.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> RunningNow:
        row = lock(tx, authority(tx, who), schedule_id, Capability.PROVIDER_RUN)
        firing = schedule_firings.c
        under_way = tx.run(
            select(firing.id).where(firing.schedule_id == schedule_id, firing.status == "open").limit(1)
        ).scalar_one_or_none()
        if under_way is not None:
            return RunningNow(under_way, is_new=False)
        now = tx.now()
        firing_id = tx.run(
            insert(schedule_firings)
            .values(
                schedule_id=schedule_id,
                workspace_id=row.workspace_id,
                due_at=now,
                status="open",
                counts={"classes": {}, "reasons": {}, "by": who.label, "spread_seconds": 0},
                created_at=now,
            )
            .returning(firing.id)
        ).scalar_one()
        note(tx, who, RUN, row, ticket, {"name": row.name, "type": row.type, "firing": firing_id})
        return RunningNow(firing_id, is_new=True)

    return audit.attempt(db, who, RUN, work, target_kind="schedule", target_id=schedule_id, ticket=ticket)


def progress(db: Database, who: Principal, schedule_id: int, firing_id: int) -> FiringProgress:
    """Returns how a firing of a schedule stands now.

    Raises:
        NotFound: the schedule is not visible, or has no such firing (any more).
        Forbidden: it reaches more than the principal sees.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        row = find(tx, rights, schedule_id)
        view = Capability.PROVIDER_VIEW
        rights.require(tx, view, row.workspace_id, row.reach.tenant_id, see=view, what=f"Schedule {schedule_id}")
        firing = tx.run(
            select(schedule_firings).where(
                schedule_firings.c.id == firing_id, schedule_firings.c.schedule_id == schedule_id
            )
        ).first()
        if firing is None:
            raise NotFound(f"Schedule {schedule_id} has no firing {firing_id}.")
        unfinished, outcomes = _count(tx, row, firing)
    return FiringProgress(firing.status == "open", tally_of(firing.counts) or Tally({}, {}), unfinished, outcomes)


def _count(tx: Transaction, row: ScheduleRow, firing: Row[Any]) -> tuple[int, dict[RunOutcome, int]]:
    """How many of its runs have not ended, and how the others have. Asked in two halves with the words of the two partial indexes."""
    run = operation_runs.c
    reached = exists().where(
        provider_connections.c.id == run.connection_id,
        connections_of(row.reach.kind, row.workspace_id, row.reach.id, by_id=True),
    )
    mine = [run.workspace_id == row.workspace_id, run.type == row.type, reached]
    if (last := firing.counts.get("last_run_id")) is not None:
        mine.append(run.id <= last)
    unfinished = tx.run(
        select(func.count()).select_from(operation_runs).where(text("operation_runs.status <> 'completed'"), *mine)
    ).scalar_one()
    completed = run.status == literal(RunStatus.COMPLETED.value, literal_execute=True)
    ended = tx.run(
        select(run.outcome, func.count().label("n"))
        .where(completed, run.completed_at >= firing.created_at, *mine)
        .group_by(run.outcome)
    ).all()
    found = {RunOutcome(each.outcome): each.n for each in ended}
    return unfinished, {outcome: found[outcome] for outcome in RunOutcome if outcome in found}
