"""The compliance snapshot through the real gateway: what is counted, what is skipped, and what is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from storage.compliance_publishing import PLATFORMS, STATES
from tasks.providers.base import OperationResult, RunDeferred, RunStopped
from tasks.providers.microsoft import compliance, contracts
from tasks.providers.microsoft.compliance import MicrosoftComplianceCollector, Tally, platform
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.graph import Page

INTUNE = {"where": "graph", "path": "/deviceManagement/*"}


@pytest.fixture
def collect(gateway: Any, target_for: Any, reporter: Any) -> Callable[..., OperationResult]:
    def do(tenant: Any, reporter: Any = reporter) -> OperationResult:
        return MicrosoftComplianceCollector(gateway).collect_compliance(target_for(tenant), reporter)

    return do


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "MANAGED_DEVICES", replace(contracts.MANAGED_DEVICES, page_size=7))


def device(state: Any = "compliant", system: Any = "Windows", **more: Any) -> dict[str, Any]:
    return {"id": f"{state} {system} {len(more)}", "complianceState": state, "operatingSystem": system, **more}


def answer(*devices: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"value": list(devices)}}


def test_every_device_is_counted_once_by_state_and_platform(new_tenant: Any, collect: Any, small_pages: None) -> None:
    result = collect(new_tenant(devices=100))
    snapshot = result.collected
    assert result.complete
    assert result.failures == ()
    assert snapshot.is_complete
    assert snapshot.total == 100 == sum(snapshot.counts.values())
    assert set(snapshot.counts) == set(STATES)
    assert set(snapshot.by_platform) <= set(PLATFORMS)
    assert result.summary_counts == {"total": 100, **snapshot.counts}
    assert snapshot.counts["compliant"] > 50


@pytest.mark.parametrize(("scenario", "total"), [("item_added_mid_scan", 20), ("item_deleted_mid_scan", 19)])
def test_a_list_that_moves_under_the_reader_is_read_to_its_end_and_counts_nobody_twice(
    new_tenant: Any, collect: Any, small_pages: None, scenario: str, total: int
) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios(scenario)
    result = collect(tenant)
    assert (result.summary_counts["total"], result.complete) == (total, True)


def test_states_that_no_metadata_knows_are_counted_as_other(new_tenant: Any, collect: Any) -> None:
    tenant = new_tenant(devices=21)
    before = collect(tenant).summary_counts
    tenant.scenarios("unknown_compliance_state")
    result = collect(tenant)
    assert (result.summary_counts["total"], result.complete) == (21, True)
    assert result.summary_counts["other"] == before["other"] + 3


def test_nothing_is_asked_for_that_names_a_device_or_a_person() -> None:
    assert set(contracts.MANAGED_DEVICES.select) == {"id", "complianceState", "operatingSystem"}
    assert set(compliance.Device.__struct_fields__) == {"id", "complianceState", "operatingSystem"}


@pytest.mark.parametrize("state", ["quarantined", "", 7, True, ["compliant"], {"a": 1}, "x" * 100_000, "COMPLIANT"])
@pytest.mark.parametrize("system", ["Windows", None, 3, [], "TempleOS"])
def test_a_device_as_nobody_expects_it_is_counted_and_ends_nothing(
    tenant: Any, collect: Any, state: Any, system: Any
) -> None:
    tenant.script(INTUNE, [answer(device(state, system), device())])
    snapshot = collect(tenant).collected
    assert snapshot.total == 2
    assert snapshot.counts["compliant" if state == "COMPLIANT" else "other"] >= 1


def test_devices_without_a_state_make_the_snapshot_incomplete(tenant: Any, collect: Any, reporter: Any) -> None:
    tenant.script(INTUNE, [answer(device(), device(None), {"id": "bare"})])
    result = collect(tenant)
    assert result.summary_counts["other"] == 2
    assert not result.collected.is_complete
    assert [(f.reason_code, f.count) for f in result.failures] == [("data_incomplete", 2)]
    assert result.reason_code == "data_incomplete"
    assert [(step.status, step.reason_code) for step in reporter.steps] == [("warn", "data_incomplete")]


def test_devices_that_arrive_with_half_of_their_properties_make_it_incomplete(new_tenant: Any, collect: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("data_incomplete")
    result = collect(tenant)
    assert (result.summary_counts["total"], result.reason_code, result.complete) == (20, "data_incomplete", False)


def test_a_tenant_without_devices_has_a_whole_snapshot_of_none(new_tenant: Any, collect: Any) -> None:
    result = collect(new_tenant(devices=0))
    assert (result.collected.total, result.collected.is_complete) == (0, True)


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [("not_licensed_intune", "not_licensed_intune"), ("intune_not_provisioned", "not_provisioned")],
)
def test_a_tenant_without_intune_is_skipped_and_has_no_snapshot(
    tenant: Any, collect: Any, reporter: Any, scenario: str, reason: str
) -> None:
    tenant.scenarios(scenario)
    result = collect(tenant)
    assert (result.complete, result.collected, result.reason_code) == (True, None, reason)
    assert result.failures == ()
    assert [(step.status, step.reason_code) for step in reporter.steps] == [("skip", reason)]


@pytest.mark.parametrize("answer", ["intune_opaque", {"status": 503, "code": "UnknownError"}])
def test_a_refusal_that_does_not_say_so_is_told_by_the_licences(
    new_tenant: Any, collect: Any, reporter: Any, answer: Any
) -> None:
    """Both were seen on a tenant that has no Intune though the permissions were granted."""
    tenant = new_tenant(licences=["p1"])
    tenant.script(INTUNE, [answer], then="repeat")
    assert collect(tenant).reason_code == "not_licensed_intune"
    assert [step.status for step in reporter.steps] == ["skip"]


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [("intune_forbidden", "missing_permission"), ("intune_opaque", "intune_forbidden")],
)
def test_a_refusal_by_a_licensed_intune_is_no_licence_matter(
    tenant: Any, collect: Any, reporter: Any, scenario: str, reason: str
) -> None:
    tenant.scenarios(scenario)
    with pytest.raises(MicrosoftFailure) as failed:
        collect(tenant)
    assert failed.value.reason_code == reason
    assert [(step.status, step.reason_code) for step in reporter.steps] == [("fail", reason)]


def test_an_expired_page_token_voids_what_was_counted(new_tenant: Any, collect: Any, small_pages: None) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(INTUNE, ["fine", "fine", {"status": 400, "code": "Directory_ExpiredPageToken"}])
    result = collect(tenant)
    assert (result.collected.total, result.complete) == (20, True)


def test_page_tokens_that_always_expire_leave_a_partial_snapshot(
    new_tenant: Any, collect: Any, small_pages: None
) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("page_token_expired")
    result = collect(tenant)
    assert (result.collected.total, result.collected.is_complete) == (7, False)
    assert result.reason_code == "page_token_expired"


@pytest.mark.parametrize(
    ("scenario", "reason"), [("paging_loop", "paging_loop"), ("paging_foreign_host", "next_link_refused")]
)
def test_a_listing_that_leads_nowhere_leaves_a_partial_snapshot(
    new_tenant: Any, collect: Any, small_pages: None, reporter: Any, scenario: str, reason: str
) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios(scenario)
    result = collect(tenant)
    assert not result.complete
    assert not result.collected.is_complete
    assert result.failures[0].reason_code == result.reason_code == reason
    assert reporter.steps[-1].status == "fail"


def test_an_outage_in_the_middle_leaves_a_partial_snapshot(new_tenant: Any, collect: Any, small_pages: None) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(INTUNE, ["fine", *[{"status": 503}] * 9])
    result = collect(tenant)
    assert (result.collected.total, result.collected.is_complete) == (7, False)
    assert result.reason_code == "service_unavailable"


def test_an_outage_from_the_start_leaves_nothing(tenant: Any, collect: Any) -> None:
    tenant.script(INTUNE, [{"status": 503}], then="repeat")
    with pytest.raises(MicrosoftFailure) as failed:
        collect(tenant)
    assert failed.value.reason_code == "service_unavailable"


@pytest.mark.parametrize("scenario", ["graph_truncated", "graph_closed", "graph_html", "graph_empty"])
def test_half_a_body_is_never_half_a_count(tenant: Any, collect: Any, scenario: str) -> None:
    tenant.scenarios({"name": scenario, "path": "/devicemanagement/*"})
    with pytest.raises(MicrosoftFailure) as failed:
        collect(tenant)
    assert failed.value.reason_code in ("response_unreadable", "network_interrupted")


def test_throttling_is_waited_out_and_never_asked_early(
    new_tenant: Any, collect: Any, small_pages: None, reporter: Any
) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(INTUNE, ["fine", "throttled", "throttled_intune"])
    assert collect(tenant).collected.total == 20
    assert [reason for _, reason, _ in reporter.waits] == ["throttled", "throttled"]
    assert tenant.early_retries() == []


def test_a_long_wait_gives_the_thread_back(new_tenant: Any, collect: Any, new_reporter: Any, small_pages: None) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(INTUNE, ["fine", {"status": 429, "headers": {"Retry-After": "120"}}])
    with pytest.raises(RunDeferred) as deferred:
        collect(tenant, new_reporter(holds_for=15.0))
    assert deferred.value.seconds >= 120


def test_a_cancelled_run_stops_before_its_next_page(
    new_tenant: Any, collect: Any, new_reporter: Any, small_pages: None
) -> None:
    tenant = new_tenant(devices=70)
    with pytest.raises(RunStopped):
        collect(tenant, new_reporter(calls_allowed=8))
    assert 0 < len(tenant.requests("managedDevices")) < 9


def test_a_cancel_in_a_wait_stops_at_once(new_tenant: Any, collect: Any, new_reporter: Any, small_pages: None) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(INTUNE, ["fine", "throttled"])
    with pytest.raises(RunStopped):
        collect(tenant, new_reporter(stop_in_wait=True))
    assert len(tenant.requests("managedDevices")) == 2


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("Windows", "windows"),
        ("WindowsHolographic", "windows"),
        ("macOS", "macos"),
        ("iOS", "ios"),
        ("iPadOS", "ios"),
        ("AndroidForWork", "android"),
        ("Linux", "linux"),
        ("ChromeOS", "chromeos"),
        (" windows ", "windows"),
        ("visionOS", "other"),
        ("", "other"),
    ],
)
def test_platforms_have_our_names(system: str, expected: str) -> None:
    assert platform(system) == expected
    assert expected in PLATFORMS


def test_memory_does_not_grow_with_strange_names() -> None:
    tally = Tally()
    for number in range(50):
        items = [compliance.Device(None, f"state {number} {i}", f"system {number} {i}") for i in range(100)]
        tally.add(Page(items, number + 1, 0, None, None))
    assert tally.by_platform() == {"other": {"other": 5_000}}
