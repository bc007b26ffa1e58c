"""Every failure and oddity that can be switched on by name: one row each.

Promise: the name is stable, ``status`` and ``code`` are what a client sees (a parametrised test holds every row to it), and
the row says where it happens. Rows come from the project's reference ``failures.md``, sections A (sign-in), B (consent) and
C (Graph). A row with ``make`` answers instead of the real thing; with ``change`` it damages the real answer; with neither it
changes the data or the state, and the module named in its summary asks for it.
Must not know: tenants, or whether a row is on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.aadsts import FAILURES
from simulator.answers import Answer, html_answer, json_answer
from simulator.clock import Clock, http_date
from simulator.faults import FAULTS, PROXY_PAGE_FAULT, Options, hanging, skewed, slow
from simulator.graph_errors import GraphErrors


@dataclass(frozen=True, slots=True)
class Making:
    """What a row needs to build its answer: the options, the clock, and the error builders of this request."""

    options: Options
    clock: Clock
    signin: Callable[[str], Answer]
    graph: GraphErrors


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. ``where``: token, discovery, consent, graph, batch (an item inside one) or any. ``path``: Graph path pattern."""

    name: str
    where: str
    status: int
    code: str
    summary: str
    path: str = "*"
    make: Callable[[Making], Answer] | None = None
    change: Callable[[Answer, Options], Answer] | None = None


INTUNE, DIRECTORY, PIM = "/devicemanagement/*", "/organization*", "/rolemanagement/directory/role*instances"
DEVICES, ROLES, ACCESS = "/devicemanagement/manageddevices*", "/rolemanagement/*", "/identity/conditionalaccess/*"
_MISSING_SCOPES = ["DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"]


def _signin(name: str, code: str, summary: str, retry_after: str | None = None) -> Scenario:
    def make(making: Making) -> Answer:
        answer = making.signin(code)
        wait = making.options.get("retry_after", retry_after)
        if wait is not None:
            answer.headers["Retry-After"] = str(wait)
        return answer

    return Scenario(name, "token", FAILURES[code].status, code.split("-")[0], summary, make=make)


def _graph(name: str, status: int, code: str, message: str, summary: str, path: str = "*", **headers: str) -> Scenario:
    def make(making: Making) -> Answer:
        answer = making.graph.plain(status, code, message, **headers)
        if "retry_after" in making.options:
            answer.headers["Retry-After"] = str(making.options["retry_after"])
        return answer

    return Scenario(name, "graph", status, code, summary, path, make=make)


def _throttled(name: str, value: Callable[[Making], str | None], summary: str) -> Scenario:
    def make(making: Making) -> Answer:
        return making.graph.throttled(
            str(making.options.get("retry_after")) if "retry_after" in making.options else value(making)
        )

    return Scenario(name, "graph", 429, "TooManyRequests", summary, make=make)


def _made(name: str, where: str, status: int, code: str, summary: str, make: Callable[[Making], Answer],
          path: str = "*") -> Scenario:  # fmt: skip
    return Scenario(name, where, status, code, summary, path, make=make)


def _state(name: str, where: str, status: int, summary: str, path: str = "*", code: str = "") -> Scenario:
    return Scenario(name, where, status, code, summary, path)


def _proxy_auth(_: Making) -> Answer:
    answer = html_answer(407, "<html><body>Proxy Authentication Required</body></html>")
    answer.headers["Proxy-Authenticate"] = 'Basic realm="proxy"'
    return answer


def _bad_gateway(_: Making) -> Answer:
    return html_answer(502, "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>")


def _outage(making: Making) -> Answer:
    answer = making.signin("90033")
    answer.headers["Retry-After"] = str(making.options.get("retry_after", "60"))
    return answer


def _batch_error(status: int, code: str, **headers: str) -> Callable[[Making], Answer]:
    return lambda making: making.graph.plain(status, code, "Too many requests." if status == 429 else "", **headers)


