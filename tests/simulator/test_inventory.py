"""Intune's lists and Conditional Access as the four operations read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_ROLES = [
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "Policy.Read.All",
]
_PATHS = {
    "compliance_policies": "/deviceManagement/deviceCompliancePolicies",
    "device_configurations": "/deviceManagement/deviceConfigurations",
    "mobile_apps": "/deviceAppManagement/mobileApps",
    "enrollment_configurations": "/deviceManagement/deviceEnrollmentConfigurations",
    "conditional_access_policies": "/identity/conditionalAccess/policies",
    "named_locations": "/identity/conditionalAccess/namedLocations",
}
INTUNE = {name: path for name, path in _PATHS.items() if path.startswith("/device")}
ACCESS = {name: path for name, path in _PATHS.items() if path.startswith("/identity")}


@pytest.fixture
def owner(microsoft: Any) -> Any:
    """A tenant whose app may read all of it."""

    def make(**fields: Any) -> Any:
        return microsoft.customer(app={"granted_roles": _ROLES}, **fields)

    return make


def _read(microsoft: Any, customer: Any, path: str) -> list[dict[str, Any]]:
    token, rows, link = microsoft.token(customer), [], path
    while link:
        microsoft.control("DELETE", "/throttling")
        page = microsoft.get(customer, link, token=token)
        assert page.status_code == 200, page.text
        rows += page.json()["value"]
        link = page.json().get("@odata.nextLink")
    return rows


@pytest.mark.parametrize("name", INTUNE)
def test_an_intune_list_has_as_many_entries_of_derived_types_as_the_fleet_says(
    microsoft: Any, owner: Any, name: str
) -> None:
    customer = owner(amounts={name: 2300})
    rows = _read(microsoft, customer, f"{INTUNE[name]}?$select=id,displayName,lastModifiedDateTime")
    assert len({row["id"] for row in rows}) == 2300
    assert all(set(row) == {"@odata.type", "id", "displayName", "lastModifiedDateTime"} for row in rows)
    assert len({row["@odata.type"] for row in rows}) > 3
    assert all(row["lastModifiedDateTime"] < "2025-03" for row in rows), "nothing was changed yet"


def test_names_fit_the_platform_of_their_type(microsoft: Any, owner: Any) -> None:
    customer = owner(amounts={"compliance_policies": 60, "device_configurations": 60})
    for name in ("compliance_policies", "device_configurations"):
        for row in _read(microsoft, customer, INTUNE[name]):
            kind, title = row["@odata.type"].removeprefix("#microsoft.graph.").lower(), row["displayName"].lower()
            platform = next(p for p in ("windows", "ios", "macos", "android", "sharedpc") if kind.startswith(p))
            if title.startswith("update ring"):
                assert platform == "windows"
            elif platform != "sharedpc":
                assert title.startswith("ipados" if title.startswith("ipados") else platform)


def test_a_derived_types_own_property_cannot_be_selected(microsoft: Any, owner: Any) -> None:
    answer = microsoft.get(owner(), "/deviceManagement/deviceCompliancePolicies?$select=id,bitLockerEnabled")
    assert (answer.status_code, "bitLockerEnabled" in answer.text) == (400, True)


@pytest.mark.parametrize("path", INTUNE.values())
def test_intune_without_its_licence_or_permission_is_refused_in_intunes_words(
    microsoft: Any, owner: Any, path: str
) -> None:
    unlicensed = microsoft.get(owner(licences=["p1"]), path)
    assert unlicensed.json()["error"]["message"] == "Request not applicable to target tenant."
    denied = microsoft.get(microsoft.customer(app={"granted_roles": ["Organization.Read.All"]}), path)
    assert denied.status_code == 403
    assert "must have one of the following scopes" in denied.json()["error"]["message"]


@pytest.mark.parametrize("path", ACCESS.values())
def test_conditional_access_needs_p1_and_its_permission(microsoft: Any, owner: Any, path: str) -> None:
    unlicensed = microsoft.get(owner(licences=["intune"]), path)
    assert (unlicensed.status_code, unlicensed.json()["error"]["code"]) == (403, "AccessDenied")
    assert "not licensed" in unlicensed.json()["error"]["message"]
    denied = microsoft.get(microsoft.customer(), path)
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "AccessDenied")
    assert "required scopes are missing" in denied.json()["error"]["message"]


def test_conditional_access_policies_are_in_their_three_states(microsoft: Any, owner: Any) -> None:
    customer = owner(amounts={"conditional_access_policies": 250, "named_locations": 12})
    rows = _read(microsoft, customer, ACCESS["conditional_access_policies"])
    assert {row["state"] for row in rows} == {"enabled", "disabled", "enabledForReportingButNotEnforced"}
    places = _read(microsoft, customer, ACCESS["named_locations"])
    assert {row["@odata.type"] for row in places} == {
        "#microsoft.graph.ipNamedLocation", "#microsoft.graph.countryNamedLocation",
    }  # fmt: skip


@pytest.fixture
def stopped(microsoft: Any, start_simulator: Any, tmp_path: Path) -> Any:
    """A simulator of the test's own, whose time stands still so that no budget comes back."""
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    own = type(microsoft)(json.loads(process.stdout.readline()))
    own.control("POST", "/clock", {"frozen": True})
    yield own
    own.http.close()


def test_conditional_access_answers_once_a_second_and_never_says_when_again(stopped: Any) -> None:
    customer = stopped.customer(app={"granted_roles": _ROLES})
    token = stopped.token(customer)
    statuses = [stopped.get(customer, path, token=token) for path in ACCESS.values()]
    assert [answer.status_code for answer in statuses] == [200, 429]
    assert "retry-after" not in statuses[1].headers
    stopped.control("POST", "/clock", {"seconds": 1})
    assert stopped.get(customer, ACCESS["named_locations"], token=token).status_code == 200
    refused = stopped.control("GET", f"/requests?tenant={customer.id}&refused=true").json()["requests"]
    assert [(r["path"], r["refused_by"]) for r in refused] == [
        ("/v1.0/identity/conditionalAccess/namedLocations", "conditional_access per tenant: 1 in 1 s")
    ]


def test_items_of_a_batch_are_throttled_one_by_one(stopped: Any) -> None:
    customer = stopped.customer(app={"granted_roles": _ROLES})
    paths = [*ACCESS.values(), *INTUNE.values()]
    answers = stopped.batch(customer, stopped.token(customer), paths)
    assert [answer["status"] for answer in answers] == [200, 429, 200, 200, 200, 200]
    assert "Retry-After" not in answers[1]["headers"]


def test_everything_in_intune_but_devices_shares_a_thousand_in_twenty_seconds(stopped: Any) -> None:
    customer = stopped.customer(app={"granted_roles": _ROLES}, size=1)
    token, paths = stopped.token(customer), [f"{path}?$top=1&$select=id" for path in INTUNE.values()]
    answers = [item["status"] for _ in range(50) for item in stopped.batch(customer, token, paths * 5)]
    assert answers == [200] * 1000
    refused = stopped.get(customer, paths[2], token=token)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert stopped.get(customer, "/deviceManagement/managedDevices", token=token).status_code == 200
    last = stopped.control("GET", f"/requests?tenant={customer.id}&refused=1").json()["requests"][-1]
    assert last["refused_by"] == "intune_configuration per app and tenant: 1000 in 20 s"
