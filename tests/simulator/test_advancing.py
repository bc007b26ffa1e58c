"""A changing world: rounds whose differences are told, and are what a second look finds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_ROLES = [
    "DeviceManagementConfiguration.Read.All", "DeviceManagementApps.Read.All", "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementManagedDevices.Read.All", "Policy.Read.All", "User.Read.All", "Group.Read.All", "Device.Read.All",
    "RoleManagement.Read.Directory",
]  # fmt: skip
_LISTS = {
    "compliance_policies": "/deviceManagement/deviceCompliancePolicies",
    "device_configurations": "/deviceManagement/deviceConfigurations",
    "mobile_apps": "/deviceAppManagement/mobileApps",
    "enrollment_configurations": "/deviceManagement/deviceEnrollmentConfigurations",
    "conditional_access_policies": "/identity/conditionalAccess/policies",
    "named_locations": "/identity/conditionalAccess/namedLocations",
}
_MODIFIED = ("lastModifiedDateTime", "modifiedDateTime")


def _look(microsoft: Any, customer: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Everything an operation would read, by id."""
    token = microsoft.token(customer)

    def read(path: str) -> dict[str, dict[str, Any]]:
        rows, link = dict[str, dict[str, Any]](), path
        while link:
            microsoft.control("DELETE", "/throttling")
            page = microsoft.get(customer, link, token=token).json()
            rows |= {row["id"]: row for row in page["value"]}
            link = page.get("@odata.nextLink")
        return rows

    found = {name: read(path) for name, path in _LISTS.items()}
    found["managed_devices"] = read("/deviceManagement/managedDevices?$select=id,operatingSystem,complianceState")
    found["roles"] = read("/roleManagement/directory/roleAssignments")
    for name, path in {"members": "/users?$filter=userType eq 'Member'", "guests": "/users?$filter=userType eq 'Guest'",
                       "groups": "/groups", "devices": "/devices"}.items():  # fmt: skip
        found[name] = read(path)
    return found


def _compliance(devices: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for (system, state), number in Counter(
        (d["operatingSystem"], d["complianceState"]) for d in devices.values()
    ).items():
        counted.setdefault(system, {})[state] = number
    return counted


def _when(row: dict[str, Any]) -> Any:
    return next((row[name] for name in _MODIFIED if name in row), None)


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_second_look_finds_exactly_what_was_told(microsoft: Any, rounds: int) -> None:
    customer = microsoft.customer(app={"granted_roles": _ROLES}, size=420, devices=600, amounts={"mobile_apps": 1500})
    before = _look(microsoft, customer)
    told = microsoft.control("POST", f"/tenants/{customer.id}/advance", {"rounds": rounds}).json()
    after = _look(microsoft, customer)
    for name in _LISTS:
        was, now, said = before[name], after[name], told["inventory"][name]
        assert {row["id"] for row in said["added"]} == set(now) - set(was)
        assert {row["id"] for row in said["removed"]} == set(was) - set(now)
        moved = {key for key in set(was) & set(now) if _when(was[key]) != _when(now[key])}
        assert {row["id"] for row in said["changed"]} == moved
        renamed = {key: (was[key]["displayName"], now[key]["displayName"])
                   for key in set(was) & set(now) if was[key]["displayName"] != now[key]["displayName"]}  # fmt: skip
        assert {row["id"]: (row["before"], row["after"]) for row in said["renamed"]} == renamed
        assert (said["before"], said["after"]) == (len(was), len(now))
    assert told["compliance"] == {
        "before": _compliance(before["managed_devices"]),
        "after": _compliance(after["managed_devices"]),
    }
    assert told["compliance"]["before"] != told["compliance"]["after"]
    held = {(row["roleDefinitionId"], row["principalId"], row["directoryScopeId"]) for row in after["roles"].values()}
    had = {(row["roleDefinitionId"], row["principalId"], row["directoryScopeId"]) for row in before["roles"].values()}
    for side, expected in (("added", held - had), ("removed", had - held)):
        rows = told["roles"]["active"][side]
        assert {(r["roleDefinitionId"], r["principalId"], r["directoryScopeId"]) for r in rows} == expected
    assert held != had
    for name in ("members", "guests", "groups", "devices"):
        assert told["counts"][name] == {"before": len(before[name]), "after": len(after[name])}


def test_what_changed_carries_the_moment_of_its_round(microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": _ROLES})
    told = microsoft.control("POST", f"/tenants/{customer.id}/advance", {"rounds": 2}).json()
    moments = microsoft.control("GET", f"/tenants/{customer.id}").json()["rounds"]
    assert moments == sorted(set(moments))
    apps = _look(microsoft, customer)["mobile_apps"]
    changed = {row["id"] for row in told["inventory"]["mobile_apps"]["changed"]}
    assert changed
    assert {apps[key]["lastModifiedDateTime"] for key in changed} <= set(moments)


def test_differences_can_be_asked_for_again_and_over_several_rounds(microsoft: Any, customer: Any) -> None:
    base = f"/tenants/{customer.id}"
    first = microsoft.control("POST", f"{base}/advance", {}).json()
    last = microsoft.control("POST", f"{base}/advance", {"rounds": 1}).json()
    assert microsoft.control("GET", f"{base}/differences?since=0&until=1").json() == first
    assert microsoft.control("GET", f"{base}/differences").json() == last
    assert microsoft.control("GET", f"{base}/differences?since=0").json()["rounds"] == {"before": 0, "after": 2}
    nothing = microsoft.control("GET", f"{base}/differences?since=2&until=2").json()
    assert not any(part[side] for part in nothing["inventory"].values() for side in ("added", "removed", "changed"))


def test_every_tenant_or_some_can_go_on_together(microsoft: Any) -> None:
    one, other, third = (microsoft.customer() for _ in range(3))
    answer = microsoft.control("POST", "/advance", {"rounds": 2, "tenants": [one.id, other.domain]})
    assert answer.json()["tenants"] == {one.id: 2, other.id: 2}
    assert "rounds" not in microsoft.control("GET", f"/tenants/{third.id}").json()
    assert microsoft.control("POST", "/advance", {}).json()["tenants"][third.id] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/tenants/{}/advance", {"rounds": 0}, 400), ("/tenants/{}/advance", {"rounds": True}, 400),
     ("/tenants/{}/advance", {"rounds": 1000}, 400), ("/tenants/{}/advance", [1], 400), ("/advance", {"rounds": "x"}, 400),
     ("/advance", {"tenants": ["nobody.example"]}, 404), ("/advance", {"tenants": "x"}, 400), ("/advance", {"how": 1}, 400)],
)  # fmt: skip
def test_a_wrong_wish_changes_nothing(microsoft: Any, customer: Any, path: str, body: Any, status: int) -> None:
    assert microsoft.control("POST", path.format(customer.id), body).status_code == status
    assert "rounds" not in microsoft.control("GET", f"/tenants/{customer.id}").json()


