"""Preflight, staged credentials and expiry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import operations
from storage.sealing import SecretMaterial
from storage.states import ConnectionType, CredentialSlot, StepStatus, VerificationStatus


def test_a_staged_credential_that_does_not_open_leaves_the_active_one(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    del drawer.materials[staged.id]
    report = check(target_for(tenant, credentials=(staged, active)))
    assert report.outcome("preflight") == (StepStatus.WARN, "key_missing")
    assert report.credential_slot == "active"
    assert report.verdict.status is VerificationStatus.HEALTHY


def test_a_staged_credential_is_not_blamed_for_what_is_not_its_fault(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    tenant.scenarios("app_disabled_in_tenant")
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert report.outcome("token") == (StepStatus.FAIL, "app_disabled_in_tenant")
    assert len(tenant.requests("/oauth2/v2.0/token")) == 1


def test_a_disabled_connection_asks_nobody(tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(tenant, is_enabled=False))
    assert report.outcome("preflight") == (StepStatus.FAIL, "provider_connection_disabled")
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
    assert report.outcome("preflight") == (StepStatus.FAIL, reason)
    assert report.verdict.status is VerificationStatus.BLOCKED


def test_a_missing_key_is_our_own_fault(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    target = target_for(tenant)
    drawer.materials.clear()
    report = check(target)
    assert report.outcome("preflight") == (StepStatus.FAIL, "key_missing")
    assert report.verdict.status is VerificationStatus.ERROR


def test_a_local_expiry_in_the_past_only_warns(
    tenant: Any, target_for: Any, drawer: Any, check: Any, simulator: Any
) -> None:
    material = SecretMaterial("secret", secret=tenant.secret)
    past = drawer.put(material, expires_at=simulator.now() - timedelta(days=1))
    report = check(target_for(tenant, credentials=(past,)))
    assert report.outcome("preflight") == (StepStatus.WARN, "secret_expired_local")
    assert report.outcome("token") == (StepStatus.PASS, None)
    assert report.verdict.status is VerificationStatus.HEALTHY


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
    assert report.outcome("preflight") == (StepStatus.FAIL, reason)
    assert tenant.requests() == []


def test_a_certificate_that_cannot_be_read_says_so(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    broken = SecretMaterial("certificate", certificate_pem="-----BEGIN CERTIFICATE-----", private_key_pem="no")
    report = check(target_for(tenant, credentials=(drawer.put(broken),)))
    assert report.outcome("preflight") == (StepStatus.FAIL, "cert_unreadable")


def test_a_good_staged_credential_is_used_first(tenant: Any, target_for: Any, drawer: Any, check: Any) -> None:
    staged = drawer.put(SecretMaterial("secret", secret=tenant.secret), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret="old"))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert report.credential_slot == "staged"
    assert report.token_passed
    assert report.verdict.status is VerificationStatus.HEALTHY


def test_a_refused_staged_credential_warns_and_the_active_one_is_used(
    tenant: Any, target_for: Any, drawer: Any, check: Any
) -> None:
    staged = drawer.put(SecretMaterial("secret", secret="wrong"), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    report = check(target_for(tenant, credentials=(staged, active)))
    assert report.outcome("token") == (StepStatus.WARN, "secret_invalid")
    assert report.credential_slot == "active"
    assert report.verdict.status is VerificationStatus.HEALTHY


def test_an_expiring_secret_warns_and_is_no_verdict(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(expires_in=timedelta(days=10))))
    assert report.outcome("credential_expiry") == (StepStatus.WARN, "secret_expiring")
    assert report.verdict.status is VerificationStatus.HEALTHY


@pytest.mark.parametrize(("days_left", "status"), [(9, StepStatus.WARN), (11, StepStatus.PASS)])
def test_a_short_lived_secret_warns_in_its_last_quarter(
    new_tenant: Any, target_for: Any, check: Any, days_left: int, status: StepStatus
) -> None:
    tenant = new_tenant(expires_in=timedelta(days=days_left, hours=1), lifetime=timedelta(days=40))
    assert check(target_for(tenant)).step("credential_expiry").status is status


def test_the_expiry_of_an_application_from_elsewhere_is_watched_there(tenant: Any, target_for: Any, check: Any) -> None:
    target = target_for(tenant, connection_type=ConnectionType.PLATFORM, home_tenant_id=None)
    assert check(target).outcome("credential_expiry") == (StepStatus.SKIP, None)


def test_an_unknown_expiry_asks_for_the_date(new_tenant: Any, target_for: Any, check: Any) -> None:
    report = check(target_for(new_tenant(permissions=list(operations.all_required_permissions()))))
    assert report.outcome("credential_expiry") == (StepStatus.WARN, "expiry_unknown")
