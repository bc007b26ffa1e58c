"""The admin consent page: who signs in, Accept and Cancel, and the redirect that follows.

Promise: the redirect carries what Microsoft's really does (``admin_consent=True`` also on errors, no ``tenant`` on errors);
an unregistered redirect URI never gets an answer. Accepting grants the app's required permissions, no more and no less.
Sources: entra-docs ``v2-admin-consent.md``; MicrosoftDocs/azure-docs#114009 for the real error form.
Must not know: who asked for the consent or what ``state`` means.
"""

from __future__ import annotations

import uuid
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request

from simulator.answers import Answer
from simulator.clock import iso
from simulator.consent_html import Pages, error_page
from simulator.model import Registration, ServicePrincipal, Tenant
from simulator.redirects import is_registered
from simulator.scenarios import active
from simulator.world import World

_REFUSALS = {
    "decline": ("access_denied", "65004", "User declined to consent to access the app."),
    "documented_denial": (
        "consent_required",
        "65004",
        "The resource owner or authorization server denied the request.",
    ),
    "wrong_account": (
        "access_denied",
        "50020",
        "User account from identity provider does not exist in tenant and cannot access the application in that tenant.",
    ),
    "admin_required": (
        "access_denied",
        "90094",
        "Admin consent is required for the permissions requested by this app.",
    ),
    "admin_requested": (
        "access_denied",
        "90095",
        "Admin consent is required for the permissions requested by this app. An admin consent request may be sent to the admin.",
    ),
    "service_not_subscribed": (
        "access_denied",
        "650052",
        "The app is trying to access a service that your organization lacks a service principal for.",
    ),
    "admin_required_90093": (
        "access_denied",
        "90093",
        "This application requires permissions that the signed-in user is not able to grant.",
    ),
    "app_not_found": ("unauthorized_client", "700016", "The application was not found in the directory."),
    "unavailable": ("temporarily_unavailable", "90033", "A transient error has occurred. Please try again."),
    "unlisted": ("invalid_request", "999999", "Something that no list of ours names."),
}
_SCENARIO_ANSWERS = {
    "consent_accepted": "accept",
    "consent_declined": "decline",
    "consent_documented_denial": "documented_denial",
    "consent_wrong_account": "wrong_account",
    "consent_admin_required": "admin_required",
    "consent_admin_requested": "admin_requested",
    "consent_admin_required_90093": "admin_required_90093",
    "consent_app_not_found": "app_not_found",
    "consent_unavailable": "unavailable",
    "consent_unlisted": "unlisted",
    "consent_service_not_subscribed": "service_not_subscribed",
    "consent_wrong_tenant": "wrong_tenant",
    "consent_no_reply_address": "accept",
}


def consent_answer(world: World, tenant: Tenant | None, request: Request, *, version_2: bool) -> Answer:
    """Return the page, or the redirect when the answer is known.

    The answer comes from the query (``answer=accept|decline|wrong_account|…``) or from a consent scenario of the tenant; without
    one a browser is asked for the account (``account=global_administrator|application_administrator|user|foreign``).
    For ``organizations`` and ``common`` (``tenant`` is None) the query's ``as_tenant`` says whose administrator signs in.
    """
    query = request.query_params
    tenant = tenant or world.directory.find(query.get("as_tenant", ""))
    registration = world.directory.registrations.get(query.get("client_id", "").lower())
    redirect = query.get("redirect_uri", "")
    if registration is None:
        return error_page("700016", "The application was not found in the directory.")
    if version_2 and not query.get("scope"):
        return error_page("900144", "The request body must contain the following parameter: 'scope'.")
    mismatch = tenant is not None and active(tenant, "consent_redirect_mismatch")
    if mismatch or not _registered(registration, redirect):
        return error_page("50011", "The redirect URI specified in the request does not match the redirect URIs configured "
                           f"for the application '{registration.client_id}'.")  # fmt: skip
    pages, tenants = (
        Pages(request),
        [t for t in world.directory.tenants.values() if tenant is None or t.cloud == tenant.cloud],
    )
    if tenant is None:
        return pages.pick_account(None, tenants)
    if not registration.multi_tenant and registration.home_tenant != tenant.id:
        return error_page("50194", "The application is not configured as a multi-tenant application.")
    answer = query.get("answer") or _scenario_answer(tenant)
    if answer is None and query.get("account") == "foreign":
        answer = "wrong_account"
    if answer is None:
        return _next_page(pages, tenant, registration, query.get("account", ""), tenants)
    if answer in _REFUSALS:
        return _refusal(world, redirect, query, answer)
    return _accepted(world, tenant, registration, query, wrong_tenant=answer == "wrong_tenant", version_2=version_2)


def _next_page(pages: Pages, tenant: Tenant, registration: Registration, account: str, tenants: list[Tenant]) -> Answer:
    """Only a Global (or Privileged Role) Administrator may consent to application permissions of Graph."""
    if account == "global_administrator":
        return pages.permissions(tenant, registration)
    if account in ("application_administrator", "user"):
        return pages.approval_needed(registration)
    return pages.pick_account(tenant, tenants)


def grant_consent(world: World, tenant: Tenant, registration: Registration) -> None:
    """Grant the app exactly its required permissions in the tenant, now (propagation starts here)."""
    known = tenant.service_principals.get(registration.client_id)
    tenant.service_principals[registration.client_id] = ServicePrincipal(
        client_id=registration.client_id,
        granted_roles=list(registration.required_roles),
        enabled=known.enabled if known else True,
        consented_at=world.clock.now(),
    )
    world.remember(tenant)


def _accepted(
    world: World, tenant: Tenant, registration: Registration, query: QueryParams, *, wrong_tenant: bool, version_2: bool
) -> Answer:
    landed = tenant
    if wrong_tenant:
        use = active(tenant, "consent_wrong_tenant")
        wanted = str(use.options.get("tenant", "")) if use else query.get("as_tenant", "")
        others = (t for t in world.directory.tenants.values() if t is not tenant and t.cloud == tenant.cloud)
        landed = world.directory.find(wanted) or next(others, tenant)
    grant_consent(world, landed, registration)
    if active(tenant, "consent_no_reply_address") or registration.redirect_uris == []:
        return error_page("500113", "No reply address is registered for the application.")
    answer = {"admin_consent": "True", "tenant": landed.id}
    if version_2:
        answer["scope"] = query["scope"]
    return _redirect(query["redirect_uri"], query, answer)


def _refusal(world: World, redirect: str, query: QueryParams, kind: str) -> Answer:
    error, code, text = _REFUSALS[kind]
    answer = {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()} "
        f"Timestamp: {iso(world.clock.now())}",
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
        "admin_consent": "True",
    }
    return _redirect(redirect, query, answer)


def _redirect(redirect: str, query: QueryParams, answer: dict[str, str]) -> Answer:
    if "state" in query:
        answer["state"] = query["state"]
    joint = "&" if urlsplit(redirect).query else "?"
    return Answer(302, b"", {"Location": f"{redirect}{joint}{urlencode(answer)}"})


def _registered(registration: Registration, redirect: str) -> bool:
    """A fleet that names no redirect URIs accepts any https or loopback address; an empty list has no reply address."""
    if not registration.redirect_uris:
        parts = urlsplit(redirect)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return bool(parts.netloc) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))
    return is_registered(registration.redirect_uris, redirect)


def _scenario_answer(tenant: Tenant) -> str | None:
    return next((answer for name, answer in _SCENARIO_ANSWERS.items() if active(tenant, name)), None)
