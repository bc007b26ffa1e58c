"""The whole connection check: each kind of trouble and the verdict it leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import operations
from storage.sealing import SecretMaterial
from storage.states import ConnectionType, StepStatus, VerificationStatus
from storage.verification import ConsentFact
from tasks.providers.base import RunDeferred
from tasks.providers.microsoft.check_steps import LABELS


def test_a_healthy_connection_passes_every_step(tenant: Any, target_for: Any, check: Any, reporter: Any) -> None:
    report = check(target_for(tenant))
    assert {s.key: s.status for s in report.steps} == dict.fromkeys(LABELS, StepStatus.PASS)
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert report.consent_fact is ConsentFact.ROLES_PRESENT
    assert report.token_passed
    assert report.granted_permissions is not None
    assert "Organization.Read.All" in report.granted_permissions
    assert report.licences == {"intune", "p1", "p2"}
    assert report.organization is not None
    assert report.organization.entra_tenant_id == tenant.id
    assert report.organization.verified_domains == (tenant.domain,)
    assert report.credential_slot == "active"
    assert report.credential_expires_at is not None
    assert [s.key for s in reporter.steps] == list(LABELS)
    assert all(s.request_id for s in report.steps if s.key.endswith("probe"))
    assert {r["x-ms-throttle-priority"] for r in tenant.requests("/v1.0/")} == {"high"}
    assert len({r["client_request_id"] for r in tenant.requests("/v1.0/")}) == len(tenant.requests("/v1.0/"))


def test_background_checks_ask_with_low_priority(tenant: Any, target_for: Any, check: Any) -> None:
    check(target_for(tenant, waited_for=False))
    assert {r["x-ms-throttle-priority"] for r in tenant.requests("/v1.0/")} == {"low"}


def test_every_check_signs_in_afresh_and_only_once(tenant: Any, target_for: Any, check: Any) -> None:
    target = target_for(tenant)
    check(target)
    check(target)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 2


def test_an_expired_secret_blocks_and_skips_what_follows(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(expires_in=timedelta(days=-3))))
    assert report.outcome("token") == (StepStatus.FAIL, "secret_expired")
    assert report.step("token").evidence["provider_code"] == "AADSTS7000222"
    assert report.outcome("claims") == (StepStatus.SKIP, "prerequisite_failed")
    assert report.outcome("credential_expiry") == (StepStatus.SKIP, "prerequisite_failed")
    verdict = report.verdict
    assert (verdict.status, verdict.reason_code) == (VerificationStatus.BLOCKED, "secret_expired")
    assert report.granted_permissions is None
    assert not report.token_passed


def test_a_wrong_secret_blocks(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    credentials = (drawer.put(SecretMaterial("secret", secret="wrong")),)
    report = check(target_for(tenant, credentials=credentials))
    assert report.outcome("token") == (StepStatus.FAIL, "secret_invalid")
    assert report.verdict.status is VerificationStatus.BLOCKED


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(ConnectionType.PLATFORM, "app_not_found_in_tenant"), (ConnectionType.DEDICATED, "app_not_found")],
)
def test_an_application_that_was_removed(
    new_tenant: Any, target_for: Any, check: Any, kind: ConnectionType, reason: str
) -> None:
    tenant = new_tenant(consented=False, multi_tenant=True)
    report = check(target_for(tenant, connection_type=kind))
    assert report.outcome("token") == (StepStatus.FAIL, reason)
    assert report.consent_fact is ConsentFact.APP_ABSENT


def test_a_disabled_application_is_told_apart(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(enabled=False)))
    assert report.outcome("token") == (StepStatus.FAIL, "app_disabled_in_tenant")
    assert report.consent_fact is ConsentFact.APP_DISABLED


def test_revoked_permissions_leave_a_token_without_roles(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=[])))
    assert report.outcome("token") == (StepStatus.PASS, None)
    assert report.outcome("claims") == (StepStatus.FAIL, "no_roles_granted")
    assert report.consent_fact is ConsentFact.NO_ROLES
    assert report.granted_permissions == frozenset()
    assert report.verdict.status is VerificationStatus.BLOCKED


def test_missing_permissions_degrade_and_are_all_named(new_tenant: Any, target_for: Any, check: Any) -> None:
    granted = [
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "User.Read.All",
        "Group.Read.All",
        "Device.Read.All",
    ]
    report = check(target_for(new_tenant(permissions=granted)))
    failed = report.step("permissions")
    missing = {
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementApps.Read.All",
        "DeviceManagementManagedDevices.Read.All",
    }
    assert set(failed.evidence["missing"] or ()) == missing  # type: ignore[arg-type]
    assert all(name in failed.sentence for name in missing)
    assert set(failed.needed_by) == {operations.INVENTORY_SYNC, operations.COMPLIANCE_SNAPSHOT}
    assert report.outcome("intune_probe") == (StepStatus.SKIP, "prerequisite_failed")
    verdict = report.verdict
    assert (verdict.status, verdict.reason_code) == (VerificationStatus.DEGRADED, "missing_permission")
    assert verdict.limited_operations == (operations.COMPLIANCE_SNAPSHOT, operations.INVENTORY_SYNC)


def test_without_its_own_permission_the_check_blocks_and_still_names_the_rest(
    new_tenant: Any, target_for: Any, check: Any
) -> None:
    report = check(target_for(new_tenant(permissions=["RoleManagement.Read.Directory"])))
    assert report.outcome("organization") == (StepStatus.FAIL, "missing_permission")
    assert operations.CONNECTION_CHECK in report.step("permissions").needed_by
    assert "Organization.Read.All" in report.step("permissions").sentence
    assert report.verdict.status is VerificationStatus.BLOCKED
    assert not report.token_passed


def test_a_write_permission_covers_the_read_one(new_tenant: Any, target_for: Any, check: Any) -> None:
    permissions = [name.replace(".Read.", ".ReadWrite.") for name in operations.all_required_permissions()]
    assert check(target_for(new_tenant(permissions=permissions))).step("permissions").status is StepStatus.PASS


def test_missing_optional_permissions_are_mentioned_and_no_fault(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=list(operations.all_required_permissions()))))
    passed = report.step("permissions")
    assert passed.status is StepStatus.PASS
    assert "Policy.Read.All" in passed.sentence
    assert report.verdict.status is VerificationStatus.HEALTHY


@pytest.mark.parametrize("answers", [[], [{"status": 503, "code": "UnknownError"}]])
def test_no_intune_licence_is_skipped_not_failed(
    new_tenant: Any, target_for: Any, check: Any, answers: list[Any]
) -> None:
    tenant = new_tenant(licences=["p1", "p2"])
    if answers:
        tenant.script({"where": "graph", "path": "/deviceManagement/*"}, answers, then="repeat")
    report = check(target_for(tenant))
    assert report.outcome("intune_probe") == (StepStatus.SKIP, "not_licensed_intune")
    assert report.licences == {"p1", "p2"}
    assert report.verdict.status is VerificationStatus.HEALTHY


def test_no_p2_licence_is_skipped_not_failed(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(licences=["intune"])))
    assert report.outcome("pim_probe") == (StepStatus.SKIP, "not_licensed_p2")
    assert report.verdict.status is VerificationStatus.HEALTHY


def test_a_suspended_subscription_warns(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("subscription_suspended")
    report = check(target_for(tenant))
    assert report.outcome("licences") == (StepStatus.WARN, "subscription_suspended")


def test_a_throttled_tenant_is_waited_for_and_then_succeeds(
    tenant: Any, target_for: Any, check: Any, reporter: Any
) -> None:
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 429, "retry_after": 3}] * 2)
    report = check(target_for(tenant))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert [reason for _, reason, _ in reporter.waits] == ["throttled", "throttled"]
    assert all(seconds >= 3 for seconds, _, _ in reporter.waits)
    assert not tenant.early_retries()


def test_a_long_throttle_gives_the_thread_back(tenant: Any, target_for: Any, check: Any, new_reporter: Any) -> None:
    tenant.script({"where": "graph"}, [{"status": 429, "retry_after": 120}])
    with pytest.raises(RunDeferred) as deferred:
        check(target_for(tenant), new_reporter(holds_for=15.0))
    assert deferred.value.seconds >= 120
    assert deferred.value.reason_code == "throttled"


def test_an_absurd_throttle_ends_the_check_without_a_verdict(
    tenant: Any, target_for: Any, check: Any, reporter: Any
) -> None:
    tenant.scenarios("throttled_absurd")
    report = check(target_for(tenant))
    assert report.outcome("organization") == (StepStatus.FAIL, "throttled")
    assert report.verdict.status is None
    assert reporter.waits == []


def test_an_outage_of_sign_in_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("outage")
    report = check(target_for(tenant))
    assert report.outcome("token") == (StepStatus.FAIL, "identity_service_unavailable")
    assert report.verdict.status is None
    assert report.consent_fact is ConsentFact.NOTHING


def test_an_outage_of_graph_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any, reporter: Any) -> None:
    tenant.scenarios("service_unavailable")
    report = check(target_for(tenant))
    assert report.outcome("organization") == (StepStatus.FAIL, "service_unavailable")
    assert report.verdict.status is None
    assert [reason for _, reason, _ in reporter.waits] == ["service_unavailable"] * 4


def test_an_outage_of_one_workload_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.script({"where": "graph", "path": "/deviceManagement/*"}, [{"status": 503}], then="repeat")
    report = check(target_for(tenant))
    failed = report.step("intune_probe")
    assert (failed.status, failed.reason_code) == (StepStatus.FAIL, "service_unavailable")
    assert set(failed.needed_by) == {operations.INVENTORY_SYNC, operations.COMPLIANCE_SNAPSHOT}
    assert report.verdict.status is None


def test_a_permission_that_microsoft_lists_but_the_token_lacks_is_pointed_out(
    new_tenant: Any, target_for: Any, check: Any, new_reporter: Any
) -> None:
    all_but_one = [n for n in operations.all_required_permissions() if n != "GroupMember.Read.All"] + [
        "Application.Read.All"
    ]
    tenant = new_tenant(permissions=all_but_one)

    def grant(key: str) -> None:
        if key == "permissions":
            tenant.change_app(granted_roles=[*all_but_one, "GroupMember.Read.All"])

    report = check(target_for(tenant), new_reporter(on_step=grant))
    failed = report.step("permissions")
    assert failed.evidence["missing"] == ("GroupMember.Read.All",)
    assert failed.evidence["granted_but_not_in_token"] == ("GroupMember.Read.All",)
    assert failed.needed_by == (operations.DIRECTORY_SYNC,)
