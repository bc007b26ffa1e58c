"""Client assertions: the signed JWT an app sends instead of a secret.

Promise: the signature, audience, issuer, subject and times are really verified, against certificates registered on the app,
found by ``x5t`` (SHA-1) or ``x5t#S256`` (SHA-256); padded base64url is tolerated as Entra tolerates it.
Source: entra-docs ``identity-platform/certificate-credentials.md``.
Must not know: tenants or HTTP; the caller maps a refusal to Microsoft's error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulator.clock import iso

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLOCK_SKEW = 300.0
"""Seconds of clock difference Entra tolerates (five minutes)."""


@dataclass(frozen=True, slots=True)
class Thumbprints:
    """A certificate's thumbprints, base64url without padding."""

    sha1: str
    sha256: str
    sha1_hex: str


class AssertionRefused(Exception):
    """The assertion is not accepted; ``code`` is the AADSTS number, ``facts`` fill its text."""

    def __init__(self, code: str, **facts: str) -> None:
        """Remember the code and the facts for its text."""
        super().__init__(code)
        self.code = code
        self.facts = facts


def thumbprints(certificate: x509.Certificate) -> Thumbprints:
    """Return the certificate's SHA-1 and SHA-256 thumbprints."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    sha1 = hashlib.sha1(der, usedforsecurity=False)
    return Thumbprints(encode(sha1.digest()), encode(hashlib.sha256(der).digest()), sha1.hexdigest().upper())


def encode(content: bytes) -> str:
    """Write bytes as base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url with or without padding. Raises ValueError when it is neither."""
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error


def split_jwt(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Split a compact JWT into header, claims, signature and signed bytes. Raises ValueError when malformed."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("a compact JWT has three parts")
    header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("header and claims must be objects")
    return header, claims, decode(parts[2]), f"{parts[0]}.{parts[1]}".encode()


def verify_assertion(
    assertion: str,
    *,
    client_id: str,
    audiences: set[str],
    certificate_of: Callable[[str], x509.Certificate | None],
    now: float,
) -> None:
    """Accept a client assertion or say why not.

    Args:
        assertion: the compact JWT.
        client_id: the app that signs in; ``iss`` and ``sub`` must name it.
        audiences: accepted ``aud`` values (token endpoint and issuer forms of the tenant).
        certificate_of: finds the registered certificate by an unpadded x5t or x5t#S256 value.
        now: the simulated time in seconds since the epoch.

    Raises:
        AssertionRefused: with the AADSTS code Entra answers.
    """
    try:
        header, claims, signature, signed = split_jwt(assertion)
    except ValueError:
        raise AssertionRefused("50027") from None
    thumbprint = str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
    certificate = certificate_of(thumbprint) if thumbprint else None
    if certificate is None:
        raise AssertionRefused("700027", thumbprint=_readable(thumbprint))
    if certificate.not_valid_after_utc.timestamp() < now:
        raise AssertionRefused("700027-expired", thumbprint=_readable(thumbprint))
    if not _signed_by(certificate, str(header.get("alg")), signature, signed):
        raise AssertionRefused("50012", thumbprint=_readable(thumbprint))
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise AssertionRefused("700021")
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience.rstrip("/") not in audiences:
        raise AssertionRefused("700023", audience=str(audience)[:200])
    start, end = _times(claims)
    if not start - _CLOCK_SKEW <= now <= end + _CLOCK_SKEW:
        raise AssertionRefused("700024", not_before=_moment(start), expires=_moment(end))


def _times(claims: dict[str, Any]) -> tuple[float, float]:
    start, end = claims.get("nbf", claims.get("iat", 0)), claims.get("exp")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        raise AssertionRefused("50027")
    return float(start), float(end)


def _signed_by(certificate: x509.Certificate, algorithm: str, signature: bytes, signed: bytes) -> bool:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    schemes: dict[str, padding.AsymmetricPadding] = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO),
    }
    if algorithm not in schemes:
        return False
    try:
        key.verify(signature, signed, schemes[algorithm], hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _readable(thumbprint: str) -> str:
    try:
        return decode(thumbprint).hex().upper()
    except ValueError:
        return ""


def _moment(seconds: float) -> str:
    return iso(min(max(seconds, 0.0), 32503680000.0))