def _intune_app_only(making: Making) -> Answer:
    return making.graph.intune(403, "Application is not authorized to perform this operation as called in app only context but does "
                               "not have application permissions configured.", code="Forbidden")  # fmt: skip


def _intune_opaque(making: Making) -> Answer:
    return making.graph.intune(401, "An error has occurred", code="UnknownError")


def _intune_throttled(making: Making) -> Answer:
    return making.graph.intune(429, "Too Many Requests", code="TooManyRequests", inner="TooManyRequests")


_TRANSIENT = "A transient condition at Microsoft's sign-in service"
_ROWS: tuple[Scenario, ...] = (
    # A: sign-in.
    _signin("secret_invalid", "7000215", "Wrong client secret, or its id instead of its value"),
    _signin("secret_expired", "7000222", "The client secret has expired"),
    _signin("app_not_found_in_tenant", "700016", "Not consented, or a wrong app or tenant"),
    _signin("service_principal_missing", "7000229", "The newer answer for an app that was never consented"),
    _signin("service_principal_missing_400", "7000229-unauthorized", "The same, as 400 unauthorized_client"),
    _signin("consent_required", "65001", "No consent (delegated flows; for seconds after a consent)"),
    _signin("app_disabled_in_tenant", "7000112", "The enterprise app is disabled"),
    _signin("resource_disabled", "500014", "Graph's own service principal is disabled; a lapsed subscription"),
    _signin("resource_not_found", "500011", "Graph's service principal is not in the tenant"),
    _signin("service_not_subscribed", "650052", "The tenant lacks a service the app needs"),
    _signin("service_principal_conflict", "650051", "The service principal name is present already"),
    _signin("app_misconfigured", "650056", "Misconfigured application"),
    _signin("resource_not_listed", "650057", "The resource is not among the app's required permissions"),
    _signin("tenant_not_found", "90002", "No such tenant"),
    _signin("tenant_unavailable", "5000224", "The tenant may be deleted"),
    _signin("tenant_identifier_invalid", "900023", "Neither a DNS name nor a tenant id"),
    _signin("tenant_identifier_missing", "90019", "No tenant could be told from the request"),
    _signin("tenant_undetermined", "50059", "No tenant could be told from the credentials"),
    _signin("wrong_cloud_redirect", "90038", "The tenant lives in a national cloud"),
    _signin("wrong_cloud", "900382", "A confidential client asked the wrong cloud"),
    _signin("wrong_cloud_cross", "900432", "A confidential client asked the wrong cloud (other number)"),
    _signin("blocked_by_conditional_access", "53003", "A Conditional Access policy for workload identities blocks"),
    _signin("blocked_by_security_policy", "530032", "A tenant security policy blocks"),
    _signin("blocked_by_device_policy", "50131", "A device or risk policy blocks"),
    _signin("assignment_required", "50105", "The app requires assignment"),
    _signin("assignment_required_app", "501051", "The app is not assigned to a role"),
    _signin("certificate_not_registered", "700027", "The certificate is not registered on the app"),
    _signin("certificate_expired", "700027-expired", "The registered certificate has expired"),
    _signin("assertion_signature_invalid", "50012", "The assertion's signature does not verify"),
    _signin("assertion_time_invalid", "700024", "The assertion is outside its time range: clocks differ"),
    _signin("assertion_expired", "500133", "The assertion is expired: clocks differ"),
    _signin("credential_missing", "7000218", "No credential in the request"),
    _signin("credential_required", "7000216", "No credential for this grant"),
    _signin("request_malformed", "9002313", "The request is malformed"),
    _signin("parameter_missing", "900144", "A parameter is missing"),
    _signin("field_missing", "90014", "A field of the credential is missing"),
    _signin("scope_invalid", "70011", "The scope is not valid"),
    _signin("app_not_multitenant", "50194", "The app is not multi-tenant"),
    _signin("auth_loop", "50196", "The same token was asked for too often"),
    _signin("tenant_throttling", "90055", "The tenant is throttled at sign-in", retry_after="10"),
    _signin("token_throttled", "0-throttled", "Sign-in answers 429 with Retry-After", retry_after="5"),
    _signin("directory_unavailable", "90033", _TRANSIENT),
    _signin("transient_90006", "90006", _TRANSIENT),
    _signin("transient_90012", "90012", _TRANSIENT + " (timeout)"),
    _signin("transient_90024", "90024", _TRANSIENT + " (budget)"),
    _signin("transient_90090", "90090", _TRANSIENT),
    _signin("transient_50033", "50033", _TRANSIENT),
    _made("outage", "token", 503, "90033", "Sign-in answers 503 for ever, with Retry-After 60", _outage),
    _made("token_bad_gateway", "token", 502, "", "A gateway's HTML 502", _bad_gateway),
    _made("token_internal_error", "token", 500, "", "500 with an empty body",
          lambda making: Answer(500, b"", {"Content-Type": "text/html"})),
    _made("token_proxy_auth", "token", 407, "", "A proxy wants authentication", _proxy_auth),
    _state("token_without_roles", "token", 200, "The token has no roles claim (tokens)"),
    _state("token_without_oid", "token", 200, "The token has no oid claim: the identity is still propagating (tokens)"),
    _state("token_tid_mismatch", "token", 200, "The token names another tenant (option tenant)"),
    _state("not_consented_as_7000229", "token", 401, "An app without consent is refused as 7000229, not 700016"),
    _state("propagation_delay", "token", 200, "For option seconds (30) after consent tokens lack roles and Graph does not "
           "know the app; after a credential change the new one is refused"),
    _state("legacy_error_format", "token", 200, "Sign-in errors join their lines with CR LF, as until 2023"),
    *(Scenario(f"token_{n}", "token", 200, "", f"Sign-in: {s}", change=c) for n, s, c in FAULTS),
    Scenario("token_slow", "token", 200, "", "Sign-in answers after option seconds (2)", change=slow),
    # Discovery.
    _state("domain_of_another_tenant", "discovery", 200, "Discovery by domain names another tenant (option tenant)"),
    _made("discovery_unavailable", "discovery", 503, "", "Discovery answers 503 without a body",
          lambda making: Answer(503, b"", {"Content-Type": "text/html"})),
    Scenario("discovery_html", "discovery", 200, "", "Discovery answers an HTML page", change=PROXY_PAGE_FAULT),
    # B: consent. The answers are in the redirect, so the status is the redirect's.
    _state("consent_accepted", "consent", 302, "The consent page answers by itself: accepted"),
    _state("consent_declined", "consent", 302, "Declined: access_denied, AADSTS65004, admin_consent=True", code="65004"),
    _state("consent_documented_denial", "consent", 302, "Declined as the documentation has it: consent_required",
           code="65004"),
    _state("consent_wrong_account", "consent", 302, "Another tenant's account: AADSTS50020", code="50020"),
    _state("consent_admin_required", "consent", 302, "Requested, not approved: AADSTS90094", code="90094"),
    _state("consent_admin_requested", "consent", 302, "A request was sent, not approved: AADSTS90095", code="90095"),
    _state("consent_admin_required_90093", "consent", 302, "The account may not consent: AADSTS90093", code="90093"),
    _state("consent_app_not_found", "consent", 302, "The client id is wrong: AADSTS700016", code="700016"),
    _state("consent_unavailable", "consent", 302, "A passing outage: temporarily_unavailable, AADSTS90033", code="90033"),
    _state("consent_unlisted", "consent", 302, "An error that nobody lists: AADSTS999999", code="999999"),
    _state("consent_redirect_mismatch", "consent", 400, "The reply URL does not match: a page that leads nowhere", code="50011"),
    _state("consent_service_not_subscribed", "consent", 302, "AADSTS650052", code="650052"),
    _state("consent_wrong_tenant", "consent", 302, "Consent lands in another tenant (option tenant)"),
    _state("consent_no_reply_address", "consent", 400, "The approval goes in, the redirect fails", code="500113"),
    # C: Graph.
    _made("graph_token_audience", "graph", 401, "InvalidAuthenticationToken", "The token is for somebody else",
          lambda m: m.graph.unauthenticated("Access token validation failure. Invalid audience.")),
    _made("graph_token_empty", "graph", 401, "InvalidAuthenticationToken", "The token did not arrive",
          lambda m: m.graph.unauthenticated("Access token is empty.")),
    _made("graph_token_expired", "graph", 401, "InvalidAuthenticationToken", "A valid token is called expired",
          lambda m: m.graph.unauthenticated("Lifetime validation failed, the token is expired.")),
    _made("graph_token_invalid", "graph", 401, "InvalidAuthenticationToken", "The token does not parse",
          lambda m: m.graph.unauthenticated("CompactToken validation failed with reason code: 80049228.")),
    _made("identity_not_found", "graph", 401, "Authorization_IdentityNotFound", "The calling app is not known (yet)",
          lambda m: m.graph.plain(401, "Authorization_IdentityNotFound",
                                  "The identity of the calling application could not be established.")),
    _made("identity_not_found_403", "graph", 403, "Authorization_IdentityNotFound", "The same, as 403",
          lambda m: m.graph.plain(403, "Authorization_IdentityNotFound",
                                  "The identity of the calling application could not be established.")),
    _made("request_denied", "graph", 403, "Authorization_RequestDenied", "A directory permission is missing",
          lambda m: m.graph.denied(), DIRECTORY),
    _made("intune_forbidden", "graph", 403, "Forbidden", "Intune names the missing scopes, in nested JSON",
          lambda m: m.graph.intune_scopes(_MISSING_SCOPES), INTUNE),
    _made("intune_app_only", "graph", 403, "Forbidden", "Intune refuses an application without naming a scope", _intune_app_only,
          INTUNE),
    _made("intune_opaque", "graph", 401, "UnknownError", "Intune refuses in double-encoded JSON", _intune_opaque, INTUNE),
    _graph("unknown_error", 400, "UnknownError", "", "UnknownError with an empty message", ROLES),
    _graph("unknown_error_forbidden", 403, "UnknownError", "", "The same as a 403", ROLES),
    _made("pim_scope_not_granted", "graph", 403, "UnknownError", "PermissionScopeNotGranted inside UnknownError",
          lambda m: m.graph.pim_scopes(["RoleEligibilitySchedule.Read.Directory"]), PIM),
    _graph("not_licensed_p2", 400, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 or Microsoft "
           "Entra ID Governance license.", "No P2", PIM),
    _graph("not_licensed_p1", 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or "
           "tenant doesn't have premium license", "No P1"),
    _graph("not_licensed_intune", 400, "BadRequest", "Request not applicable to target tenant.", "No Intune", INTUNE),
    _graph("intune_not_provisioned", 403, "Forbidden", "Account is not provisioned.", "Intune was never set up", INTUNE),
    _graph("app_lifecycle_unlicensed", 403, "AppLifecycle_ServiceNotEnabled", "The service is not enabled for the tenant.",
           "An AppLifecycle_ code", INTUNE),
    _made("access_denied", "graph", 403, "AccessDenied", "Conditional Access refuses without naming the permission",
          lambda m: m.graph.access_denied(), ACCESS),
    _made("access_not_licensed", "graph", 403, "AccessDenied", "Conditional Access without P1",
          lambda m: m.graph.access_unlicensed(), ACCESS),
    _graph("feature_not_licensed", 403, "Forbidden", "Your tenant is not licensed for this feature.", "A feature is not "
           "licensed", INTUNE),
    _throttled("throttled", lambda m: "10", "429 with Retry-After in whole seconds"),
    _throttled("throttled_fraction", lambda m: "2.128", "429 with a fractional Retry-After"),
    _throttled("throttled_date", lambda m: http_date(m.clock.now() + 10), "429 with an HTTP date as Retry-After"),
    _throttled("throttled_zero", lambda m: "0", "429 with Retry-After 0"),
    _throttled("throttled_absurd", lambda m: "99999999", "429 with an absurd Retry-After"),
    _throttled("throttled_negative", lambda m: "-5", "429 with a negative Retry-After"),
    _throttled("throttled_text", lambda m: "soon", "429 with words as Retry-After"),
    _throttled("throttled_without_retry_after", lambda m: None, "429 without Retry-After"),
    _made("throttled_intune", "graph", 429, "TooManyRequests", "Intune's 429: nested JSON, no Retry-After",
          _intune_throttled, INTUNE),
    _made("throttled_directory", "graph", 429, "TooManyRequests", "The directory's 429 names the category",
          lambda m: m.graph.throttled("10", "Too many requests from Identifier:atlas under category:aadgraph.app.tenant_"
                                      "large. Please try again later."), DIRECTORY),
    _state("small_app_budget", "graph", 200, "All tenants with this scenario share option units (20) requests in ten seconds for "
           "each app: a retry storm (graph)"),
    _state("throttle_warning", "graph", 200, "Directory answers warn at option percentage (0.9) (graph)", DIRECTORY),
    _graph("internal_error", 500, "InternalServerError", "An internal error occurred.", "500"),
    _made("bad_gateway", "graph", 502, "", "A gateway's HTML 502", _bad_gateway),
    _graph("service_unavailable", 503, "ServiceNotAvailable", "The service is temporarily unavailable.", "503"),
    _graph("service_unavailable_retry_after", 503, "ServiceNotAvailable", "The service is temporarily unavailable.",
           "503 with Retry-After", Retry_After="5"),
    _graph("gateway_timeout", 504, "GatewayTimeout", "The request timed out.", "504"),
    _graph("gateway_timeout_unknown", 504, "UnknownError", "", "504 with UnknownError and no message"),
    _graph("insufficient_storage", 507, "InsufficientStorage", "Insufficient storage.", "507"),
    _graph("bandwidth_exceeded", 509, "BandwidthLimitExceeded", "The bandwidth limit was exceeded.", "509"),
    _state("page_token_expired", "graph", 200, "Following a nextLink answers 400 Directory_ExpiredPageToken, after "
           "option after (0) that work (paging)"),
    _state("item_deleted_mid_scan", "graph", 200, "After the first page an entry of it is gone: the next one is never seen (paging)"),
    _state("item_added_mid_scan", "graph", 200, "After the first page there is a new first entry: one is seen twice (paging)"),
    _state("paging_loop", "graph", 200, "Every nextLink leads to the same page again (paging)"),
    _state("paging_foreign_host", "graph", 200, "nextLink points to another host (paging)"),
    _state("paging_empty_pages", "graph", 200, "Every second page is empty and still has a nextLink (paging)"),
    _graph("resync_required", 410, "resyncRequired", "Resync required. Replace any local items with the server's version.",
           "A delta token is too old"),
    _graph("sync_state_not_found", 400, "syncStateNotFound", "The sync state generation is not found.", "The same, as 400"),
    _graph("item_gone", 404, "Request_ResourceNotFound", "Resource '0' does not exist or one of its queried "
           "reference-property objects are not present.", "Deleted between list and read"),
    _graph("item_gone_intune", 404, "ResourceNotFound", "Resource not found.", "The same in Intune's words", INTUNE),
    _graph("query_malformed", 400, "BadRequest", "Invalid filter clause", "A $filter that is not understood"),
    _graph("query_unsupported", 400, "Request_UnsupportedQuery", "Unsupported Query.", "A query option is not supported"),
    _state("claims_challenge", "graph", 401, "Continuous access evaluation: 401 until a token was asked for with claims",
           code="InvalidAuthenticationToken"),
    _graph("insufficient_claims", 403, "insufficient_claims", "The request requires additional claims.", "403 claims"),
    _state("data_incomplete", "graph", 200, "Devices lack half of their properties (devices)", DEVICES),
    _state("unknown_compliance_state", "graph", 200, "Every seventh device is in a state no metadata knows (devices)", DEVICES),
    _state("suspicious_empty", "graph", 200, "Lists are empty although there was something (graph)"),
    _state("organization_id_mismatch", "graph", 200, "/organization has another tenant's id (option tenant)", DIRECTORY),
    _state("organization_limited", "graph", 200, "/organization has null for most fields", DIRECTORY),
    _state("subscription_suspended", "graph", 200, "The licences are suspended", "/subscribedskus*"),
    _state("name_brackets", "graph", 200, "The display name holds markup: [/red][bold]"),
    _state("name_escape", "graph", 200, "The display name holds escape and control characters"),
    _state("name_cjk", "graph", 200, "The display name is wide: CJK and an emoji"),
    _state("name_long", "graph", 200, "The display name is 10 KB long"),
    _made("batch_item_throttled", "batch", 429, "TooManyRequests", "An item of a $batch is throttled",
          _batch_error(429, "TooManyRequests", Retry_After="3")),
    _made("batch_item_unavailable", "batch", 503, "ServiceNotAvailable", "An item of a $batch fails",
          _batch_error(503, "ServiceNotAvailable")),
    _state("batch_item_missing", "batch", 200, "An item of a $batch has no answer (batch)"),
    *(Scenario(f"graph_{n}", "graph", 200, "", f"Graph: {s}", change=c) for n, s, c in FAULTS),
    Scenario("graph_slow", "graph", 200, "", "Graph answers after option seconds (2)", change=slow),
    Scenario("slow", "any", 200, "", "Everything answers after option seconds (2)", change=slow),
    Scenario("hanging", "any", 200, "", "Nothing answers before option seconds (3600) are over; option path names what hangs",
             change=hanging),
    Scenario("clock_skew", "any", 200, "", "Microsoft's clock, as its answers say, is option seconds (900) ahead; negative "
             "with option behind", change=skewed),
)  # fmt: skip

