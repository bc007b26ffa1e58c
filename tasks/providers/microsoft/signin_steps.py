"""The first steps of a connection check: up to a token that can be used.

Promise: preflight asks nobody; discovery sends no credential; the token step signs in afresh, with the staged credential when there is one;
the claims step reads the token for diagnosis. Each function does one step and returns its finding or raises the failure.
"""

from __future__ import annotations

import re
from typing import Final

from storage import reasons
from storage.states import CredentialKind, CredentialSlot, StepStatus
from storage.verification import ConsentFact
from tasks.providers.base import Target
from tasks.providers.microsoft import certificates, sanitize
from tasks.providers.microsoft.check_steps import CHECK_ITSELF, Check, Finding, facts_of, failed
from tasks.providers.microsoft.discovery import Discovery, discover
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import OpenCredential

CLOCK_TOLERANCE: Final = 300.0
"""Seconds our clock may differ from Microsoft's before sign-in with a certificate is in danger."""

_DOMAIN: Final = re.compile(r"^(?=.{4,253}$)[^\s/?#@:%\\.]{1,63}(\.[^\s/?#@:%\\.]{1,63})+$")
_ABSENT: Final = frozenset({"app_not_found", "app_not_found_in_tenant", "service_principal_missing"})


def preflight(check: Check) -> Finding:
    """Looks at what is here: enabled, ids, credentials that open and are in date."""
    target = check.target
    refusal = _refusal(target)
    if refusal is not None:
        return refusal
    problems: dict[CredentialSlot, MicrosoftFailure] = {}
    expired_here = False
    for sealed in target.credentials:
        try:
            opened = check.gateway.open_credential(sealed)
            _inspect(check, opened)
        except MicrosoftFailure as failure:
            problems[sealed.slot] = failure
            continue
        is_secret = sealed.binding.kind is CredentialKind.SECRET
        if is_secret and sealed.expires_at is not None and sealed.expires_at <= check.gateway.now():
            expired_here = True
        check.credentials.append(opened)
    if not check.credentials:
        return failed(next(iter(problems.values())), CHECK_ITSELF)
    evidence: dict[str, object] = {
        "credential": ", ".join(f"{c.sealed.slot.value} {c.sealed.binding.kind.value}" for c in check.credentials)
    }
    for slot, problem in problems.items():
        return Finding(
            StepStatus.WARN,
            f"The {slot.value} credential cannot be used: {problem.message} The other one is tried.",
            problem.reason_code,
            facts_of(problem, evidence),
        )
    if expired_here:
        return Finding(
            StepStatus.WARN,
            "The client secret is past the expiry date that was entered here. Microsoft decides at sign-in; correct the date "
            "or store a new secret.",
            "secret_expired_local",
            evidence,
        )
    return Finding(StepStatus.PASS, "The connection is enabled and its credential can be used.", None, evidence)


def tenant_exists(check: Check) -> Finding:
    """Asks discovery by GUID and by primary domain: both must name the same tenant, in the right cloud."""
    target = check.target
    found = check.patience.repeat(lambda: _discover(check, target.entra_tenant_id))
    check.discovery = found
    evidence = _facts_of(found)
    if found.entra_tenant_id != target.entra_tenant_id.lower():
        sentence = f"Microsoft answered for tenant {found.entra_tenant_id}, not {target.entra_tenant_id}. Correct the tenant id."
        return Finding(StepStatus.FAIL, sentence, "tenant_mismatch", evidence, CHECK_ITSELF, found.request_id)
    if not found.is_in_cloud:
        lives_in = found.region_sub_scope or found.cloud_instance or "another cloud"
        sentence = (
            f"The tenant lives in another Microsoft cloud ({lives_in}) than the connection says ({target.cloud.value})."
        )
        return Finding(StepStatus.FAIL, sentence, "wrong_cloud", evidence, CHECK_ITSELF, found.request_id)
    by_domain = _compare_domain(check, found, evidence)
    if by_domain is not None:
        return by_domain
    if found.clock_difference is not None and abs(found.clock_difference) > CLOCK_TOLERANCE:
        sentence = f"This machine's clock differs from Microsoft's by {int(abs(found.clock_difference))} s. Set the worker's clock."
        return Finding(StepStatus.WARN, sentence, "clock_skew", evidence, (), found.request_id)
    sentence = f"Tenant id and {target.primary_domain} name the same tenant, in the right cloud."
    return Finding(StepStatus.PASS, sentence, None, evidence, (), found.request_id)


