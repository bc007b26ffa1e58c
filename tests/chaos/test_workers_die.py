"""Workers that die, freeze and lose their database, in real time: real leases, real beats, nobody moves a clock."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import Any

import pytest
from sqlalchemy import func, select

from storage import audit_chain, reaping, sqlite_file, starting
from storage.operations import CONNECTION_CHECK
from storage.schema import notifications, operation_runs, verification_reports
from storage.starting import Started

LEASE = 15.0


def promises_hold(fleet: Any) -> None:
    """No run lost, no result written twice, at most one active run per connection, an unbroken audit trail."""
    with fleet.db.read() as tx:
        for table in (notifications, verification_reports):
            twice = tx.run(select(table.c.run_id).group_by(table.c.run_id).having(func.count() > 1)).all()
            assert twice == [], table.name
        unfinished = tx.run(select(operation_runs.c.id).where(operation_runs.c.status != "completed")).all()
        assert unfinished == []
        assert audit_chain.verify_chain(tx, f"workspace:{fleet.workspace_id}") is None
    ended = {run for run, _, _, what in fleet.calls() if what == "ended"}
    with fleet.db.read() as tx:
        succeeded = set(
            tx.run(select(operation_runs.c.id).where(operation_runs.c.outcome == "succeeded")).scalars().all()
        )
    assert succeeded <= ended


def test_a_killed_workers_run_is_taken_up_when_its_lease_is_over(fleet: Any, start_process: Any) -> None:
    run_id = fleet.start(fleet.connection(["hold", "go"]))
    first = start_process(fleet, "--real-timing")
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")
    first.signal(signal.SIGKILL)
    first.wait()
    lease_until = fleet.run(run_id).lease_until
    start_process(fleet, "--real-timing")
    fleet.give("go")

    run = fleet.until(run_id, lambda row: row.attempt == 2, "the second attempt", seconds=40)

    assert run.claimed_at >= lease_until, "not before"
    assert fleet.until_completed(run_id).outcome == "succeeded"
    assert run.worker_id is not None
    promises_hold(fleet)


def test_a_worker_frozen_for_longer_than_its_lease_stops_by_itself(fleet: Any, start_process: Any, freeze: Any) -> None:
    run_id = fleet.start(fleet.connection(["hold", "go"]))
    frozen = start_process(fleet, "--real-timing")
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")
    freeze(fleet, frozen)
    start_process(fleet, "--real-timing")
    fleet.until(run_id, lambda row: row.attempt == 2, "the second attempt", seconds=40)

    frozen.signal(signal.SIGCONT)
    frozen.until_event("lease_lost")  # without another outside call: `go` does not exist yet
    fleet.give("go")

    assert fleet.until_completed(run_id).attempt == 2
    assert [pid for _, _, pid, what in fleet.calls(run_id) if what == "ended"] != [frozen.pid]
    promises_hold(fleet)


def test_a_database_that_is_locked_for_longer_than_a_lease_loses_nothing(sqlite_fleet: Any, start_process: Any) -> None:
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["hold", "go"]))
    worker = start_process(sqlite_fleet, "--real-timing")
    sqlite_fleet.wait_until(lambda: sqlite_fleet.calls(run_id), "the call")
    # The library that has the file open already: closing another one's would drop this process's locks of it.
    blocker = sqlite_file.sqlite_module().connect(sqlite_fleet.url, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    until = time.monotonic() + LEASE + 5
    sqlite_fleet.wait_until(lambda: time.monotonic() > until, "the time", seconds=30)
    blocker.execute("ROLLBACK")
    blocker.close()
    sqlite_fleet.give("go")

    run = sqlite_fleet.until(run_id, lambda row: row.status == "completed", "the end", seconds=60)

    assert (run.outcome, run.attempt) == ("succeeded", 2)  # it could not beat, so it stopped, and began again
    assert "lease_lost" in worker.events()
    assert worker.process.poll() is None
    promises_hold(sqlite_fleet)


@pytest.mark.parametrize("seed", [1])
def test_a_minute_of_killing_and_freezing(fleet: Any, start_process: Any, seed: int) -> None:
    dice = random.Random(seed)
    connections = [fleet.connection(["wait", 0.3], ["step", "token", "Sign in"]) for _ in range(20)]
    living = [start_process(fleet, "--real-timing") for _ in range(3)]
    thaws: list[threading.Timer] = []
    started = 0
    end = time.monotonic() + 60
    next_blow = time.monotonic() + 2
    while time.monotonic() < end:
        answer = starting.start(fleet.db, fleet.who, dice.choice(connections), CONNECTION_CHECK)
        started += isinstance(answer, Started)
        if time.monotonic() > next_blow:
            next_blow = time.monotonic() + dice.uniform(3, 6)
            victim = living.pop(dice.randrange(len(living)))
            if dice.random() < 0.4:
                victim.signal(signal.SIGSTOP)
                # By a clock of its own: a process frozen in its transaction keeps SQLite, and so this test, waiting.
                thaws.append(threading.Timer(dice.uniform(1, 20), victim.signal, (signal.SIGCONT,)))
                thaws[-1].start()
            else:
                victim.signal(dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            living.append(start_process(fleet, "--real-timing"))
        time.sleep(0.02)
    for thaw in thaws:
        thaw.join()

    def over() -> bool:
        return fleet.count(operation_runs, operation_runs.c.status != "completed") == 0

    fleet.wait_until(over, "the end of every run", seconds=120)
    assert started > 100
    promises_hold(fleet)
    with fleet.db.read() as tx:
        outcomes = dict(
            tuple(row)
            for row in tx.run(select(operation_runs.c.outcome, func.count()).group_by(operation_runs.c.outcome)).all()
        )
    # A run is lost only when three workers in a row died under it.
    assert outcomes["succeeded"] >= started * 0.98, outcomes
    assert set(outcomes) <= {"succeeded", "lost"}, outcomes
    assert reaping.reap(fleet.db) == 0
