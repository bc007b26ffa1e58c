"""The scan of administrator roles through the real gateway: who holds what, what is skipped, and when it is not whole."""

from __future__ import annotations

from typing import Any

import pytest
from written_roles import HELPDESK, USER_ADMIN, Written, found, names

from storage.role_finding_codes import CODES
from tasks.providers.base import RunStopped
from tasks.providers.microsoft import admin_roles, contracts
from tasks.providers.microsoft.admin_roles import MicrosoftRolesCollector
from tasks.providers.microsoft.errors import MicrosoftFailure


def test_a_directory_in_order_has_no_findings(written: Written, scan: Any, reporter: Any) -> None:
    written.offer(written.person("Eve"), USER_ADMIN)
    result = scan(written)
    assert found(result) == []
    assert result.complete
    assert result.summary_counts == {"assignments": 2, "principals": 3, "privileged": 2, "eligible": 1, "findings": 0}
    assert {step.status for step in reporter.steps} == {"pass"}


def test_an_activation_is_told_from_an_assignment(written: Written, scan: Any) -> None:
    eve = written.person("Eve")
    written.offer(eve)
    written.assign(eve, activated=True, ends="2030-01-01T00:00:00Z")
    result = scan(written)
    assert (names(result, "active"), names(result, "activated"), names(result, "eligible")) == (
        {"Ada", "Bob"},
        {"Eve"},
        {"Eve"},
    )
    assert found(result) == []
    assert result.collected.counts["activated"] == 1


@pytest.mark.parametrize("scenario", ["not_licensed_p2", "pim_scope_not_granted"])
def test_without_p2_only_active_assignments_are_reported(
    written: Written, scan: Any, reporter: Any, scenario: str
) -> None:
    if scenario == "pim_scope_not_granted":
        written.tenant.change(licences=["intune"])
    for path in (contracts.ROLE_ASSIGNMENT_INSTANCES.path, contracts.ROLE_ELIGIBILITY.path):
        written.answer(path, scenario)
    result = scan(written)
    assert result.complete
    assert result.collected.is_complete
    assert "eligible" not in result.summary_counts
    assert {"eligible", "activated"} & set(result.collected.counts) == set()
    skipped = [(step.key, step.reason_code) for step in reporter.steps if step.status == "skip"]
    assert skipped == [("role_activations", "not_licensed_p2"), ("role_eligibilities", "not_licensed_p2")]


def test_eligibilities_that_may_not_be_read_are_named_and_are_no_failure(
    written: Written, scan: Any, reporter: Any
) -> None:
    written.answer(contracts.ROLE_ELIGIBILITY.path, "pim_scope_not_granted")
    result = scan(written)
    assert result.complete
    assert "eligible" not in result.summary_counts
    assert [(s.key, s.reason_code) for s in reporter.steps if s.status == "warn"] == [
        ("role_eligibilities", "missing_permission")
    ]


def test_eligibilities_that_merely_failed_make_the_report_incomplete(written: Written, scan: Any) -> None:
    written.answer(contracts.ROLE_ELIGIBILITY.path, {"status": 503})
    result = scan(written)
    assert (result.complete, result.collected.is_complete, result.reason_code) == (False, False, "service_unavailable")
    assert result.summary_counts["assignments"] == 2


@pytest.mark.parametrize("path", [contracts.ROLE_DEFINITIONS.path, contracts.ROLE_ASSIGNMENTS.path])
def test_without_definitions_or_assignments_there_is_no_report(
    written: Written, scan: Any, reporter: Any, path: str
) -> None:
    written.answer(path, "request_denied")
    with pytest.raises(MicrosoftFailure) as failed:
        scan(written)
    assert failed.value.reason_code == "missing_permission"
    assert reporter.steps[-1].status == "fail"


@pytest.mark.parametrize("path", [contracts.ROLE_ASSIGNMENTS.path, "members"])
def test_a_listing_that_begins_again_leaves_nothing_of_its_first_pass(
    written: Written, scan: Any, simulator: Any, path: str
) -> None:
    group = written.group("Admins", written.person("Cid"), isAssignableToRole=True)
    written.assign(group, USER_ADMIN, ends="2030-01-01T00:00:00Z")
    path = contracts.GROUP_MEMBERS.path.format(group_id=group["id"]) if path == "members" else path
    kept = written.members[group["id"]] if path.startswith("/groups") else written.active
    gone = written.person("Gone")
    row = gone if path.startswith("/groups") else written._row(gone, USER_ADMIN)
    more = f"{simulator.endpoints['clouds']['global']['graph']}/v1.0{path}?$skiptoken=x"
    written.answer(
        path,
        {"status": 200, "body": {"value": [row], "@odata.nextLink": more}},
        {"status": 400, "code": "Directory_ExpiredPageToken"},
        {"status": 200, "body": {"value": kept}},
    )
    result = scan(written)
    assert "Gone" not in {one.principal_name for one in result.collected.assignments}
    assert result.complete


def test_principals_that_microsoft_lists_by_id_only_are_counted_and_what_to_grant_is_said(
    new_tenant: Any, gateway: Any, target_for: Any, reporter: Any
) -> None:
    tenant = new_tenant(size=400, permissions=["RoleManagement.Read.Directory", "GroupMember.Read.All"])
    result = MicrosoftRolesCollector(gateway).collect_roles(target_for(tenant), reporter)
    assert result.complete
    (step,) = [step for step in reporter.steps if step.key == "principals"]
    assert (step.status, step.reason_code) == ("warn", "missing_permission")
    assert "User.Read.All" in step.sentence
    people = [one for one in result.collected.assignments if one.principal_kind == "user"]
    assert people
    assert {one.principal_name for one in people} == {""}
    assert not {"guest_privileged", "disabled_privileged", "principal_unreadable"} & set(found(result))


def test_no_administrator_at_all_is_not_believed(new_tenant: Any, scan: Any) -> None:
    result = scan(Written(new_tenant()))
    assert (result.reason_code, result.collected.is_complete) == ("suspicious_empty", False)


def test_names_from_outside_are_cleaned(written: Written, scan: Any) -> None:
    written.assign(written.person("Mal\x1b[31m\u202e\n lory"), USER_ADMIN, ends="2030-01-01T00:00:00Z")
    assert "Mal[31m lory" in names(scan(written), "active")


def test_a_report_has_a_largest_size(written: Written, scan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_roles, "MOST_ASSIGNMENTS", 2)
    written.assign(written.person("Kim"), HELPDESK)
    result = scan(written)
    assert len(result.collected.assignments) == 2
    assert all(one.is_privileged for one in result.collected.assignments)
    assert (result.complete, result.reason_code) == (False, "data_incomplete")


def test_a_cancelled_scan_stops_before_its_next_call(written: Written, scan: Any, new_reporter: Any) -> None:
    with pytest.raises(RunStopped):
        scan(written, new_reporter(calls_allowed=7))
    assert len(written.tenant.requests("roleManagement")) < 4


def test_a_directory_as_the_simulator_keeps_it_is_scanned(
    new_tenant: Any, gateway: Any, target_for: Any, reporter: Any
) -> None:
    tenant = new_tenant(size=400)
    result = MicrosoftRolesCollector(gateway).collect_roles(target_for(tenant), reporter)
    assert result.complete, result.failures
    assert result.summary_counts["eligible"] > 0
    assert result.summary_counts["privileged"] > 0
    assert set(found(result)) <= set(CODES)
