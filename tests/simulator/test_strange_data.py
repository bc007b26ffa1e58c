"""Data that arrives well and is strange: hanging, huge, deep, moving under the reader, or told by a wrong clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from simulator.devices import UNKNOWN_STATE

DEVICES = "/deviceManagement/managedDevices"


def _ids(microsoft: Any, customer: Any, path: str) -> list[str]:
    token, found, link = microsoft.token(customer), [], path
    while link:
        page = microsoft.get(customer, link, token=token).json()
        found += [row["id"] for row in page["value"]]
        link = page.get("@odata.nextLink")
    return found


def test_some_devices_can_be_in_a_state_no_metadata_knows(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["unknown_compliance_state"])
    states = [row["complianceState"] for row in microsoft.get(customer, DEVICES).json()["value"]]
    assert [state == UNKNOWN_STATE for state in states] == [index % 7 == 0 for index in range(25)]


@pytest.mark.parametrize(("scenario", "seen"), [("item_deleted_mid_scan", 24), ("item_added_mid_scan", 25)])
def test_a_list_can_change_while_it_is_read(microsoft: Any, scenario: str, seen: int) -> None:
    customer = microsoft.customer()
    every = _ids(microsoft, customer, f"{DEVICES}?$top=10&$select=id")
    microsoft.change(customer, scenarios=[scenario])
    found = _ids(microsoft, customer, f"{DEVICES}?$top=10&$select=id")
    assert set(found) <= set(every)
    assert len(set(found)) < len(every) or len(found) > len(every)
    assert len(set(found)) in (seen - 1, seen)
    assert (len(found) > len(set(found))) == (scenario == "item_added_mid_scan")


def test_a_page_token_can_expire_in_the_middle(microsoft: Any) -> None:
    scenario = {"name": "page_token_expired", "after": 2, "times": 1}
    customer = microsoft.customer(scenarios=[scenario])
    token, link, statuses = microsoft.token(customer), f"{DEVICES}?$top=5", []
    while link:
        page = microsoft.get(customer, link, token=token)
        statuses.append(page.status_code)
        link = page.json().get("@odata.nextLink")
    assert statuses == [200, 200, 200, 400]
    assert len(_ids(microsoft, customer, f"{DEVICES}?$top=5")) == 25, "starting again works"


def test_deep_json_is_as_deep_as_asked(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "graph_deep", "depth": 50}])
    value = microsoft.get(customer, "/organization").json()["value"]
    for _ in range(49):
        (value,) = value
    assert value == []
    microsoft.change(customer, scenarios=["graph_deep"])
    with pytest.raises(RecursionError):
        json.loads(microsoft.get(customer, "/organization").content)


def test_a_flood_is_valid_json_and_takes_no_memory(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "graph_flood", "megabytes": 3}])
    answer = microsoft.get(customer, DEVICES)
    assert len(answer.content) == int(answer.headers["content-length"]) > 3_000_000
    assert len(answer.json()["value"]) > 20_000


def test_what_hangs_does_not_answer_and_holds_nobody_else(microsoft: Any, customer: Any) -> None:
    hanging = microsoft.customer(scenarios=[{"name": "hanging", "path": "/devicemanagement/*"}])
    token = microsoft.token(hanging)
    with pytest.raises(httpx.ReadTimeout):
        microsoft.http.get(
            f"{microsoft.graph()}/v1.0{DEVICES}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60, read=0.3),
        )
    assert microsoft.get(hanging, "/organization", token=token).status_code == 200
    assert microsoft.get(customer, DEVICES).status_code == 200


@pytest.mark.parametrize(("options", "expected"), [({}, 900), ({"seconds": 60, "behind": True}, -60)])
def test_microsofts_clock_can_be_wrong(microsoft: Any, options: dict[str, Any], expected: int) -> None:
    customer = microsoft.customer(scenarios=[{"name": "clock_skew", **options}])
    before = datetime.now(UTC).replace(microsecond=0)
    token = microsoft.sign_in(customer)
    for answer in (token, microsoft.get(customer, "/organization", token=token.json()["access_token"])):
        shown = parsedate_to_datetime(answer.headers["date"]) - timedelta(seconds=expected)
        assert before <= shown <= datetime.now(UTC)


def test_tenants_that_share_an_app_can_share_a_small_budget(microsoft: Any) -> None:
    storm = {"name": "small_app_budget", "units": 5}
    home = microsoft.customer(app={"multi_tenant": True}, scenarios=[storm])
    app = {
        "client_id": home.client_id,
        "multi_tenant": True,
        "home_tenant": home.id,
        "granted_roles": ["Organization.Read.All"],
    }
    other = microsoft.customer(apps=[app], scenarios=[storm])
    tokens = {home.id: microsoft.token(home), other.id: microsoft.token(home, tenant=other.id)}
    answers, refused = [], []
    while len(refused) < 5:  # what is used up comes back with time, one in two seconds
        who = (home, other)[len(answers) % 2]
        answers.append(microsoft.get(who, "/organization", token=tokens[who.id]))
        assert answers[-1].status_code in (200, 429)
        refused += answers[-1:] if answers[-1].status_code == 429 else []
    assert [answer.status_code for answer in answers][:5] == [200] * 5
    scopes = {answer.headers["x-ms-throttle-scope"].rpartition("/")[0] for answer in refused}
    assert scopes == {f"Application/ReadWrite/{home.client_id}"}
    microsoft.change(home, scenarios=[])
    assert microsoft.get(home, "/organization", token=tokens[home.id]).status_code == 200


def test_a_warning_says_how_far_and_why(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "throttle_warning", "percentage": 1.4}])
    headers = microsoft.get(customer, "/organization").headers
    assert headers["x-ms-throttle-limit-percentage"] == "1.40"
    assert headers["x-ms-throttle-information"] == "CPULimitExceeded"
    assert headers["x-ms-throttle-scope"] == f"Tenant_Application/ReadWrite/{customer.client_id}/{customer.id}"
