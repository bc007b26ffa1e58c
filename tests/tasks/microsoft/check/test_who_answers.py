"""Discovery, the token and the organization: is it the tenant, the cloud and the application we asked for?"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from storage.states import Cloud, StepStatus, VerificationStatus
from storage.verification import ConsentFact


def test_a_swapped_domain_blocks(new_tenant: Any, target_for: Any, check: Any) -> None:
    ours, other = new_tenant(), new_tenant()
    report = check(target_for(ours, primary_domain=other.domain))
    failed = report.step("discovery")
    assert (failed.status, failed.reason_code) == (StepStatus.FAIL, "tenant_domain_mismatch")
    assert ours.id in failed.sentence
    assert other.id in failed.sentence
    assert report.verdict.status is VerificationStatus.BLOCKED
    assert not ours.requests("/oauth2/v2.0/token")


@pytest.mark.parametrize("domain", [None, ""])
def test_without_a_primary_domain_the_step_says_so(
    tenant: Any, target_for: Any, check: Any, domain: str | None
) -> None:
    report = check(target_for(tenant, primary_domain=domain))
    assert report.outcome("discovery") == (StepStatus.WARN, "primary_domain_unknown")
    assert report.verdict.status is VerificationStatus.HEALTHY


@pytest.mark.parametrize("domain", ["nobody.invalid", "no domain", "a/../b", "common", "x" * 300])
def test_a_domain_microsoft_does_not_know_warns(tenant: Any, target_for: Any, check: Any, domain: str) -> None:
    report = check(target_for(tenant, primary_domain=domain))
    assert report.outcome("discovery") == (StepStatus.WARN, "domain_not_verified")


def test_a_domain_that_left_the_organization_warns(tenant: Any, target_for: Any, check: Any) -> None:
    body = {"value": [{"id": tenant.id, "displayName": "Contoso", "verifiedDomains": [{"name": "other.example"}]}]}
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 200, "body": body}])
    report = check(target_for(tenant))
    assert report.outcome("organization") == (StepStatus.WARN, "domain_not_verified")
    assert report.token_passed


def test_an_organization_that_says_little_still_passes(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("organization_limited")
    report = check(target_for(tenant))
    assert report.outcome("organization") == (StepStatus.PASS, None)
    assert report.organization is not None
    assert (report.organization.display_name, report.organization.verified_domains) == ("", ())


@pytest.mark.parametrize("body", [{}, {"value": []}, {"value": [{}]}, {"value": [None]}, {"value": [{"id": 7}]}])
def test_an_organization_that_names_no_tenant_is_incomplete(
    tenant: Any, target_for: Any, check: Any, body: Any
) -> None:
    tenant.script({"where": "graph", "path": "/organization*"}, [{"status": 200, "body": body}])
    assert check(target_for(tenant)).outcome("organization") == (StepStatus.FAIL, "data_incomplete")


@pytest.mark.parametrize("options", [{"seconds": 600}, {"seconds": 600, "behind": True}])
def test_a_clock_that_is_wrong_warns(tenant: Any, target_for: Any, check: Any, options: dict[str, Any]) -> None:
    tenant.scenarios({"name": "clock_skew", **options})
    report = check(target_for(tenant))
    assert report.outcome("discovery") == (StepStatus.WARN, "clock_skew")
    assert re.search(r"\b(59\d|60\d) s\b", report.step("discovery").sentence)


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
    assert report.outcome("claims") == (StepStatus.FAIL, reason)
    assert not tenant.requests("/v1.0/")


def test_a_token_that_cannot_be_read_is_no_verdict(tenant: Any, target_for: Any, check: Any) -> None:
    body = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3599}
    tenant.script({"where": "token"}, [{"status": 200, "body": body}])
    report = check(target_for(tenant))
    assert report.outcome("claims") == (StepStatus.FAIL, "response_unreadable")
    assert report.verdict.status is None
    assert report.granted_permissions is None


def test_discovery_that_is_down_is_no_verdict(tenant: Any, target_for: Any, check: Any) -> None:
    tenant.scenarios("discovery_unavailable")
    report = check(target_for(tenant))
    assert report.outcome("discovery") == (StepStatus.FAIL, "identity_service_unavailable")
    assert report.verdict.status is None


def test_sign_in_that_leads_to_another_host_gets_no_secret(tenant: Any, target_for: Any, check: Any) -> None:
    foreign = "https://evil.example"
    body = {
        "issuer": f"https://sts.windows.net/{tenant.id}/",
        "authorization_endpoint": f"{foreign}/authorize",
        "token_endpoint": f"{foreign}/token",
    }
    tenant.script({"where": "discovery"}, [{"status": 200, "body": body}], then="repeat")
    report = check(target_for(tenant))
    assert report.outcome("discovery") == (StepStatus.FAIL, "wrong_cloud")
    assert report.outcome("token") == (StepStatus.SKIP, "prerequisite_failed")


def test_a_tenant_nobody_knows_blocks(tenant: Any, target_for: Any, check: Any) -> None:
    unknown = "00000000-1111-4222-8333-444444444444"
    report = check(target_for(tenant, entra_tenant_id=unknown))
    assert report.outcome("discovery") == (StepStatus.FAIL, "tenant_not_found")
    assert report.verdict.status is VerificationStatus.BLOCKED


@pytest.mark.parametrize(
    ("cloud", "instance", "sub_scope"),
    [
        (Cloud.USGOV, "microsoftonline.us", "DODCON"),
        (Cloud.DOD, "microsoftonline.us", "DOD"),
        (Cloud.CHINA, "partner.microsoftonline.cn", ""),
    ],
)
def test_a_tenant_of_a_national_cloud_is_healthy_on_its_own_hosts(
    new_tenant: Any, target_for: Any, check: Any, cloud: Cloud, instance: str, sub_scope: str
) -> None:
    report = check(target_for(new_tenant(cloud=cloud)))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert report.organization is not None
    assert report.organization.cloud_instance == instance
    assert report.organization.region_sub_scope == sub_scope


def test_a_gcc_high_tenant_in_the_global_cloud_is_the_wrong_cloud(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant = new_tenant(cloud=Cloud.USGOV)
    report = check(replace(target_for(tenant), cloud=Cloud.GLOBAL))
    assert report.step("discovery").status is StepStatus.FAIL
    assert report.step("discovery").reason_code == "wrong_cloud"
    assert report.verdict.status is VerificationStatus.BLOCKED


def test_a_token_for_another_tenant_is_refused(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant, other = new_tenant(), new_tenant()
    tenant.scenarios({"name": "token_tid_mismatch", "tenant": other.id})
    report = check(target_for(tenant))
    assert report.outcome("claims") == (StepStatus.FAIL, "tenant_mismatch")
    assert report.consent_fact is ConsentFact.NOTHING
    assert report.granted_permissions is None


def test_an_organization_of_another_tenant_is_refused(new_tenant: Any, target_for: Any, check: Any) -> None:
    tenant, other = new_tenant(), new_tenant()
    tenant.scenarios({"name": "organization_id_mismatch", "tenant": other.id})
    report = check(target_for(tenant))
    assert report.outcome("organization") == (StepStatus.FAIL, "tenant_mismatch")
    assert report.outcome("permissions") == (StepStatus.SKIP, "prerequisite_failed")
    assert (report.granted_permissions, report.organization, report.token_passed) == (None, None, False)


@pytest.mark.parametrize("scenario", ["name_brackets", "name_escape", "name_cjk", "name_long"])
def test_a_strange_display_name_is_one_printable_line(tenant: Any, target_for: Any, check: Any, scenario: str) -> None:
    tenant.scenarios(scenario)
    report = check(target_for(tenant))
    assert report.verdict.status is VerificationStatus.HEALTHY
    assert report.organization is not None
    assert 0 < len(report.organization.display_name) <= 256
    assert report.organization.display_name.isprintable()
