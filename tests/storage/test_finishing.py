"""What a finished check leaves behind: badges, report, permissions, all or nothing, and no word that may not be stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import audit_trail, connection_changes, connections, reports
from storage.failures import FORBIDDEN_TEXT, failure
from storage.finishing import RunResult
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import tenants
from storage.states import RunOutcome, StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep


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
    assert fleet.badges(connection) == (True, "granted", verification)
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
    assert fleet.badges(connection) == (True, "granted", "healthy")
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
    assert fleet.badges(connection) == (True, "revoked", "blocked")
    assert fleet.unfinished(connection) == []


def test_a_person_who_asks_again_at_once_does_not_count_as_the_second_answer(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection, revoked())
    fleet.clock.advance(minutes=4)
    fleet.check(connection, revoked())
    assert fleet.badges(connection) == (True, "granted", "healthy")
    fleet.clock.advance(minutes=1)
    fleet.check(connection, revoked())
    assert fleet.badges(connection) == (True, "revoked", "blocked")


def test_a_good_second_answer_dispels_the_doubt(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection, revoked())
    fleet.clock.advance(minutes=6)
    fleet.check(connection)
    truth = fleet.truth(connection)
    assert (truth.consent_doubt_since, truth.last_reason_code, truth.verification_status) == (None, None, "healthy")
    fleet.clock.advance(days=1)
    fleet.check(connection, revoked())
    assert fleet.badges(connection) == (True, "granted", "healthy"), "the old doubt does not count any more"


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
    assert fleet.badges(connection) == (True, "granted", "healthy")


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
