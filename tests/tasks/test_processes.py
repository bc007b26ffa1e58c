"""Worker processes that are stopped, killed and frozen. Time passes when a test says so: `let_leases_end` is a minute without a beat."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage import workers
from storage.schema import operation_runs

ROOT = Path(__file__).parents[2]


def test_a_run_whose_worker_is_killed_is_taken_up_by_another_and_finishes(fleet: Any, start_process: Any) -> None:
    connection = fleet.connection(["step", "token", "Sign in"], ["hold", "go"])
    run_id = fleet.start(connection)
    first = start_process(fleet)
    fleet.until(run_id, lambda row: row.status == "running", "running")
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")

    first.signal(signal.SIGKILL)
    first.wait()
    fleet.let_leases_last()
    second = start_process(fleet)
    assert fleet.run(run_id).status == "running"  # nobody takes it before its lease is over
    fleet.give("go")
    fleet.let_leases_end()

    run = fleet.until_completed(run_id)
    assert (run.outcome, run.attempt) == ("succeeded", 2)
    assert [(pid, what) for _, _, pid, what in fleet.calls(run_id)] == [
        (first.pid, "began"),
        (second.pid, "began"),
        (second.pid, "ended"),
    ]
    assert fleet.reports_of(run_id) == 1
    assert fleet.notifications_of(run_id) == 1
    assert fleet.badges(connection).verification_status == "healthy"


def test_a_frozen_worker_that_wakes_up_too_late_writes_nothing(fleet: Any, start_process: Any, freeze: Any) -> None:
    connection = fleet.connection(["hang", "go"])
    run_id = fleet.start(connection)
    frozen = start_process(fleet)
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")
    freeze(fleet, frozen)

    second = start_process(fleet)
    fleet.let_leases_end()
    fleet.wait_until(lambda: any(pid == second.pid for _, _, pid, _ in fleet.calls(run_id)), "the second worker's call")
    fleet.give("go-1")  # the frozen one has its answer, and believes that the run is its own
    frozen.signal(signal.SIGCONT)
    frozen.until_event("lease_lost")

    run = fleet.run(run_id)
    assert (run.status, run.attempt, fleet.reports_of(run_id)) == ("running", 2, 0)
    assert fleet.badges(connection).verification_status == "pending"
    fleet.give("go-2")
    finished = fleet.until_completed(run_id)
    assert (finished.outcome, finished.attempt) == ("succeeded", 2)
    assert fleet.reports_of(run_id) == 1
    assert fleet.notifications_of(run_id) == 1
    frozen.signal(signal.SIGTERM)
    assert frozen.wait() == 0


def test_a_worker_that_is_told_to_stop_lets_a_short_run_finish(fleet: Any, start_process: Any) -> None:
    run_id = fleet.start(fleet.connection(["hold", "go"]))
    worker = start_process(fleet, "--grace", "60")
    fleet.until(run_id, lambda row: row.status == "running", "running")

    worker.signal(signal.SIGTERM)
    worker.until_event("worker_stopping")
    fleet.give("go")

    assert worker.wait() == 0
    run = fleet.run(run_id)
    assert (run.status, run.outcome, run.attempt) == ("completed", "succeeded", 1)
    assert worker.events()[-1] == "worker_stopped"


def test_a_worker_that_is_told_to_stop_gives_back_what_is_not_done(fleet: Any, start_process: Any) -> None:
    run_id = fleet.start(fleet.connection(["hold", "go"]))
    worker = start_process(fleet)
    fleet.until(run_id, lambda row: row.status == "running", "running")

    worker.signal(signal.SIGINT)
    assert worker.wait() == 0

    run = fleet.run(run_id)
    assert (run.status, run.attempt, run.worker_id, run.dispatched_at) == ("queued", 0, None, None)
    assert workers.status(fleet.db).alive == 0
    fleet.give("go")
    start_process(fleet)
    assert fleet.until_completed(run_id).attempt == 1


def test_a_run_that_hangs_in_an_outside_call_is_given_back_over_its_head(fleet: Any, start_process: Any) -> None:
    run_id = fleet.start(fleet.connection(["hang", "never"]))
    worker = start_process(fleet, "--grace", "0.2")
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert fleet.run(run_id).status == "queued"


def test_a_long_wait_is_not_sat_out_when_the_worker_stops(fleet: Any, start_process: Any) -> None:
    """Neither the wait, which is longer than anybody here has patience, nor the time that the worker has for running operations."""
    run_id = fleet.start(fleet.connection(["wait", 3000.0]))
    worker = start_process(fleet, "--grace", "2000", "--long-wait", "3600")
    fleet.until(run_id, lambda row: row.waiting_until is not None, "waiting")

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert fleet.run(run_id).status == "queued"


def test_a_worker_that_is_told_twice_ends_at_once(sqlite_fleet: Any, start_process: Any) -> None:
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["hang", "never"]))
    worker = start_process(sqlite_fleet, "--grace", "60")
    sqlite_fleet.wait_until(lambda: sqlite_fleet.calls(run_id), "the call")
    worker.signal(signal.SIGTERM)
    worker.until_event("worker_stopping")

    def ended() -> bool:
        worker.signal(signal.SIGTERM)
        return worker.process.poll() is not None

    sqlite_fleet.wait_until(ended, "the end")

    assert worker.wait() == 3
    assert sqlite_fleet.run(run_id).status == "running"  # its lease does the rest


def test_a_worker_ends_with_its_parent(sqlite_fleet: Any, start_process: Any) -> None:
    worker = start_process(sqlite_fleet, "--exit-with-parent", stdin=subprocess.PIPE)
    worker.process.stdin.close()
    assert worker.wait() == 0
    assert [line["why"] for line in worker.log() if line["event"] == "worker_stopping"] == ["parent_gone"]


def test_a_run_that_kills_every_worker_ends_as_lost(sqlite_fleet: Any, start_process: Any) -> None:
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["die", 99]))

    for attempt in (1, 2, 3):
        worker = start_process(sqlite_fleet)
        assert worker.wait() == -signal.SIGKILL
        assert sqlite_fleet.run(run_id).attempt == attempt
        sqlite_fleet.let_leases_end()
    survivor = start_process(sqlite_fleet)

    run = sqlite_fleet.until_completed(run_id)
    assert (run.outcome, run.reason_code, run.attempt) == ("lost", "attempts_exhausted", 3)
    assert survivor.process.poll() is None
    assert sqlite_fleet.notifications_of(run_id) == 1


def test_workers_side_by_side_never_do_the_same_run_twice(fleet: Any, start_process: Any) -> None:
    runs = [fleet.start(fleet.connection(["hold", "go"])) for _ in range(24)]
    first, second = start_process(fleet), start_process(fleet)
    # Each has four slots: while nothing ends, neither can take all.
    fleet.wait_until(lambda: {first.pid, second.pid} == {pid for _, _, pid, _ in fleet.calls()}, "both at work")
    fleet.give("go")

    for run_id in runs:
        assert fleet.until_completed(run_id).outcome == "succeeded"

    began = [run for run, _, _, what in fleet.calls() if what == "began"]
    assert sorted(began) == runs
    assert {first.pid, second.pid} == {pid for _, _, pid, _ in fleet.calls()}
    with fleet.db.read() as tx:
        attempts = tx.run(select(operation_runs.c.attempt).where(operation_runs.c.id.in_(runs))).scalars().all()
    assert set(attempts) == {1}


def test_what_a_dead_worker_left_behind_is_removed(sqlite_fleet: Any, start_process: Any) -> None:
    first = start_process(sqlite_fleet)
    first.signal(signal.SIGKILL)
    first.wait()
    places = Path(sqlite_fleet.settings.state_directory) / "workers"
    (left,) = places.iterdir()

    second = start_process(sqlite_fleet)

    (own,) = places.iterdir()
    assert own != left
    assert own.stat().st_mode & 0o777 == 0o700
    assert second.process.poll() is None


def test_the_installed_command_starts_and_stops(sqlite_fleet: Any) -> None:
    """As it is started by hand or by a service manager: from nothing."""
    command = [sys.executable, "-m", "tasks", "worker", "--config", str(sqlite_fleet.config), "--slots", "2", "--local"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        assert json.loads(process.stderr.readline())["event"] == "worker_started"
        (row,) = workers.status(sqlite_fleet.db).workers
        assert (row.pid, row.slots, row.is_local, row.is_alive) == (process.pid, 2, True, True)

        process.send_signal(signal.SIGTERM)

        said = [json.loads(line)["event"] for line in process.communicate(timeout=60)[1].splitlines()]
        assert (process.returncode, said[-1]) == (0, "worker_stopped")
        (row,) = workers.status(sqlite_fleet.db).workers
        assert row.stopped_at is not None
    finally:
        process.kill()
        process.communicate()


def test_the_worker_imports_no_screen() -> None:
    code = (
        "import sys; import tasks.worker, tasks.__main__;"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'atlas_tui', 'simulator')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
