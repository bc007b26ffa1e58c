"""Reading a certificate credential: does it open, does the key belong to it, when is it valid.

Promise: what is wrong becomes a reason; no part of the key leaves. Sign-in with a certificate needs an RSA key (Microsoft, "Certificate
credentials": PS256).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storage.sealing import SecretMaterial
from tasks.providers.microsoft.errors import MicrosoftFailure


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What can be said about a certificate in public.

    Attributes:
        not_before: start of its validity.
        not_after: end of its validity.
        identifiers: how Microsoft may name it (`customKeyIdentifier`): SHA-1 in hexadecimal and base64, SHA-256 in hexadecimal.
    """

    not_before: datetime
    not_after: datetime
    identifiers: frozenset[str]


def read(material: SecretMaterial) -> CertificateFacts:
    """Reads a certificate credential.

    Raises:
        MicrosoftFailure: `cert_unreadable` or `cert_key_mismatch`.
    """
    try:
        certificate = x509.load_pem_x509_certificate(material.certificate_pem.encode())
        key = serialization.load_pem_private_key(material.private_key_pem.encode(), password=None)
        public_key = certificate.public_key()
        sha1 = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - a name Microsoft gives to certificates, not a protection
        sha256 = certificate.fingerprint(hashes.SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MicrosoftFailure("cert_unreadable") from None
    if not isinstance(key, rsa.RSAPrivateKey) or not isinstance(public_key, rsa.RSAPublicKey):
        raise MicrosoftFailure("cert_unreadable")
    if key.public_key().public_numbers() != public_key.public_numbers():
        raise MicrosoftFailure("cert_key_mismatch")
    return CertificateFacts(
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        frozenset({sha1.hex().upper(), base64.b64encode(sha1).decode(), sha256.hex().upper()}),
    )
