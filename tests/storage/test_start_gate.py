"""May it start? The whole matrix, and what a start answers when something is there already."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from storage import audit_trail, cancelling, dispatching, leases, operations, reasons, starting
from storage.errors import Conflict, InvalidInput, NotFound
from storage.operations import CATALOG, CONNECTION_CHECK, DIRECTORY_SYNC, INVENTORY_SYNC
from storage.schema import audit_entries, credentials, operation_runs, provider_connections, tenants
from storage.starting import AlreadyRunning, Blocked, Origin, ScopeBusy, Started
from storage.states import ConsentStatus, RunCause, RunStatus, VerificationStatus

CREDENTIALS = ("none", "active", "staged", "previous")
OTHERS = tuple(name for name in CATALOG if name != CONNECTION_CHECK)


def expected_obstacle(operation: str, is_enabled: bool, credential: str, consent: str, verification: str) -> str | None:
    """The rule "May it start?", written down a second time. No permission is known in these cases."""
    if not is_enabled:
        return "provider_connection_disabled"
    if credential not in ("active", "staged"):
        return "provider_credential_missing"
    if operation == CONNECTION_CHECK:
        return None
    if consent != "granted":
        return {
            "unknown": "provider_consent_missing",
            "required": "provider_consent_missing",
            "failed": "provider_consent_failed",
            "revoked": "provider_consent_revoked",
        }[consent]
    return "secret_expired" if verification == "blocked" else None


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_the_matrix(fleet: Any, credential: str) -> None:
    connection = fleet.connection["contoso"]
    if credential == "none":
        fleet.write(delete(credentials).where(credentials.c.connection_id == connection))
    else:
        fleet.write(update(credentials).where(credentials.c.connection_id == connection).values(slot=credential))
    for is_enabled, consent, verification in itertools.product((True, False), ConsentStatus, VerificationStatus):
        fleet.set_connection(
            connection,
            is_enabled=is_enabled,
            consent_status=consent.value,
            verification_status=verification.value,
            last_reason_code="secret_expired" if verification is VerificationStatus.BLOCKED else None,
        )
        for operation in (CONNECTION_CHECK, DIRECTORY_SYNC):
            obstacle = expected_obstacle(operation, is_enabled, credential, consent.value, verification.value)
            found = starting.preview(fleet.db, fleet.dana, connection, operation)
            where = f"{operation} enabled={is_enabled} {credential} {consent} {verification}"
            assert (found.reason.code if isinstance(found, Blocked) else found) == obstacle, where


@pytest.mark.parametrize("operation", CATALOG)
def test_what_the_preview_promises_the_start_does(fleet: Any, operation: str) -> None:
    for changes in (
        {"is_enabled": True},
        {"is_enabled": False},
        {"consent_status": "revoked"},
        {"verification_status": "blocked"},
    ):
        connection = fleet.add_connection(f"t{fleet.guid()[-6:]}")
        fleet.set_connection(connection, **changes)
        promised = starting.preview(fleet.db, fleet.dana, connection, operation)
        done = fleet.start(connection, operation)
        if promised is None:
            assert isinstance(done, Started)
        else:
            assert done == promised
            assert fleet.unfinished(connection) == []


def test_a_blocked_connection_says_the_badges_own_reason(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(
        connection,
        verification_status="blocked",
        last_reason_code="secret_expired",
        last_reason_sentence="The secret of Contoso expired yesterday.",
    )
    result = fleet.start(connection, INVENTORY_SYNC)
    assert (result.reason.code, result.sentence) == ("secret_expired", "The secret of Contoso expired yesterday.")


@pytest.mark.parametrize("operation", OTHERS)
def test_a_permission_known_to_be_missing_blocks_only_what_requires_it(fleet: Any, operation: str) -> None:
    connection = fleet.connection["contoso"]
    needed = CATALOG[operation].required_permissions[-1]
    fleet.set_permissions(connection, {name: name != needed for name in operations.all_required_permissions()})
    for other in OTHERS:
        found = starting.preview(fleet.db, fleet.dana, connection, other)
        if needed in CATALOG[other].required_permissions:
            assert isinstance(found, Blocked)
            assert found.reason.code == "provider_permission_missing"
            assert needed in found.sentence
        else:
            assert found is None
    assert starting.preview(fleet.db, fleet.dana, connection, CONNECTION_CHECK) is None


def test_a_permission_nobody_has_asked_about_blocks_nothing(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_permissions(connection, {"User.Read.All": True})  # an older manifest knew no other
    assert starting.preview(fleet.db, fleet.dana, connection, INVENTORY_SYNC) is None


@pytest.mark.parametrize("verification", ["unknown", "pending", "error"])
def test_permissions_hold_nothing_back_while_the_verification_says_nothing(fleet: Any, verification: str) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_permissions(connection, dict.fromkeys(operations.all_required_permissions(), False))
    fleet.set_connection(connection, verification_status=verification)
    assert starting.preview(fleet.db, fleet.dana, connection, INVENTORY_SYNC) is None


def test_an_archived_tenant_starts_nothing(fleet: Any) -> None:
    fleet.write(update(tenants).where(tenants.c.id == fleet.tenant["contoso"]).values(lifecycle="archived"))
    for operation in CATALOG:
        assert fleet.start(fleet.connection["contoso"], operation).reason.code == "tenant_archived"


def test_a_platform_connection_needs_its_app_and_the_apps_credential(fleet: Any) -> None:
    connection = fleet.connection["wingtip"]
    assert starting.preview(fleet.db, fleet.dana, connection, CONNECTION_CHECK) is None
    fleet.write(delete(credentials).where(credentials.c.platform_app_id == fleet.app))
    assert fleet.start(connection).reason.code == "provider_credential_missing"
    fleet.set_connection(connection, platform_app_id=None)
    assert fleet.start(connection).reason.code == "platform_app_missing"


def test_every_answer_of_the_gate_is_in_the_catalog() -> None:
    own = "tenant_archived platform_app_missing provider_verification_blocked provider_permission_missing"
    consent = "provider_consent_missing provider_consent_failed provider_consent_revoked"
    for code in f"{own} {consent} provider_connection_disabled provider_credential_missing".split():
        assert code in reasons.catalog()


def test_an_unknown_operation_is_refused(fleet: Any) -> None:
    for call in (starting.start, starting.preview):
        with pytest.raises(InvalidInput, match="operation"):
            call(fleet.db, fleet.dana, fleet.connection["contoso"], "provider.connection.delete")
    assert fleet.count(operation_runs) == 0


def test_a_connection_that_does_not_exist_is_not_found(fleet: Any) -> None:
    for number in (0, -1, 999_999, 2**62, 2**63, 10**30):
        with pytest.raises(NotFound):
            starting.start(fleet.db, fleet.dana, number, CONNECTION_CHECK)
        with pytest.raises(NotFound):
            starting.retry(fleet.db, fleet.dana, number)


def test_a_start_makes_one_queued_run_and_one_audit_entry(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    result = fleet.start(connection, by="omar", ticket="CHG-7")
    assert isinstance(result, Started)
    (run,) = fleet.unfinished(connection)
    assert (run.id, run.status, run.cause, run.initiator, run.ticket) == (
        result.run.id,
        "queued",
        "person",
        "omar",
        "CHG-7",
    )
    entry = audit_trail.of_connection(fleet.db, fleet.dana, connection)[0]
    assert (entry.action, entry.actor, entry.ticket, entry.detail["run"]) == ("run.start", "omar", "CHG-7", run.id)


@pytest.mark.parametrize("operation", CATALOG)
def test_the_context_always_holds_its_contract(fleet: Any, operation: str) -> None:
    connection = fleet.connection["contoso"]
    run = fleet.run_row(fleet.start(connection, operation).run.id)
    truth = fleet.truth(connection)
    assert run.context == {
        "provider": "microsoft",
        "module": CATALOG[operation].module,
        "provider_connection_id": connection,
        "target_scope": {"entra_tenant_id": truth.entra_tenant_id, "entra_tenant_name": "Contoso"},
    }


def test_a_second_press_opens_the_same_run(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    first = fleet.start(connection, by="dana")
    second = fleet.start(connection, by="omar")
    assert isinstance(second, AlreadyRunning)
    assert (second.run.id, second.run.initiator) == (first.run.id, "dana")
    (claim,) = fleet.take()
    leases.report_progress(fleet.db, claim.held, done=3, total=11, phase="Reading licences")
    third = fleet.start(connection)
    assert (third.run.status, third.run.progress_done, third.run.progress_total) == (RunStatus.RUNNING, 3, 11)
    assert third.run.phase == "Reading licences"
    assert fleet.count(operation_runs) == 1


def test_another_operation_is_named_and_may_be_followed(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    check = fleet.start(connection)
    busy = fleet.start(connection, INVENTORY_SYNC)
    assert isinstance(busy, ScopeBusy)
    assert (busy.run.id, busy.waiting) == (check.run.id, None)
    assert len(fleet.unfinished(connection)) == 1
    after = fleet.start(connection, INVENTORY_SYNC, run_after=True)
    assert isinstance(after, ScopeBusy)
    assert after.waiting is not None
    assert after.waiting.status is RunStatus.WAITING
    again = fleet.start(connection, INVENTORY_SYNC, run_after=True)
    assert isinstance(again, AlreadyRunning)
    assert again.run.id == after.waiting.id
    assert [row.status for row in fleet.unfinished(connection)] == ["queued", "waiting"]


def test_the_oldest_waiting_run_is_next_and_only_one_at_a_time(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    directory = fleet.start(connection, DIRECTORY_SYNC, run_after=True).waiting
    inventory = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting
    fleet.finish(claim)
    assert [(row.id, row.status) for row in fleet.unfinished(connection)] == [
        (directory.id, "queued"),
        (inventory.id, "waiting"),
    ]
    (claim,) = fleet.take()
    assert claim.held.run_id == directory.id
    fleet.finish(claim)
    (claim,) = fleet.take()
    assert claim.held.run_id == inventory.id


def test_what_was_blocked_meanwhile_is_blocked_when_it_is_claimed(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.start(connection, INVENTORY_SYNC)
    fleet.set_connection(connection, consent_status="revoked")
    assert fleet.take() == []
    run = fleet.rows(select(operation_runs))[0]
    assert (run.status, run.outcome, run.reason_code) == ("completed", "blocked", "provider_consent_revoked")
    assert run.attempt == 0
    assert len(fleet.notifications_of(run.id)) == 1


def _follow_up(fleet: Any, connection: int, minutes: int = 5) -> int:
    """A check that a machine has queued for later."""
    from storage.access import WORKER
    from storage.gate import lock_connection

    origin = Origin(
        RunCause.FOLLOW_UP, run_after=True, not_before=fleet.clock.time + timedelta(minutes=minutes), follow_up_depth=1
    )
    result = fleet.db.write(
        lambda tx: starting.start_in(
            tx, WORKER, lock_connection(tx, connection), operations.find(CONNECTION_CHECK), origin
        )
    )
    assert isinstance(result, Started)
    assert result.run.status is RunStatus.WAITING
    return int(result.run.id)


def test_a_follow_up_waits_for_its_time(fleet: Any) -> None:
    run = _follow_up(fleet, fleet.connection["contoso"])
    fleet.sweep()
    assert fleet.take() == []
    fleet.clock.advance(minutes=5)
    fleet.sweep()
    (claim,) = fleet.take()
    assert (claim.held.run_id, claim.waited_for) == (run, False)


def test_a_person_who_asks_for_it_brings_a_follow_up_forward(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    run = _follow_up(fleet, connection)
    result = fleet.start(connection, by="omar")
    assert isinstance(result, Started)
    assert (result.run.id, result.run.status, result.run.initiator) == (run, RunStatus.QUEUED, "omar")
    entry = audit_trail.of_connection(fleet.db, fleet.dana, connection)[0]
    assert (entry.action, entry.actor, entry.detail["run"]) == ("run.start", "omar", run)
    (claim,) = fleet.take()
    assert claim.waited_for
    done = fleet.finish(claim)
    (note,) = fleet.notifications_of(done.id)
    assert note.user_id == fleet.people["omar"].user_id


def test_bringing_forward_somebodys_own_waiting_run_leaves_it_theirs(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    check = fleet.start(connection)
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True, by="omar").waiting
    fleet.write(delete(operation_runs).where(operation_runs.c.id == check.run.id))  # as if its promotion was lost
    result = fleet.start(connection, INVENTORY_SYNC, by="mona")
    assert isinstance(result, Started)
    assert (result.run.id, result.run.initiator) == (waiting.id, "omar")


def test_a_follow_up_is_not_brought_forward_into_a_busy_connection(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    run = _follow_up(fleet, connection)
    fleet.start(connection, INVENTORY_SYNC)
    result = fleet.start(connection)
    assert isinstance(result, AlreadyRunning)
    assert (result.run.id, result.run.status) == (run, RunStatus.WAITING)


def test_a_check_makes_an_unknown_verification_pending_and_leaves_any_other(fleet: Any) -> None:
    for verification in VerificationStatus:
        connection = fleet.add_connection(f"v-{verification.value}")
        fleet.set_connection(connection, verification_status=verification.value)
        fleet.start(connection)
        expected = "pending" if verification is VerificationStatus.UNKNOWN else verification.value
        assert fleet.truth(connection).verification_status == expected
    connection = fleet.add_connection("other")
    fleet.set_connection(connection, verification_status="unknown")
    fleet.start(connection, INVENTORY_SYNC)
    assert fleet.truth(connection).verification_status == "unknown"


def test_a_retry_is_a_new_run_that_remembers_the_old_one(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    old = fleet.check(connection)
    result = starting.retry(fleet.db, fleet.people["omar"], old.id)
    assert isinstance(result, Started)
    new = fleet.run_row(result.run.id)
    assert (new.retry_of_id, new.cause, new.initiator, new.type) == (old.id, "retry", "omar", CONNECTION_CHECK)
    (claim,) = fleet.take()
    assert claim.waited_for
    fleet.finish(claim)
    assert len(fleet.notifications_of(new.id)) == 1
    assert fleet.run_row(old.id) == old


def test_a_run_that_has_not_ended_cannot_be_retried(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run
    with pytest.raises(Conflict, match="has not completed"):
        starting.retry(fleet.db, fleet.dana, run.id)


def test_a_retry_goes_through_the_gate(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    old = fleet.finish(fleet.begin(connection, INVENTORY_SYNC))
    fleet.set_connection(connection, consent_status="revoked")
    assert starting.retry(fleet.db, fleet.dana, old.id).reason.code == "provider_consent_revoked"


def test_a_refused_start_is_written_in_a_transaction_of_its_own(fleet: Any) -> None:
    from storage.errors import Forbidden

    connection = fleet.connection["contoso"]
    with pytest.raises(Forbidden):
        fleet.start(connection, by="rita")
    entry = fleet.rows(select(audit_entries).where(audit_entries.c.outcome == "refused"))[0]
    assert (entry.actor, entry.action, entry.target_id) == (
        "rita",
        "run.start",
        str(connection),
    )
    assert fleet.count(operation_runs) == 0
    assert fleet.truth(connection).first_run_at is None


def test_what_a_person_waits_for_goes_first(fleet: Any) -> None:
    followed = fleet.connection["fabrikam"]
    run = _follow_up(fleet, followed, minutes=1)
    fleet.clock.advance(minutes=2)
    fleet.sweep()
    fleet.clock.advance(minutes=2)
    person = fleet.start(fleet.connection["contoso"]).run
    assert dispatching.dispatch(fleet.db, "w1", 1) == [person.id]
    assert dispatching.dispatch(fleet.db, "w1", 1) == [run]


def test_cancelling_while_waiting_leaves_the_active_run_alone(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    check = fleet.start(connection).run
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting
    result = cancelling.cancel(fleet.db, fleet.dana, waiting.id)
    assert result.immediate
    assert [row.id for row in fleet.unfinished(connection)] == [check.id]


def test_the_first_run_is_remembered(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    first = fleet.one(select(provider_connections.c.first_run_at).where(provider_connections.c.id == connection))
    fleet.clock.advance(days=1)
    fleet.check(connection)
    assert fleet.truth(connection).first_run_at == first
