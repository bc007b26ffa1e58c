"""Every named scenario does what the catalogue says, scripts play in order, and transport faults are real."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

import httpx
import pytest

from simulator.assertions import split_jwt
from simulator.catalogue import SCENARIOS, Scenario

ROLES = ["Organization.Read.All", "Application.Read.All", "DeviceManagementManagedDevices.Read.All",
         "RoleManagement.Read.Directory"]  # fmt: skip
_PATHS = {
    "/organization*": "/organization",
    "/devicemanagement/*": "/deviceManagement/managedDevices?$top=5",
    "/devicemanagement/manageddevices*": "/deviceManagement/managedDevices?$top=5",
    "/rolemanagement/*": "/roleManagement/directory/roleDefinitions?$top=1",
    "/rolemanagement/directory/role*instances": "/roleManagement/directory/roleEligibilityScheduleInstances?$top=1",
    "/subscribedskus*": "/subscribedSkus",
    "/identity/conditionalaccess/*": "/identity/conditionalAccess/policies",
    "*": "/organization",
}
_ROWS = list(SCENARIOS.values())
_QUICK: dict[str, dict[str, Any]] = {
    name: {"seconds": 0.05} for name in ("token_slow", "graph_slow", "slow", "propagation_delay")
} | {name: {"megabytes": 1} for name in ("token_huge", "graph_huge", "token_flood", "graph_flood")}


def _on(name: str) -> list[dict[str, Any]]:
    return [{"name": name, **_QUICK.get(name, {})}]


def _code(row: Scenario, answer: httpx.Response) -> str:
    body = answer.json()
    return str(body["error_codes"][0]) if row.where == "token" else str(body["error"]["code"])


@pytest.mark.parametrize("row", [r for r in _ROWS if r.where == "token"], ids=lambda r: r.name)
def test_a_sign_in_scenario_gives_its_status_and_code(microsoft: Any, row: Scenario) -> None:
    consent = row.name != "not_consented_as_7000229"
    home = microsoft.customer(app={"multi_tenant": True})
    app = {"client_id": home.client_id, "multi_tenant": True, "home_tenant": home.id, "granted_roles": ROLES}
    other = microsoft.customer(apps=[{**app, "consented": consent}], scenarios=_on(row.name))
    if row.name == "token_closed":
        with pytest.raises(httpx.TransportError):
            microsoft.sign_in(home, tenant=other.id)
        return
    answer = microsoft.sign_in(home, tenant=other.id)
    assert answer.status_code == row.status, answer.text
    if row.code:
        assert _code(row, answer) == row.code


@pytest.mark.parametrize("row", [r for r in _ROWS if r.where == "graph"], ids=lambda r: r.name)
def test_a_graph_scenario_gives_its_status_and_code(microsoft: Any, row: Scenario) -> None:
    customer = microsoft.customer(scenarios=_on(row.name))
    token = microsoft.token(customer)
    if row.name == "graph_closed":
        with pytest.raises(httpx.TransportError):
            microsoft.get(customer, _PATHS[row.path], token=token)
        return
    answer = microsoft.get(customer, _PATHS[row.path], token=token)
    assert answer.status_code == row.status, answer.text
    if row.code:
        assert _code(row, answer) == row.code
        assert answer.headers["request-id"] == answer.json()["error"].get("innerError", {}).get("request-id")


@pytest.mark.parametrize("row", [r for r in _ROWS if r.where == "discovery"], ids=lambda r: r.name)
def test_a_discovery_scenario_gives_its_status(microsoft: Any, row: Scenario) -> None:
    customer = microsoft.customer(scenarios=_on(row.name))
    url = f"{microsoft.login()}/{customer.domain}/v2.0/.well-known/openid-configuration"
    assert microsoft.http.get(url).status_code == row.status


@pytest.mark.parametrize("row", [r for r in _ROWS if r.where == "batch"], ids=lambda r: r.name)
def test_a_batch_scenario_touches_one_item_and_not_the_batch(microsoft: Any, row: Scenario) -> None:
    customer = microsoft.customer(scenarios=[{"name": row.name, "path": "/organization*"}])
    token = microsoft.token(customer)
    items = [{"id": str(i), "method": "GET", "url": url} for i, url in enumerate(["/organization", "/subscribedSkus"])]
    answer = microsoft.http.post(f"{microsoft.graph()}/v1.0/$batch", json={"requests": items},
                                 headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    assert answer.status_code == 200
    by_id = {item["id"]: item for item in answer.json()["responses"]}
    assert by_id["1"]["status"] == 200
    if row.name == "batch_item_missing":
        assert "0" not in by_id
    else:
        assert (by_id["0"]["status"], by_id["0"]["body"]["error"]["code"]) == (row.status, row.code)
    assert microsoft.get(customer, "/organization", token=token).status_code == 200, "outside a batch nothing happens"


def test_a_scenario_slows_everything(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "slow", "seconds": 0.3}])
    begun = time.monotonic()
    assert microsoft.sign_in(customer).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_every_catalogue_row_is_covered_by_one_of_these_tests() -> None:
    assert {row.where for row in _ROWS} == {"token", "discovery", "graph", "batch", "consent", "any"}
    assert [row.name for row in _ROWS if row.where == "any"] == ["slow", "hanging", "clock_skew"]


def test_a_token_scenario_changes_the_token(microsoft: Any) -> None:
    other = str(uuid.uuid4())
    for name, options, claim, expected in (
        ("token_without_roles", {}, "roles", None),
        ("token_without_oid", {}, "oid", None),
        ("token_tid_mismatch", {"tenant": other}, "tid", other),
    ):
        customer = microsoft.customer(scenarios=[{"name": name, **options}])
        assert split_jwt(microsoft.token(customer))[1].get(claim) == expected


def test_a_domain_can_belong_to_another_tenant(microsoft: Any, customer: Any) -> None:
    swapped = microsoft.customer(scenarios=[{"name": "domain_of_another_tenant", "tenant": customer.id}])
    documents = [
        microsoft.http.get(f"{microsoft.login()}/{name}/v2.0/.well-known/openid-configuration").json()["issuer"]
        for name in (swapped.id, swapped.domain)
    ]
    assert [swapped.id in documents[0], customer.id in documents[1]] == [True, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("throttled", "10"), ("throttled_fraction", "2.128"), ("throttled_zero", "0"), ("throttled_absurd", "99999999"),
     ("throttled_negative", "-5"), ("throttled_text", "soon"), ("throttled_without_retry_after", None)],
)  # fmt: skip
def test_retry_after_comes_in_every_form(microsoft: Any, name: str, value: str | None) -> None:
    customer = microsoft.customer(scenarios=[name])
    answer = microsoft.get(customer, "/organization")
    assert answer.status_code == 429
    assert answer.headers.get("retry-after") == value


def test_retry_after_can_be_a_date(microsoft: Any) -> None:
    from email.utils import parsedate_to_datetime

    customer = microsoft.customer(scenarios=["throttled_date"])
    assert parsedate_to_datetime(microsoft.get(customer, "/organization").headers["retry-after"])


def test_intunes_errors_hold_json_in_json_in_a_string(microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": ["Organization.Read.All"]})
    answer = microsoft.get(customer, "/deviceManagement/managedDevices")
    outer = json.loads(answer.json()["error"]["message"])
    inner = json.loads(outer["Message"])
    assert (answer.status_code, outer["ErrorCode"], inner["_version"]) == (403, "Forbidden", 3)
    assert "must have one of the following scopes: DeviceManagementManagedDevices.Read.All" in inner["Message"]
    assert "Activity ID" in inner["Message"]


def test_a_script_plays_its_answers_in_order_and_is_then_done(microsoft: Any, customer: Any) -> None:
    script = {"match": {"where": "graph", "path": "/organization"},
              "answers": [{"status": 429, "retry_after": "3"}, "fine", "service_unavailable"]}  # fmt: skip
    assert microsoft.control("POST", f"/tenants/{customer.id}/scripts", script).status_code == 201
    token = microsoft.token(customer)
    seen = [microsoft.get(customer, "/organization", token=token) for _ in range(5)]
    assert [answer.status_code for answer in seen] == [429, 200, 503, 200, 200]
    assert seen[0].headers["retry-after"] == "3"
    assert microsoft.get(customer, "/subscribedSkus", token=token).status_code == 200, "another path is left alone"


def test_a_script_can_repeat(microsoft: Any, customer: Any) -> None:
    script = {"match": {"where": "token"}, "answers": [{"status": 429, "retry_after": "1"}, "fine"], "then": "repeat"}
    microsoft.control("POST", f"/tenants/{customer.id}/scripts", script)
    assert [microsoft.sign_in(customer).status_code for _ in range(5)] == [429, 200, 429, 200, 429]
    assert microsoft.control("DELETE", f"/tenants/{customer.id}/scripts").status_code == 204
    assert microsoft.sign_in(customer).status_code == 200


def test_a_scenario_can_be_limited_to_a_number_of_times(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "internal_error", "times": 2}])
    token = microsoft.token(customer)
    assert [microsoft.get(customer, "/organization", token=token).status_code for _ in range(3)] == [500, 500, 200]


def test_a_truncated_answer_has_a_right_length_and_half_a_body(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["graph_truncated"])
    answer = microsoft.get(customer, "/organization")
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"."):
        answer.json()


def test_a_compressed_answer_is_correct(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["graph_gzip"])
    answer = microsoft.get(customer, "/organization")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["value"][0]["id"] == customer.id


def test_a_huge_answer_is_as_long_as_asked_and_still_json(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "graph_huge", "megabytes": 3}])
    answer = microsoft.get(customer, "/organization")
    assert len(answer.content) > 3 * 1024 * 1024
    assert answer.json()["value"][0]["id"] == customer.id


def test_continuous_access_evaluation_asks_until_a_token_with_claims_comes(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["claims_challenge"])
    first = microsoft.get(customer, "/organization")
    challenge = first.headers["www-authenticate"]
    assert first.status_code == 401
    assert 'error="insufficient_claims"' in challenge
    claims = base64.b64decode(challenge.split('claims="')[1].split('"')[0]).decode()
    assert "access_token" in json.loads(claims)
    assert microsoft.get(customer, "/organization").status_code == 401, "an ordinary new token is not enough"
    token = microsoft.token(customer, claims=claims)
    assert microsoft.get(customer, "/organization", token=token).status_code == 200


@pytest.mark.parametrize(
    ("name", "part"),
    [("name_brackets", "[/red]"), ("name_escape", "\x1b[31m"), ("name_cjk", "株式会社"), ("name_long", "x")],
)
def test_display_names_can_be_hostile(microsoft: Any, name: str, part: str) -> None:
    customer = microsoft.customer(scenarios=[name])
    shown = microsoft.get(customer, "/organization").json()["value"][0]["displayName"]
    assert part in shown
    if name == "name_long":
        assert len(shown) >= 10_240


def test_a_tenant_can_answer_for_another_one(microsoft: Any, customer: Any) -> None:
    liar = microsoft.customer(scenarios=[{"name": "organization_id_mismatch", "tenant": customer.id}])
    assert microsoft.get(liar, "/organization").json()["value"][0]["id"] == customer.id


def test_incomplete_and_suspiciously_empty_data(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["data_incomplete"])
    rows = microsoft.get(customer, "/deviceManagement/managedDevices").json()["value"]
    assert [row["complianceState"] is None for row in rows[:4]] == [False, True, False, True]
    microsoft.change(customer, scenarios=["suspicious_empty"])
    assert microsoft.get(customer, "/deviceManagement/managedDevices").json()["value"] == []
    microsoft.change(customer, scenarios=["subscription_suspended"])
    skus = microsoft.get(customer, "/subscribedSkus").json()["value"]
    assert {sku["capabilityStatus"] for sku in skus} == {"Enabled", "Suspended"}
    microsoft.change(customer, scenarios=["organization_limited"])
    assert microsoft.get(customer, "/organization").json()["value"][0]["displayName"] is None
    microsoft.change(customer, scenarios=["throttle_warning"])
    assert microsoft.get(customer, "/organization").headers["x-ms-throttle-limit-percentage"] == "0.90"
