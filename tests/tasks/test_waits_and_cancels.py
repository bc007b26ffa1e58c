"""Runs that wait, are cancelled or take too long, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

from storage import cancelling, starting
from storage.operations import COMPLIANCE_SNAPSHOT
from tasks.runner import MOST_DEFERRALS


def test_a_queued_run_that_is_cancelled_never_begins(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection())
    assert cancelling.cancel(fleet.db, fleet.who, run_id).immediate
    other = fleet.start(fleet.connection())

    start_worker(fleet)
    fleet.until_completed(other)

    assert fleet.run(run_id).outcome == "cancelled"
    assert fleet.calls(run_id) == []


def test_a_running_run_that_is_cancelled_stops_at_its_next_safe_point(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection(["step", "token", "Sign in"], ["hold", "never"]))
    start_worker(fleet)
    fleet.until(run_id, lambda row: row.status == "running", "running")

    assert not cancelling.cancel(fleet.db, fleet.who, run_id).immediate
    run = fleet.until_completed(run_id)

    assert (run.outcome, run.reason_code) == ("cancelled", "cancelled")
    assert [what for *_, what in fleet.calls(run_id)] == ["began"]
    assert [(step.status, step.reason_code) for step in fleet.steps(run_id)] == [("skip", "cancelled")]
    assert fleet.notifications_of(run_id) == 1


def test_a_wait_for_microsoft_shows_until_when_and_ends_when_cancelled(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection(["wait", 3000.0]))
    start_worker(fleet, long_wait=3600.0)
    waiting = fleet.until(run_id, lambda row: row.waiting_until is not None, "waiting")
    assert waiting.status == "running"
    assert waiting.phase == "waiting for Microsoft"

    cancelling.cancel(fleet.db, fleet.who, run_id)

    assert fleet.until_completed(run_id).outcome == "cancelled"


def test_a_short_wait_passes_and_the_run_goes_on(sqlite_fleet: Any, start_worker: Any) -> None:
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["wait", 0.2]))
    start_worker(sqlite_fleet)
    run = sqlite_fleet.until_completed(run_id)
    assert (run.outcome, run.waiting_until) == ("succeeded", None)


def test_a_long_wait_gives_the_thread_back_and_the_run_goes_on_later(fleet: Any, start_worker: Any) -> None:
    deferred = fleet.start(fleet.connection(["defer", 1, 600.0]))
    start_worker(fleet, slots=1)
    run = fleet.until(deferred, lambda row: row.deferrals == 1, "deferred")
    assert (run.status, run.attempt, run.reason_code) == ("queued", 0, "throttled")
    assert run.waiting_until is not None

    # The only thread is free for somebody else meanwhile.
    assert fleet.until_completed(fleet.start(fleet.connection())).outcome == "succeeded"
    assert fleet.run(deferred).status == "queued"

    fleet.let_waits_end()
    run = fleet.until_completed(deferred)
    assert (run.outcome, run.attempt) == ("succeeded", 1)


def test_a_deferred_run_can_be_cancelled_at_once(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection(["wait", 600.0]))
    start_worker(fleet)
    fleet.until(run_id, lambda row: row.deferrals == 1, "deferred")

    assert cancelling.cancel(fleet.db, fleet.who, run_id).immediate


def test_a_run_that_is_deferred_without_end_fails_with_what_it_waits_for(sqlite_fleet: Any, start_worker: Any) -> None:
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["defer", 10_000, 0.0]))
    start_worker(sqlite_fleet)
    run = sqlite_fleet.until_completed(run_id)
    assert (run.outcome, run.reason_code, run.deferrals) == ("failed", "throttled", MOST_DEFERRALS)


def test_a_run_that_waits_for_another_begins_when_that_has_ended(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection()
    start_worker(fleet)
    fleet.until_completed(fleet.start(connection))
    fleet.script(connection, ["hold", "go"])
    first = fleet.start(connection)
    busy = starting.start(fleet.db, fleet.who, connection, COMPLIANCE_SNAPSHOT, run_after=True)
    assert isinstance(busy, starting.ScopeBusy)
    assert busy.waiting is not None

    fleet.give("go")

    assert fleet.until_completed(first).outcome == "succeeded"
    assert fleet.until_completed(busy.waiting.id).outcome == "succeeded"


def test_a_run_that_takes_longer_than_it_may_is_stopped_and_fails(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection(["hold", "never"]))
    worker = start_worker(fleet)
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")

    fleet.let_deadlines_pass()
    fleet.wait_until(lambda: len(worker.worker._held) == 0, "the run to stop")
    assert fleet.run(run_id).status == "running"
    fleet.let_leases_end()

    run = fleet.until_completed(run_id)
    assert (run.outcome, run.reason_code) == ("failed", "deadline_exceeded")
    assert [what for *_, what in fleet.calls(run_id)] == ["began"]


def test_a_waiting_run_whose_time_comes_later_is_woken_by_the_sweep(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection()
    start_worker(fleet)
    fleet.until_completed(fleet.start(connection))
    fleet.script(connection, ["hold", "go"])
    first = fleet.start(connection)
    busy = starting.start(fleet.db, fleet.who, connection, COMPLIANCE_SNAPSHOT, run_after=True)
    assert isinstance(busy, starting.ScopeBusy)
    assert busy.waiting is not None
    fleet.postpone(busy.waiting.id)
    fleet.give("go")
    fleet.until_completed(first)
    assert fleet.run(busy.waiting.id).status == "waiting"

    fleet.let_waits_end()

    assert fleet.until_completed(busy.waiting.id).outcome == "succeeded"
