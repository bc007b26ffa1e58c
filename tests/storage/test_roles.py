"""Reports of administrator roles: what is kept, what counts as a difference, and what is listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from storage import roles
from storage.errors import InvalidInput, NotFound
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import ADMIN_ROLES_SCAN
from storage.pages import Place
from storage.roles import RoleDifference
from storage.roles_publishing import MEMBERS_NOT_COUNTED, CollectedRoles, RoleAssignment, RoleFinding
from storage.schema import role_assignments, role_findings, role_reports
from storage.starting import Blocked
from storage.states import RunOutcome

KNOWN = {"assignments": 0, "eligible": 0, "activated": 0}


def held(name: str, assignment: str = "active", *, via: str | None = None, privileged: bool = True) -> RoleAssignment:
    role = "Global Administrator" if privileged else "Reports Reader"
    return RoleAssignment(name, name.title(), "user", role.lower(), role, privileged, assignment, via)


def found(code: str, subject: str) -> RoleFinding:
    return RoleFinding(code, subject, f"{subject} was found.")


def scan(
    fleet: Any, *rows: RoleAssignment | RoleFinding, at: str = "contoso", complete: bool = True, counts: Any = None
) -> Any:
    """A whole run; returns its report."""
    collected = CollectedRoles(
        [row for row in rows if isinstance(row, RoleAssignment)],
        [row for row in rows if isinstance(row, RoleFinding)],
        KNOWN if counts is None else counts,
        complete,
    )
    fleet.clock.advance(hours=1)
    claim = fleet.begin(fleet.connection[at], ADMIN_ROLES_SCAN)
    outcome = RunOutcome.SUCCEEDED if complete else RunOutcome.PARTIALLY_SUCCEEDED
    failures = () if complete else (failure("service_unavailable"),)
    run = fleet.finish(claim, RunResult(outcome, collected=collected, failures=failures))
    return roles.of_run(fleet.db, fleet.dana, fleet.tenant[at], run.id)


def changed(report: Any) -> tuple[list[str], list[str]]:
    difference: RoleDifference = report.difference
    return sorted(one.principal_id for one in difference.added), sorted(one.principal_id for one in difference.removed)


def test_a_report_is_kept_whole(fleet: Any) -> None:
    report = scan(fleet, held("ada"), held("eve", "eligible"), found("guest_privileged", "ada"))
    known = roles.latest(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert known.report == report == roles.report(fleet.db, fleet.dana, report.id)
    assert known.partial is None
    assert report.counts == KNOWN
    assert report.findings == (found("guest_privileged", "ada"),)
    assert report.difference is None
    page = roles.assignments(fleet.db, fleet.dana, report.id, Place.first())
    assert set(page.rows) == {held("ada"), held("eve", "eligible")}


def test_the_difference_names_who_came_and_went_and_what_was_solved(fleet: Any) -> None:
    first = scan(fleet, held("ada"), held("bob"), found("guest_privileged", "bob"))
    second = scan(fleet, held("ada"), held("cid"), held("eve", "eligible"), found("disabled_privileged", "cid"))
    assert second.difference.previous_report_id == first.id
    assert changed(second) == (["cid", "eve"], ["bob"])
    assert [one.subject for one in second.difference.new_findings] == ["cid"]
    assert [one.subject for one in second.difference.solved_findings] == ["bob"]


def test_an_activation_is_no_new_administrator(fleet: Any) -> None:
    scan(fleet, held("ada"), held("eve", "eligible"))
    during = scan(fleet, held("ada"), held("eve", "eligible"), held("eve", "activated"))
    after = scan(fleet, held("ada"), held("eve", "eligible"))
    assert changed(during) == changed(after) == ([], [])


def test_a_report_that_is_not_whole_is_compared_with_nothing(fleet: Any) -> None:
    scan(fleet, held("ada"), held("bob"))
    partial = scan(fleet, held("ada"), complete=False)
    assert partial.difference is None
    known = roles.latest(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert known.partial == partial
    assert known.report is not None
    assert changed(scan(fleet, held("ada"), held("bob"))) == ([], [])


def test_a_licence_that_came_or_went_adds_and_removes_nobody(fleet: Any) -> None:
    scan(fleet, held("ada"), held("eve"), counts={"assignments": 2})
    with_p2 = scan(fleet, held("ada"), held("eve", "eligible"), held("eve", "activated"), held("fay", "eligible"))
    assert changed(with_p2) == ([], [])
    without = scan(fleet, held("ada"), held("eve"), counts={"assignments": 2})
    assert changed(without) == ([], [])


def test_members_of_a_group_that_could_not_be_read_neither_came_nor_went(fleet: Any) -> None:
    scan(fleet, held("ada"), held("group"), held("cid", via="group"))
    unread = scan(fleet, held("ada"), held("group"), found(MEMBERS_NOT_COUNTED, "group"))
    assert changed(unread) == ([], [])
    assert changed(scan(fleet, held("ada"), held("group"), held("cid", via="group"))) == ([], [])


def test_what_one_of_two_reports_could_not_find_is_neither_new_nor_solved(fleet: Any) -> None:
    """Microsoft lists by id only whom an application may not read: a guest is then a user, and nobody has solved anything."""
    findings = [found(code, "bob") for code in ("guest_privileged", "disabled_privileged", "permanent_privileged")]
    scan(fleet, held("bob"), *findings, found("guest_privileged", "cid"))
    nameless = replace(held("bob"), principal_name="")
    without = scan(fleet, nameless, counts={"assignments": 1})
    assert [one.subject for one in without.difference.solved_findings] == ["cid"], "who is gone is solved"
    assert changed(without) == ([], [])
    again = scan(fleet, held("bob"), *findings)
    assert again.difference.new_findings == ()
    named = scan(fleet, held("bob"))
    assert len(named.difference.solved_findings) == 3


def test_another_tenants_report_is_no_base(fleet: Any) -> None:
    scan(fleet, held("ada"), at="fabrikam")
    assert scan(fleet, held("bob")).difference is None


def test_a_large_report_is_written_and_its_difference_stays_small(fleet: Any) -> None:
    scan(fleet)
    report = scan(fleet, *(held(f"user{number:05d}") for number in range(1_200)))
    assert report.difference.added_count == 1_200
    assert len(report.difference.added) == 100
    first = roles.assignments(fleet.db, fleet.dana, report.id, Place.first(), 500)
    second = roles.assignments(fleet.db, fleet.dana, report.id, Place.after(first.cursors[-1]), 500)
    assert (len(first.rows), len(second.rows), second.has_after) == (500, 500, True)
    assert not set(first.rows) & set(second.rows)


def test_privileged_ones_can_be_asked_for_alone(fleet: Any) -> None:
    report = scan(fleet, held("ada"), held("bob", privileged=False))
    page = roles.assignments(fleet.db, fleet.dana, report.id, Place.first(), privileged_only=True)
    assert [one.principal_id for one in page.rows] == ["ada"]


def test_a_workspaces_findings_are_those_of_each_last_whole_report(fleet: Any) -> None:
    scan(fleet, found("guest_privileged", "old"))
    scan(fleet, found("guest_privileged", "gus"), found("disabled_privileged", "dan"))
    scan(fleet, found("guest_privileged", "half"), complete=False)
    scan(fleet, found("guest_privileged", "hal"), at="fabrikam")

    def page(**options: Any) -> list[tuple[str, str]]:
        rows = roles.findings_of_workspace(fleet.db, fleet.dana, fleet.north, Place.first(), **options).rows
        return [(row.tenant_name, row.finding.subject) for row in rows]

    assert page() == [("Contoso", "gus"), ("Contoso", "dan"), ("Fabrikam", "hal")]
    assert page(code="disabled_privileged") == [("Contoso", "dan")]
    first = roles.findings_of_workspace(fleet.db, fleet.dana, fleet.north, Place.first(), 2)
    rest = roles.findings_of_workspace(fleet.db, fleet.dana, fleet.north, Place.after(first.cursors[-1]), 2)
    assert ([row.finding.subject for row in rest.rows], rest.has_after) == (["hal"], False)
    with pytest.raises(InvalidInput):
        page(code="nonsense")


def test_a_member_of_one_tenant_sees_that_ones_findings_only(fleet: Any) -> None:
    scan(fleet, found("guest_privileged", "gus"))
    scan(fleet, found("guest_privileged", "hal"), at="fabrikam")
    rows = roles.findings_of_workspace(fleet.db, fleet.people["tina"], fleet.north, Place.first()).rows
    assert [row.tenant_name for row in rows] == ["Contoso"]


def test_another_tenants_report_reads_as_absent(fleet: Any) -> None:
    report = scan(fleet, at="fabrikam")
    messages = []
    for report_id in (report.id, 999_999):
        with pytest.raises(NotFound) as refused:
            roles.report(fleet.db, fleet.people["tina"], report_id)
        messages.append(str(refused.value).replace(str(report_id), "N"))
    assert messages[0] == messages[1]


def test_a_deleted_report_takes_its_rows_along(fleet: Any) -> None:
    report = scan(fleet, held("ada"), found("guest_privileged", "ada"))
    fleet.write(delete(role_reports).where(role_reports.c.id == report.id))
    assert fleet.count(role_assignments) == fleet.count(role_findings) == 0


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("is_enabled", False, "provider_connection_disabled"),
        ("consent_status", "required", "provider_consent_missing"),
        ("consent_status", "revoked", "provider_consent_revoked"),
    ],
)
def test_a_scan_is_gated_on_lifecycle_and_consent(fleet: Any, column: str, value: Any, reason: str) -> None:
    fleet.set_connection(fleet.connection["contoso"], **{column: value})
    result = fleet.start(fleet.connection["contoso"], ADMIN_ROLES_SCAN)
    assert isinstance(result, Blocked)
    assert result.reason.code == reason


def test_a_scan_is_gated_on_its_own_permission(fleet: Any) -> None:
    fleet.set_permissions(fleet.connection["contoso"], {"RoleManagement.Read.Directory": False})
    result = fleet.start(fleet.connection["contoso"], ADMIN_ROLES_SCAN)
    assert isinstance(result, Blocked)
    assert result.reason.code == "provider_permission_missing"
