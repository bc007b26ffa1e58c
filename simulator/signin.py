"""The token endpoint: client credentials with a secret or a certificate assertion.

Promise: every natural failure follows from the state of the directory (registrations, credentials, consent) in Entra's
order: tenant, parameters, cloud, app, credential, service principal, scope. Nothing here reads a scenario's answer; only
scenarios that change state or tokens are asked for.
Source: entra-docs ``v2-oauth2-client-creds-grant-flow.md``; the project's reference ``microsoft.md`` §1.
Must not know: HTTP framing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from cryptography import x509

from simulator.answers import Answer, json_answer
from simulator.assertions import ASSERTION_TYPE, AssertionRefused, verify_assertion
from simulator.model import Registration, ServicePrincipal, Tenant
from simulator.scenarios import active
from simulator.tokens import LIFETIME, app_only_claims
from simulator.world import CLOUD_FACTS, World

_MAXIMUM_FORM = 64 * 1024


class Refused(Exception):
    """Sign-in fails with this AADSTS code."""

    def __init__(self, code: str, **facts: str) -> None:
        """Remember the code and facts for its text."""
        super().__init__(code)
        self.code, self.facts = code, facts


@dataclass(slots=True)
class TokenRequest:
    """One parsed token request; ``fields`` holds the form."""

    fields: dict[str, str]
    client_id: str = ""
    secret: str | None = field(default=None, repr=False)
    facts: dict[str, str] = field(default_factory=dict)


def parse_token_request(body: bytes, authorization: str | None) -> TokenRequest:
    """Read the form and an optional HTTP Basic header. Raises Refused(9002313) when it is malformed."""
    if len(body) > _MAXIMUM_FORM:
        raise Refused("9002313")
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise Refused("9002313") from None
    request = TokenRequest(fields, fields.get("client_id", ""), fields.get("client_secret"))
    if authorization and authorization.lower().startswith("basic "):
        try:
            user, _, password = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise Refused("9002313") from None
        request.client_id, request.secret = request.client_id or unquote(user), unquote(password)
    request.client_id = request.client_id.lower()
    request.facts["app"] = request.client_id
    return request


def issue_token(world: World, cloud: str, tenant: Tenant, request: TokenRequest) -> Answer:
    """Return a token for a request that is in order.

    Args:
        world: the simulated Microsoft.
        cloud: the cloud of the login listener that was asked.
        tenant: the tenant in the URL.
        request: the parsed request.

    Raises:
        Refused: with the AADSTS code.
    """
    _require_parameters(request)
    if tenant.cloud != cloud:
        # A national cloud sends on what belongs to the global one, and the global one takes no confidential client for a national one.
        home = CLOUD_FACTS[tenant.cloud].instance_name
        raise Refused("90038", cloud_instance=home) if tenant.cloud == "global" else Refused("900382")
    registration, principal = _find_app(world, tenant, request)
    by_certificate = _check_credential(world, tenant, registration, request)
    if principal is None:
        raise Refused("7000229")
    audience = _audience(world, cloud, request.fields["scope"])
    return json_answer(200, _token(world, tenant, registration, principal, audience, by_certificate, request))


def _require_parameters(request: TokenRequest) -> None:
    for name in ("grant_type", "client_id", "scope"):
        value = request.client_id if name == "client_id" else request.fields.get(name, "")
        if not value:
            raise Refused("900144", parameter=name)
    if request.fields["grant_type"] != "client_credentials":
        raise Refused("70003", parameter=request.fields["grant_type"][:100])


def _find_app(world: World, tenant: Tenant, request: TokenRequest) -> tuple[Registration, ServicePrincipal | None]:
    registration = world.directory.registrations.get(request.client_id)
    if registration is None:
        raise Refused("700016")
    request.facts["app_name"] = registration.display_name
    principal = tenant.service_principals.get(registration.client_id)
    if principal is None:
        if registration.multi_tenant and active(tenant, "not_consented_as_7000229"):
            return registration, None
        raise Refused("700016")
    if not principal.enabled:
        raise Refused("7000112")
    return registration, principal


def _check_credential(world: World, tenant: Tenant, registration: Registration, request: TokenRequest) -> bool:
    """Accept the secret or the assertion; return whether it was a certificate."""
    assertion = request.fields.get("client_assertion")
    if assertion:
        if request.fields.get("client_assertion_type") != ASSERTION_TYPE:
            raise Refused("900144", parameter="client_assertion_type")
        _check_assertion(world, tenant, registration, assertion)
        return True
    if request.secret is None:
        raise Refused("7000216")
    if not request.secret:
        raise Refused("7000218")
    now, delay = world.clock.now(), _delay(tenant)
    known = [s for s in registration.secrets if _same(s.value, request.secret) and s.added_at + delay <= now]
    if not known:
        raise Refused("7000215")
    if not any(s.starts <= now < s.expires for s in known):
        raise Refused("7000222")
    return False


def _check_assertion(world: World, tenant: Tenant, registration: Registration, assertion: str) -> None:
    now, delay = world.clock.now(), _delay(tenant)

    def certificate_of(thumbprint: str) -> x509.Certificate | None:
        for certificate in registration.certificates:
            if certificate.added_at + delay <= now and thumbprint in (
                certificate.thumbprints.sha1,
                certificate.thumbprints.sha256,
            ):
                return certificate.x509
        return None

    login = world.url("login", tenant.cloud)
    audiences = {
        f"{login}/{segment}{suffix}"
        for segment in (tenant.id, *tenant.domains)
        for suffix in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "")
    }
    try:
        verify_assertion(
            assertion,
            client_id=registration.client_id,
            audiences=audiences,
            certificate_of=certificate_of,
            now=now,
        )
    except AssertionRefused as refused:
        raise Refused(refused.code, **refused.facts) from None


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _delay(tenant: Tenant) -> float:
    use = active(tenant, "propagation_delay")
    return float(use.options.get("seconds", 30.0)) if use else float("-inf")


def _audience(world: World, cloud: str, scope: str) -> str:
    resource, suffix = scope.removesuffix("/.default"), scope.endswith("/.default")
    if not suffix:
        raise Refused("1002012", scope=scope[:200])
    if resource.rstrip("/") not in world.audiences(cloud):
        raise Refused("500011", resource=resource[:200])
    return resource


def _token(
    world: World,
    tenant: Tenant,
    registration: Registration,
    principal: ServicePrincipal,
    audience: str,
    by_certificate: bool,
    request: TokenRequest,
) -> dict[str, Any]:
    propagating = principal.consented_at + _delay(tenant) > world.clock.now()
    roles = [] if propagating or active(tenant, "token_without_roles") else principal.granted_roles
    asked = _asked_claims(request)
    claims = app_only_claims(
        audience=audience,
        issuer=world.issuer(tenant),
        tenant_id=tenant.id,
        client_id=registration.client_id,
        app_name=registration.display_name,
        principal_id=tenant.principal_id(registration.client_id),
        by_certificate=by_certificate,
        roles=roles,
        region=CLOUD_FACTS[tenant.cloud].region,
        now=world.clock.now(),
        capabilities=asked.get("xms_cc", {}).get("values") if isinstance(asked.get("xms_cc"), dict) else None,
    )
    for change in _CHANGES:
        change(tenant, claims)
    if set(asked) - {"xms_cc"}:
        world.met_challenges.add(claims["uti"])
    token = world.signer.sign(claims)
    return {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}


def _asked_claims(request: TokenRequest) -> dict[str, Any]:
    text = request.fields.get("claims")
    if not text:
        return {}
    try:
        wanted = json.loads(text).get("access_token") or {}
    except (ValueError, AttributeError):
        raise Refused("9002313") from None
    return wanted if isinstance(wanted, dict) else {}


def _without_oid(tenant: Tenant, claims: dict[str, Any]) -> None:
    if active(tenant, "token_without_oid"):
        del claims["oid"]


def _other_tenant(tenant: Tenant, claims: dict[str, Any]) -> None:
    use = active(tenant, "token_tid_mismatch")
    if use:
        claims["tid"] = str(use.options.get("tenant", "99999999-9999-4999-8999-999999999999"))


_CHANGES: tuple[Callable[[Tenant, dict[str, Any]], None], ...] = (_without_oid, _other_tenant)
