"""Many tenants at once: they cause each other no refusals, none waits for another one's trouble, and background runs stand back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks.providers.base import RunDeferred
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.patience import FIRST_CALLS_WITHIN

ORGANIZATION = contracts.ORGANIZATION


@pytest.fixture
def tenants_of_one_app(new_tenant: Callable[..., Any], simulator: Any) -> Callable[..., list[Any]]:
    """Makes tenants that consented to the same multi-tenant application."""

    def make(count: int, *scenarios: Any) -> list[Any]:
        client, secret, now = str(uuid.uuid4()), f"abc~{uuid.uuid4()}", simulator.now()
        key = {"key_id": str(uuid.uuid4()), "value": secret, "starts": (now - timedelta(days=1)).isoformat()}
        app = {
            "client_id": client,
            "multi_tenant": True,
            "home_tenant": str(uuid.uuid4()),
            "consented": True,
            "granted_roles": ["Organization.Read.All"],
            "secrets": [{**key, "expires": (now + timedelta(days=300)).isoformat()}],
            "certificates": [],
        }
        made = []
        for _ in range(count):
            tenant = new_tenant(apps=[app])
            tenant.client_id, tenant.secret = client, secret
            tenant.scenarios(*scenarios)
            made.append(tenant)
        return made

    return make


def refusals(tenants: list[Any]) -> list[dict[str, Any]]:
    return [entry for tenant in tenants for entry in tenant.requests("/v1.0/") if entry["status"] == 429]


@pytest.mark.parametrize(("requests_per_second", "refused"), [(1, False), (500, True)])
def test_a_storm_of_tenants_stays_within_what_the_process_may_send(
    tenants_of_one_app: Any, new_gateway: Any, target_for: Any, reporter: Any, requests_per_second: int, refused: bool
) -> None:
    """The second case shows that the simulator does refuse a storm."""
    tenants = tenants_of_one_app(12, {"name": "small_app_budget", "units": 10})
    gateway = new_gateway(requests_per_second=requests_per_second)
    for tenant in tenants:
        assert gateway.session(target_for(tenant), reporter).get(ORGANIZATION)["value"]
    assert bool(refusals(tenants)) is refused
    assert not [entry for tenant in tenants for entry in tenant.early_retries()]


def test_a_refusal_of_the_whole_application_holds_back_its_other_tenants_and_no_other_application(
    tenants_of_one_app: Any, new_tenant: Any, gateway: Any, target_for: Any, new_reporter: Any
) -> None:
    first, second = tenants_of_one_app(2)
    scope = f"Application/ReadWrite/{first.client_id}/{first.id}"
    answer = {"status": 429, "retry_after": 40, "headers": {"x-ms-throttle-scope": scope}}
    first.script({"where": "graph"}, [answer])
    for tenant, waits in ((first, True), (second, True), (new_tenant(), False)):
        session = gateway.session(target_for(tenant), new_reporter(holds_for=15.0))
        if not waits:
            assert session.get(ORGANIZATION)["value"]
            continue
        with pytest.raises(RunDeferred) as deferred:
            session.get(ORGANIZATION)
        assert deferred.value.seconds > 39
    assert second.requests("/v1.0/") == []


def test_a_refusal_of_one_tenant_holds_back_no_other_one(
    tenants_of_one_app: Any, gateway: Any, target_for: Any, new_reporter: Any
) -> None:
    first, second = tenants_of_one_app(2)
    first.script({"where": "graph"}, ["throttled_directory"])
    with pytest.raises(RunDeferred):
        gateway.session(target_for(first), new_reporter(holds_for=5.0)).get(ORGANIZATION)
    calm = new_reporter()
    assert gateway.session(target_for(second), calm).get(ORGANIZATION)["value"]
    assert calm.waits == []


def test_runs_that_nobody_waits_for_begin_apart_and_a_persons_at_once(
    tenant: Any, gateway: Any, target_for: Any, new_reporter: Any
) -> None:
    patient, hasty = new_reporter(), new_reporter()
    session = gateway.session(target_for(tenant, waited_for=False), patient)
    session.get(ORGANIZATION)
    session.get(ORGANIZATION)
    assert [(seconds, phase) for seconds, _, phase in patient.waits] == [
        (FIRST_CALLS_WITHIN / 2, "beginning apart from other runs")  # the test's jitter is always a half
    ]
    gateway.session(target_for(tenant), hasty).get(ORGANIZATION)
    assert hasty.waits == []
    assert [entry["x-ms-throttle-priority"] for entry in tenant.requests("/v1.0/")] == ["low", "low", "high"]
