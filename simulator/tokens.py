"""Access tokens: minted, signed RS256, and verified again by the Graph listener.

Promise: claims are those of a real v1.0 app-only Graph token; ``roles`` is absent when nothing was granted.
Source: entra-docs ``access-token-claims-reference``; the project's reference ``microsoft.md`` §3.
Must not know: why a token is issued.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from simulator.assertions import encode, split_jwt, thumbprints

LIFETIME = 3599
"""Seconds; what ``expires_in`` says."""

_REMEMBERED = 4096


class TokenRefused(Exception):
    """A bearer token Graph does not accept; the text is Graph's message."""


class TokenSigner:
    """The key that signs this process's access tokens."""

    def __init__(self) -> None:
        """Make a fresh RSA key and the self-signed certificate published with it."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts.accesscontrol.windows.net")])
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
            .sign(self._key, hashes.SHA256())
        )
        self.key_id = thumbprints(self._certificate).sha1
        self._accepted: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a compact JWT with these claims."""
        header = {"typ": "JWT", "alg": "RS256", "x5t": self.key_id, "kid": self.key_id}
        head, body = (encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        signature = self._key.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{head}.{body}.{encode(signature)}"

    def published_key(self, issuer: str, cloud_instance: str) -> dict[str, Any]:
        """Return the public key as a JWKS entry."""
        numbers = self._key.public_key().public_numbers()
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": encode(numbers.n.to_bytes(256, "big")),
            "e": encode(numbers.e.to_bytes(3, "big")),
            "x5c": [base64.b64encode(der).decode()],
            "cloud_instance_name": cloud_instance,
            "issuer": issuer,
        }

    def verify(self, token: str, audiences: set[str], now: float) -> dict[str, Any]:
        """Return the claims of a token Graph accepts.

        Args:
            token: the bearer token.
            audiences: accepted ``aud`` values of the Graph listener asked.
            now: simulated time, seconds since the epoch.

        Raises:
            TokenRefused: with Graph's message.
        """
        claims = self._accepted.get(token) or self._check_signature(token)
        if claims["aud"].rstrip("/") not in audiences:
            raise TokenRefused("Access token validation failure. Invalid audience.")
        if not claims["nbf"] - 300 <= now:
            raise TokenRefused("Access token has expired or is not yet valid.")
        if now >= claims["exp"]:
            raise TokenRefused("Lifetime validation failed, the token is expired.")
        return claims

    def _check_signature(self, token: str) -> dict[str, Any]:
        try:
            header, claims, signature, signed = split_jwt(token)
        except ValueError:
            raise TokenRefused("CompactToken parsing failed with error code: 80049217") from None
        try:
            if header.get("alg") != "RS256" or header.get("kid") != self.key_id:
                raise InvalidSignature
            self._key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise TokenRefused("Access token validation failure. Invalid signature.") from None
        self._accepted[token] = claims
        while len(self._accepted) > _REMEMBERED:
            self._accepted.popitem(last=False)
        return claims


def app_only_claims(
    *,
    audience: str,
    issuer: str,
    tenant_id: str,
    client_id: str,
    app_name: str,
    principal_id: str,
    by_certificate: bool,
    roles: list[str],
    region: str,
    now: float,
    capabilities: list[str] | None = None,
) -> dict[str, Any]:
    """Return the claims of a v1.0 app-only access token valid from ``now`` (seconds) for :data:`LIFETIME` seconds."""
    issued = int(now)
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": issuer,
        "iat": issued,
        "nbf": issued,
        "exp": issued + LIFETIME + 1,
        "aio": "k2RgY" + secrets.token_urlsafe(24),
        "app_displayname": app_name,
        "appid": client_id,
        "appidacr": "2" if by_certificate else "1",
        "idp": issuer,
        "idtyp": "app",
        "oid": principal_id,
        "rh": "1.AX0A" + secrets.token_urlsafe(16),
        "roles": sorted(roles),
        "sub": principal_id,
        "tenant_region_scope": region,
        "tid": tenant_id,
        "uti": encode(uuid.uuid4().bytes),
        "ver": "1.0",
        "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
        "xms_tcdt": 1577836800,
    }
    if not roles:
        del claims["roles"]
    if capabilities:
        claims["xms_cc"] = capabilities
    return claims
