"""The circuit breaker of a connection: what opens it, what it holds back, what closes it; and what became of each operation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from storage import (
    audit_trail,
    breakers,
    cancelling,
    connection_changes,
    connection_operations,
    connections,
    credentials,
    leases,
    probing,
    starting,
)
from storage.access import WORKER
from storage.breaker_rules import OPEN_FOR, OPENS_AFTER, BreakerState, SignIn, read_sign_in
from storage.connection_operations import OperationStanding
from storage.credential_material import from_secret
from storage.failures import failure
from storage.finishing import RunResult
from storage.gate import lock_connection
from storage.operations import (
    ADMIN_ROLES_SCAN,
    COMPLIANCE_SNAPSHOT,
    CONNECTION_CHECK,
    DIRECTORY_SYNC,
    INVENTORY_SYNC,
    find,
)
from storage.schema import operation_runs, run_batch_members, run_batches, schedules, tags
from storage.states import CredentialOwner, RunCause, RunOutcome, RunStatus

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


def breaker(fleet: Any, connection: int) -> Any:
    return connections.get(fleet.db, fleet.dana, connection).breaker


def may(fleet: Any, connection: int) -> bool:
    with fleet.db.read() as tx:
        alone = breakers.may_run_scheduled(tx, connection, tx.now())
        assert (connection in breakers.held_back(tx, [connection], tx.now())) is not alone, "both ways to ask agree"
    return bool(alone)


def standing(fleet: Any, connection: int, operation: str = CONNECTION_CHECK) -> OperationStanding:
    found = connections.get(fleet.db, fleet.dana, connection).operations
    return next(one for one in found if one.type == operation)


def scheduled(fleet: Any, connection: int, operation: str = CONNECTION_CHECK) -> Any:
    """Starts an operation as a schedule does."""

    def work(tx: Any) -> Any:
        row = lock_connection(tx, connection)
        assert row is not None
        return starting.start_in(tx, WORKER, row, find(operation), starting.Origin(RunCause.SCHEDULE, run_after=True))

    return fleet.db.write(work)


def fail(fleet: Any, connection: int, reason: str = "secret_expired", times: int = 1) -> None:
    for _ in range(times):
        fleet.clock.advance(minutes=1)
        fleet.check(connection, fleet.failing_report(reason))


def opened(fleet: Any) -> int:
    connection = int(fleet.connection["contoso"])
    fail(fleet, connection, times=OPENS_AFTER)
    return connection


def test_five_sign_in_failures_in_a_row_open_it_for_scheduled_work(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fail(fleet, connection, times=OPENS_AFTER - 1)
    assert may(fleet, connection)
    assert breaker(fleet, connection) is None
    fail(fleet, connection, "consent_required")
    now = fleet.clock.time
    assert not may(fleet, connection)
    assert breaker(fleet, connection) == breakers.OpenBreaker(
        connection, OPENS_AFTER, "consent_required", now, now + OPEN_FOR[0], None
    )
    (entry,) = [e for e in audit_trail.of_connection(fleet.db, fleet.dana, connection) if e.action == "breaker.open"]
    assert entry.detail["failures"] == OPENS_AFTER
    assert isinstance(fleet.start(connection), starting.Started), "a person is never held back"


def test_what_is_not_about_signing_in_neither_opens_nor_resets_it(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fail(fleet, connection, times=OPENS_AFTER - 1)
    for reason in ("throttled", "network_dns", "internal_error", "missing_permission"):
        fail(fleet, connection, reason, times=2)
    assert may(fleet, connection)
    fleet.check(connection)
    fail(fleet, connection, times=OPENS_AFTER - 1)
    assert may(fleet, connection), "a success began the count anew"


def test_one_scheduled_probe_goes_when_its_time_is_over_and_each_failed_one_doubles_back_further(fleet: Any) -> None:
    connection = opened(fleet)
    for span in (*OPEN_FOR[1:], OPEN_FOR[-1]):
        found = breaker(fleet, connection)
        assert found is not None
        fleet.clock.time = found.open_until
        assert may(fleet, connection)
        probe = scheduled(fleet, connection)
        assert not may(fleet, connection), "one probe is enough"
        assert breaker(fleet, connection).probe_run_id == probe.run.id
        claim = leases.claim(fleet.db, "w1", probe.run.id)
        fleet.finish(claim, fleet.failing_report("secret_expired"))
        assert breaker(fleet, connection).open_until == fleet.clock.time + span
    fleet.clock.advance(days=1)
    probe = scheduled(fleet, connection)
    cancelling.cancel(fleet.db, fleet.dana, probe.run.id)
    assert may(fleet, connection), "a probe that was cancelled proved nothing, so another may go"
    probe = scheduled(fleet, connection)
    fleet.finish(leases.claim(fleet.db, "w1", probe.run.id), fleet.failing_report("throttled"))
    (again,) = fleet.unfinished(connection)
    assert (again.status, may(fleet, connection)) == ("waiting", True), "what waits for its time is no probe yet"
    assert scheduled(fleet, connection).run.id == again.id
    fleet.clock.advance(hours=1)
    fleet.sweep()
    assert not may(fleet, connection)
    fleet.finish(leases.claim(fleet.db, "w1", again.id))
    assert breaker(fleet, connection) is None
    actions = [e.action for e in audit_trail.of_connection(fleet.db, fleet.dana, connection)]
    assert actions.count("breaker.close") == 1


def attach(fleet: Any, connection: int, run: int) -> None:
    """A bulk start of the same operation found a run waiting."""
    made = {"workspace_id": fleet.north, "initiator": "omar", "classes": {}, "created_at": fleet.clock.time}
    fleet.write(insert(run_batches).values(id=1, type=ADMIN_ROLES_SCAN, **made))
    fleet.write(insert(run_batch_members).values(batch_id=1, connection_id=connection, run_id=run))


def test_what_schedules_have_waiting_ends_visibly_when_it_opens_and_what_a_person_waits_for_goes_on(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fail(fleet, connection, "identity_service_unavailable", times=OPENS_AFTER - 1)
    last = fleet.begin(connection)
    waiting = {
        name: scheduled(fleet, connection, name).waiting.id
        for name in (INVENTORY_SYNC, DIRECTORY_SYNC, ADMIN_ROLES_SCAN)
    }
    taken = fleet.start(connection, DIRECTORY_SYNC, by="omar")
    assert (taken.run.id, taken.run.initiator) == (waiting[DIRECTORY_SYNC], "omar"), (
        "who asks for it too waits for it too"
    )
    attach(fleet, connection, waiting[ADMIN_ROLES_SCAN])
    fleet.start(connection, COMPLIANCE_SNAPSHOT, run_after=True)
    fleet.finish(last, fleet.failing_report("identity_service_unavailable"))
    held = fleet.run_row(waiting[INVENTORY_SYNC])
    assert (held.outcome, held.reason_code) == ("blocked", "breaker_open")
    found = standing(fleet, connection, INVENTORY_SYNC)
    assert (found.blocked_reason_code, found.blocked_since) == ("breaker_open", fleet.clock.time)
    assert (found.failing_since, found.last_run_id) == (None, None), "it never ran, so it did not fail"
    assert breaker(fleet, connection) is not None
    theirs = [DIRECTORY_SYNC, ADMIN_ROLES_SCAN, COMPLIANCE_SNAPSHOT]
    assert [row.type for row in fleet.unfinished(connection) if row.type != CONNECTION_CHECK] == theirs
    for operation in theirs:
        (claim,) = fleet.take()
        assert claim.operation_type == operation
        fleet.finish(claim)
    assert breaker(fleet, connection) is None
    fleet.check(connection)
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_reason_code is None, "solved as soon as it is closed"


def test_a_person_who_tries_early_never_makes_the_wait_longer(fleet: Any) -> None:
    connection = opened(fleet)
    until = breaker(fleet, connection).open_until
    result: Any = probing.probe_now(fleet.db, fleet.people["omar"], connection)
    fleet.finish(leases.claim(fleet.db, "w1", result.run.id), fleet.failing_report("secret_expired"))
    assert breaker(fleet, connection).open_until == until
    result = probing.probe_now(fleet.db, fleet.people["omar"], connection)
    fleet.finish(leases.claim(fleet.db, "w1", result.run.id))
    assert may(fleet, connection)


@pytest.mark.parametrize("change", ["credential", "enable", "consent", "platform app"])
def test_whatever_a_person_changes_about_signing_in_closes_it(sqlite_fleet: Any, change: str) -> None:
    fleet = sqlite_fleet
    connection = fleet.connection["wingtip" if change == "platform app" else "contoso"]
    fail(fleet, connection, times=OPENS_AFTER)
    fleet.clock.advance(seconds=1)
    if change == "credential":
        fleet.store_secret(connection, "another-one")
    elif change == "platform app":
        owner = CredentialOwner.PLATFORM_APP
        credentials.store(fleet.db, fleet.dana, owner, fleet.app, from_secret("another-one"), fleet.public_key)
    elif change == "enable":
        connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
        assert breaker(fleet, connection) is None
        connection_changes.set_enabled(fleet.db, fleet.dana, connection, True)
    else:
        connection_changes.record_consent(fleet.db, fleet.dana, connection)
    assert may(fleet, connection)
    for claim in fleet.take():
        fleet.finish(claim, fleet.failing_report("secret_invalid"))
    fail(fleet, connection, times=OPENS_AFTER - 2)
    assert may(fleet, connection), "the failures before the change do not count any more"


@given(st.lists(st.tuples(st.sampled_from(SignIn), st.integers(0, 2000)), max_size=40))
@settings(max_examples=150, deadline=None)
def test_the_rules_keep_their_promises_whatever_happens(events: list[tuple[SignIn, int]]) -> None:
    """A model of what people were promised, beside the rules: never longer than a day, and no failure while it is open counts."""
    state, now = BreakerState(), NOON
    for sign_in, minutes in events:
        now += timedelta(minutes=minutes)
        before, held = state, not state.may_run_scheduled(now)
        state = state.after(sign_in, now)
        if sign_in is SignIn.WORKED:
            assert state == BreakerState()
        elif sign_in is SignIn.UNKNOWN or held:
            assert (state.failures, state.open_until) == (before.failures, before.open_until)
        else:
            assert state.failures == before.failures + 1
        assert state.is_open == (state.failures >= OPENS_AFTER)
        if state.is_open:
            assert state.opened_at is not None
            assert state.open_until is not None
            assert state.opened_at < state.open_until <= now + OPEN_FOR[-1]
            assert state.may_run_scheduled(state.open_until)
            assert before.opened_at in (None, state.opened_at)


@pytest.mark.parametrize(
    ("outcome", "reason", "claimed", "meaning"),
    [
        (RunOutcome.SUCCEEDED, None, True, SignIn.WORKED),
        (RunOutcome.PARTIALLY_SUCCEEDED, "throttled", True, SignIn.WORKED),
        (RunOutcome.PARTIALLY_SUCCEEDED, "superseded", True, SignIn.UNKNOWN),
        (RunOutcome.BLOCKED, "provider_credential_missing", False, SignIn.UNKNOWN),
        (RunOutcome.FAILED, "identity_service_unavailable", True, SignIn.FAILED),
        (RunOutcome.FAILED, "service_unavailable", True, SignIn.UNKNOWN),
        (RunOutcome.LOST, "run_lost", True, SignIn.UNKNOWN),
    ],
)
def test_what_a_run_says_about_signing_in(outcome: RunOutcome, reason: str, claimed: bool, meaning: SignIn) -> None:
    assert read_sign_in(outcome, reason, was_claimed=claimed) is meaning


# What became of each operation


def test_failures_are_counted_since_the_first_and_the_last_good_run_stays(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    good = fleet.check(connection)
    fail(fleet, connection, "throttled")
    since = fleet.clock.time
    fail(fleet, connection, "network_dns")
    found = standing(fleet, connection)
    assert (found.consecutive_failures, found.failing_since) == (2, since)
    assert (found.last_outcome, found.last_reason_code) == (RunOutcome.FAILED, "network_dns")
    assert (found.last_good_run_id, found.last_good_at) == (good.id, good.completed_at)
    claim = fleet.begin(connection, DIRECTORY_SYNC)
    fleet.finish(claim, RunResult(RunOutcome.PARTIALLY_SUCCEEDED, "throttled", failures=[failure("throttled")]))
    assert standing(fleet, connection).consecutive_failures == 2, "operations are counted apart"
    partly = standing(fleet, connection, DIRECTORY_SYNC)
    assert (partly.failing_since, partly.last_good_run_id) == (None, claim.held.run_id)
    cancelling.cancel(fleet.db, fleet.dana, fleet.start(connection).run.id)
    assert standing(fleet, connection) == found, "a cancelled run says nothing"
    fleet.check(connection)
    assert (standing(fleet, connection).consecutive_failures, standing(fleet, connection).failing_since) == (0, None)


def test_a_result_that_was_set_aside_is_neither_good_nor_bad(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fail(fleet, connection)
    claim = fleet.begin(connection)
    fleet.store_secret(connection, "another-one")
    assert fleet.finish(claim).reason_code == "superseded"
    found = standing(fleet, connection)
    assert (found.last_run_id, found.consecutive_failures, found.last_good_at) == (claim.held.run_id, 1, None)


def test_a_blocked_schedule_is_kept_until_the_operation_starts_or_could(fleet: Any) -> None:
    connection = fleet.connection["contoso"]

    def note(reason: str) -> None:
        def work(tx: Any) -> None:
            row = lock_connection(tx, connection)
            assert row is not None
            connection_operations.note_each_blocked(tx, [(row, reason)], INVENTORY_SYNC)

        fleet.db.write(work)

    note("provider_consent_missing")
    since = fleet.clock.time
    fleet.clock.advance(hours=1)
    note("provider_consent_missing")
    found = standing(fleet, connection, INVENTORY_SYNC)
    assert (found.blocked_reason_code, found.blocked_since) == ("provider_consent_missing", since)
    assert found.last_run_id is None
    note("provider_permission_missing")
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_since == fleet.clock.time
    fleet.start(connection, INVENTORY_SYNC)
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_since is None
    (claim,) = fleet.take()
    fleet.finish(claim)
    note("provider_consent_missing")
    fleet.check(connection, fleet.failing_report("secret_expired"))
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_since is not None, "still held up, by the badge now"
    fleet.check(connection)
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_since is None, "a check that passed lets it go"
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    note("provider_connection_disabled")
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, True)
    assert standing(fleet, connection, INVENTORY_SYNC).blocked_since is None, "so does whoever enables it"


def test_a_run_that_is_lost_or_stopped_at_its_claim_counts_as_well(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    run = fleet.start(connection, INVENTORY_SYNC).run.id
    fleet.set_connection(connection, consent_status="revoked")
    assert leases.claim(fleet.db, "w1", run) is None
    assert standing(fleet, connection, INVENTORY_SYNC).last_outcome is RunOutcome.BLOCKED
    fleet.write(
        operation_runs.update().where(operation_runs.c.id == fleet.begin(connection).held.run_id).values(attempt=9)
    )
    fleet.clock.advance(minutes=5)
    fleet.sweep()
    assert standing(fleet, connection).last_outcome is RunOutcome.LOST
    assert fleet.rows(select(operation_runs.c.id).where(operation_runs.c.status != RunStatus.COMPLETED.value)) == []


def test_what_is_due_next_stands_beside_it(sqlite_fleet: Any) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    soon, later = (fleet.clock.time + timedelta(hours=hours) for hours in (1, 2))
    gold = select(tags.c.id).where(tags.c.name == "gold").scalar_subquery()
    shared = {
        "workspace_id": fleet.north,
        "time_zone": "UTC",
        "created_at": soon,
        "updated_at": soon,
        "cron": "0 1 * * *",
    }
    for name, reach in (
        ("of its tag", {"scope_kind": "tag", "tag_id": gold, "type": CONNECTION_CHECK, "next_due_at": soon}),
        ("of all", {"scope_kind": "workspace", "type": CONNECTION_CHECK, "next_due_at": later}),
        ("of another", {"scope_kind": "tenant", "tenant_id": fleet.tenant["fabrikam"], "type": INVENTORY_SYNC, "next_due_at": soon}),
        ("off", {"scope_kind": "workspace", "type": DIRECTORY_SYNC, "next_due_at": soon, "is_enabled": False}),
    ):  # fmt: skip
        fleet.write(insert(schedules).values(name=name, **shared, **reach))
    (only,) = connections.get(fleet.db, fleet.dana, connection).operations
    assert (only.type, only.next_due_at, only.last_outcome) == (CONNECTION_CHECK, soon, None)
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    assert connections.get(fleet.db, fleet.dana, connection).operations == (), "nothing starts on what is disabled"
