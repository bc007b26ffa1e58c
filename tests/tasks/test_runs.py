"""What a worker does with runs, on SQLite and on PostgreSQL: real rows, real threads, a provider that follows a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from storage import dispatching, rollups, starting, workers
from storage.operations import COMPLIANCE_SNAPSHOT, CONNECTION_CHECK, DIRECTORY_SYNC
from storage.schema import badge_count_deltas, provider_connections
from tasks import queue


def test_a_check_that_was_started_runs_and_its_badges_change(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection(["step", "token", "Sign in"])
    run_id = fleet.start(connection)

    start_worker(fleet)

    run = fleet.until_completed(run_id)
    assert (run.outcome, run.attempt, run.reason_code) == ("succeeded", 1, None)
    badges = fleet.badges(connection)
    assert (badges.consent_status, badges.verification_status) == ("granted", "healthy")
    assert [(step.key, step.status) for step in fleet.steps(run_id)] == [("token", "pass")]
    assert fleet.reports_of(run_id) == 1
    assert fleet.notifications_of(run_id) == 1


def test_another_operation_writes_its_summary_counts(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection()
    start_worker(fleet)
    fleet.until_completed(fleet.start(connection))

    run = fleet.until_completed(fleet.start(connection, COMPLIANCE_SNAPSHOT))

    assert run.outcome == "succeeded"
    assert run.summary_counts == {"total": 3, "compliant": 3}


def test_an_operation_the_provider_cannot_do_fails_as_unavailable(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection()
    start_worker(fleet)
    fleet.until_completed(fleet.start(connection))

    run = fleet.until_completed(fleet.start(connection, DIRECTORY_SYNC))

    assert (run.outcome, run.reason_code) == ("failed", "operation_unavailable")


def test_a_press_is_running_within_a_few_hundred_milliseconds(
    sqlite_fleet: Any, start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the change feed alone: whoever looks now and then, and an idle thread, would come in an hour."""
    monkeypatch.setattr(queue, "IDLE_POLL", 3600.0)
    connections = [sqlite_fleet.connection(["hold", "never"]) for _ in range(4)]
    worker = start_worker(sqlite_fleet, slots=4, look_anyway=3600.0, hint=3600.0)
    sqlite_fleet.wait_until(lambda: workers.status(sqlite_fleet.db).alive, "a worker")

    for connection in connections:
        run_id = sqlite_fleet.start(connection)
        sqlite_fleet.until(run_id, lambda row: row.status == "running", "running")

    assert worker.worker._timing.feed <= 0.05
    worker.stop()


