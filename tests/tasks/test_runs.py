"""What a worker does with runs, on SQLite and on PostgreSQL: real rows, real threads, a provider that follows a script."""

from __future__ import annotations

import time
from typing import Any

from storage import cancelling
from storage.operations import COMPLIANCE_SNAPSHOT, DIRECTORY_SYNC


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
