"""What follows a finished run: another try when the trouble passes, a check when the badges became doubtful, one notification."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import operations
from storage.access import WORKER
from storage.finishing import SPREAD_DOUBTS_OVER, RunResult, spread
from storage.gate import lock_connection
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import operation_runs
from storage.starting import Origin, start_in
from storage.states import RunCause, RunOutcome

# Transient trouble


def test_transient_trouble_is_tried_again_after_5_15_and_60_minutes_and_then_no_more(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    before = fleet.truth(connection)
    report = fleet.failing_report("service_unavailable")
    fleet.check(connection, report)
    for minutes in (5, 15, 60):
        (waiting,) = fleet.unfinished(connection)
        soonest = fleet.clock.time + timedelta(minutes=minutes)
        assert soonest <= waiting.not_before <= soonest + timedelta(minutes=minutes / 2)
        fleet.clock.time = waiting.not_before
        fleet.sweep()
        (claim,) = fleet.take()
        fleet.finish(claim, report)
        after = fleet.truth(connection)
        assert (after.verification_status, after.last_checked_at, after.last_reason_code) == (
            before.verification_status,
            before.last_checked_at,
            before.last_reason_code,
        )
    assert fleet.unfinished(connection) == []
    causes = [row.cause for row in fleet.rows(select(operation_runs).order_by(operation_runs.c.id))]
    assert causes == ["person", "follow_up", "follow_up", "follow_up"]


def test_only_the_person_is_told_and_once(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    first = fleet.check(connection, fleet.failing_report("throttled"))
    assert len(fleet.notifications_of(first.id)) == 1
    fleet.clock.advance(minutes=8)
    fleet.sweep()
    (claim,) = fleet.take()
    second = fleet.finish(claim)
    assert fleet.notifications_of(second.id) == []


# Other operations


@pytest.mark.parametrize(
    ("reason", "outcome", "follows"),
    [
        ("secret_expired", RunOutcome.FAILED, True),
        ("no_roles_granted", RunOutcome.FAILED, True),
        ("missing_permission", RunOutcome.PARTIALLY_SUCCEEDED, True),
        ("app_disabled_in_tenant", RunOutcome.BLOCKED, True),
        ("throttled", RunOutcome.FAILED, False),
        ("service_unavailable", RunOutcome.FAILED, False),
        ("internal_error", RunOutcome.FAILED, False),
        (None, RunOutcome.SUCCEEDED, False),
    ],
)
def test_a_run_that_makes_the_badges_doubtful_queues_one_check(
    fleet: Any, reason: str | None, outcome: RunOutcome, follows: bool
) -> None:
    connection = fleet.connection["contoso"]
    row = fleet.finish(fleet.begin(connection, INVENTORY_SYNC), RunResult(outcome, reason))
    assert fleet.badges(connection) == (True, "granted", "healthy")
    assert [(run.type, run.status, run.cause) for run in fleet.unfinished(connection)] == (
        [(CONNECTION_CHECK, "queued", "follow_up")] if follows else []
    )
    assert row.outcome == outcome.value


def test_the_check_that_follows_lets_the_waiting_run_go_first_and_is_not_doubled(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection, INVENTORY_SYNC)
    fleet.start(connection, "directory.sync", run_after=True)
    fleet.finish(claim, RunResult(RunOutcome.FAILED, "secret_expired"))
    assert [(run.type, run.status) for run in fleet.unfinished(connection)] == [
        ("directory.sync", "queued"),
        (CONNECTION_CHECK, "waiting"),
    ]
    (claim,) = fleet.take()
    fleet.finish(claim, RunResult(RunOutcome.FAILED, "secret_expired"))
    assert [(run.type, run.status) for run in fleet.unfinished(connection)] == [(CONNECTION_CHECK, "queued")]


def test_five_operations_that_fail_on_one_connection_queue_one_check(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    others = [name for name in operations.CATALOG if name != CONNECTION_CHECK]
    fleet.start(connection, others[0])
    for operation in others[1:]:
        fleet.start(connection, operation, run_after=True)
    for _ in others:
        (claim,) = fleet.take()
        fleet.finish(claim, RunResult(RunOutcome.FAILED, "secret_expired"))
        assert fleet.count(operation_runs, operation_runs.c.type == CONNECTION_CHECK) == 1
    assert fleet.badges(connection) == (True, "granted", "healthy"), "only the check itself says so"
    (claim,) = fleet.take()
    assert fleet.finish(claim, fleet.failing_report("secret_expired")).cause == "follow_up"
    assert fleet.unfinished(connection) == []


def test_the_checks_of_one_apps_connections_do_not_all_start_at_once(fleet: Any) -> None:
    connections = [fleet.connection["wingtip"], *(fleet.add_connection(f"w{n}", client_id=None) for n in range(7))]
    origin = Origin(RunCause.SCHEDULE, run_after=True)
    for connection in connections:

        def work(tx: Any, connection: int = connection) -> None:
            row = lock_connection(tx, connection)
            assert row is not None
            start_in(tx, WORKER, row, operations.find(INVENTORY_SYNC), origin)

        fleet.db.write(work)
    for claim in fleet.take():
        fleet.finish(claim, RunResult(RunOutcome.FAILED, "secret_expired"))
    waiting = [run.not_before for connection in connections for run in fleet.unfinished(connection)]
    assert len(waiting) == len(connections), "one for each: what the app does to each of them is each one's badge"
    assert fleet.clock.time <= min(waiting) < max(waiting) <= fleet.clock.time + SPREAD_DOUBTS_OVER
    assert len(set(waiting)) > len(connections) / 2
    fleet.clock.advance(minutes=1)
    fleet.sweep()
    assert len(fleet.take()) == len(connections)


def test_what_comes_next_is_spread_evenly() -> None:
    parts = [int(spread(run_id) * 10) for run_id in range(1, 2001)]
    assert all(150 < parts.count(part) < 250 for part in range(10))
