"""The scan of administrator roles through the real gateway: who holds what, what is skipped, and what is found."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from storage.role_finding_codes import CODES
from storage.roles_publishing import CollectedRoles
from tasks.providers.base import OperationResult, RunStopped
from tasks.providers.microsoft import admin_roles, contracts
from tasks.providers.microsoft.admin_roles import MicrosoftRolesCollector
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.privileged_roles import GLOBAL_ADMINISTRATOR, PRIVILEGED

GLOBAL, USER_ADMIN, HELPDESK = GLOBAL_ADMINISTRATOR, "fe930be7-5e62-47db-91af-98c3a49a38b1", str(uuid.uuid4())
APP = "#microsoft.graph.servicePrincipal"
ROLES = {GLOBAL: "Global Administrator", USER_ADMIN: "User Administrator", HELPDESK: "Our own helpdesk"}


@dataclass
class Written:
    """What Microsoft shall answer for one tenant, each listing in one page."""

    tenant: Any
    active: list[dict[str, Any]] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    eligible: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def person(self, name: str, **more: Any) -> dict[str, Any]:
        user = {"@odata.type": "#microsoft.graph.user", "accountEnabled": True, "userType": "Member"}
        return {**user, "id": str(uuid.uuid4()), "displayName": name, "userPrincipalName": f"{name}@x.example", **more}

    def group(self, name: str, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
        made = {"@odata.type": "#microsoft.graph.group", "id": str(uuid.uuid4()), "displayName": name, **more}
        self.members[made["id"]] = list(members)
        return made

    def app(self, name: str) -> dict[str, Any]:
        return {"@odata.type": APP, "id": str(uuid.uuid4()), "displayName": name}

    def assign(
        self, who: Any, role: str = GLOBAL, *, activated: bool = False, ends: str | None = None, **more: Any
    ) -> None:
        row = self._row(who, role, **more)
        self.active.append(row)
        kind = "Activated" if activated else "Assigned"
        self.schedules.append({**row, "assignmentType": kind, "endDateTime": ends})

    def offer(self, who: Any, role: str = GLOBAL) -> None:
        self.eligible.append(self._row(who, role))

    @staticmethod
    def _row(who: Any, role: str, **more: Any) -> dict[str, Any]:
        row = {"id": str(uuid.uuid4()), "principalId": who["id"], "roleDefinitionId": role, "directoryScopeId": "/"}
        return {**row, "principal": who, **more}

    def script(self) -> None:
        roles = [{"id": key, "templateId": key, "displayName": name} for key, name in ROLES.items()]
        listings = {
            contracts.ROLE_DEFINITIONS.path: roles,
            contracts.ROLE_ASSIGNMENTS.path: self.active,
            contracts.ROLE_ASSIGNMENT_INSTANCES.path: self.schedules,
            contracts.ROLE_ELIGIBILITY.path: self.eligible,
        }
        for key, members in self.members.items():
            # v1.0 leaves applications out of the members, and lists them in a cast that does not name their type.
            apps = [
                {k: v for k, v in one.items() if k != "@odata.type"} for one in members if one["@odata.type"] == APP
            ]
            listings[contracts.GROUP_MEMBERS.path.format(group_id=key)] = [
                one for one in members if one["@odata.type"] != APP
            ]
            listings[contracts.GROUP_APPLICATIONS.path.format(group_id=key)] = apps
        for path, found in listings.items():
            self.answer(path, {"status": 200, "body": {"value": found}})

    def answer(self, path: str, *answers: Any) -> None:
        self.tenant.script({"where": "graph", "path": path}, list(answers), then="repeat")


@pytest.fixture
def written(new_tenant: Callable[..., Any]) -> Written:
    """A directory with two Global Administrators and nothing to find."""
    one = Written(new_tenant())
    one.assign(one.person("Ada"))
    one.assign(one.person("Bob"))
    return one


@pytest.fixture
def scan(gateway: Any, target_for: Any, reporter: Any) -> Callable[..., OperationResult]:
    def do(written: Written, reporter: Any = reporter) -> OperationResult:
        written.script()
        return MicrosoftRolesCollector(gateway).collect_roles(target_for(written.tenant), reporter)

    return do


def report_of(result: OperationResult) -> CollectedRoles:
    assert isinstance(result.collected, CollectedRoles)
    return result.collected


def found(result: OperationResult) -> list[str]:
    return [finding.code for finding in report_of(result).findings]


def names(result: OperationResult, assignment: str) -> set[str]:
    return {one.principal_name for one in report_of(result).assignments if one.assignment == assignment}


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


def test_a_group_is_expanded_to_its_members(written: Written, scan: Any) -> None:
    group = written.group(
        "Admins", written.person("Cid"), written.person("Dee", userType="Guest"), isAssignableToRole=True
    )
    written.assign(group, USER_ADMIN)
    result = scan(written)
    through = {one.principal_name: one for one in result.collected.assignments if one.via_group_id == group["id"]}
    assert set(through) == {"Cid", "Dee"}
    assert through["Cid"].role_name == "User Administrator"
    assert result.summary_counts["assignments"] == 3
    assert result.summary_counts["principals"] == 4
    assert "guest_privileged" in found(result)


def test_an_application_in_a_group_is_found_though_the_members_leave_it_out(
    written: Written, scan: Any, reporter: Any
) -> None:
    group = written.group("Admins", written.person("Cid"), written.app("Backup"), isAssignableToRole=True)
    written.assign(group, USER_ADMIN, ends="2030-01-01T00:00:00Z")
    result = scan(written)
    through = {one.principal_name: one.principal_kind for one in result.collected.assignments if one.via_group_id}
    assert through == {"Cid": "user", "Backup": "service_principal"}
    assert found(result) == ["service_principal_privileged"]
    assert [step.status for step in reporter.steps if step.key == "group_members"] == ["pass"]


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


def test_where_applications_in_a_group_may_not_be_read_its_people_are_still_there(written: Written, scan: Any) -> None:
    group = written.group("Admins", written.person("Cid"), isAssignableToRole=True)
    written.answer(contracts.GROUP_APPLICATIONS.path.format(group_id=group["id"]), "request_denied")
    written.assign(group, USER_ADMIN, ends="2030-01-01T00:00:00Z")
    result = scan(written)
    assert {one.principal_name for one in result.collected.assignments if one.via_group_id} == {"Cid"}
    assert found(result) == ["group_members_not_counted"]


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


@pytest.mark.parametrize("answer", ["request_denied", {"status": 404, "code": "Request_ResourceNotFound"}])
def test_a_group_whose_members_may_not_be_read_stands_alone_and_says_so(
    written: Written, scan: Any, reporter: Any, answer: Any
) -> None:
    group = written.group("Admins", isAssignableToRole=True)
    written.answer(contracts.GROUP_MEMBERS.path.format(group_id=group["id"]), answer)
    written.assign(group, USER_ADMIN)
    result = scan(written)
    assert result.complete
    (finding,) = [f for f in result.collected.findings if f.code == "group_members_not_counted"]
    assert finding.subject == group["id"]
    assert finding.sentence == "Admins is a group that holds User Administrator; its members are not counted."
    assert [s.status for s in reporter.steps if s.key == "group_members"] == ["warn"]


def test_too_many_members_or_groups_are_not_counted(
    written: Written, scan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_roles, "MOST_MEMBERS", 2)
    monkeypatch.setattr(admin_roles, "MOST_GROUPS", 2)
    for number in range(3):
        people = [written.person(f"P{number}{i}") for i in range(3 if number == 0 else 1)]
        written.assign(written.group(f"Group {number}", *people, isAssignableToRole=True), USER_ADMIN)
    result = scan(written)
    assert found(result).count("group_members_not_counted") == 2
    assert len([one for one in result.collected.assignments if one.via_group_id]) == 1


def test_members_that_merely_could_not_be_had_just_now_make_the_report_incomplete(written: Written, scan: Any) -> None:
    group = written.group("Admins", written.person("Cid"))
    path = contracts.GROUP_MEMBERS.path.format(group_id=group["id"])
    written.assign(group, USER_ADMIN)
    written.answer(path, {"status": 503})
    assert scan(written).reason_code == "service_unavailable"


def test_five_global_administrators_are_too_many_eligible_ones_and_those_through_groups_included(
    written: Written, scan: Any
) -> None:
    written.offer(written.person("Eve"))
    written.assign(written.group("Admins", written.person("Cid"), written.person("Dee"), isAssignableToRole=True))
    (finding,) = [f for f in scan(written).collected.findings if f.code == "global_administrators_too_many"]
    assert finding.sentence.startswith("5 people")


def test_four_are_not_too_many(written: Written, scan: Any) -> None:
    written.offer(written.person("Eve"))
    written.offer(written.person("Fay"))
    assert "global_administrators_too_many" not in found(scan(written))


def test_one_who_can_sign_in_is_too_few(new_tenant: Any, scan: Any) -> None:
    one = Written(new_tenant())
    one.assign(one.person("Ada"))
    one.assign(one.person("Bob", accountEnabled=False))
    result = scan(one)
    assert found(result) == ["global_administrators_too_few", "disabled_privileged"]


def test_nobody_claims_too_few_where_a_groups_members_are_unknown(new_tenant: Any, scan: Any) -> None:
    one = Written(new_tenant())
    group = one.group("Admins")
    one.assign(group)
    one.answer(contracts.GROUP_MEMBERS.path.format(group_id=group["id"]), "request_denied")
    assert found(scan(one)) == ["group_members_not_counted"]


def test_guests_apps_disabled_accounts_and_unprotected_groups_are_found(written: Written, scan: Any) -> None:
    written.assign(written.person("Gus", userType="Guest"), USER_ADMIN, ends="2030-01-01T00:00:00Z")
    written.assign(
        written.person("Hal", userType=None, userPrincipalName="hal_y#EXT#@x"), USER_ADMIN, ends="2030-01-01T00:00:00Z"
    )
    written.assign(written.person("Ida", accountEnabled=False), USER_ADMIN, ends="2030-01-01T00:00:00Z")
    written.assign(written.app("Backup"), USER_ADMIN)
    written.assign(written.group("Club", isAssignableToRole=False), HELPDESK)
    result = scan(written)
    assert found(result) == [
        "guest_privileged",
        "guest_privileged",
        "disabled_privileged",
        "service_principal_privileged",
        "group_not_role_assignable",
    ]
    assert result.collected.findings[0].sentence == "Gus is a guest and holds User Administrator."


def test_a_role_that_is_not_privileged_finds_nothing(written: Written, scan: Any) -> None:
    written.assign(written.person("Gus", userType="Guest"), HELPDESK)
    assert found(scan(written)) == []


def test_what_microsoft_did_not_say_is_not_guessed(written: Written, scan: Any) -> None:
    written.assign(written.person("Jon", accountEnabled=None, userType=None), USER_ADMIN, ends="2030-01-01T00:00:00Z")
    written.assign(written.group("Club"), USER_ADMIN)
    assert found(scan(written)) == []


def test_permanent_assignments_are_found_where_pim_is_there(written: Written, scan: Any) -> None:
    written.assign(written.person("Kim"), USER_ADMIN)
    written.assign(written.person("Lea"), USER_ADMIN, ends="2030-01-01T00:00:00Z")
    result = scan(written)
    assert [f.sentence for f in result.collected.findings] == ["Kim permanently holds User Administrator."]


def test_a_third_permanent_global_administrator_is_no_emergency_account(written: Written, scan: Any) -> None:
    written.assign(written.person("Kim"))
    assert found(scan(written)) == ["permanent_privileged"] * 3


def test_without_p2_nobody_is_told_off_for_being_permanent(written: Written, scan: Any) -> None:
    for path in (contracts.ROLE_ASSIGNMENT_INSTANCES.path, contracts.ROLE_ELIGIBILITY.path):
        written.answer(path, "not_licensed_p2")
    written.assign(written.person("Kim"), USER_ADMIN)
    assert found(scan(written)) == []


@pytest.mark.parametrize("principal", [None, {}, "gone", {"@odata.type": 7}])
def test_an_assignment_of_somebody_deleted_a_moment_ago_is_kept_and_named(
    written: Written, scan: Any, principal: Any
) -> None:
    gone = written.person("Gone")
    written.assign(gone, USER_ADMIN, ends="2030-01-01T00:00:00Z", principal=principal)
    result = scan(written)
    assert found(result) == ["principal_unreadable"]
    assert [one.principal_kind for one in result.collected.assignments if one.principal_id == gone["id"]] == ["unknown"]


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


def test_every_code_explains_itself() -> None:
    for entry in CODES.values():
        assert entry.title
        assert entry.meaning.endswith(".")
        assert entry.advice.endswith(".")
        assert entry.link.startswith("https://learn.microsoft.com/")


def test_privileged_roles_are_known_by_template_id() -> None:
    assert all(uuid.UUID(key) for key in PRIVILEGED)
    assert len(set(PRIVILEGED.values())) == len(PRIVILEGED)
    assert "88d8e3e3-8f55-4a1e-953a-9b9898b8876b" not in PRIVILEGED  # Directory Readers


def test_every_code_is_in_the_guide_as_it_is_here() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "compliance-and-roles.md").read_text(encoding="utf-8")
    for entry in CODES.values():
        row = f"| `{entry.code}` | [{entry.title}]({entry.link}) | {entry.meaning} | {entry.advice} |"
        assert row in guide, entry.code
