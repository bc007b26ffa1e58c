"""The inventory sync through the real gateway: what is staged, what is skipped, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.inventory_kinds import KINDS
from storage.inventory_staging import StagedItem
from storage.sealing import SecretMaterial
from tasks.providers.base import OperationResult, RunDeferred, RunStopped
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.inventory import MicrosoftInventoryCollector, moment, platform

APPS = {"where": "graph", "path": "/deviceAppManagement/mobileApps*"}
POLICIES = {"where": "graph", "path": "/deviceManagement/deviceCompliancePolicies*"}
EVERYTHING = {"where": "graph"}
INTUNE_KINDS = {"compliance_policies", "device_configurations", "mobile_apps", "enrollment_configurations"}


@dataclass
class Stage:
    """What was staged, in memory; knows which kinds held something before."""

    held_before: set[str] = field(default_factory=set)
    kept: dict[str, dict[str, StagedItem]] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)
    largest: int = 0

    def put(self, kind: str, items: Sequence[StagedItem]) -> None:
        self.largest = max(self.largest, len(items))
        self.kept.setdefault(kind, {}).update({item.external_id: item for item in items})

    def discard(self, kind: str) -> None:
        self.discarded.append(kind)
        self.kept.pop(kind, None)

    def is_doubtful(self, kind: str) -> bool:
        return kind in self.held_before and not self.kept.get(kind)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def collect(gateway: Any, target_for: Any, reporter: Any, stage: Stage) -> Callable[..., OperationResult]:
    def do(tenant: Any, reporter: Any = reporter, **changes: Any) -> OperationResult:
        collector = MicrosoftInventoryCollector(gateway)
        return collector.collect_inventory(target_for(tenant, **changes), reporter, stage)

    return do


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {kind: replace(contract, page_size=3) for kind, contract in contracts.INVENTORY.items()}
    monkeypatch.setattr(contracts, "INVENTORY", MappingProxyType(small))


def answer(*items: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"value": list(items)}}


def ended(reporter: Any) -> dict[str, tuple[str, str | None]]:
    return {step.key: (step.status.value, step.reason_code) for step in reporter.steps}


def believed(result: OperationResult) -> set[str]:
    return set(result.collected.kinds)  # type: ignore[union-attr]


def test_every_kind_has_a_contract_and_every_contract_a_kind() -> None:
    assert tuple(contracts.INVENTORY) == tuple(KINDS)


def test_every_listing_is_staged_whole(
    tenant: Any, collect: Any, reporter: Any, stage: Stage, small_pages: None
) -> None:
    result = collect(tenant)
    assert believed(result) == set(KINDS)
    assert (result.complete, result.failures, result.reason_code) == (True, (), None)
    assert result.summary_counts == {"skipped": 0}
    assert {key: status for key, (status, _) in ended(reporter).items()} == dict.fromkeys(KINDS, "pass")
    assert stage.largest == 3
    apps = stage.kept["mobile_apps"].values()
    assert len(apps) > 3
    assert all(item.name and item.modified_at for item in apps)
    assert {item.platform for item in apps} & {"windows", "ios", "android", "macos"}


def test_a_listing_that_begins_again_leaves_nothing_of_its_first_pass(
    tenant: Any, collect: Any, stage: Stage, small_pages: None
) -> None:
    tenant.script(APPS, ["fine", {"status": 400, "code": "Directory_ExpiredPageToken"}])
    result = collect(tenant)
    assert stage.discarded == ["mobile_apps"]
    assert believed(result) == set(KINDS)


def test_a_page_token_that_always_expires_fails_that_listing_only(
    tenant: Any, collect: Any, reporter: Any, small_pages: None
) -> None:
    gone = {"status": 400, "code": "Directory_ExpiredPageToken"}
    tenant.script(APPS, ["fine", gone, "fine", gone, "fine", gone])
    result = collect(tenant)
    assert ended(reporter)["mobile_apps"] == ("fail", "page_token_expired")
    assert believed(result) == set(KINDS) - {"mobile_apps"}


@pytest.mark.parametrize(
    ("scenario", "reason"), [("paging_loop", "paging_loop"), ("paging_foreign_host", "next_link_refused")]
)
def test_paging_that_goes_wrong_ends(
    tenant: Any, collect: Any, reporter: Any, small_pages: None, scenario: str, reason: str
) -> None:
    tenant.scenarios(scenario)
    result = collect(tenant)
    assert ended(reporter)["mobile_apps"] == ("fail", reason)
    assert "mobile_apps" not in believed(result)


def test_without_intune_its_kinds_are_skipped_and_never_red(new_tenant: Any, collect: Any, reporter: Any) -> None:
    result = collect(new_tenant(licences=["p1"]))
    assert believed(result) == set(KINDS) - INTUNE_KINDS
    assert (result.complete, result.failures, result.reason_code) == (True, (), None)
    assert result.summary_counts == {"skipped": 4}
    assert {ended(reporter)[kind] for kind in INTUNE_KINDS} == {("skip", "not_licensed_intune")}


def test_a_listing_that_fails_is_named_and_the_others_are_believed(tenant: Any, collect: Any, reporter: Any) -> None:
    tenant.script(APPS, [{"status": 503}], then="repeat")
    result = collect(tenant)
    assert believed(result) == set(KINDS) - {"mobile_apps"}
    assert (result.complete, result.reason_code) == (False, "service_unavailable")
    assert [f.sentence for f in result.failures] == ["Apps: Microsoft Graph is not available."]
    assert ended(reporter)["mobile_apps"] == ("fail", "service_unavailable")


def test_a_missing_permission_is_named(new_tenant: Any, collect: Any) -> None:
    granted = ["DeviceManagementConfiguration.Read.All", "Policy.Read.All", "Organization.Read.All"]
    result = collect(new_tenant(permissions=granted))
    assert result.reason_code == "missing_permission"
    assert "DeviceManagementApps.Read.All" in result.failures[0].sentence
    assert "mobile_apps" not in believed(result)
    assert {"compliance_policies", "device_configurations", "named_locations"} <= believed(result)


def test_a_permission_that_microsoft_does_not_name_is_named(new_tenant: Any, collect: Any) -> None:
    granted = ["DeviceManagementConfiguration.Read.All", "DeviceManagementApps.Read.All", "Organization.Read.All"]
    result = collect(new_tenant(permissions=[*granted, "DeviceManagementServiceConfig.Read.All"]))
    assert believed(result) == INTUNE_KINDS
    assert all("Policy.Read.All" in f.sentence for f in result.failures)
    assert len(result.failures) == 2


def test_when_nothing_may_be_read_every_missing_permission_is_named(new_tenant: Any, collect: Any) -> None:
    with pytest.raises(MicrosoftFailure) as failed:
        collect(new_tenant(permissions=["Organization.Read.All"]))
    assert failed.value.reason_code == "missing_permission"
    assert {"DeviceManagementConfiguration.Read.All", "Policy.Read.All"} <= set(failed.value.missing_permissions)


def test_a_bad_credential_ends_the_sync_at_once(tenant: Any, collect: Any, drawer: Any, reporter: Any) -> None:
    wrong = drawer.put(SecretMaterial("secret", secret="not~the.right-one"))
    with pytest.raises(MicrosoftFailure) as failed:
        collect(tenant, credentials=(wrong,))
    assert failed.value.reason_code == "secret_invalid"
    assert [step.key for step in reporter.steps] == ["compliance_policies"]
    assert tenant.requests("/v1.0/") == []


def test_a_listing_that_is_suddenly_empty_is_not_believed(
    tenant: Any, collect: Any, reporter: Any, stage: Stage
) -> None:
    stage.held_before = {"mobile_apps"}
    tenant.scenarios({"name": "suspicious_empty", "path": APPS["path"]})
    result = collect(tenant)
    assert believed(result) == set(KINDS) - {"mobile_apps"}
    assert (result.complete, result.reason_code) == (False, "suspicious_empty")
    assert ended(reporter)["mobile_apps"] == ("warn", "suspicious_empty")


@pytest.mark.parametrize("identity", [None, "", 7, ["a"], "x" * 300, "tab\tin it"])
def test_an_item_without_a_usable_id_makes_the_listing_incomplete(
    tenant: Any, collect: Any, reporter: Any, identity: Any
) -> None:
    tenant.script(APPS, [answer({"id": "good", "displayName": "Good"}, {"id": identity, "displayName": "Bad"})])
    result = collect(tenant)
    assert ended(reporter)["mobile_apps"] == ("fail", "data_incomplete")
    assert "mobile_apps" not in believed(result)


@pytest.mark.parametrize("name", [None, "", 7, {"a": 1}, "\x1b[31mred\x07", "x" * 100_000])
def test_a_strange_name_is_one_printable_line(tenant: Any, collect: Any, stage: Stage, name: Any) -> None:
    tenant.script(APPS, [answer({"id": "odd", "displayName": name, "lastModifiedDateTime": name})])
    collect(tenant)
    item = stage.kept["mobile_apps"]["odd"]
    assert item.name.isprintable()
    assert 0 < len(item.name) <= 256
    assert item.modified_at is None


def test_no_page_is_asked_for_after_a_cancel(tenant: Any, collect: Any, new_reporter: Any, small_pages: None) -> None:
    with pytest.raises(RunStopped):
        collect(tenant, new_reporter(calls_allowed=8))
    assert len(tenant.requests("/v1.0/")) < 8


def test_a_long_retry_after_gives_the_run_back(tenant: Any, collect: Any, new_reporter: Any) -> None:
    error = {"error": {"code": "TooManyRequests", "message": "Wait."}}
    tenant.script(APPS, [{"status": 429, "headers": {"Retry-After": "120"}, "body": error}])
    with pytest.raises(RunDeferred) as deferred:
        collect(tenant, new_reporter(holds_for=15.0))
    assert deferred.value.seconds >= 120


def test_conditional_access_is_asked_once_a_second(tenant: Any, collect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("conditional_access_policies", "named_locations")
    small = {kind: replace(contracts.CONTRACTS[kind], page_size=1) for kind in kinds}
    monkeypatch.setattr(contracts, "INVENTORY", MappingProxyType(small))
    result = collect(tenant)
    assert believed(result) == set(kinds)
    asked = tenant.requests("conditionalAccess")
    assert len(asked) > 2
    assert {entry["status"] for entry in asked} == {200}
    assert all(later["at"] - earlier["at"] >= 1.0 for earlier, later in pairwise(asked))


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [
        ("#microsoft.graph.windows10CompliancePolicy", "windows"),
        ("#microsoft.graph.iosGeneralDeviceConfiguration", "ios"),
        ("#microsoft.graph.managedIOSStoreApp", "ios"),
        ("#microsoft.graph.androidWorkProfileCompliancePolicy", "android"),
        ("#microsoft.graph.macOSLobApp", "macos"),
        ("#microsoft.graph.win32LobApp", "windows"),
        ("#microsoft.graph.webApp", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_type_tells_the_platform(type_name: Any, expected: str) -> None:
    assert platform(type_name) == expected


def test_times_are_read_to_the_millisecond() -> None:
    assert moment("2026-01-02T03:04:05.1239999Z") == datetime(2026, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)
    assert moment("2026-01-02T03:04:05+02:00") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("9999-12-31T23:59:59-12:00") is None


@given(st.one_of(st.text(max_size=60), st.none(), st.integers(), st.lists(st.text())))
def test_whatever_is_in_place_of_a_time_is_a_time_or_none(value: Any) -> None:
    found = moment(value)
    assert found is None or found.tzinfo is not None
