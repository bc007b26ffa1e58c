"""The control endpoint: keyed, exact, and never half-done."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest


def test_everything_but_the_health_needs_the_key(microsoft: Any, customer: Any) -> None:
    base = microsoft.endpoints["control"]
    assert microsoft.http.get(f"{base}/healthz").status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": microsoft.endpoints["control_key"]}):
        for method, path in (("GET", "/fleet"), ("POST", "/tenants"), ("GET", "/requests"), ("POST", "/clock"),
                             ("DELETE", f"/tenants/{customer.id}"), ("GET", "/scenarios")):  # fmt: skip
            assert microsoft.http.request(method, base + path, headers=headers).status_code == 401
    assert microsoft.control("GET", f"/tenants/{customer.id}").status_code == 200


def test_a_tenant_comes_back_as_it_was_given(microsoft: Any, customer: Any) -> None:
    shown = microsoft.control("GET", f"/tenants/{customer.id}").json()
    again = {**shown, "id": str(uuid.uuid4()), "domains": [f"{uuid.uuid4().hex}.example"]}
    again["apps"] = [{**shown["apps"][0], "client_id": str(uuid.uuid4()), "home_tenant": again["id"]}]
    assert microsoft.control("POST", "/tenants", again).json() == again
    fleet = microsoft.control("GET", "/fleet").json()["tenants"]
    assert again in fleet


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cloud": "moon"}, '"cloud" must be'),
        ({"domains": []}, '"domains"'),
        ({"domains": ["no domain"]}, "not a domain name"),
        ({"licences": ["gold"]}, '"licences"'),
        ({"devices": -1}, '"devices"'),
        ({"size": True}, '"size"'),
        ({"scenarios": ["nonsense"]}, "no scenario 'nonsense'"),
        ({"scenarios": "x"}, '"scenarios" must be a list'),
        ({"scenarios": [{"name": "slow", "seconds": "x"}]}, '"seconds"'),
        ({"scripts": [{"answers": [{"status": 200, "latency": "x"}]}]}, '"latency"'),
        ({"scripts": [{"answers": [{"status": 200, "headers": 1}]}]}, '"headers"'),
        ({"scripts": [{"answers": []}]}, '"answers"'),
        ({"scripts": [{"answers": [{"status": 99}]}]}, '"status"'),
        ({"scripts": [{"answers": ["dance"]}]}, "'dance'"),
        ({"scripts": [{"answers": ["paging_loop"]}]}, "switch it on as a scenario"),
        ({"scripts": [{"answers": ["fine"], "then": "stop"}]}, '"then"'),
        ({"scripts": [{"answers": ["fine"], "match": {"colour": "red"}}]}, '"match"'),
        ({"apps": [{}]}, '"client_id"'),
        ({"apps": [{"client_id": "x"}]}, '"client_id" must be a GUID'),
        ({"apps": [{"client_id": str(uuid.UUID(int=9)), "secrets": [{"value": "x"}]}]}, '"key_id"'),
        ({"apps": [{"client_id": str(uuid.UUID(int=9)), "granted_roles": "x"}]}, '"granted_roles"'),
        ({"apps": [{"client_id": str(uuid.UUID(int=9)), "certificates": [{"key_id": str(uuid.UUID(int=8)), "pem": "x"}]}]},
         "not a PEM certificate"),
        ({"apps": [{"client_id": str(uuid.UUID(int=9)), "home_tenant": str(uuid.UUID(int=7))}]}, "not multi-tenant"),
        ({"colour": "red"}, "no field 'colour'"),
    ],
)  # fmt: skip
def test_a_wrong_tenant_is_refused_with_the_field(microsoft: Any, change: dict[str, Any], words: str) -> None:
    entry = {"id": str(uuid.uuid4()), "name": "X", "domains": [f"{uuid.uuid4().hex}.example"], **change}
    answer = microsoft.control("POST", "/tenants", entry)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]
    assert microsoft.control("GET", f"/tenants/{entry['id']}").status_code == 404


def test_an_id_or_a_domain_is_used_once(microsoft: Any, customer: Any) -> None:
    for taken in (
        {"id": customer.id, "domains": ["new.example"]},
        {"id": str(uuid.uuid4()), "domains": [customer.domain]},
    ):
        assert microsoft.control("POST", "/tenants", {"name": "X", **taken}).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Renamed", "colour": "red"},
        {"name": "Renamed", "devices": "many"},
        {"name": "Renamed", "apps": [{"client_id": str(uuid.UUID(int=5))}]},
        {"name": "Renamed", "apps": "x"},
        {"name": "Renamed", "scripts": 3},
        {"name": "Renamed", "domains": ["bad domain"]},
        {"name": "Renamed", "apps": [{"client_id": "own", "secrets": {"remove": ["unknown"]}}]},
        {"name": "Renamed", "apps": [{"client_id": "own", "secrets": ["unknown"]}]},
        {"name": "Renamed", "apps": [{"client_id": "own", "enabled": "yes"}]},
        {"name": "Renamed", "apps": [{"client_id": "own", "granted_roles": [1]}]},
    ],
)
def test_a_refused_change_changes_nothing(microsoft: Any, customer: Any, change: dict[str, Any]) -> None:
    body = json.loads(json.dumps(change).replace('"own"', f'"{customer.client_id}"'))
    answer = microsoft.control("PATCH", f"/tenants/{customer.id}", body)
    assert answer.status_code == 400, answer.text
    assert microsoft.control("GET", f"/tenants/{customer.id}").json()["name"] == "Contoso Test"


def test_a_tenant_can_move_its_domains_and_then_go(microsoft: Any, customer: Any) -> None:
    renamed = f"{uuid.uuid4().hex}.example"
    microsoft.change(customer, domains=[renamed])
    discovery = microsoft.login() + "/{}/v2.0/.well-known/openid-configuration"
    assert microsoft.http.get(discovery.format(renamed)).status_code == 200
    assert microsoft.http.get(discovery.format(customer.domain)).status_code == 400
    assert microsoft.control("DELETE", f"/tenants/{customer.id}").status_code == 204
    assert microsoft.http.get(discovery.format(renamed)).status_code == 400
    assert microsoft.control("DELETE", f"/tenants/{customer.id}").status_code == 404


def test_scenarios_are_set_listed_and_cleared(microsoft: Any, customer: Any) -> None:
    url = f"/tenants/{customer.id}/scenarios"
    assert microsoft.control("PUT", url, {"scenarios": ["outage"]}).json()["scenarios"] == ["outage"]
    assert microsoft.sign_in(customer).status_code == 503
    assert microsoft.control("DELETE", url).status_code == 204
    assert microsoft.sign_in(customer).status_code == 200
    assert microsoft.control("PUT", url, {"scenarios": ["nonsense"]}).status_code == 400
    listed = microsoft.control("GET", "/scenarios").json()["scenarios"]
    assert {"name": "outage", "where": "token", "status": 503, "code": "90033"}.items() <= next(
        row for row in listed if row["name"] == "outage"
    ).items()


@pytest.mark.parametrize("body", ["", "{", "[1"])
def test_a_body_that_is_not_json_is_said_so(microsoft: Any, customer: Any, body: str) -> None:
    key = {"Authorization": f"Bearer {microsoft.endpoints['control_key']}"}
    url = f"{microsoft.endpoints['control']}/tenants/{customer.id}/scripts"
    answer = microsoft.http.post(url, content=body, headers=key)
    assert (answer.status_code, "not JSON" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("seconds", [-1, "x", None, 1e12, True])
def test_the_clock_only_moves_forward(microsoft: Any, seconds: Any) -> None:
    assert microsoft.control("POST", "/clock", {"seconds": seconds}).status_code == 400


def test_the_log_can_be_read_by_tenant_and_time_and_sequence(microsoft: Any, customer: Any) -> None:
    microsoft.get(
        customer, "/organization?$select=id", **{"x-ms-throttle-priority": "low", "client-request-id": "mine"}
    )
    token, graph = microsoft.requests(customer)
    assert (token["listener"], token["method"], token["status"]) == ("global.login", "POST", 200)
    assert graph["path"] == "/v1.0/organization"
    assert (graph["query"], graph["client_id"]) == ("$select=id", customer.client_id)
    assert (graph["x-ms-throttle-priority"], graph["client_request_id"]) == ("low", "mine")
    after = microsoft.control("GET", f"/requests?tenant={customer.id}&after={token['seq']}").json()["requests"]
    assert [entry["seq"] for entry in after] == [graph["seq"]]
    later = microsoft.control("GET", f"/requests?tenant={customer.id}&since={time.time() + 9e8}").json()["requests"]
    assert later == []
    assert microsoft.control("GET", "/requests?since=yesterday").status_code == 400


def test_the_log_never_holds_a_secret_or_a_token(microsoft: Any, customer: Any) -> None:
    token = microsoft.token(customer)
    microsoft.sign_in(customer, client_secret="canary-secret-1")
    microsoft.http.post(f"{microsoft.login()}/{customer.id}/oauth2/v2.0/token?client_secret=canary-secret-2",
                        data=microsoft.form(customer, client_secret="canary-secret-3"))  # fmt: skip
    microsoft.http.get(f"{microsoft.graph()}/v1.0/organization?access_token=canary-token-4&$select=id",
                       headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    microsoft.http.get(f"{microsoft.graph()}/v1.0/organization", headers={"Authorization": "Bearer canary-token-5"})
    link = microsoft.get(customer, "/servicePrincipals?$top=4", token=token).json()["@odata.nextLink"]
    microsoft.get(customer, link, token=token)
    log = microsoft.control("GET", "/requests").text
    assert customer.id in log, "a log without entries proves nothing"
    for secret in (customer.secret, token, token.split(".")[1], "canary", link.split("$skiptoken=")[1]):
        assert secret not in log


def test_the_log_can_be_cleared(microsoft: Any, customer: Any) -> None:
    microsoft.get(customer, "/organization")
    assert microsoft.control("DELETE", "/requests").status_code == 204
    assert microsoft.requests(customer) == []