def sign_in(check: Check) -> Finding:
    """Gets a fresh token, with the staged credential first; a refused staged one is reported and the active one used."""
    refused: MicrosoftFailure | None = None
    for position, credential in enumerate(check.credentials):
        is_last = position == len(check.credentials) - 1
        _choose(check, credential)
        try:
            check.until_settled(check.renew_token)
        except MicrosoftFailure as failure:
            is_its_fault = reasons.find(failure.reason_code).category is reasons.Category.CREDENTIAL
            if is_last or not is_its_fault:
                check.consent_fact = _consent_fact(failure)
                raise
            refused = failure
            continue
        break
    used = check.credential
    assert used is not None, "sign-in follows a preflight that found a credential"
    evidence: dict[str, object] = {"credential": f"{used.sealed.slot.value} {used.sealed.binding.kind.value}"}
    if refused is not None:
        sentence = f"The staged credential was refused: {refused.message} The active one works and was used."
        return Finding(
            StepStatus.WARN, sentence, refused.reason_code, facts_of(refused, evidence), (), refused.request_id
        )
    return Finding(StepStatus.PASS, f"Microsoft accepted the {used.sealed.slot.value} credential.", None, evidence)


def read_token(check: Check) -> Finding:
    """Reads the token's claims: our tenant, our application, meant for Graph, with an identity and permissions."""
    check.until_settled(lambda: _expect_claims(check), check.renew_token)
    claims = check.claims
    assert claims is not None, "claims were just expected"
    check.consent_fact = ConsentFact.ROLES_PRESENT
    count = len(claims.roles)
    return Finding(
        StepStatus.PASS,
        f"The token is for this tenant and application, with {count} application permission{'' if count == 1 else 's'}.",
        None,
        {
            "tenant": claims.entra_tenant_id,
            "client_id": claims.client_id,
            "service_principal": claims.object_id,
            "roles": count,
        },
    )


def _refusal(target: Target) -> Finding | None:
    def refused(reason_code: str, sentence: str = "") -> Finding:
        return failed(MicrosoftFailure(reason_code, sentence), CHECK_ITSELF)

    if not target.is_enabled:
        return refused("provider_connection_disabled")
    if not sanitize.guid(target.entra_tenant_id):
        return refused("tenant_identifier_invalid", "The tenant id is not a GUID. Correct the tenant id.")
    if not sanitize.guid(target.client_id):
        return refused("app_not_found", "The client id is not a GUID. Correct the client id of the application.")
    return None if target.credentials else refused("provider_credential_missing")


def _inspect(check: Check, opened: OpenCredential) -> None:
    if opened.sealed.binding.kind is CredentialKind.SECRET:
        if not opened.material.secret:
            raise MicrosoftFailure("credential_missing")
        return
    facts = certificates.read(opened.material)
    check.certificates[opened.sealed.id] = facts
    now = check.gateway.now()
    if facts.not_after <= now:
        raise MicrosoftFailure("cert_expired", f"The certificate expired on {facts.not_after:%Y-%m-%d}.")
    if facts.not_before > now:
        raise MicrosoftFailure(
            "cert_not_yet_valid", f"The certificate is valid from {facts.not_before:%Y-%m-%d %H:%M} UTC."
        )


def _discover(check: Check, tenant: str) -> Discovery:
    return discover(check.gateway.transport, check.gateway.hosts(check.target), tenant, check.gateway.now())


