"""What a finished run leaves behind: badges, report, permissions, credentials, follow-ups, notification, all or nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import audit_trail, connection_changes, connections, credentials, operations, reports
from storage.access import WORKER
from storage.credential_material import from_secret
from storage.failures import FORBIDDEN_TEXT, failure
from storage.finishing import SPREAD_DOUBTS_OVER, RunResult, spread
from storage.gate import lock_connection
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import credentials as credential_table
from storage.schema import operation_runs, tenants
from storage.starting import Origin, start_in
from storage.states import CredentialOwner, RunCause, RunOutcome, StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep


def badges(fleet: Any, connection: int) -> tuple[bool, str, str]:
    truth = fleet.truth(connection)
    return truth.is_enabled, truth.consent_status, truth.verification_status


@pytest.mark.parametrize(
    ("reason", "needed_by", "outcome", "verification"),
    [
        ("secret_expired", CONNECTION_CHECK, "blocked", "blocked"),
        ("missing_permission", INVENTORY_SYNC, "partially_succeeded", "degraded"),
        ("internal_error", CONNECTION_CHECK, "failed", "error"),
        ("throttled", CONNECTION_CHECK, "failed", "healthy"),
        ("identity_service_unavailable", CONNECTION_CHECK, "failed", "healthy"),
        ("network_dns", CONNECTION_CHECK, "failed", "healthy"),
    ],
)
def test_a_checks_verdict_becomes_its_outcome_and_the_badge(
    fleet: Any, reason: str, needed_by: str, outcome: str, verification: str
) -> None:
    connection = fleet.connection["contoso"]
    run = fleet.check(connection, fleet.failing_report(reason, needed_by=(needed_by,)))
    assert (run.outcome, run.reason_code) == (outcome, reason)
    assert badges(fleet, connection) == (True, "granted", verification)
    (found,) = run.failures
    assert found["reason_code"] == reason
    assert run.summary_counts["failed"] == 1


def test_a_good_check_leaves_everything_it_found(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(
        connection, consent_status="required", consent_granted_at=None, verification_status="blocked",
        last_reason_code="secret_expired", last_reason_sentence="It expired.",
    )  # fmt: skip
    run = fleet.check(connection)
    assert run.outcome == "succeeded"
    detail = connections.get(fleet.db, fleet.dana, connection)
    row = detail.row
    assert (row.consent_status, row.verification_status, row.reason_code) == ("granted", "healthy", None)
    assert row.last_checked_at == row.last_good_at == detail.consent_granted_at == fleet.clock.time
    assert detail.microsoft_name == "Contoso Inc."
    assert all(truth.is_granted for truth in detail.permissions)
    assert len(detail.permissions) > 8
    tenant = fleet.rows(select(tenants).where(tenants.c.id == fleet.tenant["contoso"]))[0]
    assert tenant.first_token_at == fleet.clock.time
    assert tenant.name == "Contoso"
    report = reports.latest(fleet.db, fleet.dana, connection)
    assert report == reports.of_run(fleet.db, fleet.dana, run.id)
    assert (report.verdict, report.is_superseded) == ("healthy", False)
    entry = next(
        e for e in audit_trail.of_connection(fleet.db, fleet.dana, connection) if e.action == "connection.badges"
    )
    assert entry.detail["verification_status_before"] == "blocked"
    assert entry.detail["consent_status"] == "granted"


def test_the_first_token_is_remembered_once(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    first = fleet.clock.time
    fleet.clock.advance(days=1)
    fleet.check(connection)
    assert fleet.one(select(tenants.c.first_token_at).where(tenants.c.id == fleet.tenant["contoso"])) == first


def test_another_tenants_name_is_not_believed(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    fleet.finish(claim, fleet.good_report(claim, organization=OrganizationFacts(fleet.guid(), "Somebody else")))
    assert connections.get(fleet.db, fleet.dana, connection).microsoft_name is None


def test_permission_truth_follows_the_token(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    granted = frozenset({"Organization.Read.All", "DeviceManagementApps.ReadWrite.All", "Mail.Read"})
    fleet.finish(claim, fleet.good_report(claim, granted_permissions=granted))
    truth = {p.permission: p.is_granted for p in connections.get(fleet.db, fleet.dana, connection).permissions}
    assert truth["Organization.Read.All"]
    assert truth["DeviceManagementApps.Read.All"], "ReadWrite satisfies Read"
    assert truth["Mail.Read"]
    assert truth["RoleManagement.Read.Directory"] is False
    assert fleet.start(connection, INVENTORY_SYNC).reason.code == "provider_permission_missing"
    fleet.check(connection, fleet.failing_report("secret_expired", granted_permissions=None))
    after = {p.permission: p.is_granted for p in connections.get(fleet.db, fleet.dana, connection).permissions}
    assert after == truth, "without a token nothing is known, so nothing changes"


def test_a_stored_report_reads_back_as_it_was_given(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    step = ReportStep(
        "licences",
        "Licences [/red] 漢字",
        StepStatus.WARN,
        "not_licensed_p2",
        "No P2.",
        evidence={"plans": ("a", "b"), "count": 3, "known": True, "nothing": None, "word": "x"},
        needed_by=("entra.admin_roles.scan",),
        request_id="r-1",
        started_at=fleet.clock.time,
        seconds=0.25,
    )
    given = fleet.good_report(
        claim, steps=(*fleet.good_report(claim).steps, step), licences=frozenset({"p1", "intune"})
    )
    fleet.finish(claim, given)
    report = reports.latest(fleet.db, fleet.dana, connection)
    assert report.organization == given.organization
    assert report.licences == ("intune", "p1")
    assert report.granted_permissions == tuple(sorted(given.granted_permissions))
    read = report.steps[1]
    assert {key: tuple(v) if isinstance(v, list) else v for key, v in read.evidence.items()} == step.evidence
    assert replace(read, evidence={}) == replace(step, evidence={})


# Consent


def revoked(**more: Any) -> CheckReport:
    step = ReportStep(
        "claims", "Claims", StepStatus.FAIL, "no_roles_granted", "No roles.", needed_by=(CONNECTION_CHECK,)
    )
    return CheckReport(steps=(step,), consent_fact=ConsentFact.NO_ROLES, granted_permissions=frozenset(), **more)


def test_a_healthy_connection_is_revoked_by_two_answers_five_minutes_apart(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    first = fleet.check(connection, revoked())
    assert (first.outcome, first.reason_code) == ("partially_succeeded", "consent_doubted")
    assert badges(fleet, connection) == (True, "granted", "healthy")
    assert fleet.truth(connection).last_reason_code == "consent_doubted"
    (second,) = fleet.unfinished(connection)
    assert (second.status, second.cause, second.not_before) == (
        "waiting",
        "follow_up",
        fleet.clock.time + timedelta(minutes=5),
    )
    fleet.clock.advance(minutes=5)
    fleet.sweep()
    (claim,) = fleet.take()
    row = fleet.finish(claim, revoked())
    assert row.outcome == "blocked"
    assert badges(fleet, connection) == (True, "revoked", "blocked")
    assert fleet.unfinished(connection) == []


def test_a_person_who_asks_again_at_once_does_not_count_as_the_second_answer(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection, revoked())
    fleet.clock.advance(minutes=4)
    fleet.check(connection, revoked())
    assert badges(fleet, connection) == (True, "granted", "healthy")
    fleet.clock.advance(minutes=1)
    fleet.check(connection, revoked())
    assert badges(fleet, connection) == (True, "revoked", "blocked")


def test_a_good_second_answer_dispels_the_doubt(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection, revoked())
    fleet.clock.advance(minutes=6)
    fleet.check(connection)
    truth = fleet.truth(connection)
    assert (truth.consent_doubt_since, truth.last_reason_code, truth.verification_status) == (None, None, "healthy")
    fleet.clock.advance(days=1)
    fleet.check(connection, revoked())
    assert badges(fleet, connection) == (True, "granted", "healthy"), "the old doubt does not count any more"


# Superseded


def test_a_check_under_another_generation_writes_no_badge_and_a_fresh_one_follows(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    connection_changes.record_consent(fleet.db, fleet.dana, connection)
    before = fleet.truth(connection)
    row = fleet.finish(claim, fleet.failing_report("secret_expired"))
    assert (row.outcome, row.reason_code) == ("partially_succeeded", "superseded")
    assert fleet.truth(connection) == before
    report = reports.of_run(fleet.db, fleet.dana, row.id)
    assert report.is_superseded
    (fresh,) = fleet.unfinished(connection)
    assert (fresh.status, fresh.cause, fresh.follow_up_of_id) == ("queued", "follow_up", row.id)
    (claim,) = fleet.take()
    fleet.finish(claim)
    assert badges(fleet, connection) == (True, "granted", "healthy")


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
    assert badges(fleet, connection) == (True, "granted", "healthy")
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
    assert badges(fleet, connection) == (True, "granted", "healthy"), "only the check itself says so"
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


# Credentials


def slots(fleet: Any, connection: int) -> list[tuple[str, str]]:
    return [(c.slot.value, c.client_key_id) for c in connections.get(fleet.db, fleet.dana, connection).credentials]


def store(fleet: Any, owner: CredentialOwner, owner_id: int, key_id: str) -> str:
    info = credentials.store(
        fleet.db, fleet.dana, owner, owner_id, from_secret(f"value-{key_id}"), fleet.public_key, client_key_id=key_id
    )
    return str(info.slot.value)


@pytest.mark.parametrize("name", ["contoso", "wingtip"])
def test_a_staged_credential_is_promoted_by_the_check_that_carried_it(fleet: Any, name: str) -> None:
    connection = fleet.connection[name]
    owner = (CredentialOwner.CONNECTION, connection) if name == "contoso" else (CredentialOwner.PLATFORM_APP, fleet.app)
    before = badges(fleet, connection)
    assert store(fleet, *owner, "new") == "staged"
    assert badges(fleet, connection) == before
    fleet.clock.advance(seconds=1)
    claim = fleet.begin(connection)
    assert claim.credentials[0].client_key_id == "new"
    expires = fleet.clock.time + timedelta(days=90)
    report = fleet.good_report(claim, credential_slot="staged", credential_expires_at=expires)
    fleet.finish(claim, report)
    assert slots(fleet, connection) == [("active", "new"), ("previous", "")]
    assert connections.get(fleet.db, fleet.dana, connection).credentials[0].expires_at == expires
    assert any(e.action == "credential.promote" for e in audit_trail.of_connection(fleet.db, fleet.dana, connection))


def test_a_staged_credential_that_did_not_pass_stays_staged(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    store(fleet, CredentialOwner.CONNECTION, connection, "new")
    claim = fleet.begin(connection)
    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged", token_passed=False))
    assert slots(fleet, connection) == [("active", ""), ("staged", "new")]
    fleet.check(connection)  # went through with the active one
    assert slots(fleet, connection) == [("active", ""), ("staged", "new")]


def test_a_credential_staged_while_the_check_ran_is_not_promoted_by_it(fleet: Any) -> None:
    connection = fleet.connection["wingtip"]
    store(fleet, CredentialOwner.PLATFORM_APP, fleet.app, "first")
    fleet.clock.advance(seconds=1)
    claim = fleet.begin(connection)
    fleet.clock.advance(seconds=1)
    store(fleet, CredentialOwner.PLATFORM_APP, fleet.app, "untested")
    fleet.clock.advance(seconds=1)
    expires = fleet.clock.time + timedelta(days=90)
    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged", credential_expires_at=expires))
    assert slots(fleet, connection) == [("active", ""), ("staged", "untested")]
    staged = connections.get(fleet.db, fleet.dana, connection).credentials[1]
    assert staged.expires_at is None


def test_a_second_promotion_forgets_the_oldest(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    for key in ("second", "third"):
        store(fleet, CredentialOwner.CONNECTION, connection, key)
        fleet.clock.advance(seconds=1)
        claim = fleet.begin(connection)
        fleet.finish(claim, fleet.good_report(claim, credential_slot="staged"))
    assert slots(fleet, connection) == [("active", "third"), ("previous", "second")]
    assert fleet.count(credential_table, credential_table.c.connection_id == connection) == 2


# What may be stored


def test_no_stored_word_tells_of_a_secret_whatever_an_operation_says(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    nasty = " ".join(FORBIDDEN_TEXT) + " \x1b]0;title\x07 zzz"
    step = ReportStep(
        "token", nasty, StepStatus.FAIL, "secret_expired", nasty, needed_by=(CONNECTION_CHECK,), request_id=nasty,
        evidence={"provider_code": nasty, "why": nasty, "list": (nasty,)},
    )  # fmt: skip
    claim = fleet.begin(connection)
    from storage import leases

    shown = leases.StepProgress("token", 0, nasty, StepStatus.FAIL, fleet.clock.time, sentence=nasty)
    leases.report_progress(fleet.db, claim.held, phase=nasty, steps=[shown])
    _assert_clean(fleet)
    fleet.finish(claim, CheckReport(steps=(step,)))
    claim = fleet.begin(fleet.connection["fabrikam"], INVENTORY_SYNC)
    fleet.finish(
        claim,
        RunResult(RunOutcome.FAILED, "throttled", nasty, failures=[failure("throttled", nasty, provider_code=nasty)]),
    )
    claim = fleet.begin(fleet.connection["fabrikam"], INVENTORY_SYNC)
    leases.defer(fleet.db, claim.held, seconds=1, reason_code="throttled", phase=nasty)
    _assert_clean(fleet)


def _assert_clean(fleet: Any) -> None:
    stored = json.dumps(fleet.contents(without=("credentials",)), default=repr)
    for word in FORBIDDEN_TEXT:
        assert word not in stored
    assert "\\u001b" not in stored
