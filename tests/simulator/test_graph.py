"""Graph answers as Graph: resources, permissions, licences, queries, headers."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pytest

from simulator.assertions import encode
from simulator.tokens import TokenSigner

_ALL_ROLES = ["Organization.Read.All", "Application.Read.All", "DeviceManagementManagedDevices.Read.All",
              "RoleManagement.Read.Directory", "RoleEligibilitySchedule.Read.Directory"]  # fmt: skip
_PLAIN = (
    "/organization",
    "/subscribedSkus",
    "/servicePrincipals",
    "/applications",
    "/deviceManagement/managedDevices",
    "/deviceManagement/managedDeviceOverview",
    "/roleManagement/directory/roleDefinitions",
    "/roleManagement/directory/roleAssignments",
    "/roleManagement/directory/roleEligibilityScheduleInstances",
    "/roleManagement/directory/roleAssignmentScheduleInstances",
)


def error(answer: Any) -> tuple[int, str]:
    """Status and error code."""
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("path", _PLAIN)
def test_every_answer_carries_graphs_headers(microsoft: Any, customer: Any, path: str) -> None:
    mine = str(uuid.uuid4())
    answer = microsoft.get(customer, path, **{"client-request-id": mine})
    assert answer.status_code == 200
    assert answer.headers["client-request-id"] == mine
    assert uuid.UUID(answer.headers["request-id"])
    assert "ServerInfo" in json.loads(answer.headers["x-ms-ags-diagnostic"])
    assert answer.headers["odata-version"] == "4.0"
    assert answer.headers["content-type"] == (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )
    assert "strict-transport-security" in answer.headers
    assert "date" in answer.headers
    assert ("x-ms-resource-unit" in answer.headers) == (not path.startswith("/deviceManagement"))
    assert answer.json()["@odata.context"].startswith(f"{microsoft.graph()}/v1.0/$metadata#")


def test_organization_names_the_tenant_its_domains_and_plans(microsoft: Any, customer: Any) -> None:
    (organization,) = microsoft.get(customer, "/organization").json()["value"]
    assert (organization["id"], organization["displayName"]) == (customer.id, "Contoso Test")
    default = [d["name"] for d in organization["verifiedDomains"] if d["isDefault"]]
    initial = [d["name"] for d in organization["verifiedDomains"] if d["isInitial"]]
    assert default == [customer.domain]
    assert initial[0].endswith(".onmicrosoft.com")
    assert "c1ec4a95-1f05-45b3-a911-aa3fa01094f5" in [p["servicePlanId"] for p in organization["assignedPlans"]]


def test_licences_are_what_the_tenant_has(microsoft: Any) -> None:
    customer = microsoft.customer(licences=["p1"])
    skus = {sku["skuPartNumber"] for sku in microsoft.get(customer, "/subscribedSkus").json()["value"]}
    assert skus == {"O365_BUSINESS_ESSENTIALS", "AAD_PREMIUM"}


def test_an_app_finds_its_own_grants(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    found = microsoft.get(customer, f"/servicePrincipals?$filter=appId eq '{customer.client_id}'", token=token).json()[
        "value"
    ]
    assert [sp["appId"] for sp in found] == [customer.client_id]
    by_key = microsoft.get(customer, f"/servicePrincipals(appId='{customer.client_id}')", token=token).json()
    by_id = microsoft.get(customer, f"/servicePrincipals/{found[0]['id']}", token=token).json()
    assert by_key["id"] == by_id["id"] == found[0]["id"]
    grants = microsoft.get(customer, f"/servicePrincipals/{found[0]['id']}/appRoleAssignments", token=token).json()[
        "value"
    ]
    graph = microsoft.get(
        customer, "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')", token=token
    ).json()
    names = {role["id"]: role["value"] for role in graph["appRoles"]}
    assert {names[grant["appRoleId"]] for grant in grants} == {
        "Organization.Read.All", "Application.Read.All", "DeviceManagementManagedDevices.Read.All",
        "RoleManagement.Read.Directory",
    }  # fmt: skip
    assert {grant["resourceId"] for grant in grants} == {graph["id"]}


def test_an_app_registration_shows_hints_and_expiry_but_never_a_secret(microsoft: Any, customer: Any) -> None:
    answer = microsoft.get(
        customer, f"/applications(appId='{customer.client_id}')?$select=passwordCredentials,keyCredentials"
    )
    (password,) = answer.json()["passwordCredentials"]
    assert (password["keyId"], password["hint"], password["secretText"]) == (customer.key_id, "abc", None)
    assert password["endDateTime"] == "2099-01-01T00:00:00Z"
    assert customer.secret not in answer.text


def test_a_registration_is_only_seen_in_its_home_tenant(microsoft: Any) -> None:
    home = microsoft.customer(app={"multi_tenant": True})
    app = {"client_id": home.client_id, "multi_tenant": True, "home_tenant": home.id, "granted_roles": _ALL_ROLES}
    other = microsoft.customer(apps=[app])
    token = microsoft.token(home, tenant=other.id)
    answer = microsoft.get(other, f"/applications(appId='{home.client_id}')", token=token)
    assert error(answer) == (404, "Request_ResourceNotFound")
    assert microsoft.get(other, f"/servicePrincipals(appId='{home.client_id}')", token=token).status_code == 200


def test_devices_are_the_same_every_time_and_hold_every_compliance_state(microsoft: Any) -> None:
    customer = microsoft.customer(devices=2000)
    token = microsoft.token(customer)
    rows, link = [], "/deviceManagement/managedDevices"
    while link:
        page = microsoft.get(customer, link, token=token).json()
        rows += page["value"]
        link = page.get("@odata.nextLink")
    states = Counter(row["complianceState"] for row in rows)
    assert set(states) == {
        "unknown",
        "compliant",
        "noncompliant",
        "conflict",
        "error",
        "inGracePeriod",
        "configManager",
    }
    assert 0.7 < states["compliant"] / 2000 < 0.85
    assert len({row["id"] for row in rows}) == 2000
    again = microsoft.get(customer, "/deviceManagement/managedDevices?$top=1", token=token).json()["value"][0]
    assert again["id"] == rows[0]["id"]
    assert microsoft.get(customer, f"/deviceManagement/managedDevices/{rows[7]['id']}", token=token).json() | {
        "@odata.context": 0, "lastSyncDateTime": 0, "complianceGracePeriodExpirationDateTime": 0,
    } == rows[7] | {"@odata.context": 0, "lastSyncDateTime": 0, "complianceGracePeriodExpirationDateTime": 0}  # fmt: skip


def test_the_device_overview_agrees_with_the_devices(microsoft: Any) -> None:
    customer = microsoft.customer(devices=300)
    token = microsoft.token(customer)
    rows = microsoft.get(customer, "/deviceManagement/managedDevices", token=token).json()["value"]
    summary = microsoft.get(customer, "/deviceManagement/managedDeviceOverview", token=token).json()
    systems = Counter(row["operatingSystem"] for row in rows)
    counted = summary["deviceOperatingSystemSummary"]
    assert summary["enrolledDeviceCount"] == 300
    assert (counted["windowsCount"], counted["iosCount"]) == (systems["Windows"], systems["iOS"])


def test_roles_can_be_expanded_one_way_at_a_time(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    base = "/roleManagement/directory/roleAssignments"
    row = microsoft.get(customer, f"{base}?$expand=principal", token=token).json()["value"][0]
    assert row["principal"]["@odata.type"] == "#microsoft.graph.user"
    assert row["principal"]["id"] == row["principalId"]
    row = microsoft.get(customer, f"{base}?$expand=roleDefinition", token=token).json()["value"][0]
    assert row["roleDefinition"]["id"] == row["roleDefinitionId"]
    assert microsoft.get(customer, f"{base}?$expand=principal,roleDefinition", token=token).status_code == 400
    assert microsoft.get(customer, f"{base}?$expand=manager", token=token).status_code == 400
    global_admins = microsoft.get(
        customer, f"{base}?$filter=roleDefinitionId eq '62e90394-69f5-4237-9190-012177145e10'", token=token
    ).json()["value"]
    assert 2 <= len(global_admins) <= 7


def test_an_activation_is_not_a_new_administrator(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    base = "/roleManagement/directory"
    instances = microsoft.get(customer, f"{base}/roleAssignmentScheduleInstances", token=token).json()["value"]
    eligible = microsoft.get(customer, f"{base}/roleEligibilityScheduleInstances", token=token).json()["value"]
    activated = {(i["principalId"], i["roleDefinitionId"]) for i in instances if i["assignmentType"] == "Activated"}
    assert activated
    assert activated <= {(e["principalId"], e["roleDefinitionId"]) for e in eligible}


@pytest.mark.parametrize("path", _PLAIN)
def test_no_permission_is_refused_in_the_workloads_own_words(microsoft: Any, path: str) -> None:
    customer = microsoft.customer(app={"granted_roles": ["Group.Read.All"]})
    answer = microsoft.get(customer, path)
    if path.startswith("/deviceManagement"):
        assert error(answer) == (403, "Forbidden")
    elif "Schedule" in path:
        assert error(answer) == (403, "UnknownError")
        assert json.loads(answer.json()["error"]["message"])["errorCode"] == "PermissionScopeNotGranted"
    else:
        assert error(answer) == (403, "Authorization_RequestDenied")


def test_the_tokens_roles_are_the_truth_until_it_expires(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    microsoft.change_app(customer, granted_roles=[])
    assert microsoft.get(customer, "/organization", token=token).status_code == 200
    assert error(microsoft.get(customer, "/organization")) == (403, "Authorization_RequestDenied")


def test_what_a_licence_is_missing_for_is_refused(microsoft: Any) -> None:
    customer = microsoft.customer(licences=[])
    token = microsoft.token(customer)
    devices = microsoft.get(customer, "/deviceManagement/managedDevices", token=token)
    assert error(devices) == (400, "BadRequest")
    assert devices.json()["error"]["message"] == "Request not applicable to target tenant."
    pim = microsoft.get(customer, "/roleManagement/directory/roleEligibilityScheduleInstances", token=token)
    assert error(pim) == (400, "AadPremiumLicenseRequired")
    assert microsoft.get(customer, "/roleManagement/directory/roleAssignments", token=token).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "Access token is empty."),
        ("Bearer", "Access token is empty."),
        ("Basic abc", "Access token is empty."),
        ("Bearer nonsense", "CompactToken parsing failed with error code: 80049217"),
        ("Bearer a.b.c", "CompactToken parsing failed with error code: 80049217"),
    ],
)
def test_a_token_that_is_none_is_401(microsoft: Any, authorization: str, message: str) -> None:
    answer = microsoft.http.get(f"{microsoft.graph()}/v1.0/organization", headers={"Authorization": authorization})
    assert error(answer) == (401, "InvalidAuthenticationToken")
    assert answer.json()["error"]["message"] == message
    assert answer.headers["www-authenticate"].startswith('Bearer realm="", authorization_uri="https://login.')


def test_a_token_of_another_signer_or_with_changed_claims_is_401(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    head, _, signature = token.split(".")
    forged = TokenSigner().sign({"aud": microsoft.graph(), "tid": customer.id, "appid": "x", "nbf": 0, "exp": 2**31})
    changed = ".".join([head, encode(json.dumps({"aud": microsoft.graph(), "tid": customer.id}).encode()), signature])
    for bad in (forged, changed):
        assert error(microsoft.get(customer, "/organization", token=bad)) == (401, "InvalidAuthenticationToken")


def test_a_token_of_a_tenant_that_is_gone_is_401(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    assert microsoft.control("DELETE", f"/tenants/{customer.id}").status_code == 204
    assert error(microsoft.get(customer, "/organization", token=token)) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("version", ["beta", "v2.0", "V1"])
def test_other_versions_do_not_exist(microsoft: Any, customer: Any, version: str) -> None:
    answer = microsoft.get(customer, f"{microsoft.graph()}/{version}/organization")
    assert error(answer) == (404, "ResourceNotFound")
    assert version in answer.json()["error"]["message"]


def test_an_unknown_path_and_a_write_are_refused(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    assert error(microsoft.get(customer, "/me/messages", token=token)) == (400, "BadRequest")
    bearer = {"Authorization": f"Bearer {token}"}
    write = microsoft.http.patch(f"{microsoft.graph()}/v1.0/organization", json={}, headers=bearer)
    assert error(write) == (405, "Request_BadRequest")


@pytest.mark.parametrize(
    "query",
    ["$orderby=id", "$skip=5", "$search=x", "foo=1", "$top=0", "$top=-1", "$top=x", "$top=1&$top=2", "$select=nonsense",
     "$filter=id eq 'x'", "$count=maybe", "$expand=manager"],
)  # fmt: skip
def test_a_query_the_resource_does_not_know_is_400(microsoft: Any, customer: Any, query: str) -> None:
    assert microsoft.get(customer, f"/organization?{query}").status_code == 400


def test_paths_and_properties_do_not_care_about_case(microsoft: Any, customer: Any) -> None:
    answer = microsoft.get(customer, "/DEVICEMANAGEMENT/manageddevices?$select=DEVICENAME&$top=1").json()
    assert list(answer["value"][0]) == ["deviceName"]


def test_devices_can_be_filtered_by_what_is_documented(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    path = "/deviceManagement/managedDevices?$filter=lastSyncDateTime {} 2020-01-01T00:00:00Z"
    assert len(microsoft.get(customer, path.format("gt"), token=token).json()["value"]) == 25
    assert microsoft.get(customer, path.format("lt"), token=token).json()["value"] == []
    bad = microsoft.get(customer, "/deviceManagement/managedDevices?$filter=model eq 'x'", token=token)
    assert bad.status_code == 400


def test_a_token_expires(microsoft: Any, start_simulator: Any, tmp_path: Any) -> None:
    """On a simulator of its own: the clock is shared by all tenants of one."""
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    own = type(microsoft)(json.loads(process.stdout.readline()))
    customer = own.customer()
    token = own.token(customer)
    assert own.get(customer, "/organization", token=token).status_code == 200
    own.control("POST", "/clock", {"seconds": 3600})
    late = own.get(customer, "/organization", token=token)
    assert error(late) == (401, "InvalidAuthenticationToken")
    assert late.json()["error"]["message"] == "Lifetime validation failed, the token is expired."
    assert own.get(customer, "/organization").status_code == 200
    own.http.close()