def _facts_of(found: Discovery) -> dict[str, object]:
    facts: dict[str, object] = {
        "tenant": found.entra_tenant_id,
        "cloud_instance": found.cloud_instance,
        "graph_host": found.graph_host,
        "region": found.region_scope,
        "region_sub_scope": found.region_sub_scope,
    }
    if found.clock_difference is not None:
        facts["clock_difference_seconds"] = round(found.clock_difference)
    return facts


def _compare_domain(check: Check, found: Discovery, evidence: dict[str, object]) -> Finding | None:
    """Holds the tenant id against the primary domain; None when they agree."""
    domain = check.target.primary_domain
    if not domain:
        sentence = "The tenant exists. No primary domain is known, so the id could not be held against one: enter it."
        return Finding(StepStatus.WARN, sentence, "primary_domain_unknown", evidence, (), found.request_id)
    evidence["domain"] = domain
    unknown = "The tenant exists, but Microsoft knows no tenant with the primary domain. Correct the domain."
    if not _DOMAIN.match(domain):
        return Finding(StepStatus.WARN, unknown, "domain_not_verified", evidence, (), found.request_id)
    try:
        other = check.patience.repeat(lambda: _discover(check, domain))
    except MicrosoftFailure as failure:
        if failure.reason_code in ("tenant_not_found", "tenant_identifier_invalid"):
            return Finding(
                StepStatus.WARN, unknown, "domain_not_verified", facts_of(failure, evidence), (), failure.request_id
            )
        raise
    evidence["domain_tenant"] = other.entra_tenant_id
    if other.entra_tenant_id == found.entra_tenant_id:
        return None
    sentence = (
        f"The tenant id is {found.entra_tenant_id}, but {sanitize.text(domain)} belongs to {other.entra_tenant_id}. "
        "Correct the tenant id or the domain before anything else is read."
    )
    return Finding(StepStatus.FAIL, sentence, "tenant_domain_mismatch", evidence, CHECK_ITSELF, other.request_id)


def _choose(check: Check, credential: OpenCredential) -> None:
    known = {check.discovery.url: check.discovery.answer} if check.discovery is not None else None
    check.credential = credential
    check.sign_in = check.gateway.fresh_sign_in(check.target, credential, known)
    check.session = check.gateway.session_with(check.target, check.sign_in, check.patience)


def _consent_fact(failure: MicrosoftFailure) -> ConsentFact:
    if failure.reason_code in _ABSENT:
        return ConsentFact.APP_ABSENT
    if failure.reason_code == "app_disabled_in_tenant":
        return ConsentFact.APP_DISABLED
    return ConsentFact.NO_ROLES if failure.reason_code == "consent_required" else ConsentFact.NOTHING


def _expect_claims(check: Check) -> None:
    claims, target = check.claims, check.target
    if claims is None:
        raise MicrosoftFailure("response_unreadable", "The token cannot be read, so its permissions are not known.")
    if claims.entra_tenant_id != target.entra_tenant_id.lower():
        named = sanitize.guid(claims.entra_tenant_id) or "none"
        raise MicrosoftFailure(
            "tenant_mismatch", f"The token is for tenant {named}, not {target.entra_tenant_id}. Correct the tenant id."
        )
    if claims.client_id != target.client_id.lower():
        raise MicrosoftFailure("app_mismatch")
    if claims.audience.rstrip("/") not in check.gateway.hosts(target).audiences:
        raise MicrosoftFailure(
            "token_invalid", "The token is not meant for Microsoft Graph. Check the connection's cloud."
        )
    is_new = check.gateway.circumstances(target).consent_is_new
    if not claims.roles:
        check.consent_fact = ConsentFact.NO_ROLES
        raise MicrosoftFailure("identity_propagating" if is_new else "no_roles_granted", plain_code="no_roles_granted")
    check.consent_fact = ConsentFact.ROLES_PRESENT
    if not claims.object_id:
        plain = "service_principal_missing"
        raise MicrosoftFailure("identity_propagating" if is_new else plain, plain_code=plain)
