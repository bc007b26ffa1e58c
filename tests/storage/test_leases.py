"""Who works on a run, one case at a time; every order of them is driven in `test_run_protocol.py`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from storage import cancelling, connection_changes, dispatching, leases, reaping
from storage.errors import InvalidInput
from storage.finishing import LeaseLost, RunResult
from storage.leases import StepProgress
from storage.operations import CONNECTION_CHECK, DIRECTORY_SYNC, INVENTORY_SYNC
from storage.schema import operation_runs, run_steps
from storage.states import RunOutcome, StepStatus


def test_a_hint_is_given_again_when_nobody_claims_it(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run.id
    assert dispatching.dispatch(fleet.db, "w1", 4) == [run]
    assert dispatching.dispatch(fleet.db, "w2", 4) == []
    fleet.clock.advance(seconds=5.1)
    assert dispatching.dispatch(fleet.db, "w2", 4) == [run]


def test_a_worker_without_free_slots_takes_nothing(fleet: Any) -> None:
    fleet.start(fleet.connection["contoso"])
    assert dispatching.dispatch(fleet.db, "w1", 0) == []
    assert dispatching.dispatch(fleet.db, "w1", -1) == []


def test_two_workers_with_the_same_hint_claim_once(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run.id
    first, second = (leases.claim(fleet.db, worker, run) for worker in ("w1", "w2"))
    assert first is not None
    assert second is None
    assert fleet.run_row(run).worker_id == "w1"


def test_a_tenant_with_many_connections_does_not_take_the_worker_for_itself(fleet: Any) -> None:
    for _ in range(4):
        fleet.start(fleet.add_connection("contoso"))
    fleet.start(fleet.connection["fabrikam"])
    given = dispatching.dispatch(fleet.db, "w1", 8)
    tenants = [fleet.run_row(run).tenant_id for run in given]
    assert tenants.count(fleet.tenant["contoso"]) == dispatching.SLOTS_PER_TENANT
    assert tenants.count(fleet.tenant["fabrikam"]) == 1
    claims = [leases.claim(fleet.db, "w1", run) for run in given]
    assert dispatching.dispatch(fleet.db, "w2", 8) == []
    fleet.finish(claims[0])
    assert len(dispatching.dispatch(fleet.db, "w2", 8)) == 1


def test_a_claim_carries_all_that_the_work_needs(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    truth = fleet.truth(connection)
    assert (claim.entra_tenant_id, claim.client_id, claim.primary_domain) == (
        truth.entra_tenant_id,
        truth.client_id,
        "contoso.example",
    )
    assert (claim.attempt, claim.deferrals, claim.waited_for) == (1, 0, True)
    assert [credential.slot.value for credential in claim.credentials] == ["active"]
    fleet.store_secret(connection, "newer~secret")
    fleet.finish(claim)
    (claim,) = fleet.take()  # superseded: a fresh check was queued
    assert [credential.slot.value for credential in claim.credentials] == ["staged", "active"]


def test_a_platform_connection_signs_in_as_its_app(fleet: Any) -> None:
    from storage.schema import platform_apps

    claim = fleet.begin(fleet.connection["wingtip"])
    app = fleet.rows(select(platform_apps))[0]
    assert (claim.client_id, claim.home_tenant_id) == (app.client_id, app.home_tenant_id)
    assert claim.credentials[0].binding.owner_id == app.id


def test_a_beat_extends_and_tells_of_a_cancel(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    fleet.clock.advance(seconds=10)
    assert leases.beat(fleet.db, [claim.held]).alive == {claim.held.run_id}
    fleet.clock.advance(seconds=10)
    assert reaping.reap(fleet.db) == 0
    cancelling.cancel(fleet.db, fleet.dana, claim.held.run_id)
    assert leases.beat(fleet.db, [claim.held]).cancel_requested == {claim.held.run_id}
    assert leases.beat(fleet.db, []).alive == frozenset()


def test_past_its_deadline_a_run_is_not_held_any_more(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    fleet.clock.time = claim.deadline_at
    assert leases.beat(fleet.db, [claim.held]).alive == frozenset()
    assert reaping.reap(fleet.db) == 1
    run = fleet.run_row(claim.held.run_id)
    assert (run.outcome, run.reason_code) == ("failed", "deadline_exceeded")


def test_a_dead_workers_run_is_taken_up_again_until_its_attempts_are_used(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run.id
    for attempt in (1, 2, 3):
        (claim,) = fleet.take()
        assert claim.attempt == attempt
        fleet.clock.advance(seconds=16)
        assert reaping.reap(fleet.db) == 1
    row = fleet.run_row(run)
    assert (row.status, row.outcome, row.reason_code) == ("completed", "lost", "attempts_exhausted")
    assert len(fleet.notifications_of(run)) == 1


def test_what_may_not_be_repeated_is_lost_with_its_worker(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from storage import operations

    unsafe = {name: replace(operation, retry_safe=False) for name, operation in operations.CATALOG.items()}
    monkeypatch.setattr(operations, "CATALOG", unsafe)
    claim = fleet.begin(fleet.connection["contoso"])
    fleet.clock.advance(seconds=16)
    reaping.reap(fleet.db)
    row = fleet.run_row(claim.held.run_id)
    assert (row.outcome, row.reason_code) == ("lost", "run_lost")


def test_a_dead_workers_run_that_a_person_cancelled_is_cancelled(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    assert not cancelling.cancel(fleet.db, fleet.dana, claim.held.run_id).immediate
    fleet.clock.advance(seconds=16)
    reaping.reap(fleet.db)
    assert fleet.run_row(claim.held.run_id).outcome == "cancelled"


def test_deferring_waits_and_does_not_count(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    assert leases.defer(fleet.db, claim.held, seconds=42, reason_code="throttled", phase="Waiting for Microsoft")
    row = fleet.run_row(claim.held.run_id)
    assert (row.status, row.attempt, row.deferrals, row.worker_id) == ("queued", 0, 1, None)
    assert row.waiting_until == row.not_before
    assert (row.waiting_until - fleet.clock.time).total_seconds() == 42
    fleet.clock.advance(seconds=41)
    assert fleet.take() == []
    assert leases.claim(fleet.db, "w1", claim.held.run_id) is None
    fleet.clock.advance(seconds=1)
    (again,) = fleet.take()
    assert (again.attempt, again.deferrals) == (1, 1)
    assert again.held.fence > claim.held.fence
    assert fleet.run_row(claim.held.run_id).waiting_until is None


def test_releasing_gives_back_at_once(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    assert leases.release(fleet.db, claim.held)
    (again,) = fleet.take("w2")
    assert (again.held.run_id, again.attempt, again.deferrals) == (claim.held.run_id, 1, 0)


@pytest.mark.parametrize("how", ["defer", "release"])
def test_giving_back_a_run_that_shall_be_cancelled_cancels_it(fleet: Any, how: str) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    cancelling.cancel(fleet.db, fleet.dana, claim.held.run_id)
    if how == "defer":
        assert leases.defer(fleet.db, claim.held, seconds=600, reason_code="throttled", phase="")
    else:
        assert leases.release(fleet.db, claim.held)
    assert fleet.run_row(claim.held.run_id).outcome == "cancelled"


def test_cancelling_a_deferred_run_does_not_wait_for_microsoft(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    leases.defer(fleet.db, claim.held, seconds=3600, reason_code="throttled", phase="")
    assert cancelling.cancel(fleet.db, fleet.dana, claim.held.run_id).immediate


def test_cancelling_twice_is_harmless(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    for _ in range(2):
        assert not cancelling.cancel(fleet.db, fleet.dana, claim.held.run_id).immediate
    fleet.finish(claim)
    assert fleet.run_row(claim.held.run_id).outcome == "succeeded"


def test_cancelling_gives_the_waiting_run_its_turn(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    check = fleet.start(connection).run
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting
    cancelling.cancel(fleet.db, fleet.dana, check.id)
    assert [(row.id, row.status) for row in fleet.unfinished(connection)] == [(waiting.id, "queued")]


def test_reaping_gives_the_waiting_run_its_turn(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting
    fleet.clock.time = claim.deadline_at
    reaping.reap(fleet.db)
    assert [(row.id, row.status) for row in fleet.unfinished(connection)] == [(waiting.id, "queued")]


def test_a_waiting_run_that_nobody_woke_is_found_by_the_sweep(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    check = fleet.start(connection).run
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting
    fleet.write(
        update(operation_runs)
        .where(operation_runs.c.id == check.id)
        .values(status="completed", outcome="lost", completed_at=fleet.clock.time)
    )
    assert reaping.promote_waiting(fleet.db) == 1
    assert fleet.run_row(waiting.id).status == "queued"
    assert reaping.promote_waiting(fleet.db) == 0


def test_disabling_cancels_what_has_not_begun_and_asks_the_rest_to_stop(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    fleet.start(connection, INVENTORY_SYNC, run_after=True)
    fleet.start(connection, DIRECTORY_SYNC, run_after=True)
    before = fleet.truth(connection)
    connection_changes.set_enabled(fleet.db, fleet.people["mona"], connection, False)
    (left,) = fleet.unfinished(connection)
    assert (left.id, left.status, left.cancel_requested_by) == (claim.held.run_id, "running", "mona")
    after = fleet.truth(connection)
    assert (after.consent_status, after.verification_status) == (before.consent_status, before.verification_status)
    assert after.generation == before.generation + 1
    assert fleet.start(connection, INVENTORY_SYNC).reason.code == "provider_connection_disabled"
    row = fleet.finish(claim)
    assert row.outcome == "partially_succeeded"
    assert fleet.unfinished(connection) == []
    assert fleet.truth(connection).verification_status == before.verification_status


def test_enabling_makes_the_verification_unknown_and_keeps_consent(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    disabled = fleet.truth(connection)
    again = connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    assert fleet.truth(connection) == disabled
    assert again.is_enabled is False
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, True)
    truth = fleet.truth(connection)
    assert (truth.consent_status, truth.verification_status) == ("granted", "unknown")
    assert truth.generation == disabled.generation + 1


def test_the_default_moves_in_one_step_and_there_is_always_one(fleet: Any) -> None:
    second = fleet.add_connection("contoso")
    first = fleet.connection["contoso"]
    assert (fleet.truth(first).is_default, fleet.truth(second).is_default) == (True, False)
    connection_changes.set_default(fleet.db, fleet.dana, second)
    assert (fleet.truth(first).is_default, fleet.truth(second).is_default) == (False, True)


def test_recording_consent_makes_the_verification_pending(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(connection, consent_status="required", consent_granted_at=None)
    before = fleet.truth(connection).generation
    connection_changes.record_consent(fleet.db, fleet.dana, connection)
    truth = fleet.truth(connection)
    assert (truth.consent_status, truth.verification_status) == ("granted", "pending")
    assert (truth.consent_granted_at, truth.generation) == (fleet.clock.time, before + 1)


def test_steps_are_shown_as_they_come_and_corrected_as_they_end(fleet: Any) -> None:
    from storage import runs

    claim = fleet.begin(fleet.connection["contoso"])
    now = fleet.clock.time
    running = StepProgress("token", 0, "Token", StepStatus.RUNNING, now)
    assert leases.report_progress(fleet.db, claim.held, done=0, total=2, steps=[running])
    done = StepProgress("token", 0, "Token", StepStatus.FAIL, now, now, "secret_expired", "It expired.")
    next_one = StepProgress("claims", 1, "Claims", StepStatus.RUNNING, now)
    assert leases.report_progress(fleet.db, claim.held, done=1, total=2, steps=[done, next_one])
    steps = runs.get(fleet.db, fleet.dana, claim.held.run_id).steps
    assert [(step.key, step.status, step.reason_code) for step in steps] == [
        ("token", StepStatus.FAIL, "secret_expired"),
        ("claims", StepStatus.RUNNING, None),
    ]
    assert fleet.count(run_steps) == 2


def test_a_zombie_leaves_no_trace(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    zombie = fleet.begin(connection)
    fleet.clock.advance(seconds=16)
    reaping.reap(fleet.db)
    (claim,) = fleet.take("w2")
    before = fleet.contents()
    with pytest.raises(LeaseLost):
        fleet.finish(zombie)
    step = StepProgress("token", 0, "Token", StepStatus.PASS, fleet.clock.time)
    assert not leases.report_progress(fleet.db, zombie.held, done=1, steps=[step])
    assert fleet.contents() == before
    assert fleet.finish(claim).outcome == "succeeded"
    with pytest.raises(LeaseLost):
        fleet.finish(claim)


def test_a_result_with_a_foreign_summary_key_is_refused_whole(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC)
    before = fleet.contents()
    with pytest.raises(InvalidInput, match="secrets_found"):
        fleet.finish(claim, RunResult(summary_counts={"items": 1, "secrets_found": 2}))
    assert fleet.contents() == before


def test_summary_counts_come_out_in_the_catalogs_order(fleet: Any) -> None:
    from storage import runs

    claim = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC)
    fleet.finish(claim, RunResult(summary_counts={"skipped": 0, "created": 2, "items": 3}))
    counts = runs.get(fleet.db, fleet.dana, claim.held.run_id).summary_counts
    assert list(counts.items()) == [("items", 3), ("created", 2), ("skipped", 0)]


def test_the_database_itself_refuses_to_change_a_completed_run(fleet: Any) -> None:
    from storage.errors import DatabaseError

    run = fleet.check(fleet.connection["contoso"])
    with pytest.raises(DatabaseError):
        fleet.write(update(operation_runs).where(operation_runs.c.id == run.id).values(outcome=RunOutcome.LOST.value))
    assert fleet.run_row(run.id) == run


def test_a_check_of_a_connection_is_in_its_own_list_of_runs(fleet: Any) -> None:
    from storage import runs
    from storage.pages import Place

    connection = fleet.connection["contoso"]
    done = fleet.check(connection)
    fleet.start(fleet.connection["fabrikam"])
    query = runs.RunQuery(fleet.north, connection_id=connection)
    rows = runs.page(fleet.db, fleet.dana, query, Place.first()).rows
    assert [(row.id, row.type, row.label) for row in rows] == [(done.id, CONNECTION_CHECK, "Connection check")]
    unfinished = runs.RunQuery(fleet.north, unfinished_only=True)
    assert [row.tenant_name for row in runs.page(fleet.db, fleet.dana, unfinished, Place.first()).rows] == ["Fabrikam"]
