"""The database goes away while a worker works, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from storage import finishing
from storage.errors import DatabaseError
from storage.schema import operation_runs


@pytest.fixture
def outage(postgres_server: str) -> Callable[[Any], Any]:
    """Makes a PostgreSQL database unreachable for a while: under another name, with everybody thrown out."""

    @contextmanager
    def away(fleet: Any) -> Iterator[None]:
        name = fleet.db.engine.url.database
        fleet.db.close()
        engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
        try:
            yield
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))
            engine.dispose()

    return away


def test_a_result_waits_for_a_database_that_went_away(
    fleet_at: Any, postgres_url: str, start_process: Any, outage: Callable[[Any], Any]
) -> None:
    fleet = fleet_at(postgres_url)
    run_id = fleet.start(fleet.connection(["hang", "go"]))
    worker = start_process(fleet)
    fleet.wait_until(lambda: fleet.calls(run_id), "the call")

    with outage(fleet):
        worker.until_event("database_unavailable")
        fleet.give("go")
        worker.until_event("write_again")

    run = fleet.until_completed(run_id)
    assert (run.outcome, run.attempt) == ("succeeded", 1)
    worker.until_event("database_available")
    assert fleet.until_completed(fleet.start(fleet.connection())).outcome == "succeeded"
    said = [line["sentence"] for line in worker.log() if line["event"] == "database_unavailable"]
    assert all("database" in sentence for sentence in said)
    loops = 8  # beat, dispatch, sweep, schedules, batches, alerts, progress, and the run that ends
    assert len(said) <= loops, "once for each thread that noticed, not once for each try"


def test_a_result_that_the_database_refuses_ends_the_run_as_our_fault(
    fleet: Any, start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats get through, so the database is there: trying for ever would hold the run for ever."""
    real = finishing.finish

    def refuse(db: Any, held: Any, result: finishing.RunResult) -> None:
        if result.reason_code != "internal_error":
            raise DatabaseError("The database refused the operation (23514).")
        real(db, held, result)

    monkeypatch.setattr(finishing, "finish", refuse)
    run_id = fleet.start(fleet.connection())
    start_worker(fleet, beat=0.2)

    run = fleet.until_completed(run_id)
    assert (run.outcome, run.reason_code) == ("failed", "internal_error")


def test_summary_counts_that_the_catalog_does_not_allow_end_the_run_as_our_fault(
    sqlite_fleet: Any, start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.operations import COMPLIANCE_SNAPSHOT

    connection = sqlite_fleet.connection()
    start_worker(sqlite_fleet)
    sqlite_fleet.until_completed(sqlite_fleet.start(connection))
    sqlite_fleet.script(connection, ["count", "users"])

    run = sqlite_fleet.until_completed(sqlite_fleet.start(connection, COMPLIANCE_SNAPSHOT))

    assert (run.outcome, run.reason_code, run.summary_counts) == ("failed", "internal_error", {})


def test_a_run_that_cannot_be_confirmed_stops_by_our_own_clock(
    sqlite_fleet: Any, start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats fail for longer than the lease lasts: no further outside call, and the row is left to whoever has it then."""
    from storage import leases

    def fail(*_: Any) -> Any:
        raise DatabaseError("The database server cannot be reached.")

    monkeypatch.setattr(leases, "beat", fail)
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["hold", "never"]))
    worker = start_worker(sqlite_fleet, lease=0.5)
    sqlite_fleet.wait_until(lambda: sqlite_fleet.calls(run_id), "the call")

    sqlite_fleet.wait_until(lambda: len(worker.worker._held) == 0, "the run to stop")

    run = sqlite_fleet.run(run_id)
    assert (run.status, run.attempt) == ("running", 1)
    assert sqlite_fleet.count(operation_runs) == 1