@pytest.mark.parametrize("query", ["since=9", "since=x", "since=1&until=0", "until=-1"])
def test_rounds_that_never_were_have_no_differences(microsoft: Any, customer: Any, query: str) -> None:
    microsoft.control("POST", f"/tenants/{customer.id}/advance", {})
    assert microsoft.control("GET", f"/tenants/{customer.id}/differences?{query}").status_code == 400


def test_two_processes_tell_the_same_and_a_restarted_one_goes_on(
    microsoft: Any, start_simulator: Any, tmp_path: Path
) -> None:
    tenant = {"id": "aaaaaaaa-0000-4000-8000-00000000000a", "name": "X", "domains": ["x-rounds.example"], "size": 300,
              "devices": 200, "rounds": ["2026-01-01T00:00:00Z"]}  # fmt: skip
    told = []
    for name in ("one", "two", "two"):
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        process = start_simulator("serve", "--directory", str(place), "--remember", str(place / "memory.json"),
                                  "--exit-with-stdin")  # fmt: skip
        own = type(microsoft)(json.loads(process.stdout.readline()))
        if own.control("GET", f"/tenants/{tenant['id']}").status_code == 404:
            assert own.control("POST", "/tenants", tenant).status_code == 201
            own.control("POST", f"/tenants/{tenant['id']}/advance", {})
        assert len(own.control("GET", f"/tenants/{tenant['id']}").json()["rounds"]) == 2
        told.append(own.control("GET", f"/tenants/{tenant['id']}/differences").json())
        own.http.close()
        process.communicate(timeout=60)
    assert told[0] == told[1] == told[2]


def test_a_device_is_seldom_in_another_state_and_never_in_one_unheard_of(microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": _ROLES}, devices=1000)
    token, path = microsoft.token(customer), "/deviceManagement/managedDevices?$select=id,complianceState"
    was = {row["id"]: row["complianceState"] for row in microsoft.get(customer, path, token=token).json()["value"]}
    microsoft.control("POST", f"/tenants/{customer.id}/advance", {"rounds": 1})
    now = {row["id"]: row["complianceState"] for row in microsoft.get(customer, path, token=token).json()["value"]}
    changed = [key for key in set(was) & set(now) if was[key] != now[key]]
    assert 5 <= len(changed) <= 60
    assert set(now.values()) <= set(was.values()) | {"conflict", "error"}
