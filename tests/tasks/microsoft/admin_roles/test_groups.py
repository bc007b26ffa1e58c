"""Groups that hold a role: who is in them is counted through them, or it is said that nobody was."""

from __future__ import annotations

from typing import Any

import pytest
from written_roles import USER_ADMIN, Written, found

from tasks.providers.microsoft import admin_roles, contracts


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


def test_where_applications_in_a_group_may_not_be_read_its_people_are_still_there(written: Written, scan: Any) -> None:
    group = written.group("Admins", written.person("Cid"), isAssignableToRole=True)
    written.answer(contracts.GROUP_APPLICATIONS.path.format(group_id=group["id"]), "request_denied")
    written.assign(group, USER_ADMIN, ends="2030-01-01T00:00:00Z")
    result = scan(written)
    assert {one.principal_name for one in result.collected.assignments if one.via_group_id} == {"Cid"}
    assert found(result) == ["group_members_not_counted"]


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
