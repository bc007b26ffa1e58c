"""Which scenario shows which row of the project's catalogue of failures (``failures.md``, sections A, B and C), row by row.

Promise: the rows are the catalogue's, in its order (a test compares, where the catalogue is at hand); each has scenarios, or says why it
needs none: then the simulator does it by itself, or it happens between the simulator and a client.
Must not know: how a scenario is made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One row: the catalogue's section and first column (without markup), the scenarios, and what happens without one."""

    section: str
    case: str
    scenarios: tuple[str, ...] = ()
    natural: str = ""


_SIGN_IN: tuple[FailureRow, ...] = (
    FailureRow("A", "7000215", ("secret_invalid",)),
    FailureRow("A", "7000222", ("secret_expired",)),
    FailureRow("A", "(just rotated) 7000215 for seconds", ("propagation_delay",)),
    FailureRow("A", "700016", ("app_not_found_in_tenant",)),
    FailureRow("A", "7000229", ("service_principal_missing", "service_principal_missing_400", "not_consented_as_7000229")),
    FailureRow("A", "65001", ("consent_required",)),
    FailureRow("A", "7000112", ("app_disabled_in_tenant",)),
    FailureRow("A", "500014", ("resource_disabled", "subscription_suspended")),
    FailureRow("A", "500011", ("resource_not_found",)),
    FailureRow("A", "650052 / 650051", ("service_not_subscribed", "service_principal_conflict")),
    FailureRow("A", "650056 / 650057", ("app_misconfigured", "resource_not_listed")),
    FailureRow("A", "90002", ("tenant_not_found",)),
    FailureRow("A", "5000224", ("tenant_unavailable",)),
    FailureRow("A", "900023 / 90019 / 50059", ("tenant_identifier_invalid", "tenant_identifier_missing", "tenant_undetermined")),
    FailureRow("A", "90038 / 900382 / 900432", ("wrong_cloud_redirect", "wrong_cloud", "wrong_cloud_cross")),
    FailureRow("A", "53003, 530032, 50131", ("blocked_by_conditional_access", "blocked_by_security_policy",
                                             "blocked_by_device_policy")),
    FailureRow("A", "50105 / 501051", ("assignment_required", "assignment_required_app")),
    FailureRow("A", "700027 / 50012", ("certificate_not_registered", "certificate_expired", "assertion_signature_invalid",
                                       "propagation_delay")),
    FailureRow("A", "700024 (assertion time) / 500133", ("assertion_time_invalid", "assertion_expired", "clock_skew")),
    FailureRow("A", "7000218", ("credential_missing", "credential_required")),
    FailureRow("A", "9002313 / 900144 / 90014", ("request_malformed", "parameter_missing", "field_missing")),
    FailureRow("A", "70011", ("scope_invalid",)),
    FailureRow("A", "50194", ("app_not_multitenant",)),
    FailureRow("A", "50196", ("auth_loop",)),
    FailureRow("A", "90055", ("tenant_throttling",)),
    FailureRow("A", "90033, 90006, 90024, 90090, 50033, 90012; temporarily_unavailable; 429; 5xx", (
        "directory_unavailable", "transient_90006", "transient_90024", "transient_90090", "transient_50033", "transient_90012",
        "token_throttled", "outage", "token_bad_gateway", "token_internal_error", "discovery_unavailable",
    )),
    FailureRow("A", "token OK but no roles", ("token_without_roles",)),
    FailureRow("A", "token OK but no oid", ("token_without_oid",)),
    FailureRow("A", "unparseable body / HTML / empty body; proxy 407; TLS; DNS; connect/read timeout", (
        "token_not_json", "token_html", "token_empty", "token_truncated", "token_closed", "token_huge", "token_flood",
        "token_deep", "token_proxy_auth", "token_slow", "discovery_html", "hanging",
    ), "TLS and DNS fail when a client does not trust the simulator's CA, or asks for another host"),
)  # fmt: skip
_CONSENT: tuple[FailureRow, ...] = (
    FailureRow("B", "success", ("consent_accepted",)),
    FailureRow("B", "denied", ("consent_declined", "consent_documented_denial")),
    FailureRow("B", "access_denied, 65004, 90094/90095 (admin approval needed), 90093, 50011 (reply URL mismatch: never returns "
               "to us), 650052, 700016", (
        "consent_declined", "consent_admin_required", "consent_admin_requested", "consent_admin_required_90093",
        "consent_redirect_mismatch", "consent_service_not_subscribed", "consent_app_not_found", "consent_no_reply_address",
    )),
    FailureRow("B", "wrong tenant consented", ("consent_wrong_tenant", "consent_wrong_account")),
    FailureRow("B", "replay, missing/expired state, double click, callback after cancel", (),
               "the redirect's address can be asked for again, without its state, and late"),
    FailureRow("B", "consent given but app set common v1 URL", (), "the consent page takes the v1 address, and common"),
)  # fmt: skip
_GRAPH: tuple[FailureRow, ...] = (
    FailureRow("C", "401 InvalidAuthenticationToken", ("graph_token_expired",)),
    FailureRow("C", "401 InvalidAuthenticationToken", ("graph_token_empty", "graph_token_invalid", "graph_token_audience")),
    FailureRow("C", "401/403 Authorization_IdentityNotFound", ("identity_not_found", "identity_not_found_403",
                                                               "propagation_delay")),
    FailureRow("C", "403 Authorization_RequestDenied", ("request_denied", "access_denied")),
    FailureRow("C", "403 Forbidden (Intune) nested JSON in message", ("intune_forbidden", "intune_app_only")),
    FailureRow("C", '401 UnknownError with string-encoded JSON {"ErrorCode":"Forbidden","Message":"{ \\"_version\\": 3, '
               '\\"Message\\": \\"An error has occurred - Operation ID …\\"…}', ("intune_opaque",)),
    FailureRow("C", "400/403 UnknownError with empty message", ("unknown_error", "unknown_error_forbidden")),
    FailureRow("C", "403 UnknownError with inner PermissionScopeNotGranted", ("pim_scope_not_granted",)),
    FailureRow("C", "400 AadPremiumLicenseRequired", ("not_licensed_p2",)),
    FailureRow("C", "403 Authentication_RequestFromNonPremiumTenantOrB2CTenant", ("not_licensed_p1", "access_not_licensed")),
    FailureRow("C", "400 BadRequest", ("not_licensed_intune",)),
    FailureRow("C", 'text AppLifecycle_… / "Account is not provisioned." / "Your tenant is not licensed for this feature."',
               ("app_lifecycle_unlicensed", "intune_not_provisioned", "feature_not_licensed")),
    FailureRow("C", "429 TooManyRequests + Retry-After (int, HTTP-date, 0, missing, absurd, negative, text)", (
        "throttled", "throttled_date", "throttled_zero", "throttled_without_retry_after", "throttled_absurd",
        "throttled_negative", "throttled_text", "throttled_fraction", "throttled_directory",
    )),
    FailureRow("C", "429 without Retry-After", ("throttled_without_retry_after", "throttled_intune"),
               "Conditional Access answers more than one request a second so"),
    FailureRow("C", "200 $batch with some items 429/5xx/missing", ("batch_item_throttled", "batch_item_unavailable",
                                                                   "batch_item_missing")),
    FailureRow("C", "headers x-ms-throttle-limit-percentage (0.8–1.8), x-ms-throttle-scope Tenant_Application/ReadWrite/<app>/"
               "<tenant>, x-ms-throttle-information (CPULimitExceeded, ResourceUnitLimitExceeded), x-ms-resource-unit",
               ("throttle_warning",), "a directory budget that is nearly used up says so"),
    FailureRow("C", "503 ServiceNotAvailable / 504 / 502 / 500 / 507 / 509", (
        "service_unavailable", "service_unavailable_retry_after", "gateway_timeout", "gateway_timeout_unknown", "bad_gateway",
        "internal_error", "insufficient_storage", "bandwidth_exceeded", "graph_slow", "slow", "hanging",
    )),
    FailureRow("C", "400 Directory_ExpiredPageToken", ("page_token_expired",), "page tokens also expire with the clock"),
    FailureRow("C", "nextLink repeats itself / same page / skiptoken loops", ("paging_loop", "paging_empty_pages",
                                                                              "paging_foreign_host", "item_added_mid_scan")),
    FailureRow("C", "410/400 resyncRequired, syncStateNotFound", ("resync_required", "sync_state_not_found")),
    FailureRow("C", "404 Request_ResourceNotFound / ResourceNotFound mid-scan", ("item_gone", "item_gone_intune",
                                                                                 "item_deleted_mid_scan")),
    FailureRow("C", "400 Request_UnsupportedQuery / BadRequest $filter", ("query_unsupported", "query_malformed")),
    FailureRow("C", "403 insufficient_claims / claims challenge", ("insufficient_claims", "claims_challenge")),
    FailureRow("C", "200 but inconsistent/missing sub-collections", (
        "data_incomplete", "unknown_compliance_state", "organization_limited", "graph_html", "graph_empty", "graph_not_json",
        "graph_truncated", "graph_closed", "graph_huge", "graph_flood", "graph_deep",
    )),
    FailureRow("C", "200 empty list where yesterday had 4 000", ("suspicious_empty",)),
    FailureRow("C", "Retry storms: 50+ tenants at once, shared app", ("small_app_budget",)),
)  # fmt: skip
FAILURE_ROWS = (*_SIGN_IN, *_CONSENT, *_GRAPH)

BEYOND = frozenset(
    {
        "legacy_error_format", "token_gzip", "graph_gzip", "token_tid_mismatch", "domain_of_another_tenant",
        "organization_id_mismatch", "name_brackets", "name_escape", "name_cjk", "name_long", "consent_unavailable",
        "consent_unlisted",
    }
)  # fmt: skip
"""Scenarios of cases that the catalogue does not list: other tenants' data, hostile names, and what must simply work."""
