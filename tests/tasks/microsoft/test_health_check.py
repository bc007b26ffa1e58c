"""The whole connection check against the simulator."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage import operations
from storage.failures import FORBIDDEN_TEXT
from storage.sealing import SecretMaterial
from storage.states import Cloud, ConnectionType, CredentialSlot, StepStatus, VerificationStatus
from storage.verification import CheckReport, ConsentFact, ReportStep, judge
from tasks.providers.base import RunDeferred, RunStopped, Target
from tasks.providers.microsoft.check_steps import LABELS
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.health_check import MicrosoftHealthCheck

CHECK = operations.CONNECTION_CHECK


def step(report: CheckReport, key: str) -> ReportStep:
    return next(s for s in report.steps if s.key == key)


def outcome(report: CheckReport, key: str) -> tuple[StepStatus, str | None]:
    found = step(report, key)
    return found.status, found.reason_code


@pytest.fixture
def check(gateway: MicrosoftGateway, reporter: Any) -> Callable[..., CheckReport]:
    def run(target: Target, run_reporter: Any = None) -> CheckReport:
        report = MicrosoftHealthCheck(gateway).check(target, run_reporter or reporter)
        assert [s.key for s in report.steps] == list(LABELS)
        text = repr(report)
        assert not [word for word in FORBIDDEN_TEXT if word in text]
        return report

    return run


def test_a_healthy_connection_passes_every_step(tenant: Any, target_for: Any, check: Any, reporter: Any) -> None:
    report = check(target_for(tenant))
    assert {s.key: s.status for s in report.steps} == dict.fromkeys(LABELS, StepStatus.PASS)
    assert judge(report.steps).status is VerificationStatus.HEALTHY
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
    assert outcome(report, "token") == (StepStatus.FAIL, "secret_expired")
    assert step(report, "token").evidence["provider_code"] == "AADSTS7000222"
    assert outcome(report, "claims") == (StepStatus.SKIP, "prerequisite_failed")
    assert outcome(report, "credential_expiry") == (StepStatus.SKIP, "prerequisite_failed")
    verdict = judge(report.steps)
    assert (verdict.status, verdict.reason_code) == (VerificationStatus.BLOCKED, "secret_expired")
    assert report.granted_permissions is None
    assert not report.token_passed


def test_a_wrong_secret_blocks(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    credentials = (drawer.put(SecretMaterial("secret", secret="wrong")),)
    report = check(target_for(tenant, credentials=credentials))
    assert outcome(report, "token") == (StepStatus.FAIL, "secret_invalid")
    assert judge(report.steps).status is VerificationStatus.BLOCKED


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(ConnectionType.PLATFORM, "app_not_found_in_tenant"), (ConnectionType.DEDICATED, "app_not_found")],
)
def test_an_application_that_was_removed(
    new_tenant: Any, target_for: Any, check: Any, kind: ConnectionType, reason: str
) -> None:
    tenant = new_tenant(consented=False, multi_tenant=True)
    report = check(target_for(tenant, connection_type=kind))
    assert outcome(report, "token") == (StepStatus.FAIL, reason)
    assert report.consent_fact is ConsentFact.APP_ABSENT


def test_a_disabled_application_is_told_apart(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(enabled=False)))
    assert outcome(report, "token") == (StepStatus.FAIL, "app_disabled_in_tenant")
    assert report.consent_fact is ConsentFact.APP_DISABLED


def test_revoked_permissions_leave_a_token_without_roles(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=[])))
    assert outcome(report, "token") == (StepStatus.PASS, None)
    assert outcome(report, "claims") == (StepStatus.FAIL, "no_roles_granted")
    assert report.consent_fact is ConsentFact.NO_ROLES
    assert report.granted_permissions == frozenset()
    assert judge(report.steps).status is VerificationStatus.BLOCKED


def test_missing_permissions_degrade_and_are_all_named(new_tenant: Any, target_for: Any, check: Any) -> None:
    granted = [
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "User.Read.All",
        "Group.Read.All",
        "Device.Read.All",
    ]
    report = check(target_for(new_tenant(permissions=granted)))
    failed = step(report, "permissions")
    missing = {
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementApps.Read.All",
        "DeviceManagementManagedDevices.Read.All",
    }
    assert set(failed.evidence["missing"] or ()) == missing  # type: ignore[arg-type]
    assert all(name in failed.sentence for name in missing)
    assert set(failed.needed_by) == {operations.INVENTORY_SYNC, operations.COMPLIANCE_SNAPSHOT}
    assert outcome(report, "intune_probe") == (StepStatus.SKIP, "prerequisite_failed")
    verdict = judge(report.steps)
    assert (verdict.status, verdict.reason_code) == (VerificationStatus.DEGRADED, "missing_permission")
    assert verdict.limited_operations == (operations.COMPLIANCE_SNAPSHOT, operations.INVENTORY_SYNC)


def test_without_its_own_permission_the_check_blocks_and_still_names_the_rest(
    new_tenant: Any, target_for: Any, check: Any
) -> None:
    report = check(target_for(new_tenant(permissions=["RoleManagement.Read.Directory"])))
    assert outcome(report, "organization") == (StepStatus.FAIL, "missing_permission")
    assert CHECK in step(report, "permissions").needed_by
    assert "Organization.Read.All" in step(report, "permissions").sentence
    assert judge(report.steps).status is VerificationStatus.BLOCKED
    assert not report.token_passed


def test_a_write_permission_covers_the_read_one(new_tenant: Any, target_for: Any, check: Any) -> None:
    permissions = [name.replace(".Read.", ".ReadWrite.") for name in operations.all_required_permissions()]
    assert step(check(target_for(new_tenant(permissions=permissions))), "permissions").status is StepStatus.PASS


def test_missing_optional_permissions_are_mentioned_and_no_fault(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=list(operations.all_required_permissions()))))
    passed = step(report, "permissions")
    assert passed.status is StepStatus.PASS
    assert "Policy.Read.All" in passed.sentence
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_no_intune_licence_is_skipped_not_failed(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(licences=["p1", "p2"])))
    assert outcome(report, "intune_probe") == (StepStatus.SKIP, "not_licensed_intune")
    assert report.licences == {"p1", "p2"}
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_no_p2_licence_is_skipped_not_failed(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(licences=["intune"])))
    assert outcome(report, "pim_probe") == (StepStatus.SKIP, "not_licensed_p2")
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_a_suspended_subscription_warns(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("subscription_suspended")
    report = check(target_for(tenant))
    assert outcome(report, "licences") == (StepStatus.WARN, "subscription_suspended")


def test_a_throttled_tenant_is_waited_for_and_then_succeeds(
    tenant: Any, target_for: Any, check: Any, reporter: Any
) -> None:
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 429, "retry_after": 3}] * 2)
    report = check(target_for(tenant))
    assert judge(report.steps).status is VerificationStatus.HEALTHY
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
    assert outcome(report, "organization") == (StepStatus.FAIL, "throttled")
    assert judge(report.steps).status is None
    assert reporter.waits == []


def test_an_outage_of_sign_in_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("outage")
    report = check(target_for(tenant))
    assert outcome(report, "token") == (StepStatus.FAIL, "identity_service_unavailable")
    assert judge(report.steps).status is None
    assert report.consent_fact is ConsentFact.NOTHING


def test_an_outage_of_graph_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any, reporter: Any) -> None:
    tenant.scenarios("service_unavailable")
    report = check(target_for(tenant))
    assert outcome(report, "organization") == (StepStatus.FAIL, "service_unavailable")
    assert judge(report.steps).status is None
    assert [reason for _, reason, _ in reporter.waits] == ["service_unavailable"] * 4


def test_an_outage_of_one_workload_leaves_the_badge_alone(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.script({"where": "graph", "path": "/deviceManagement/*"}, [{"status": 503}], then="repeat")
    report = check(target_for(tenant))
    failed = step(report, "intune_probe")
    assert (failed.status, failed.reason_code) == (StepStatus.FAIL, "service_unavailable")
    assert set(failed.needed_by) == {operations.INVENTORY_SYNC, operations.COMPLIANCE_SNAPSHOT}
    assert judge(report.steps).status is None


def test_a_swapped_domain_blocks(new_tenant: Any, target_for: Any, check: Any) -> None:
    ours, other = new_tenant(), new_tenant()
    report = check(target_for(ours, primary_domain=other.domain))
    failed = step(report, "discovery")
    assert (failed.status, failed.reason_code) == (StepStatus.FAIL, "tenant_domain_mismatch")
    assert ours.id in failed.sentence
    assert other.id in failed.sentence
    assert judge(report.steps).status is VerificationStatus.BLOCKED
    assert not ours.requests("/oauth2/v2.0/token")


@pytest.mark.parametrize("domain", [None, ""])
def test_without_a_primary_domain_the_step_says_so(
    tenant: Any, target_for: Any, check: Any, domain: str | None
) -> None:
    report = check(target_for(tenant, primary_domain=domain))
    assert outcome(report, "discovery") == (StepStatus.WARN, "primary_domain_unknown")
    assert judge(report.steps).status is VerificationStatus.HEALTHY


@pytest.mark.parametrize("domain", ["nobody.invalid", "no domain", "a/../b", "common", "x" * 300])
def test_a_domain_microsoft_does_not_know_warns(tenant: Any, target_for: Any, check: Any, domain: str) -> None:
    report = check(target_for(tenant, primary_domain=domain))
    assert outcome(report, "discovery") == (StepStatus.WARN, "domain_not_verified")


def test_a_domain_that_left_the_organization_warns(tenant: Any, target_for: Any, check: Any) -> None:
    body = {"value": [{"id": tenant.id, "displayName": "Contoso", "verifiedDomains": [{"name": "other.example"}]}]}
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 200, "body": body}])
    report = check(target_for(tenant))
    assert outcome(report, "organization") == (StepStatus.WARN, "domain_not_verified")
    assert report.token_passed


def test_an_organization_that_says_little_still_passes(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("organization_limited")
    report = check(target_for(tenant))
    assert outcome(report, "organization") == (StepStatus.PASS, None)
    assert report.organization is not None
    assert (report.organization.display_name, report.organization.verified_domains) == ("", ())


@pytest.mark.parametrize("body", [{}, {"value": []}, {"value": [{}]}, {"value": [None]}, {"value": [{"id": 7}]}])
def test_an_organization_that_names_no_tenant_is_incomplete(
    tenant: Any, target_for: Any, check: Any, body: Any
) -> None:
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 200, "body": body}])
    assert outcome(check(target_for(tenant)), "organization") == (StepStatus.FAIL, "data_incomplete")


def test_a_clock_that_is_wrong_warns(
    tenant: Any, target_for: Any, new_gateway: Any, reporter: Any, simulator: Any
) -> None:
    gateway = new_gateway()
    gateway.now = lambda: simulator.now() + timedelta(minutes=10)
    report = MicrosoftHealthCheck(gateway).check(target_for(tenant), reporter)
    assert outcome(report, "discovery") == (StepStatus.WARN, "clock_skew")
    assert "600 s" in step(report, "discovery").sentence


def _token(**claims: Any) -> dict[str, Any]:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    body = {"access_token": f"e30.{payload}.sig", "token_type": "Bearer", "expires_in": 3599}
    return {"status": 200, "body": body}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"appid": "00000000-0000-4000-8000-000000000000"}, "app_mismatch"),
        ({"aud": "https://management.azure.com"}, "token_invalid"),
        ({"tid": "00000000-0000-4000-8000-000000000000"}, "tenant_mismatch"),
        ({"tid": None}, "tenant_mismatch"),
        ({"roles": None}, "no_roles_granted"),
        ({"roles": "Organization.Read.All"}, "no_roles_granted"),
        ({"oid": None}, "service_principal_missing"),
    ],
)
def test_a_token_that_is_not_ours_is_told_apart(
    tenant: Any, target_for: Any, check: Any, claims: dict[str, Any], reason: str
) -> None:
    good = {
        "tid": tenant.id,
        "appid": tenant.client_id,
        "oid": "o",
        "roles": ["A"],
        "aud": "https://graph.microsoft.com",
    }
    tenant.script({"where": "token"}, [_token(**{**good, **claims})])
    report = check(target_for(tenant))
    assert outcome(report, "claims") == (StepStatus.FAIL, reason)
    assert not tenant.requests("/v1.0/")


def test_a_token_that_cannot_be_read_is_no_verdict(tenant: Any, target_for: Any, check: Any) -> None:
    body = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3599}
    tenant.script({"where": "token"}, [{"status": 200, "body": body}])
    report = check(target_for(tenant))
    assert outcome(report, "claims") == (StepStatus.FAIL, "response_unreadable")
    assert judge(report.steps).status is None
    assert report.granted_permissions is None


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
    assert judge(report.steps).status is VerificationStatus.HEALTHY
    assert waited == [(15.0, "identity_propagating")]


def test_a_permission_that_microsoft_lists_but_the_token_lacks_is_pointed_out(
    new_tenant: Any, target_for: Any, check: Any, new_reporter: Any
) -> None:
    all_but_one = [n for n in operations.all_required_permissions() if n != "Group.Read.All"] + ["Application.Read.All"]
    tenant = new_tenant(permissions=all_but_one)

    def grant(key: str) -> None:
        if key == "permissions":
            tenant.change_app(granted_roles=[*all_but_one, "Group.Read.All"])

    report = check(target_for(tenant), new_reporter(on_step=grant))
    failed = step(report, "permissions")
    assert failed.evidence["missing"] == ("Group.Read.All",)
    assert failed.evidence["granted_but_not_in_token"] == ("Group.Read.All",)
    assert failed.needed_by == (operations.DIRECTORY_SYNC,)


def test_discovery_that_is_down_is_no_verdict(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("discovery_unavailable")
    report = check(target_for(tenant))
    assert outcome(report, "discovery") == (StepStatus.FAIL, "identity_service_unavailable")
    assert judge(report.steps).status is None


def test_sign_in_that_leads_to_another_host_gets_no_secret(tenant: Any, target_for: Any, check: Any) -> None:
    foreign = "https://evil.example"
    body = {
        "issuer": f"https://sts.windows.net/{tenant.id}/",
        "authorization_endpoint": f"{foreign}/authorize",
        "token_endpoint": f"{foreign}/token",
    }
    tenant.script({"where": "discovery"}, [{"status": 200, "body": body}], then="repeat")
    report = check(target_for(tenant))
    assert outcome(report, "discovery") == (StepStatus.FAIL, "wrong_cloud")
    assert outcome(report, "token") == (StepStatus.SKIP, "prerequisite_failed")


def test_a_staged_credential_that_does_not_open_leaves_the_active_one(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    del drawer.materials[staged.id]
    report = check(target_for(tenant, credentials=(staged, active)))
    assert outcome(report, "preflight") == (StepStatus.WARN, "key_missing")
    assert report.credential_slot == "active"
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_a_staged_credential_is_not_blamed_for_what_is_not_its_fault(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    tenant.scenarios("app_disabled_in_tenant")
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert outcome(report, "token") == (StepStatus.FAIL, "app_disabled_in_tenant")
    assert len(tenant.requests("/oauth2/v2.0/token")) == 1


def test_a_tenant_nobody_knows_blocks(tenant: Any, target_for: Any, check: Any) -> None:
    unknown = "00000000-1111-4222-8333-444444444444"
    report = check(target_for(tenant, entra_tenant_id=unknown))
    assert outcome(report, "discovery") == (StepStatus.FAIL, "tenant_not_found")
    assert judge(report.steps).status is VerificationStatus.BLOCKED


def test_a_gcc_high_tenant_is_healthy_on_its_own_hosts(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(cloud=Cloud.USGOV)))
    assert judge(report.steps).status is VerificationStatus.HEALTHY
    assert report.organization is not None
    assert report.organization.cloud_instance == "microsoftonline.us"
    assert report.organization.region_sub_scope == "DODCON"


def test_a_gcc_high_tenant_in_the_global_cloud_is_the_wrong_cloud(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant = new_tenant(cloud=Cloud.USGOV)
    report = check(replace(target_for(tenant), cloud=Cloud.GLOBAL))
    assert step(report, "discovery").status is StepStatus.FAIL
    assert step(report, "discovery").reason_code == "wrong_cloud"
    assert judge(report.steps).status is VerificationStatus.BLOCKED


def test_a_token_for_another_tenant_is_refused(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant, other = new_tenant(), new_tenant()
    tenant.scenarios({"name": "token_tid_mismatch", "tenant": other.id})
    report = check(target_for(tenant))
    assert outcome(report, "claims") == (StepStatus.FAIL, "tenant_mismatch")
    assert report.consent_fact is ConsentFact.NOTHING
    assert report.granted_permissions is None


def test_an_organization_of_another_tenant_is_refused(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant, other = new_tenant(), new_tenant()
    tenant.scenarios({"name": "organization_id_mismatch", "tenant": other.id})
    report = check(target_for(tenant))
    assert outcome(report, "organization") == (StepStatus.FAIL, "tenant_mismatch")
    assert outcome(report, "permissions") == (StepStatus.SKIP, "prerequisite_failed")
    assert (report.granted_permissions, report.organization, report.token_passed) == (None, None, False)


@pytest.mark.parametrize("scenario", ["name_brackets", "name_escape", "name_cjk", "name_long"])
def test_a_strange_display_name_is_one_printable_line(tenant: Any, target_for: Any, check: Any, scenario: str) -> None:
    tenant.scenarios(scenario)
    report = check(target_for(tenant))
    assert judge(report.steps).status is VerificationStatus.HEALTHY
    assert report.organization is not None
    assert 0 < len(report.organization.display_name) <= 256
    assert report.organization.display_name.isprintable()


def test_a_disabled_connection_asks_nobody(tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(tenant, is_enabled=False))
    assert outcome(report, "preflight") == (StepStatus.FAIL, "provider_connection_disabled")
    assert tenant.requests() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"credentials": ()}, "provider_credential_missing"),
        ({"entra_tenant_id": "contoso"}, "tenant_identifier_invalid"),
        ({"client_id": "1234"}, "app_not_found"),
    ],
)
def test_preflight_names_what_is_missing_here(
    tenant: Any, target_for: Any, check: Any, changes: dict[str, Any], reason: str
) -> None:
    report = check(target_for(tenant, **changes))
    assert outcome(report, "preflight") == (StepStatus.FAIL, reason)
    assert judge(report.steps).status is VerificationStatus.BLOCKED


def test_a_missing_key_is_our_own_fault(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    target = target_for(tenant)
    drawer.materials.clear()
    report = check(target)
    assert outcome(report, "preflight") == (StepStatus.FAIL, "key_missing")
    assert judge(report.steps).status is VerificationStatus.ERROR


def test_a_local_expiry_in_the_past_only_warns(
    tenant: Any, target_for: Any, drawer: Any, check: Any, simulator: Any
) -> None:
    material = SecretMaterial("secret", secret=tenant.secret)
    past = drawer.put(material, expires_at=simulator.now() - timedelta(days=1))
    report = check(target_for(tenant, credentials=(past,)))
    assert outcome(report, "preflight") == (StepStatus.WARN, "secret_expired_local")
    assert outcome(report, "token") == (StepStatus.PASS, None)
    assert judge(report.steps).status is VerificationStatus.HEALTHY


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"starts": timedelta(days=-20), "ends": timedelta(days=-1)}, "cert_expired"),
        ({"starts": timedelta(days=30), "ends": timedelta(days=60)}, "cert_not_yet_valid"),
        ({"other_key": True}, "cert_key_mismatch"),
    ],
)
def test_a_certificate_that_cannot_work_fails_before_anybody_is_asked(
    tenant: Any, target_for: Any, drawer: Any, new_certificate: Any, check: Any, options: dict[str, Any], reason: str
) -> None:
    report = check(target_for(tenant, credentials=(drawer.put(new_certificate(**options)),)))
    assert outcome(report, "preflight") == (StepStatus.FAIL, reason)
    assert tenant.requests() == []


def test_a_certificate_that_cannot_be_read_says_so(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    broken = SecretMaterial("certificate", certificate_pem="-----BEGIN CERTIFICATE-----", private_key_pem="no")
    report = check(target_for(tenant, credentials=(drawer.put(broken),)))
    assert outcome(report, "preflight") == (StepStatus.FAIL, "cert_unreadable")


def test_a_good_staged_credential_is_used_first(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret="old"))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert report.credential_slot == "staged"
    assert report.token_passed
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_a_refused_staged_credential_warns_and_the_active_one_is_used(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    staged = drawer.put(SecretMaterial("secret", secret="wrong"), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert outcome(report, "token") == (StepStatus.WARN, "secret_invalid")
    assert report.credential_slot == "active"
    assert judge(report.steps).status is VerificationStatus.HEALTHY


def test_a_new_secret_is_waited_for_while_microsoft_gets_to_know_it(
    tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant.script({"where": "token"}, ["secret_invalid", "secret_invalid"])
    report = check(target_for(tenant, credential_changed_at=simulator.now()))
    assert judge(report.steps).status is VerificationStatus.HEALTHY
    assert [(s, r) for s, r, _ in reporter.waits] == [(15.0, "secret_propagating"), (30.0, "secret_propagating")]


def test_waiting_for_a_new_secret_ends_with_the_plain_reason(
    tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant.scenarios("secret_invalid")
    report = check(target_for(tenant, credential_changed_at=simulator.now()))
    assert outcome(report, "token") == (StepStatus.FAIL, "secret_invalid")
    assert 90 <= sum(seconds for seconds, _, _ in reporter.waits) <= 180


def test_a_fresh_consent_is_waited_for(
    new_tenant: Any, target_for: Any, check: Any, reporter: Any, simulator: Any
) -> None:
    tenant = new_tenant(consented=False)
    tenant.scenarios({"name": "propagation_delay", "seconds": 40})
    tenant.change_app(consented=True)
    report = check(target_for(tenant, consent_changed_at=simulator.now()))
    assert judge(report.steps).status is VerificationStatus.HEALTHY
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


def test_an_expiring_secret_warns_and_is_no_verdict(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(expires_in=timedelta(days=10))))
    assert outcome(report, "credential_expiry") == (StepStatus.WARN, "secret_expiring")
    assert judge(report.steps).status is VerificationStatus.HEALTHY


@pytest.mark.parametrize(("days_left", "status"), [(9, StepStatus.WARN), (11, StepStatus.PASS)])
def test_a_short_lived_secret_warns_in_its_last_quarter(
    new_tenant: Any, target_for: Any, check: Any, days_left: int, status: StepStatus
) -> None:
    tenant = new_tenant(expires_in=timedelta(days=days_left, hours=1), lifetime=timedelta(days=40))
    assert step(check(target_for(tenant)), "credential_expiry").status is status


def test_the_expiry_of_an_application_from_elsewhere_is_watched_there(tenant: Any, target_for: Any, check: Any) -> None:
    target = target_for(tenant, connection_type=ConnectionType.PLATFORM, home_tenant_id=None)
    assert outcome(check(target), "credential_expiry") == (StepStatus.SKIP, None)


def test_an_unknown_expiry_asks_for_the_date(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=list(operations.all_required_permissions()))))
    assert outcome(report, "credential_expiry") == (StepStatus.WARN, "expiry_unknown")


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
