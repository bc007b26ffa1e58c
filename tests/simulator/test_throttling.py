"""Throttling by the published budgets, and the memory of who came back too early."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.clock import Clock
from simulator.throttling import Throttle, TokenBucket


class Time:
    """A time source that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(
    capacity=st.integers(1, 1000),
    window=st.integers(1, 60),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=60),
)
def test_a_bucket_never_gives_more_than_its_budget(capacity: int, window: int, steps: list[tuple[float, int]]) -> None:
    time = Time()
    bucket = TokenBucket(capacity, window, Clock(time))
    start, granted = time.now, 0
    for pause, cost in steps:
        time.now += pause
        if bucket.wait_for(cost) == 0:
            bucket.take(cost)
            granted += min(cost, capacity)
        assert granted <= capacity + (time.now - start) * capacity / window + 1e-6
        assert 0 <= bucket.used() <= 1


@given(capacity=st.integers(1, 1000), window=st.integers(1, 60), cost=st.integers(1, 2000))
def test_waiting_as_long_as_a_bucket_says_is_enough(capacity: int, window: int, cost: int) -> None:
    time = Time()
    bucket = TokenBucket(capacity, window, Clock(time))
    while bucket.wait_for(cost) == 0:
        bucket.take(cost)
    wait = bucket.wait_for(cost)
    assert wait > 0
    time.now += wait * (1 + 1e-9) + 1e-6
    assert bucket.wait_for(cost) == pytest.approx(0, abs=1e-6)


def _granted(
    throttle: Throttle, workload: str, users: int = 100, cost: float = 1, app: str = "a", tenant: str = "t"
) -> int:
    count = 0
    while throttle.ask(workload, app=app, tenant=tenant, users=users, cost=cost).retry_after is None:
        count += 1
    return count


@pytest.mark.parametrize(
    ("workload", "users", "granted"),
    [
        ("directory", 49, 3500),
        ("directory", 50, 5000),
        ("directory", 500, 5000),
        ("directory", 501, 8000),
        ("intune_devices", 100, 2000),
        ("intune_configuration", 100, 1000),
        ("reports", 100, 5),
        ("conditional_access", 100, 1),
    ],
)
def test_the_budgets_are_the_published_ones(workload: str, users: int, granted: int) -> None:
    assert _granted(Throttle(Clock(Time())), workload, users) == granted


def test_a_second_app_gets_what_is_left_of_the_tenants_budget() -> None:
    throttle = Throttle(Clock(Time()))
    assert [_granted(throttle, "intune_devices", app=app) for app in ("a", "b", "c")] == [2000, 2000, 0]
    assert _granted(throttle, "intune_devices", app="c", tenant="other") == 2000


def test_a_refusal_says_how_long_and_the_budget_comes_back() -> None:
    time = Time()
    throttle = Throttle(Clock(time))
    _granted(throttle, "reports")
    verdict = throttle.ask("reports", app="a", tenant="t", users=1, cost=1)
    assert verdict.retry_after == 2
    time.now += verdict.retry_after
    assert throttle.ask("reports", app="a", tenant="t", users=1, cost=1).retry_after is None


def test_a_refused_request_costs_nothing() -> None:
    time = Time()
    throttle = Throttle(Clock(time))
    _granted(throttle, "directory", users=10, cost=3)
    for _ in range(50):
        throttle.ask("directory", app="a", tenant="t", users=10, cost=3)
    time.now += math.ceil(3 * 10 / 3500)
    assert throttle.ask("directory", app="a", tenant="t", users=10, cost=3).retry_after is None


@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/organization", "1"),
        ("/subscribedSkus", "3"),
        ("/subscribedSkus?$select=skuId", "2"),
        ("/applications", "2"),
        ("/applications?$select=id&$top=5", "1"),
        ("/roleManagement/directory/roleAssignments?$expand=principal", "2"),
        ("/roleManagement/directory/roleAssignments?$expand=principal&$top=5", "1"),
    ],
)
def test_directory_answers_say_what_they_cost(microsoft: Any, customer: Any, path: str, units: str) -> None:
    assert microsoft.get(customer, path).headers["x-ms-resource-unit"] == units


def test_a_throttled_tenant_is_told_so_and_warned_before(microsoft: Any, start_simulator: Any, tmp_path: Path) -> None:
    """On a simulator of its own, whose time stands still so that no budget comes back."""
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    own = type(microsoft)(json.loads(process.stdout.readline()))
    own.control("POST", "/clock", {"frozen": True})
    customer = own.customer(size=10)
    token = own.token(customer)
    statuses, warned = [], False
    for _ in range(60):
        for item in own.batch(customer, token, ["/subscribedSkus"] * 20):
            statuses.append(item["status"])
            warned = warned or "x-ms-throttle-limit-percentage" in item["headers"]
            if item["status"] == 429:
                assert item["body"]["error"]["code"] == "TooManyRequests"
                assert int(item["headers"]["Retry-After"]) >= 1
                assert item["headers"]["x-ms-throttle-scope"] == (
                    f"Tenant_Application/ReadWrite/{customer.client_id}/{customer.id}"
                )
        if 429 in statuses:
            break
    assert statuses.count(200) == 3500 // 3
    assert warned, "above 80 % the answers say so"
    assert own.get(customer, "/subscribedSkus", token=token).status_code == 429
    own.control("POST", "/clock", {"seconds": 1})
    assert own.get(customer, "/subscribedSkus", token=token).status_code == 200
    assert own.control("DELETE", "/throttling").status_code == 204
    own.http.close()


def test_intunes_budget_answers_in_intunes_words(microsoft: Any, start_simulator: Any, tmp_path: Path) -> None:
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    own = type(microsoft)(json.loads(process.stdout.readline()))
    own.control("POST", "/clock", {"frozen": True})
    customer = own.customer(devices=1)
    token = own.token(customer)
    path = "/deviceManagement/managedDevices?$select=id"
    answers = [item["status"] for _ in range(100) for item in own.batch(customer, token, [path] * 20)]
    assert set(answers) == {200}
    refused = own.get(customer, path, token=token)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert json.loads(json.loads(refused.json()["error"]["message"])["Message"])["_version"] == 3
    assert own.get(customer, "/organization", token=token).status_code == 200, "another workload has its own budget"
    own.http.close()


def test_who_comes_back_before_retry_after_is_noticed(microsoft: Any, customer: Any) -> None:
    script = {"match": {"path": "/organization"}, "answers": [{"status": 429, "retry_after": "60"},
              {"status": 429, "retry_after": "0"}, "fine"]}  # fmt: skip
    microsoft.control("POST", f"/tenants/{customer.id}/scripts", script)
    token = microsoft.token(customer)
    for _ in range(3):
        microsoft.get(customer, "/organization", token=token)
    graph = [r for r in microsoft.requests(customer) if r["listener"] == "global.graph"]
    assert [(r["status"], r["retry_after"], r["early_retry"]) for r in graph] == [
        (429, "60", False),
        (429, "0", True),
        (200, None, False),
    ]


def test_coming_back_before_a_date_is_noticed_too(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "throttled_date", "times": 1}])
    token = microsoft.token(customer)
    for _ in range(3):
        microsoft.get(customer, "/organization", token=token)
    graph = [r["early_retry"] for r in microsoft.requests(customer) if r["listener"] == "global.graph"]
    assert graph == [False, True, False]
