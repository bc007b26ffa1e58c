"""Microsoft's sign-in failures: number, HTTP status, ``error`` and text, and the body and headers around them.

Promise: the texts are Microsoft's current ones where a public capture or documentation has them; ``failures.md`` section A
of the project's reference names the evidence. ``{app}``, ``{app_name}``, ``{tenant}`` and the like are filled from facts.
Must not know: when a failure happens (``signin`` and the scenarios decide).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from simulator.answers import Answer, json_answer
from simulator.clock import Clock


@dataclass(frozen=True, slots=True)
class SigninFailure:
    """One row of the table: what Microsoft answers for a code."""

    status: int
    error: str
    text: str
    suberror: str | None = None
    claims: str | None = None


_KEYS_EXPIRED = (
    "The provided client secret keys for app '{app}' are expired. Visit the Azure portal to create new keys for your app: "
    "https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
)
_TENANT_NOT_FOUND = (
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. "
    "Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
)
_SECRET_INVALID = (
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
    "not the client secret ID, for a secret added to app '{app}'."
)
_NOT_FOUND_IN_DIRECTORY = (
    "Application with identifier '{app}' was not found in the directory '{tenant_name}'. This can happen if the application "
    "has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent "
    "your authentication request to the wrong tenant."
)
_PRINCIPAL_MISSING = (
    "The client application {app} is missing service principal in the tenant {tenant}. See instructions here: "
    "https://go.microsoft.com/fwlink/?linkid=2225119"
)
_KEY_NOT_FOUND = (
    "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key "
    "was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or "
    "directly use MS Graph to see configured keys for app Id '{app}'.]"
)
_KEY_EXPIRED = (
    "The certificate with identifier used to sign the client assertion is expired on application. [Reason - The key used is "
    "expired., Thumbprint of key used by client: '{thumbprint}']"
)
_ASSERTION_TIME = (
    "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {not_before}, expiry "
    "time of assertion {expires}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/"
    "certificate-credentials ."
)
_BLOCKED = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."

FAILURES: dict[str, SigninFailure] = {
    "7000215": SigninFailure(401, "invalid_client", _SECRET_INVALID),
    "7000222": SigninFailure(401, "invalid_client", _KEYS_EXPIRED),
    "700016": SigninFailure(400, "unauthorized_client", _NOT_FOUND_IN_DIRECTORY),
    "7000229": SigninFailure(401, "invalid_client", _PRINCIPAL_MISSING),
    "7000229-unauthorized": SigninFailure(400, "unauthorized_client", _PRINCIPAL_MISSING),
    "65001": SigninFailure(
        400,
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{app}' named '{app_name}'. Send an "
        "interactive authorization request for this user and resource.",
        suberror="consent_required",
    ),
    "7000112": SigninFailure(400, "unauthorized_client", "Application '{app}'({app_name}) is disabled."),
    "500014": SigninFailure(
        400,
        "invalid_resource",
        "The service principal for resource 'https://graph.microsoft.com' is disabled. This indicate that a subscription "
        "within the tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing "
        "tokens from being issued for it.",
    ),
    "500011": SigninFailure(
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant_name}. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to by any user in "
        "the tenant. You might have sent your authentication request to the wrong tenant.",
    ),
    "650052": SigninFailure(
        400,
        "invalid_client",
        "The app is trying to access a service '00000003-0000-0000-c000-000000000000'(Microsoft Graph) that your "
        "organization '{tenant}' lacks a service principal for. Contact your IT Admin to review the configuration of your "
        "service subscriptions or consent to the application in order to create the required service principal.",
    ),
    "650051": SigninFailure(
        400,
        "invalid_client",
        "The application '{app}' requested permissions that cannot be granted: the service principal name is already "
        "present for the tenant {tenant}.",
    ),
    "650056": SigninFailure(
        400,
        "invalid_client",
        "Misconfigured application. This could be due to one of the following: the client has not listed any permissions "
        "for 'AAD Graph' in the requested permissions in the client's application registration. Or, the admin has not "
        "consented in the tenant. Client app ID: {app}.",
    ),
    "650057": SigninFailure(
        400,
        "invalid_resource",
        "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions "
        "in the client's application registration. Client app ID: {app}({app_name}).",
    ),
    "90002": SigninFailure(400, "invalid_request", _TENANT_NOT_FOUND),
    "5000224": SigninFailure(
        400,
        "invalid_resource",
        "We are sorry, this resource is not available. If you are seeing this message by mistake, "
        "please contact Microsoft support.",
    ),
    "900023": SigninFailure(
        400,
        "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    ),
    "90019": SigninFailure(
        400,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    "50059": SigninFailure(
        400,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided "
        "credentials. The user must contact their tenant administrator.",
    ),
    "90038": SigninFailure(
        400,
        "invalid_tenant",
        "Tenant '{tenant}' request is being redirected to the National Cloud '{cloud_instance}'.",
    ),
    "900382": SigninFailure(400, "invalid_request", "Confidential Client is not supported in Cross Cloud request."),
    "900432": SigninFailure(400, "invalid_request", "Confidential Client is not supported in Cross Cloud request."),
    "9001023": SigninFailure(
        400,
        "invalid_request",
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or "
        "tenant-specific endpoint.",
    ),
    "53003": SigninFailure(
        400,
        "invalid_grant",
        _BLOCKED,
        suberror="message_only",
        claims='{"access_token":{"capolids":{"essential":true,"values":["5d2a1a4c-6f7b-4d24-a4c5-7d3e6a0b9f10"]}}}',
    ),
    "530032": SigninFailure(
        400,
        "invalid_grant",
        "Access has been blocked due to security policy: the tenant admin has configured a security "
        "policy that blocks this request.",
    ),
    "50131": SigninFailure(
        400,
        "invalid_grant",
        "Device is not in required device state or the request was blocked due to suspicious activity, "
        "access policy, or security policy decisions.",
    ),
    "50105": SigninFailure(
        400,
        "invalid_grant",
        "Your administrator has configured the application {app_name} ('{app}') to block users unless they are specifically "
        "granted ('assigned') access to the application.",
    ),
    "501051": SigninFailure(
        400,
        "invalid_grant",
        "Application '{app}'({app_name}) is not assigned to a role for the application "
        "'00000003-0000-0000-c000-000000000000'(Microsoft Graph).",
    ),
    "700027": SigninFailure(401, "invalid_client", _KEY_NOT_FOUND),
    "700027-expired": SigninFailure(401, "invalid_client", _KEY_EXPIRED),
    "50012": SigninFailure(
        401,
        "invalid_client",
        "Client assertion contains an invalid signature. [Reason - The key was found, but the signature could not be "
        "verified., Thumbprint of key used by client: '{thumbprint}']",
    ),
    "50027": SigninFailure(401, "invalid_client", "JWT token is invalid or malformed."),
    "700021": SigninFailure(
        401,
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    "700023": SigninFailure(
        401,
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials . Assertion audience: '{audience}'.",
    ),
    "700024": SigninFailure(401, "invalid_client", _ASSERTION_TIME),
    "500133": SigninFailure(
        401,
        "invalid_client",
        "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for "
        "user assertion, or request a new token. Current time: {now}, expiry time of assertion {expires}.",
    ),
    "7000216": SigninFailure(
        401,
        "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    ),
    "7000218": SigninFailure(
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    "9002313": SigninFailure(400, "invalid_request", "Invalid request. Request is malformed or invalid."),
    "900144": SigninFailure(
        400, "invalid_request", "The request body must contain the following parameter: '{parameter}'."
    ),
    "90014": SigninFailure(
        400,
        "invalid_request",
        "The required field '{parameter}' is missing from the credential. Ensure that you have all "
        "the necessary parameters for the login request.",
    ),
    "70003": SigninFailure(400, "unsupported_grant_type", "The app requested an unsupported grant type '{parameter}'."),
    "70011": SigninFailure(
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is "
        "not valid. The scope {scope} is not valid.",
    ),
    "1002012": SigninFailure(
        400,
        "invalid_scope",
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default "
        "suffixed to the resource identifier (application ID URI).",
    ),
    "50194": SigninFailure(
        400,
        "unauthorized_client",
        "Application '{app}'({app_name}) is not configured as a multi-tenant application. Usage of the /common endpoint is "
        "not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the "
        "application to be multi-tenant.",
    ),
    "50196": SigninFailure(
        400,
        "invalid_grant",
        "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
    ),
    "90055": SigninFailure(429, "temporarily_unavailable", "Tenant throttling: there are too many incoming requests."),
    "90033": SigninFailure(
        503,
        "temporarily_unavailable",
        "A transient error has occurred. Please try again. (Microsoft Online Directory Service (MSODS) is currently "
        "unavailable.)",
    ),
    "90006": SigninFailure(
        503, "temporarily_unavailable", "The service is temporarily unavailable. Please try again later."
    ),
    "90012": SigninFailure(504, "temporarily_unavailable", "The request has timed out. Please retry."),
    "90024": SigninFailure(
        503, "temporarily_unavailable", "The request budget was exceeded. A transient error occurred."
    ),
    "90090": SigninFailure(503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    "50033": SigninFailure(503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    "0-throttled": SigninFailure(
        429, "temporarily_unavailable", "Too many requests. Please retry after the given time."
    ),
}


def signin_failure(
    code: str,
    facts: dict[str, str],
    *,
    clock: Clock,
    login_url: str,
    correlation_id: str | None = None,
    separator: str = " ",
    error: str | None = None,
    status: int | None = None,
) -> Answer:
    """Build Microsoft's answer for a sign-in failure.

    Args:
        code: a key of :data:`FAILURES`.
        facts: values for the text's placeholders; missing ones stay empty.
        clock: gives the timestamp.
        login_url: this cloud's login base URL, for ``error_uri``.
        correlation_id: the caller's ``client-request-id``, echoed; a new one when absent.
        separator: between the text and its trace lines: a space (today) or ``"\\r\\n"`` (until about 2023).
        error: another ``error`` value than the table's (the discovery endpoint's differ).
        status: another HTTP status than the table's.

    Raises:
        KeyError: the code is not in the table.
    """
    row = FAILURES[code]
    number = code.split("-")[0]
    trace, correlation = str(uuid.uuid4()), correlation_id or str(uuid.uuid4())
    stamp = clock.moment().strftime("%Y-%m-%d %H:%M:%SZ")
    text = row.text.format_map(_Facts(facts, now=clock.moment().strftime("%Y-%m-%dT%H:%M:%S.0000000Z")))
    lines = [f"AADSTS{number}: {text}", f"Trace ID: {trace}", f"Correlation ID: {correlation}", f"Timestamp: {stamp}"]
    body: dict[str, Any] = {
        "error": error or row.error,
        "error_description": separator.join(lines),
        "error_codes": [int(number)],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{login_url}/error?code={number}",
    }
    if row.suberror:
        body["suberror"] = row.suberror
    if row.claims:
        body["claims"] = row.claims
    return json_answer(status or row.status, body)


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
