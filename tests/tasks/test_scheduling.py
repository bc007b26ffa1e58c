"""Schedules in real workers: one that survives its worker, and rounds that are short and given back."""

from __future__ import annotations

import signal
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import schedule_changes, schedule_firing
from storage.operations import CONNECTION_CHECK
from storage.schema import operation_runs, schedule_firings, schedules
from tasks import scheduling
from tasks.logs import Log
from tasks.scheduling import Scheduling
from tasks.timing import Timing


def make(fleet: Any) -> int:
    with fleet.db.read() as tx:
        far = (tx.now().minute + 30) % 60  # no hour may begin for it while a test is at work
    rhythm = {"name": "Hourly", "operation_type": CONNECTION_CHECK, "rhythm": f"{far} * * * *"}
    return int(schedule_changes.create(fleet.db, fleet.who, fleet.workspace_id, **rhythm).id)


def make_due(fleet: Any, schedule: int, **ago: float) -> None:
    """Has it been due for so long."""

    def work(tx: Any) -> None:
        due = tx.now() - timedelta(**ago)
        tx.run(update(schedules).where(schedules.c.id == schedule).values(next_due_at=due))

    fleet.db.write(work)


def lease(fleet: Any, **left: float) -> None:
    """Has the lease of whoever is at a firing last so long still."""

    def work(tx: Any) -> None:
        until = tx.now() + timedelta(**left)
        tx.run(update(schedule_firings).where(schedule_firings.c.status == "open").values(lease_until=until))

    fleet.db.write(work)


def firings(fleet: Any, schedule: int) -> list[tuple[str, dict[str, int]]]:
    mine = select(schedule_firings).where(schedule_firings.c.schedule_id == schedule)
    with fleet.db.read() as tx:
        rows = tx.run(mine.order_by(schedule_firings.c.id)).all()
    return [(row.status, row.counts["classes"]) for row in rows]


def runs(fleet: Any, schedule: int) -> list[Any]:
    with fleet.db.read() as tx:
        return list(tx.run(select(operation_runs).where(operation_runs.c.schedule_id == schedule)).all())


def has_done(fleet: Any, schedule: int, count: int) -> bool:
    found = runs(fleet, schedule)
    return len(found) == count and all(run.status == "completed" for run in found)


def test_a_schedule_survives_its_worker_and_starts_nothing_twice(fleet: Any, start_process: Any) -> None:
    connections = [fleet.connection() for _ in range(3)]
    schedule = make(fleet)
    first = start_process(fleet)
    make_due(fleet, schedule, seconds=1)
    fleet.wait_until(lambda: has_done(fleet, schedule, 3), "the runs of the first due time")
    first.signal(signal.SIGKILL)
    first.wait()

    # Due three times while nobody is there; then a worker fires it, starts one run, and dies with the rest.
    make_due(fleet, schedule, hours=3)
    assert schedule_firing.fire_due(fleet.db) == 1
    dead = schedule_firing.take(fleet.db, "dead")
    assert dead is not None
    assert schedule_firing.work_chunk(fleet.db, dead, chunk=1)
    lease(fleet, hours=1)

    second = start_process(fleet)
    fleet.wait_until(lambda: has_done(fleet, schedule, 4), "the run that the dead one had started")
    assert firings(fleet, schedule)[1:] == [("open", {"started": 1})], "its lease is not over"

    lease(fleet, seconds=-1)
    fleet.wait_until(lambda: has_done(fleet, schedule, 6), "the rest of them")
    assert firings(fleet, schedule) == [("done", {"started": 3}), ("done", {"started": 3})]
    assert Counter(run.connection_id for run in runs(fleet, schedule)) == dict.fromkeys(connections, 2)
    assert {(run.cause, run.outcome, run.attempt) for run in runs(fleet, schedule)} == {("schedule", "succeeded", 1)}
    second.signal(signal.SIGTERM)
    assert second.wait() == 0


def test_a_worker_that_stops_gives_back_what_it_was_starting(
    sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = sqlite_fleet
    for _ in range(3):
        fleet.connection()
    schedule = make(fleet)
    whole = schedule_firing.work_chunk
    monkeypatch.setattr(scheduling, "steady_clock", lambda: 0.0)  # a round is as short as can be
    monkeypatch.setattr(schedule_firing, "work_chunk", lambda db, held: whole(db, held, chunk=2))
    rounds = [Scheduling(fleet.db, name, Timing(), Log("worker")) for name in ("w1", "w2")]
    assert [one.step() for one in rounds] == [Timing().sweep] * 2, "nothing is due"
    make_due(fleet, schedule, seconds=1)
    assert 0 < rounds[0].step() < Timing().sweep, "others get the database before it goes on"
    assert (len(runs(fleet, schedule)), rounds[1].step()) == (2, Timing().sweep), "it is somebody else's"
    rounds[0].give_back()
    assert rounds[1].step() < Timing().sweep
    assert rounds[1].step() == Timing().sweep
    assert firings(fleet, schedule) == [("done", {"started": 3})]
