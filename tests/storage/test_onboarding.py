"""Bringing a tenant on: seven steps that always say what is true, whoever goes on and whatever was interrupted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from storage import connection_changes, onboarding, onboarding_state
from storage.capabilities import Role
from storage.errors import AtlasError, Conflict, Forbidden, InvalidInput, NotFound
from storage.onboarding import NewTenant
from storage.onboarding_state import OnboardingState
from storage.onboarding_steps import (
    SETTLED,
    ConnectionFacts,
    CredentialFacts,
    Facts,
    StepKey,
    StepState,
    current,
    derive,
)
from storage.schema import audit_entries, onboardings, tenants
from storage.schema import credentials as credential_table
from storage.states import (
    Cloud,
    ConnectionType,
    ConsentStatus,
    CredentialKind,
    OnboardingStatus,
    RunStatus,
    TenantLifecycle,
    VerificationStatus,
)


def begin_new(fleet: Any, name: str = "Adatum") -> OnboardingState:
    return onboarding.begin_new(fleet.db, fleet.dana, fleet.north, NewTenant(name, fleet.guid(), "adatum.example"))


def look(fleet: Any, found: OnboardingState) -> dict[str, str]:
    state = onboarding_state.state(fleet.db, fleet.dana, found.id)
    return {step.key.value: step.state.value for step in state.steps}


def lifecycle(fleet: Any, tenant: int) -> str:
    return str(fleet.one(select(tenants.c.lifecycle).where(tenants.c.id == tenant)))


def actions(fleet: Any) -> list[str]:
    rows = fleet.rows(
        select(audit_entries.c.action)
        .where(audit_entries.c.target_kind == "onboarding", audit_entries.c.outcome == "done")
        .order_by(audit_entries.c.id)
    )
    return [row.action.removeprefix("onboarding.") for row in rows]


def test_a_tenant_walks_all_seven_steps(fleet: Any) -> None:
    found = begin_new(fleet)
    tenant = found.tenant_id
    assert lifecycle(fleet, tenant) == "onboarding"
    order = ["tenant", "permissions", "connection", "credential", "consent", "verify", "done"]
    assert list(look(fleet, found).items()) == list(
        zip(order, ["done", "current", "open", "open", "open", "open", "open"], strict=True)
    )

    onboarding.permissions_seen(fleet.db, fleet.dana, found.id)
    assert look(fleet, found)["connection"] == "current"
    connection = connection_changes.create(fleet.db, fleet.dana, tenant, client_id=fleet.guid()).id
    assert look(fleet, found)["credential"] == "current"
    fleet.store_secret(connection)
    assert look(fleet, found)["consent"] == "current"
    connection_changes.record_consent(fleet.db, fleet.dana, connection)
    state = onboarding_state.state(fleet.db, fleet.dana, found.id)
    assert (state.current.key, state.connection_id) == (StepKey.VERIFY, connection)
    assert f"#{state.check_run_id} is queued" in state.current.sentence
    (claim,) = fleet.take()
    fleet.finish(claim)
    assert look(fleet, found) == dict.fromkeys(order[:-1], "done") | {"done": "current"}

    ended = onboarding.finish(fleet.db, fleet.dana, found.id, ticket="CHG-5")
    assert (ended.status, ended.ended_by, lifecycle(fleet, tenant)) == (OnboardingStatus.DONE, "dana", "active")
    assert {step.state for step in ended.steps} == {StepState.DONE}
    before = fleet.contents()
    assert onboarding.finish(fleet.db, fleet.dana, found.id) == ended, "finishing twice is harmless"
    assert fleet.contents() == before
    assert actions(fleet) == ["begin", "permissions_seen", "finish"]
    (entry,) = fleet.rows(select(audit_entries).where(audit_entries.c.action == "onboarding.finish"))
    assert (entry.ticket, entry.tenant_id) == ("CHG-5", tenant)


def test_a_platform_connection_needs_no_credential_of_its_own(fleet: Any) -> None:
    found = begin_new(fleet)
    assert found.has_platform_app
    connection_changes.create(fleet.db, fleet.dana, found.tenant_id)
    assert look(fleet, found)["credential"] == "skipped"


@pytest.mark.parametrize("verification", ["unknown", "pending", "blocked", "error"])
def test_a_verification_that_did_not_succeed_is_not_done(sqlite_fleet: Any, verification: str) -> None:
    fleet = sqlite_fleet
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    onboarding.permissions_seen(fleet.db, fleet.dana, found.id)
    fleet.set_connection(
        fleet.connection["contoso"],
        verification_status=verification,
        last_reason_code="secret_expired" if verification == "blocked" else None,
        last_reason_sentence="The secret expired." if verification == "blocked" else None,
    )
    before = fleet.contents()
    with pytest.raises(Conflict, match="Verify"):
        onboarding.finish(fleet.db, fleet.dana, found.id)
    assert fleet.contents() == before
    step = onboarding_state.state(fleet.db, fleet.dana, found.id).current
    assert step.key is StepKey.VERIFY
    if verification == "blocked":
        assert (step.state, step.reason_code, step.sentence) == (
            StepState.FAILED,
            "secret_expired",
            "The secret expired.",
        )
        assert step.next_step


def test_degraded_is_done_and_says_so(fleet: Any) -> None:
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fleet.set_connection(
        fleet.connection["contoso"], verification_status="degraded", last_reason_code="provider_permission_missing"
    )
    ended = onboarding.finish(fleet.db, fleet.dana, found.id)
    verify = next(step for step in ended.steps if step.key is StepKey.VERIFY)
    assert (verify.state, verify.reason_code) == (StepState.DONE, "provider_permission_missing")
    permissions = next(step for step in ended.steps if step.key is StepKey.PERMISSIONS)
    assert permissions.state is StepState.SKIPPED
    (entry,) = fleet.rows(select(audit_entries).where(audit_entries.c.action == "onboarding.finish"))
    assert msgspec.json.decode(entry.canonical)["detail"]["reason"] == "provider_permission_missing"


@pytest.mark.parametrize(
    ("column", "value", "step"),
    [
        ("is_enabled", False, "connection"),
        ("consent_status", "revoked", "consent"),
        ("consent_status", "failed", "consent"),
    ],
)
def test_what_is_undone_later_fails_its_step_though_the_verification_still_stands(
    sqlite_fleet: Any, column: str, value: object, step: str
) -> None:
    fleet = sqlite_fleet
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fleet.set_connection(fleet.connection["contoso"], **{column: value})
    states = look(fleet, found)
    assert (states[step], states["verify"]) == ("failed", "done")
    with pytest.raises(Conflict, match=step.capitalize()):
        onboarding.finish(fleet.db, fleet.dana, found.id)


def test_an_expired_credential_fails_its_step(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fleet.write(
        update(credential_table)
        .where(credential_table.c.connection_id == fleet.connection["contoso"])
        .values(expires_at=fleet.clock.time + timedelta(minutes=1))
    )
    assert look(fleet, found)["credential"] == "done"
    fleet.clock.advance(minutes=2)
    assert look(fleet, found)["credential"] == "failed"


def test_anybody_entitled_goes_on_and_the_taking_over_is_audited_once(fleet: Any) -> None:
    found = begin_new(fleet)
    mona = fleet.people["mona"]
    (listed,) = onboarding_state.open_ones(fleet.db, mona, fleet.north)
    assert (listed.id, listed.held_by, listed.current.key) == (found.id, "dana", StepKey.PERMISSIONS)
    assert onboarding.begin(fleet.db, mona, found.tenant_id).id == found.id
    assert onboarding.begin(fleet.db, mona, found.tenant_id).held_by == "mona"
    assert actions(fleet) == ["begin", "take_over"]
    (entry,) = fleet.rows(select(audit_entries).where(audit_entries.c.action == "onboarding.take_over"))
    assert msgspec.json.decode(entry.canonical)["detail"] == {"from": "dana", "to": "mona"}


def test_who_may_not_manage_looks_and_does_not_touch(fleet: Any) -> None:
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    rita = fleet.people["rita"]
    seen = onboarding_state.state(fleet.db, rita, found.id)
    assert not seen.may_manage
    assert "dana (Owner)" in seen.who_may_manage
    for change in (
        lambda who: onboarding.begin(fleet.db, who, fleet.tenant["contoso"]),
        lambda who: onboarding.permissions_seen(fleet.db, who, found.id),
        lambda who: onboarding.finish(fleet.db, who, found.id),
        lambda who: onboarding.cancel(fleet.db, who, found.id, "No"),
    ):
        with pytest.raises(Forbidden):
            change(rita)
        with pytest.raises(NotFound):
            change(fleet.people["fred"])
    with pytest.raises(NotFound):
        onboarding_state.state(fleet.db, fleet.people["fred"], found.id)
    assert onboarding_state.open_ones(fleet.db, fleet.people["fred"], fleet.north) == ()
    with pytest.raises(NotFound):
        onboarding_state.open_ones(fleet.db, fleet.people["zoe"], fleet.north)


def test_a_role_removed_on_the_way_ends_what_its_holder_may_do(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    nora = fleet.add_member("nora", Role.MANAGER, expires_at=fleet.clock.time + timedelta(hours=1))
    found = onboarding.begin(fleet.db, nora, fleet.tenant["contoso"])
    fleet.clock.advance(hours=2)
    with pytest.raises(NotFound):
        onboarding.finish(fleet.db, nora, found.id)
    assert onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"]).held_by == "dana"


def test_cancelling_keeps_what_exists_and_the_tenant_is_a_draft_again(fleet: Any) -> None:
    found = begin_new(fleet)
    connection = connection_changes.create(fleet.db, fleet.dana, found.tenant_id).id
    with pytest.raises(InvalidInput, match="reason"):
        onboarding.cancel(fleet.db, fleet.dana, found.id, " ")
    ended = onboarding.cancel(fleet.db, fleet.dana, found.id, "Customer changed their mind")
    assert (ended.status, ended.ended_reason) == (OnboardingStatus.CANCELLED, "Customer changed their mind")
    assert (lifecycle(fleet, found.tenant_id), fleet.truth(connection).is_enabled) == ("draft", True)
    before = fleet.contents()
    onboarding.cancel(fleet.db, fleet.dana, found.id, "Again")
    assert fleet.contents() == before, "cancelling twice is harmless"
    for change in (onboarding.finish, onboarding.permissions_seen):
        with pytest.raises(Conflict, match="has ended"):
            change(fleet.db, fleet.dana, found.id)
    assert onboarding_state.open_ones(fleet.db, fleet.dana, fleet.north) == ()

    again = onboarding.begin(fleet.db, fleet.dana, found.tenant_id)
    assert again.id != found.id
    assert again.connection_id == connection
    assert onboarding_state.of_tenant(fleet.db, fleet.dana, found.tenant_id) == again


def test_an_active_tenant_stays_active_through_beginning_and_cancelling(sqlite_fleet: Any) -> None:
    fleet, tenant = sqlite_fleet, sqlite_fleet.tenant["contoso"]
    found = onboarding.begin(fleet.db, fleet.dana, tenant)
    assert lifecycle(fleet, tenant) == "active"
    onboarding.cancel(fleet.db, fleet.dana, found.id, "Was fine")
    assert lifecycle(fleet, tenant) == "active"
    fleet.write(update(tenants).where(tenants.c.id == tenant).values(lifecycle="archived"))
    with pytest.raises(Conflict, match="archived"):
        onboarding.begin(fleet.db, fleet.dana, tenant)


def test_beginning_a_new_tenant_again_after_a_kill_goes_on_with_the_same_one(fleet: Any) -> None:
    guid = fleet.guid()
    fleet.add_tenant("killed", entra_tenant_id=guid, lifecycle=TenantLifecycle.DRAFT)
    found = onboarding.begin_new(fleet.db, fleet.dana, fleet.north, NewTenant("Killed", guid.upper()))
    assert found.tenant_id == fleet.tenant["killed"]
    assert onboarding.begin_new(fleet.db, fleet.dana, fleet.north, NewTenant("Killed", guid)).id == found.id
    taken = fleet.one(select(tenants.c.entra_tenant_id).where(tenants.c.id == fleet.tenant["contoso"]))
    with pytest.raises(Conflict, match="has it already, as Contoso"):
        onboarding.begin_new(fleet.db, fleet.dana, fleet.north, NewTenant("Again", taken))
    elsewhere = onboarding.begin_new(fleet.db, fleet.people["zoe"], fleet.south, NewTenant("Ours", taken))
    assert elsewhere.workspace_id == fleet.south, "a clash in another workspace is allowed and never revealed"


def test_people_who_begin_at_once_share_one_onboarding(fleet: Any) -> None:
    tenant, start = fleet.add_tenant("crowded", lifecycle=TenantLifecycle.DRAFT), threading.Barrier(6)
    answers: list[Any] = []

    def work(login: str) -> None:
        start.wait(60)
        try:
            answers.append(onboarding.begin(fleet.db, fleet.people[login], tenant).id)
        except AtlasError as error:
            answers.append(error)

    threads = [threading.Thread(target=work, args=(login,)) for login in ("dana", "otto", "mona") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 6
    assert len(set(answers)) == 1, answers
    assert fleet.count(onboardings, onboardings.c.tenant_id == tenant) == 1


def test_finishing_and_cancelling_at_once_has_one_winner(fleet: Any) -> None:
    found = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    start, answers = threading.Barrier(2), {}

    def work(name: str, do: Any) -> None:
        start.wait(60)
        try:
            answers[name] = do().status
        except AtlasError as error:
            answers[name] = error

    threads = [
        threading.Thread(target=work, args=("finish", lambda: onboarding.finish(fleet.db, fleet.dana, found.id))),
        threading.Thread(target=work, args=("cancel", lambda: onboarding.cancel(fleet.db, fleet.dana, found.id, "x"))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(isinstance(answer, Conflict) for answer in answers.values()) == 1, answers
    ended = onboarding_state.state(fleet.db, fleet.dana, found.id).status
    assert answers["finish" if ended is OnboardingStatus.DONE else "cancel"] is ended


NOW = datetime(2026, 3, 1, tzinfo=UTC)
_moments = st.sampled_from([None, NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
_connections = st.none() | st.builds(
    ConnectionFacts,
    id=st.just(1),
    display_name=st.just("Microsoft"),
    connection_type=st.sampled_from(ConnectionType),
    is_enabled=st.booleans(),
    has_application=st.booleans(),
    consent_status=st.sampled_from(ConsentStatus),
    verification_status=st.sampled_from(VerificationStatus),
    reason_code=st.sampled_from([None, "secret_expired"]),
    reason_sentence=st.sampled_from([None, "It expired."]),
    credentials=st.lists(
        st.builds(CredentialFacts, kind=st.sampled_from(CredentialKind), starts_at=_moments, expires_at=_moments),
        max_size=2,
    ).map(tuple),
    check_run_id=st.just(7),
    check_run_status=st.sampled_from(RunStatus),
)


@given(
    st.builds(
        Facts,
        tenant_name=st.just("Contoso"),
        entra_tenant_id=st.just("8a3c1f0e-1b2c-4d5e-8f90-123456789abc"),
        cloud=st.sampled_from(Cloud),
        is_archived=st.booleans(),
        status=st.sampled_from(OnboardingStatus),
        permissions_seen_at=_moments,
        connection=_connections,
        has_platform_app=st.booleans(),
    )
)
def test_the_steps_never_claim_what_is_not_true(facts: Facts) -> None:
    steps = derive(facts, NOW)
    state = {step.key: step.state for step in steps}
    assert [step.key for step in steps] == list(StepKey)
    assert sum(step.state is StepState.CURRENT for step in steps) <= 1
    first = current(steps)
    assert all(step.state in SETTLED for step in steps[: steps.index(first)])
    for step in steps:
        assert step.sentence
        assert step.state is not StepState.FAILED or (step.reason_code and step.next_step)
    connection = facts.connection
    if connection is None:
        assert state[StepKey.VERIFY] not in SETTLED
        return
    assert (state[StepKey.CONSENT] is StepState.DONE) == (connection.consent_status is ConsentStatus.GRANTED)
    good = (VerificationStatus.HEALTHY, VerificationStatus.DEGRADED)
    assert (state[StepKey.VERIFY] is StepState.DONE) == (connection.verification_status in good)
    usable = any(
        (one.starts_at is None or one.starts_at <= NOW) and (one.expires_at is None or one.expires_at > NOW)
        for one in connection.credentials
    )
    assert (state[StepKey.CREDENTIAL] in SETTLED) == usable


@pytest.mark.parametrize("login", ["dana", "rita", "gina"])
def test_a_page_of_onboardings_takes_as_many_queries_however_many_there_are(fleet: Any, login: str) -> None:
    fleet.add_member("gina", Role.READONLY)  # Manager of what is tagged gold, and sees the others now
    onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    begin_new(fleet, "First")
    asked: list[str] = []
    event.listen(fleet.db.engine, "before_cursor_execute", lambda c, cursor, statement, *_: asked.append(statement))

    def read() -> tuple[int, tuple[OnboardingState, ...]]:
        asked.clear()
        found = onboarding_state.open_ones(fleet.db, fleet.people[login], fleet.north)
        return len(asked), found

    few, found = read()
    # Each still says for itself who may go on.
    gold = "Ask dana (Owner), gina (Manager), mona (Manager)."
    other = "Ask dana (Owner), mona (Manager), otto (Owner)."
    said = {"dana": ["", ""], "rita": [gold, other], "gina": ["", other]}[login]
    assert [one.who_may_manage for one in found] == said
    assert [one.may_manage for one in found] == [not sentence for sentence in said]
    for number in range(6):
        begin_new(fleet, f"Another {number}")
    many, found = read()
    assert (len(found), many) == (8, few)
