"""Every case of the catalogue of failures, produced by name in the simulator, read as its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from storage import reasons
from storage.failures import FORBIDDEN_TEXT
from storage.states import ConnectionType
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.graph_errors import read_graph_answer
from tasks.providers.microsoft.http import Answer
from tasks.providers.microsoft.token_errors import REASON_OF_NUMBER, read_token_answer

TOKEN_CASES = {
    "secret_invalid": "secret_invalid",
    "secret_expired": "secret_expired",
    "app_not_found_in_tenant": "app_not_found",
    "service_principal_missing": "app_not_found",
    "service_principal_missing_400": "app_not_found",
    "consent_required": "consent_required",
    "app_disabled_in_tenant": "app_disabled_in_tenant",
    "resource_disabled": "resource_disabled",
    "resource_not_found": "resource_not_found",
    "service_not_subscribed": "service_not_subscribed",
    "service_principal_conflict": "sp_conflict",
    "app_misconfigured": "app_misconfigured",
    "resource_not_listed": "app_misconfigured",
    "tenant_not_found": "tenant_not_found",
    "tenant_unavailable": "tenant_unavailable",
    "tenant_identifier_invalid": "tenant_identifier_invalid",
    "tenant_identifier_missing": "tenant_identifier_invalid",
    "tenant_undetermined": "tenant_identifier_invalid",
    "wrong_cloud_redirect": "wrong_cloud",
    "wrong_cloud": "wrong_cloud",
    "wrong_cloud_cross": "wrong_cloud",
    "blocked_by_conditional_access": "blocked_by_conditional_access",
    "blocked_by_security_policy": "blocked_by_conditional_access",
    "blocked_by_device_policy": "blocked_by_conditional_access",
    "assignment_required": "assignment_required",
    "assignment_required_app": "assignment_required",
    "certificate_not_registered": "cert_not_registered",
    "certificate_expired": "cert_expired",
    "assertion_signature_invalid": "cert_signature_invalid",
    "assertion_time_invalid": "clock_skew",
    "assertion_expired": "clock_skew",
    "credential_missing": "credential_missing",
    "credential_required": "credential_missing",
    "request_malformed": "request_malformed",
    "parameter_missing": "request_malformed",
    "field_missing": "request_malformed",
    "scope_invalid": "scope_invalid",
    "app_not_multitenant": "app_not_multitenant",
    "auth_loop": "auth_loop_throttled",
    "tenant_throttling": "token_throttled",
    "token_throttled": "token_throttled",
    "directory_unavailable": "identity_service_unavailable",
    "transient_90006": "identity_service_unavailable",
    "transient_90012": "identity_service_unavailable",
    "transient_90024": "identity_service_unavailable",
    "transient_90090": "identity_service_unavailable",
    "transient_50033": "identity_service_unavailable",
    "outage": "identity_service_unavailable",
    "token_internal_error": "identity_service_unavailable",
    "token_bad_gateway": "identity_service_unavailable",
    "token_proxy_auth": "network_proxy",
    "token_html": "response_unreadable",
    "token_empty": "response_unreadable",
    "token_not_json": "response_unreadable",
    "token_truncated": "response_unreadable",
    "token_closed": "network_interrupted",
    "token_huge": "response_too_large",
    "token_flood": "response_too_large",
    "token_deep": "response_unreadable",
    "discovery_unavailable": "identity_service_unavailable",
    "discovery_html": "response_unreadable",
}

INTUNE, DIRECTORY, ROLES, PIM = "managed_devices", "organization", "role_definitions", "role_eligibility_instances"
ACCESS = "conditional_access_policies"
GRAPH_CASES = {
    "graph_token_expired": (DIRECTORY, "token_expired"),
    "graph_token_invalid": (DIRECTORY, "token_invalid"),
    "graph_token_audience": (DIRECTORY, "token_invalid"),
    "graph_token_empty": (DIRECTORY, "token_invalid"),
    "identity_not_found": (DIRECTORY, "service_principal_missing"),
    "identity_not_found_403": (DIRECTORY, "service_principal_missing"),
    "request_denied": (DIRECTORY, "missing_permission"),
    "intune_forbidden": (INTUNE, "missing_permission"),
    "intune_app_only": (INTUNE, "missing_permission"),
    "intune_opaque": (INTUNE, "intune_forbidden"),
    "unknown_error": (ROLES, "unknown_graph_error"),
    "unknown_error_forbidden": (ROLES, "unknown_graph_error"),
    "pim_scope_not_granted": (PIM, "missing_permission"),
    "not_licensed_p2": (PIM, "not_licensed_p2"),
    "not_licensed_p1": (DIRECTORY, "not_licensed_p1"),
    "not_licensed_intune": (INTUNE, "not_licensed_intune"),
    "intune_not_provisioned": (INTUNE, "not_provisioned"),
    "app_lifecycle_unlicensed": (INTUNE, "not_licensed"),
    "access_denied": (ACCESS, "missing_permission"),
    "access_not_licensed": (ACCESS, "not_licensed"),
    "feature_not_licensed": (INTUNE, "not_licensed"),
    "throttled": (DIRECTORY, "throttled"),
    "throttled_fraction": (DIRECTORY, "throttled"),
    "throttled_date": (DIRECTORY, "throttled"),
    "throttled_zero": (DIRECTORY, "throttled"),
    "throttled_absurd": (DIRECTORY, "throttled"),
    "throttled_negative": (DIRECTORY, "throttled"),
    "throttled_text": (DIRECTORY, "throttled"),
    "throttled_without_retry_after": (DIRECTORY, "throttled"),
    "throttled_intune": (INTUNE, "throttled"),
    "throttled_directory": (DIRECTORY, "throttled"),
    "internal_error": (DIRECTORY, "service_unavailable"),
    "bad_gateway": (DIRECTORY, "service_unavailable"),
    "service_unavailable": (DIRECTORY, "service_unavailable"),
    "service_unavailable_retry_after": (DIRECTORY, "service_unavailable"),
    "gateway_timeout": (DIRECTORY, "service_unavailable"),
    "gateway_timeout_unknown": (DIRECTORY, "service_unavailable"),
    "insufficient_storage": (DIRECTORY, "service_unavailable"),
    "bandwidth_exceeded": (DIRECTORY, "service_unavailable"),
    "resync_required": (DIRECTORY, "resync_required"),
    "sync_state_not_found": (DIRECTORY, "resync_required"),
    "item_gone": (DIRECTORY, "item_gone"),
    "item_gone_intune": (INTUNE, "item_gone"),
    "query_malformed": (DIRECTORY, "query_unsupported"),
    "query_unsupported": (DIRECTORY, "query_unsupported"),
    "insufficient_claims": (DIRECTORY, "claims_challenge"),
    "graph_html": (DIRECTORY, "response_unreadable"),
    "graph_empty": (DIRECTORY, "response_unreadable"),
    "graph_not_json": (DIRECTORY, "response_unreadable"),
    "graph_truncated": (DIRECTORY, "response_unreadable"),
    "graph_closed": (DIRECTORY, "network_interrupted"),
    "graph_huge": (DIRECTORY, "response_too_large"),
    "graph_flood": (DIRECTORY, "response_too_large"),
    "graph_deep": (DIRECTORY, "response_unreadable"),
}


@pytest.fixture
def impatient(new_gateway: Any) -> MicrosoftGateway:
    """A gateway that asks once."""
    gateway: MicrosoftGateway = new_gateway(short_retries=0, max_answer_bytes=2_000_000)
    return gateway


@pytest.fixture
def failure_of(impatient: MicrosoftGateway, target_for: Any, reporter: Any) -> Callable[..., MicrosoftFailure]:
    def call(tenant: Any, contract: str = DIRECTORY, **target: Any) -> MicrosoftFailure:
        with pytest.raises(MicrosoftFailure) as failed:
            impatient.session(target_for(tenant, **target), reporter).get(contracts.CONTRACTS[contract])
        found = failed.value
        shown = f"{found!r} {found} {found.message} {found.provider_code} {found.request_id}"
        assert not [word for word in (*FORBIDDEN_TEXT, "AADSTS7000215:", tenant.secret) if word in shown]
        assert found.reason_code in reasons.catalog()
        assert found.plain_code in reasons.catalog()
        return found

    return call


@pytest.mark.parametrize(("scenario", "reason"), TOKEN_CASES.items())
def test_each_sign_in_failure_has_its_reason(tenant: Any, failure_of: Any, scenario: str, reason: str) -> None:
    tenant.scenarios(scenario)
    assert failure_of(tenant).reason_code == reason


@pytest.mark.parametrize(("scenario", "case"), GRAPH_CASES.items())
def test_each_graph_failure_has_its_reason(tenant: Any, failure_of: Any, scenario: str, case: tuple[str, str]) -> None:
    contract, reason = case
    tenant.scenarios({"name": scenario, "path": "*"})
    found = failure_of(tenant, contract)
    assert found.reason_code == reason
    if reason not in ("network_interrupted", "response_too_large"):
        assert found.request_id


def test_no_case_of_the_simulator_is_left_out(simulator: Any) -> None:
    """What the simulator can do at sign-in and in Graph is mapped above, or damages data and is tested where it is read."""
    rows = simulator.control("GET", "/scenarios")["scenarios"]
    failing = {r["name"] for r in rows if r["where"] in ("token", "graph") and r["status"] != 200 and r["name"]}
    stateful = {"claims_challenge", "not_consented_as_7000229"}
    assert failing - set(TOKEN_CASES) - set(GRAPH_CASES) - stateful == set()


def test_the_number_is_kept_as_the_provider_code(tenant: Any, failure_of: Any) -> None:
    tenant.scenarios("secret_expired")
    assert failure_of(tenant).provider_code == "AADSTS7000222"


def test_an_app_that_nobody_consented_to_is_told_by_its_newer_number_too(new_tenant: Any, failure_of: Any) -> None:
    tenant = new_tenant(consented=False, multi_tenant=True)
    tenant.scenarios("not_consented_as_7000229")
    found = failure_of(tenant, connection_type=ConnectionType.PLATFORM)
    assert (found.reason_code, found.provider_code) == ("service_principal_missing", "AADSTS7000229")


def test_how_sign_in_joins_its_lines_and_packs_them_does_not_matter(tenant: Any, failure_of: Any) -> None:
    tenant.scenarios("legacy_error_format", "token_gzip", "secret_expired")
    assert failure_of(tenant).reason_code == "secret_expired"


def test_a_number_nobody_knows_stays_unknown_and_is_kept(tenant: Any, failure_of: Any) -> None:
    body = {"error": "invalid_client", "error_description": "AADSTS7999999: New.", "error_codes": [7999999]}
    tenant.script({"where": "token"}, [{"status": 400, "body": body}], then="repeat")
    found = failure_of(tenant)
    assert (found.reason_code, found.provider_code) == ("unknown_token_error", "AADSTS7999999")


def test_error_codes_decide_before_error_and_text() -> None:
    body = {
        "error": "temporarily_unavailable",
        "error_codes": [7000222],
        "error_description": "AADSTS90002: other",
    }
    answer = Answer(400, {}, msgspec.json.encode(body))
    assert _token_reason(answer) == "secret_expired"


def test_error_decides_before_text_when_the_number_is_unknown() -> None:
    body = {"error": "temporarily_unavailable", "error_codes": [1], "error_description": "AADSTS90002: other"}
    assert _token_reason(Answer(400, {}, msgspec.json.encode(body))) == "identity_service_unavailable"


def test_the_text_decides_when_there_are_no_numbers() -> None:
    body = {"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found."}
    assert _token_reason(Answer(400, {}, msgspec.json.encode(body))) == "tenant_not_found"


@pytest.mark.parametrize("number", sorted(REASON_OF_NUMBER))
def test_every_number_leads_to_a_reason_of_the_catalog(number: int) -> None:
    answer = Answer(400, {}, msgspec.json.encode({"error": "x", "error_codes": [number]}))
    assert _token_reason(answer) in reasons.catalog()


def test_intune_names_the_permissions_that_it_wants(tenant: Any, failure_of: Any) -> None:
    tenant.scenarios("intune_forbidden")
    found = failure_of(tenant, INTUNE)
    assert found.missing_permissions == (
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementManagedDevices.ReadWrite.All",
    )
    assert "DeviceManagementManagedDevices.Read.All" in found.message
    assert "fef." not in found.message


def test_pim_names_the_permission_that_it_wants(tenant: Any, failure_of: Any) -> None:
    tenant.scenarios("pim_scope_not_granted")
    assert failure_of(tenant, PIM).missing_permissions == ("RoleEligibilitySchedule.Read.Directory",)


def test_telling_prefixes_are_cut_from_provider_codes(tenant: Any, failure_of: Any) -> None:
    tenant.scenarios("request_denied")
    assert failure_of(tenant).provider_code == "RequestDenied"


@pytest.mark.parametrize(
    ("scenario", "changed", "reason", "plain"),
    [
        ("secret_invalid", "credential_changed_at", "secret_propagating", "secret_invalid"),
        ("certificate_not_registered", "credential_changed_at", "cert_propagating", "cert_not_registered"),
        ("app_not_found_in_tenant", "consent_changed_at", "identity_propagating", "app_not_found"),
        ("service_principal_missing", "consent_changed_at", "identity_propagating", "app_not_found"),
        ("consent_required", "consent_changed_at", "identity_propagating", "consent_required"),
        ("identity_not_found", "consent_changed_at", "identity_propagating", "service_principal_missing"),
        ("request_denied", "consent_changed_at", "identity_propagating", "missing_permission"),
    ],
)
def test_shortly_after_a_change_the_reason_is_that_it_is_propagating(
    tenant: Any, failure_of: Any, simulator: Any, scenario: str, changed: str, reason: str, plain: str
) -> None:
    tenant.scenarios(scenario)
    found = failure_of(tenant, **{changed: simulator.now() - timedelta(seconds=100)})
    assert (found.reason_code, found.plain_code, found.is_propagating) == (reason, plain, True)
    assert found.settled().reason_code == plain
    later = failure_of(tenant, **{changed: simulator.now() - timedelta(seconds=121)})
    assert (later.reason_code, later.is_propagating) == (plain, False)


def test_an_expired_secret_does_not_propagate(tenant: Any, failure_of: Any, simulator: Any) -> None:
    tenant.scenarios("secret_expired")
    assert failure_of(tenant, credential_changed_at=simulator.now()).reason_code == "secret_expired"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"error":null}',
        b'{"error":"text"}',
        b'{"error":{"code":7,"message":[]}}',
        b'{"error":{"code":"UnknownError","message":"{not json"}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error":{"code":"x","message":"' + b'{\\"message\\":' * 50 + b'"}}',
    ],
)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 418])
def test_no_body_is_strange_enough_to_break_the_mapping(body: bytes, status: int, simulator: Any) -> None:
    found = read_graph_answer(Answer(status, {}, body), Circumstances(), simulator.now())
    assert found.reason_code in reasons.catalog()
    assert _token_reason(Answer(status, {}, body)) in reasons.catalog()


def _token_reason(answer: Answer) -> str:
    return read_token_answer(answer, Circumstances(), datetime.now(UTC)).reason_code
