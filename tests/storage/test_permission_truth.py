"""Permission truth: what was granted, what is missing and who suffers, what nobody needs, and consent that is older than the manifest."""

from __future__ import annotations

from typing import Any

import pytest

from storage import operations, permissions
from storage.errors import InvalidInput, NotFound
from storage.permission_risks import Risk
from storage.permissions import Standing, compare
from storage.verification import MANIFEST_VERSION

EVERYTHING = frozenset(
    name for o in operations.CATALOG.values() for name in (*o.required_permissions, *o.optional_permissions)
)


def test_a_full_grant_misses_nothing_and_has_nothing_beyond() -> None:
    found = compare(EVERYTHING)
    assert {n.standing for n in found.needed} == {Standing.GRANTED}
    assert (found.beyond, found.limited_operations, found.missing_required, found.missing_optional) == ((), (), (), ())


def test_what_is_missing_comes_first_and_names_who_suffers() -> None:
    found = compare(EVERYTHING - {"User.Read.All", "Policy.Read.All"})
    assert [n.permission for n in found.needed[:2]] == ["User.Read.All", "Policy.Read.All"]
    assert found.missing_required == ("User.Read.All",)
    assert found.missing_optional == ("Policy.Read.All",)
    assert found.limited_operations == (operations.DIRECTORY_SYNC,)
    assert found.reduced_operations == (operations.INVENTORY_SYNC, operations.ADMIN_ROLES_SCAN)


def test_a_broader_permission_covers_and_is_still_beyond_the_need() -> None:
    found = compare(frozenset({"Directory.Read.All"}))
    by_name = {n.permission: n for n in found.needed}
    assert (by_name["User.Read.All"].standing, by_name["User.Read.All"].covered_by) == (
        Standing.COVERED,
        "Directory.Read.All",
    )
    assert by_name["DeviceManagementApps.Read.All"].standing is Standing.MISSING
    (beyond,) = found.beyond
    assert beyond.risk is Risk.READ
    assert {"User.Read.All", "Organization.Read.All"} <= set(beyond.covers)


def test_the_most_dangerous_comes_first() -> None:
    extra = {
        "Reports.Read.All",
        "Mail.Read",
        "Application.ReadWrite.All",
        "Device.ReadWrite.All",
        "RoleManagement.ReadWrite.Directory",
    }
    found = compare(EVERYTHING | extra).beyond
    assert [(b.permission, b.risk.value) for b in found] == [
        ("Application.ReadWrite.All", "takeover"),
        ("RoleManagement.ReadWrite.Directory", "takeover"),
        ("Mail.Read", "content"),
        ("Device.ReadWrite.All", "change"),
        ("Reports.Read.All", "read"),
    ]
    assert all(b.why for b in found)


def test_of_some_operations_only_their_needs_count() -> None:
    found = compare(EVERYTHING, [operations.CONNECTION_CHECK])
    assert {n.permission for n in found.needed} == {"Organization.Read.All", "Application.Read.All"}
    assert "User.Read.All" in {b.permission for b in found.beyond}
    with pytest.raises(InvalidInput):
        compare(EVERYTHING, ["mail.send"])


def test_without_any_check_nothing_is_claimed(fleet: Any) -> None:
    truth = permissions.of_connection(fleet.db, fleet.dana, fleet.connection["contoso"])
    assert truth.checked_at is None
    assert {n.standing for n in truth.comparison.needed} == {Standing.UNKNOWN}
    assert truth.comparison.missing_required == ()
    assert truth.comparison.limited_operations == ()


def test_a_check_tells_granted_from_covered(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    granted = frozenset({"Directory.Read.All", "Mail.Read", "GroupMember.Read.All"})
    fleet.finish(claim, fleet.good_report(claim, granted_permissions=granted))

    truth = permissions.of_connection(fleet.db, fleet.dana, connection)

    by_name = {n.permission: n.standing for n in truth.comparison.needed}
    assert (by_name["GroupMember.Read.All"], by_name["User.Read.All"]) == (Standing.GRANTED, Standing.COVERED)
    assert by_name["Policy.Read.All"] is Standing.MISSING
    assert [b.permission for b in truth.comparison.beyond] == ["Mail.Read", "Directory.Read.All"]
    assert truth.checked_at == fleet.clock.time
    assert truth.checked_manifest_version == MANIFEST_VERSION


def test_a_later_check_without_a_token_takes_nothing_away(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    before = permissions.of_connection(fleet.db, fleet.dana, connection).comparison
    fleet.clock.advance(minutes=10)
    fleet.check(connection, fleet.failing_report("secret_invalid"))
    assert permissions.of_connection(fleet.db, fleet.dana, connection).comparison == before


@pytest.mark.parametrize(("version", "older"), [(None, False), (MANIFEST_VERSION, False), (MANIFEST_VERSION - 1, True)])
def test_consent_that_is_older_than_the_manifest_is_flagged(
    sqlite_fleet: Any, version: int | None, older: bool
) -> None:
    connection = sqlite_fleet.connection["contoso"]
    sqlite_fleet.set_connection(connection, consent_manifest_version=version)
    assert permissions.of_connection(sqlite_fleet.db, sqlite_fleet.dana, connection).consent_is_older is older


def test_a_connection_out_of_sight_has_no_permissions_to_see(sqlite_fleet: Any) -> None:
    for login in ("fred", "zoe", "pat"):
        with pytest.raises(NotFound):
            permissions.of_connection(sqlite_fleet.db, sqlite_fleet.people[login], sqlite_fleet.connection["contoso"])
