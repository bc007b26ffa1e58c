"""Waiting until Microsoft knows a change, and stopping when the run must stop."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage.sealing import SecretMaterial
from storage.states import StepStatus, VerificationStatus
from tasks.providers.base import RunDeferred, RunStopped


@pytest.mark.parametrize("scenario", ["token_without_roles", "token_without_oid"])
def test_a_token_that_lacks_something_after_consent_is_waited_for(
    tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any, scenario: str
) -> None:
    tenant.scenarios(scenario)
    waited = []

    def mended(seconds: float, reason_code: str, phase: str) -> None:
        waited.append((seconds, reason_code))
        tenant.scenarios()

    reporter.wait = mended
    report = check(target_for(tenant, consent_changed_at=simulator.now()))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert waited == [(15.0, "identity_propagating")]


def test_a_new_secret_is_waited_for_while_microsoft_gets_to_know_it(
    tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant.script({"where": "token"}, ["secret_invalid", "secret_invalid"])
    report = check(target_for(tenant, credential_changed_at=simulator.now()))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert [(s, r) for s, r, _ in reporter.waits] == [(15.0, "secret_propagating"), (30.0, "secret_propagating")]


def test_a_secret_that_was_made_a_moment_ago_is_waited_for_until_microsoft_has_spread_it(
    new_tenant: Any, target_for: Any, check: Any, drawer: Any, reporter: Any, simulator: Any
) -> None:
    tenant, now = new_tenant(), simulator.now()
    tenant.scenarios({"name": "propagation_delay", "seconds": 40})
    simulator.advance(60)  # the consent is old, the secret is new
    value, years = f"abc~{uuid.uuid4()}", timedelta(days=365)
    times = {"starts": (now - years).isoformat(), "expires": (now + years).isoformat()}
    tenant.change_app(secrets={"add": [{"key_id": str(uuid.uuid4()), "value": value, **times}]})
    credentials = (drawer.put(SecretMaterial("secret", secret=value)),)
    report = check(target_for(tenant, credentials=credentials, credential_changed_at=simulator.now()))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert {reason for _, reason, _ in reporter.waits} == {"secret_propagating"}


def test_waiting_for_a_new_secret_ends_with_the_plain_reason(
    tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant.scenarios("secret_invalid")
    report = check(target_for(tenant, credential_changed_at=simulator.now()))
    assert report.outcome("token") == (StepStatus.FAIL, "secret_invalid")
    assert 90 <= sum(seconds for seconds, _, _ in reporter.waits) <= 180


def test_a_fresh_consent_is_waited_for(
    new_tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant = new_tenant(consented=False)
    tenant.scenarios({"name": "propagation_delay", "seconds": 40})
    tenant.change_app(consented=True)
    report = check(target_for(tenant, consent_changed_at=simulator.now()))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert {reason for _, reason, _ in reporter.waits} == {"identity_propagating"}


def test_propagation_gives_the_thread_back_and_goes_on_where_it_was(
    new_tenant: Any, target_for: Any, check: Any, new_reporter: Any, simulator: Any
) -> None:
    tenant = new_tenant(permissions=[])
    target = target_for(tenant, consent_changed_at=simulator.now())
    waits = []
    for deferrals in range(3):
        with pytest.raises(RunDeferred) as deferred:
            check(replace(target, deferrals=deferrals), new_reporter(holds_for=10.0))
        waits.append(deferred.value.seconds)
    assert waits == [15.0, 30.0, 45.0]


def test_a_stop_is_obeyed_before_every_call(tenant: Any, target_for: Any, check: Any, new_reporter: Any) -> None:
    for allowed in range(8):
        with pytest.raises(RunStopped):
            check(target_for(tenant), new_reporter(calls_allowed=allowed))


def test_a_stop_during_a_wait_is_obeyed(tenant: Any, target_for: Any, check: Any, new_reporter: Any) -> None:
    tenant.scenarios("throttled")
    stopping = new_reporter(stop_in_wait=True)
    with pytest.raises(RunStopped):
        check(target_for(tenant), stopping)
    assert len(stopping.waits) == 1
