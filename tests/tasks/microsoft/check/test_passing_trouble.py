"""Passing trouble never changes a badge: not the verification, and not the consent, wherever in the check it strikes."""

from __future__ import annotations

from typing import Any

import pytest

from storage import reasons
from storage.states import StepStatus
from storage.verification import ConsentFact

SIGN_IN = (
    "outage", "token_throttled", "tenant_throttling", "auth_loop", "transient_90090", "token_bad_gateway", "token_proxy_auth",
    "token_html", "token_truncated", "token_closed", "discovery_unavailable", "discovery_html",
)  # fmt: skip
GRAPH = (
    "throttled_absurd", "throttled_without_retry_after", "service_unavailable", "gateway_timeout", "bandwidth_exceeded",
    "graph_token_expired", "graph_html", "graph_truncated", "graph_closed",
)  # fmt: skip


@pytest.mark.parametrize("scenario", [*SIGN_IN, *GRAPH])
def test_passing_trouble_is_no_verdict_and_says_nothing_about_consent(
    tenant: Any, target_for: Any, check: Any, scenario: str
) -> None:
    tenant.scenarios(scenario)
    report = check(target_for(tenant))
    assert report.verdict.status is None
    assert reasons.find(report.verdict.reason_code).is_transient
    reached = report.outcome("claims")[0] is StepStatus.PASS
    assert reached is (scenario in GRAPH)
    assert report.consent_fact is (ConsentFact.ROLES_PRESENT if reached else ConsentFact.NOTHING)
