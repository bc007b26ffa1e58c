"""Five connections with one client id and one reason are one problem: the app."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from storage import connection_changes, shared_problems
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import DIRECTORY_SYNC
from storage.shared_problems import SHARED_FROM, SharedProblem, shared_clients
from storage.states import RunOutcome


def of(fleet: Any, connection: int, login: str = "dana") -> tuple[SharedProblem, ...]:
    return shared_problems.of_connection(fleet.db, fleet.people[login], connection)


def with_app(fleet: Any, count: int) -> list[int]:
    return [fleet.connection["wingtip"], *(fleet.add_connection(f"w{n}", client_id=None) for n in range(count - 1))]


def test_the_same_reason_on_five_connections_of_one_app_is_the_apps(fleet: Any) -> None:
    connections = with_app(fleet, SHARED_FROM)
    for connection in connections[:-2]:
        fleet.check(connection, fleet.failing_report("secret_expired"))
    assert of(fleet, connections[0]) == (), "three are not"
    # The fourth tells it by an operation that fails, the badge being content; the fifth by its badge.
    claim = fleet.begin(connections[-2], DIRECTORY_SYNC)
    fleet.finish(claim, RunResult(RunOutcome.FAILED, "secret_expired", failures=[failure("secret_expired")]))
    fleet.check(connections[-1], fleet.failing_report("secret_expired"))
    expected = SharedProblem("secret_expired", SHARED_FROM - 1, fleet.app, "North's app")
    assert of(fleet, connections[0]) == of(fleet, connections[-2]) == (expected,)
    fleet.check(fleet.connection["contoso"], fleet.failing_report("secret_expired"))
    assert of(fleet, fleet.connection["contoso"]) == (), "it signs in with an app of its own"
    connection_changes.set_enabled(fleet.db, fleet.dana, connections[1], False)
    assert of(fleet, connections[0]) == (), "a disabled connection needs nobody"


def test_registrations_that_were_given_to_several_connections_count_as_one_too(fleet: Any) -> None:
    client = fleet.guid()
    connections = [fleet.add_connection(f"d{n}", client_id=client) for n in range(SHARED_FROM)]
    for connection in connections:
        fleet.check(connection, fleet.failing_report("secret_expired"))
    assert of(fleet, connections[2]) == (SharedProblem("secret_expired", SHARED_FROM - 1, None, client),)


def test_what_passes_by_itself_is_nobodys_app_and_nobody_hears_of_what_they_may_not_see(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    connections = [
        fleet.connection["wingtip"],
        *(fleet.add_connection(f"w{n}", client_id=None, tag_names=["gold"]) for n in range(SHARED_FROM - 1)),
    ]
    for connection in connections:
        fleet.check(connection, fleet.failing_report("throttled"))
    assert of(fleet, connections[1]) == ()
    for connection in connections:
        fleet.check(connection, fleet.failing_report("secret_expired"))
    assert [problem.others for problem in of(fleet, connections[1])] == [SHARED_FROM - 1]
    assert of(fleet, connections[1], "gina") == (), "gina sees the gold tenants, four of the five"


@given(st.lists(st.sampled_from([None, 1, 2, "a"]), max_size=25))
def test_a_client_is_the_problem_from_five_on(clients: list[int | str | None]) -> None:
    shared = shared_clients(clients)
    assert all((clients.count(client) >= SHARED_FROM) == (client in shared) for client in (1, 2, "a"))
    assert None not in shared


def test_who_shares_a_client_id_is_found_by_its_index_however_many_have_the_reason(sqlite_fleet: Any) -> None:
    """300,000 connections with one reason took half a second on PostgreSQL before there was one."""
    client = sqlite_fleet.truth(sqlite_fleet.connection["contoso"]).client_id
    with sqlite_fleet.db.read() as tx:
        plan = tx.run(
            text(
                "EXPLAIN QUERY PLAN SELECT id FROM provider_connections"
                " WHERE workspace_id = 1 AND client_id = :client AND last_reason_code = 'secret_expired'"
            ),
            {"client": client},
        )
        assert "ix_provider_connections_client_id" in " ".join(row.detail for row in plan)