def test_progress_and_steps_show_while_it_runs(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection(["step", "token", "Sign in"], ["progress", 3, 11, "Sign in"], ["hold", "go"])
    run_id = fleet.start(connection)
    start_worker(fleet)

    run = fleet.until(run_id, lambda row: row.progress_done == 3, "progress")
    assert (run.progress_total, run.phase, run.status) == (11, "Sign in", "running")
    assert [(step.key, step.status) for step in fleet.steps(run_id)] == [("token", "running")]

    fleet.give("go")
    fleet.until_completed(run_id)


@pytest.mark.parametrize(("code", "outcome"), [("secret_expired", "blocked"), ("service_unavailable", "failed")])
def test_a_failure_of_the_provider_ends_the_run_by_its_category(
    sqlite_fleet: Any, start_worker: Any, code: str, outcome: str
) -> None:
    connection = sqlite_fleet.connection()
    start_worker(sqlite_fleet)
    sqlite_fleet.until_completed(sqlite_fleet.start(connection))
    sqlite_fleet.script(connection, ["fail", code])

    run = sqlite_fleet.until_completed(sqlite_fleet.start(connection, COMPLIANCE_SNAPSHOT))

    assert (run.outcome, run.reason_code) == (outcome, code)
    assert [(what["reason_code"], what["request_id"]) for what in run.failures] == [(code, "r-1")]


def test_an_exception_ends_its_run_and_not_the_worker(fleet: Any, start_worker: Any) -> None:
    broken = fleet.start(fleet.connection(["step", "token", "Sign in"], ["raise", "Bearer canary"]))
    start_worker(fleet, slots=1)

    run = fleet.until_completed(broken)
    assert (run.outcome, run.reason_code) == ("failed", "internal_error")
    assert "canary" not in str(run._mapping)
    assert fleet.steps(broken)[0].status == "skip"
    assert fleet.until_completed(fleet.start(fleet.connection())).outcome == "succeeded"


def test_a_second_press_while_it_runs_opens_the_same_run(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection(["hold", "go"])
    run_id = fleet.start(connection)
    start_worker(fleet)
    fleet.until(run_id, lambda row: row.status == "running", "running")

    again = starting.start(fleet.db, fleet.who, connection, CONNECTION_CHECK)

    assert isinstance(again, starting.AlreadyRunning)
    assert again.run.id == run_id
    fleet.give("go")
    fleet.until_completed(run_id)


def test_a_connection_that_was_disabled_meanwhile_blocks_the_run_at_its_claim(fleet: Any, start_worker: Any) -> None:
    connection = fleet.connection()
    run_id = fleet.start(connection)
    fleet.db.write(
        lambda tx: (
            tx.run(update(provider_connections).where(provider_connections.c.id == connection).values(is_enabled=False))
            and None
        )
    )
    start_worker(fleet)
    run = fleet.until_completed(run_id)
    assert (run.outcome, run.reason_code) == ("blocked", "provider_connection_disabled")
    assert fleet.calls(run_id) == []


def test_losing_the_queue_loses_no_run(sqlite_fleet: Any, start_worker: Any) -> None:
    held = sqlite_fleet.start(sqlite_fleet.connection(["hold", "go"]))
    start_worker(sqlite_fleet, slots=2)
    sqlite_fleet.until(held, lambda row: row.status == "running", "running")

    for file in Path(sqlite_fleet.settings.state_directory).glob("workers/*/hints.db*"):
        file.unlink()
    after = [sqlite_fleet.start(sqlite_fleet.connection()) for _ in range(3)]

    for run_id in after:
        assert sqlite_fleet.until_completed(run_id).outcome == "succeeded"
    sqlite_fleet.give("go")
    sqlite_fleet.until_completed(held)


def test_a_hint_that_was_lost_is_given_again(fleet: Any, start_worker: Any) -> None:
    run_id = fleet.start(fleet.connection())
    assert dispatching.dispatch(fleet.db, "a worker that died with the hint", 1) == [run_id]
    start_worker(fleet)

    fleet.let_hints_age()

    assert fleet.until_completed(run_id).outcome == "succeeded"


def test_one_tenant_does_not_take_the_whole_worker(sqlite_fleet: Any, start_worker: Any) -> None:
    tenant = sqlite_fleet.tenant()
    slow = [sqlite_fleet.start(sqlite_fleet.connection(["hold", "go"], tenant_id=tenant)) for _ in range(2)]
    start_worker(sqlite_fleet, slots=4)
    for run_id in slow:
        sqlite_fleet.until(run_id, lambda row: row.status == "running", "running")
    third = sqlite_fleet.start(sqlite_fleet.connection(tenant_id=tenant))
    other = sqlite_fleet.start(sqlite_fleet.connection())

    assert sqlite_fleet.until_completed(other).outcome == "succeeded"
    assert sqlite_fleet.run(third).status == "queued"
    sqlite_fleet.give("go")
    sqlite_fleet.until_completed(third)


def test_a_worker_is_seen_alive_and_then_gone(fleet: Any, start_worker: Any) -> None:
    worker = start_worker(fleet, slots=3)
    status = fleet.wait_until(lambda: (now := workers.status(fleet.db)).alive and now, "a worker")
    assert (status.alive, status.slots) == (1, 3)
    assert status.workers[0].seal_key_id

    worker.stop()

    assert workers.status(fleet.db).alive == 0
    assert list(Path(fleet.settings.state_directory).glob("workers/*")) == []


def test_a_worker_folds_the_badge_counts_of_postgresql(fleet_at: Any, postgres_url: str, start_worker: Any) -> None:
    fleet = fleet_at(postgres_url)
    fleet.connection()
    assert fleet.count(badge_count_deltas) > 0

    start_worker(fleet)

    fleet.wait_until(lambda: fleet.count(badge_count_deltas) == 0, "the deltas to be folded")
    counts = rollups.counts(fleet.db, fleet.who, fleet.workspace_id)
    assert (counts.total, counts.lifecycle) == (1, {"enabled": 1})
