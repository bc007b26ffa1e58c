"""What is found in who holds which role: too many, too few, guests, applications, permanent ones; and the codes of findings."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from written_roles import HELPDESK, USER_ADMIN, Written, found

from storage.role_finding_codes import CODES
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.privileged_roles import PRIVILEGED


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
    guide = (Path(__file__).parents[4] / "docs" / "compliance-and-roles.md").read_text(encoding="utf-8")
    for entry in CODES.values():
        row = f"| `{entry.code}` | [{entry.title}]({entry.link}) | {entry.meaning} | {entry.advice} |"
        assert row in guide, entry.code