SCENARIOS: dict[str, Scenario] = {row.name: row for row in _ROWS}


def bare_answer(where: str, status: int, making: Making, answer: Options) -> Answer:
    """Build the answer of a script that gives a status, and perhaps ``code``, ``message``, ``body``, ``headers``."""
    if "body" in answer:
        content = answer["body"]
        made = Answer(status, content.encode(), {"Content-Type": "text/plain"}) if isinstance(content, str) else json_answer(
            status, content)  # fmt: skip
    elif status == 200:
        made = json_answer(200, {})
    elif where == "graph" and status == 429:
        made = making.graph.throttled(None)
    elif where == "graph":
        made = making.graph.plain(status, str(answer.get("code", "UnknownError")), str(answer.get("message", "")))
    else:
        made = making.signin(str(answer.get("code", "0-throttled" if status == 429 else "90033")))
        made.status = status
    if "retry_after" in answer:
        made.headers["Retry-After"] = str(answer["retry_after"])
    made.headers.update({str(k): str(v) for k, v in answer.get("headers", {}).items()})
    return made


def described() -> list[dict[str, Any]]:
    """Return the whole table for the control endpoint: name, where, status, code, path, summary."""
    return [
        {"name": s.name, "where": s.where, "status": s.status, "code": s.code, "path": s.path, "summary": s.summary}
        for s in SCENARIOS.values()
    ]


def compact(content: Any) -> str:
    """Write JSON without white space (what a claims challenge carries)."""
    return json.dumps(content, separators=(",", ":"))
