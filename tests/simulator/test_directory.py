"""Users, groups, devices and who holds a role."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from simulator.ageing import dice
from simulator.groups import group_id
from simulator.model import Tenant

_ROLES = [
    "User.Read.All",
    "Group.Read.All",
    "Device.Read.All",
    "RoleManagement.Read.Directory",
    "Application.Read.All",
]
_EVENTUAL = {"ConsistencyLevel": "eventual"}
BASE = "/roleManagement/directory"


@pytest.fixture
def owner(microsoft: Any) -> Any:
    def make(**fields: Any) -> Any:
        return microsoft.customer(app={"granted_roles": _ROLES}, **fields)

    return make


def _read(microsoft: Any, customer: Any, path: str, **headers: str) -> list[dict[str, Any]]:
    token, rows, link = microsoft.token(customer), [], path
    while link:
        page = microsoft.get(customer, link, token=token, **headers)
        assert page.status_code == 200, page.text
        rows += page.json()["value"]
        link = page.json().get("@odata.nextLink")
    return rows


@pytest.mark.parametrize("name", ["users", "groups", "devices"])
def test_a_count_needs_eventual_consistency(microsoft: Any, owner: Any, name: str) -> None:
    customer = owner(amounts={name: 1234, "guests": 0})
    token, path = microsoft.token(customer), f"/{name}?$count=true&$top=1&$select=id"
    page = microsoft.get(customer, path, token=token, **_EVENTUAL).json()
    assert (page["@odata.count"], len(page["value"])) == (1234, 1)
    assert "@odata.count" not in microsoft.get(customer, path, token=token).json(), "unheard without the header"
    refused = microsoft.get(customer, f"/{name}/$count", token=token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
    segment = microsoft.get(customer, f"/{name}/$count", token=token, **_EVENTUAL)
    assert (segment.status_code, segment.text) == (200, "1234")


def test_guests_are_counted_by_a_filter(microsoft: Any, owner: Any) -> None:
    customer = owner(amounts={"users": 40, "guests": 7})
    path = "/users?$filter=userType eq 'Guest'&$count=true&$top=1&$select=id,userType"
    page = microsoft.get(customer, path, **_EVENTUAL).json()
    assert (page["@odata.count"], page["value"][0]["userType"]) == (7, "Guest")
    everyone = _read(microsoft, customer, "/users?$select=id,userType,accountEnabled")
    assert Counter(row["userType"] for row in everyone) == {"Member": 40, "Guest": 7}
    assert {row["accountEnabled"] for row in everyone} == {True, False}


def test_a_list_of_users_carries_the_usual_properties_only(microsoft: Any, owner: Any) -> None:
    row = microsoft.get(owner(), "/users?$top=1").json()["value"][0]
    assert "userType" not in row
    assert {"id", "displayName", "userPrincipalName", "mail"} <= set(row)


def test_members_of_a_large_group_come_in_pages_of_999(microsoft: Any, owner: Any) -> None:
    customer = owner(size=2100, amounts={"guests": 3})
    everybody = next(g for g in _read(microsoft, customer, "/groups") if g["groupTypes"] == ["DynamicMembership"])
    path = f"/groups/{everybody['id']}/members?$select=id&$top=999"
    sizes, link, token = [], path, microsoft.token(customer)
    while link:
        page = microsoft.get(customer, link, token=token).json()
        sizes.append(len(page["value"]))
        link = page.get("@odata.nextLink")
    assert sizes == [999, 999, 105]


def test_a_group_for_roles_holds_people_of_every_kind_and_no_groups(microsoft: Any, owner: Any) -> None:
    customer = owner()
    assignable = [g for g in _read(microsoft, customer, "/groups") if g["isAssignableToRole"]]
    assert len(assignable) == 2
    for found in assignable:
        rows = _read(microsoft, customer, f"/groups/{found['id']}/members")
        assert {row["@odata.type"] for row in rows} == {"#microsoft.graph.user"}
        assert False in {row["accountEnabled"] for row in rows}
        assert "Guest" in {row["userType"] for row in rows}
        assert len({row["id"] for row in rows}) == len(rows)
    assert microsoft.get(customer, "/groups/00000000-0000-4000-8000-000000000000/members").status_code == 404


def test_service_principals_in_a_group_are_listed_in_the_cast_to_them_only(microsoft: Any, owner: Any) -> None:
    customer = next(made for made in iter(owner, None) if dice(made.id)[12] % 2 == 0)
    members = f"/groups/{group_id(Tenant(customer.id, '', 'global', ['x.example'], 9, 0, []), 0)}/members"
    cast = f"{members}/microsoft.graph.servicePrincipal"
    assert {row["@odata.type"] for row in _read(microsoft, customer, members)} == {"#microsoft.graph.user"}
    (app,) = _read(microsoft, customer, f"{cast}?$count=true&$select=id,displayName", **_EVENTUAL)
    assert set(app) == {"id", "displayName"}, "a list of one type does not repeat it"
    for query, headers in (("?$count=true", {}), ("", _EVENTUAL)):
        refused = microsoft.get(customer, f"{cast}{query}", **headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_objects_that_may_not_be_read_are_listed_by_type_and_id_only(microsoft: Any) -> None:
    customer = microsoft.customer(
        app={"granted_roles": ["RoleManagement.Read.Directory", "GroupMember.Read.All"]}, size=400
    )
    held = _read(microsoft, customer, f"{BASE}/roleAssignments?$expand=principal")
    shown = {row["principal"]["@odata.type"]: row["principal"] for row in held}
    user, group = shown["#microsoft.graph.user"], shown["#microsoft.graph.group"]
    assert {key for key, value in user.items() if value is not None} == {"@odata.type", "id"}
    assert {"displayName", "userType", "accountEnabled"} <= set(user)
    assert group["displayName"], "groups may be read"
    (member, *_) = _read(microsoft, customer, f"/groups/{group['id']}/members?$select=id,displayName")
    assert member["displayName"] is None


def test_role_assignments_know_four_properties_to_select(microsoft: Any, owner: Any) -> None:
    customer = owner()
    path = f"{BASE}/roleAssignments?$select=id,principalId,roleDefinitionId,directoryScopeId"
    assert not any("appScopeId" in row for row in _read(microsoft, customer, path))
    assert microsoft.get(customer, f"{path},appScopeId").status_code == 400


def test_principals_are_of_every_kind_over_many_tenants(microsoft: Any, owner: Any) -> None:
    kinds, states, scopes = Counter[str](), set[object](), set[str]()
    for _ in range(40):
        customer = owner(size=400)
        for row in _read(microsoft, customer, f"{BASE}/roleAssignments?$expand=principal"):
            assert row["principal"]["id"] == row["principalId"]
            kinds[row["principal"]["@odata.type"]] += 1
            states.add((row["principal"].get("accountEnabled"), row["principal"].get("userType")))
            scopes.add(row["directoryScopeId"].split("/")[1])
    assert set(kinds) == {
        "#microsoft.graph.user", "#microsoft.graph.group", "#microsoft.graph.servicePrincipal",
    }  # fmt: skip
    assert {(False, "Member"), (True, "Guest")} <= states
    assert {"", "administrativeUnits"} <= scopes


def test_a_group_that_holds_a_role_can_be_looked_into(microsoft: Any, owner: Any) -> None:
    customer = owner(size=400)
    held = _read(microsoft, customer, f"{BASE}/roleAssignments?$expand=principal")
    group = next(r["principal"] for r in held if r["principal"]["@odata.type"].endswith("group"))
    assert group["isAssignableToRole"] is True
    assert _read(microsoft, customer, f"/groups/{group['id']}/members?$select=id")


def test_an_activated_role_ends_and_an_assigned_one_does_not(microsoft: Any, owner: Any) -> None:
    rows = _read(microsoft, owner(), f"{BASE}/roleAssignmentScheduleInstances")
    ends = {row["assignmentType"]: row["endDateTime"] is not None for row in rows}
    assert ends == {"Assigned": False, "Activated": True}


def test_a_larger_tenant_has_a_role_of_its_own(microsoft: Any, owner: Any) -> None:
    def custom(size: int) -> list[str]:
        roles = _read(microsoft, owner(size=size), f"{BASE}/roleDefinitions")
        return [row["displayName"] for row in roles if not row["isBuiltIn"]]

    assert (custom(100), custom(400)) == ([], ["Service desk (custom)"])


def test_other_vendors_applications_are_there_and_one_is_off(microsoft: Any, owner: Any) -> None:
    customer = owner()
    rows = _read(microsoft, customer, "/servicePrincipals?$select=id,displayName,accountEnabled")
    assert {row["accountEnabled"] for row in rows} == {True, False}
    off = next(row for row in rows if not row["accountEnabled"])
    assert microsoft.get(customer, f"/servicePrincipals/{off['id']}/appRoleAssignments").json()["value"] == []


def test_groups_ids_are_the_tenants_own() -> None:
    one, other = (
        Tenant(id=str(n), name="", cloud="global", domains=["x.example"], size=9, devices=0, licences=[])
        for n in (1, 2)
    )
    assert group_id(one, 0) != group_id(other, 0)
