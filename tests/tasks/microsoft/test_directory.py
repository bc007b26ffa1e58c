"""The directory sync through the real gateway: one batch, numbers only, and what could not be counted is not zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage.directory_counting import COUNTED
from tasks.providers.base import OperationResult, RunDeferred, RunStopped
from tasks.providers.microsoft.directory import MicrosoftDirectoryCollector
from tasks.providers.microsoft.errors import MicrosoftFailure

GROUPS = {"where": "graph", "path": "/groups*"}


@pytest.fixture
def collect(gateway: Any, target_for: Any, reporter: Any) -> Callable[..., OperationResult]:
    def do(tenant: Any, reporter: Any = reporter, **changes: Any) -> OperationResult:
        return MicrosoftDirectoryCollector(gateway).collect_directory(target_for(tenant, **changes), reporter)

    return do


def test_everything_is_counted_in_one_request(tenant: Any, collect: Any, reporter: Any) -> None:
    result = collect(tenant)
    assert set(result.summary_counts) == set(COUNTED)
    assert (result.complete, result.failures, result.reason_code) == (True, (), None)
    assert result.collected.counts == result.summary_counts
    assert result.summary_counts["domains"] == 1
    assert result.summary_counts["guests"] <= result.summary_counts["users"]
    assert {step.status.value for step in reporter.steps} == {"pass"}
    assert len([entry for entry in tenant.requests() if entry["path"].endswith("$batch")]) == 1


def test_what_may_not_be_counted_is_left_out_and_its_permission_named(new_tenant: Any, collect: Any) -> None:
    result = collect(new_tenant(permissions=["Organization.Read.All", "User.Read.All", "Device.Read.All"]))
    assert set(result.summary_counts) == set(COUNTED) - {"groups"}
    assert not result.complete
    assert result.reason_code == "missing_permission"
    (problem,) = result.failures
    assert "Groups" in problem.sentence
    assert "GroupMember.Read.All" in problem.sentence


def test_when_nothing_may_be_counted_the_sync_fails(new_tenant: Any, collect: Any) -> None:
    with pytest.raises(MicrosoftFailure) as failed:
        collect(new_tenant(permissions=["Policy.Read.All"]))
    assert failed.value.reason_code == "missing_permission"


@pytest.mark.parametrize("count", [None, -1, 1.5, "12", True, [], 2**40])
def test_a_count_that_is_none_is_no_zero(tenant: Any, collect: Any, count: Any) -> None:
    tenant.script(GROUPS, [{"status": 200, "body": {"value": [], "@odata.count": count}}])
    result = collect(tenant)
    assert "groups" not in result.summary_counts
    assert result.reason_code == "data_incomplete"


def test_another_tenants_answer_is_no_answer(tenant: Any, collect: Any) -> None:
    other = {"id": "11111111-2222-4333-8444-555555555555", "verifiedDomains": [{"name": "x.example"}]}
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 200, "body": {"value": [other]}}])
    with pytest.raises(MicrosoftFailure) as failed:
        collect(tenant)
    assert failed.value.reason_code == "tenant_mismatch"


def test_a_throttled_count_is_asked_again_alone(tenant: Any, collect: Any, reporter: Any) -> None:
    error = {"error": {"code": "TooManyRequests", "message": "Wait."}}
    tenant.script(GROUPS, [{"status": 429, "headers": {"Retry-After": "3"}, "body": error}])
    result = collect(tenant)
    assert set(result.summary_counts) == set(COUNTED)
    assert sum(seconds for seconds, _, _ in reporter.waits) >= 3
    assert len(tenant.requests("/groups")) == 2


def test_a_long_wait_gives_the_run_back_and_a_cancel_stops_it(tenant: Any, collect: Any, new_reporter: Any) -> None:
    error = {"error": {"code": "TooManyRequests", "message": "Wait."}}
    tenant.script(GROUPS, [{"status": 429, "headers": {"Retry-After": "100"}, "body": error}])
    with pytest.raises(RunDeferred):
        collect(tenant, new_reporter(holds_for=15.0))
    with pytest.raises(RunStopped):
        collect(tenant, new_reporter(calls_allowed=0))
