"""Reading what a person gives as a credential: a client secret's value, or a certificate with its private key.

Promise: what cannot work at Microsoft is refused here with the field's name; no message ever holds the value. Knows no SQL. `x509` is
imported when it is needed: it is slow to import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from storage.errors import InvalidInput
from storage.sealing import SecretMaterial
from storage.states import CredentialKind


@dataclass(frozen=True, slots=True)
class Material:
    """A credential ready to be sealed.

    Attributes:
        secret: what will be inside; its representation shows no value.
        client_key_id: the certificate's SHA-256 thumbprint; empty for a secret whose key id is not known.
        starts_at: the certificate's start; None for a secret.
        expires_at: the certificate's end; None for a secret.
    """

    secret: SecretMaterial
    client_key_id: str = ""
    starts_at: datetime | None = None
    expires_at: datetime | None = None


def from_secret(value: str) -> Material:
    """Reads a client secret's value.

    Raises:
        InvalidInput: it is blank, has spaces inside, or is a GUID (the secret's ID, pasted instead of its value).
    """
    cleaned = value.strip()
    if not cleaned:
        raise InvalidInput("client secret", "is blank", "Copy the Value column of the portal's client secret.")
    if re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", cleaned):
        raise InvalidInput(
            "client secret", "looks like the secret's ID", "Copy the Value column, not the Secret ID column."
        )
    if any(character.isspace() or ord(character) < 32 for character in cleaned):
        raise InvalidInput("client secret", "has spaces or line breaks inside", "Copy it again, alone.")
    if not (cleaned.isascii() and cleaned.isprintable()):
        raise InvalidInput(
            "client secret", "has characters that no client secret has", "Copy it again, straight from the portal."
        )
    if len(cleaned) > 512:
        raise InvalidInput("client secret", "is too long to be one", "Copy the Value column alone.")
    return Material(SecretMaterial(kind=CredentialKind.SECRET.value, secret=cleaned))


def from_pem(certificate: bytes, private_key: bytes, password: bytes | None = None, *, now: datetime) -> Material:
    """Reads a PEM certificate and its PEM private key (both may be in one file).

    Args:
        certificate: PEM text that holds a certificate; the first one is taken.
        private_key: PEM text that holds an RSA private key.
        password: the private key's password, when it is encrypted.
        now: the present, to refuse an expired certificate.

    Raises:
        InvalidInput: naming what is wrong: no certificate, no key, wrong password, not RSA, too short, not each other's, expired.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        parsed = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        raise InvalidInput(
            "certificate", "is not a PEM certificate", "It begins with -----BEGIN CERTIFICATE-----."
        ) from None
    try:
        key = serialization.load_pem_private_key(private_key, password)
    except TypeError:
        problem = (
            "is encrypted and needs its password" if password is None else "is not encrypted: leave the password out"
        )
        raise InvalidInput("private key", problem) from None
    except ValueError:
        hint = "Check the password." if password else "It begins with -----BEGIN PRIVATE KEY-----."
        raise InvalidInput("private key", "is not a PEM private key, or its password is wrong", hint) from None
    except Exception:
        raise InvalidInput(
            "private key", "is of a kind that cannot be used", "Use RSA with 2048 bits or more."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise InvalidInput("private key", "is not RSA with 2048 bits or more", "Microsoft Entra accepts RSA keys here.")
    public = parsed.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.public_numbers() != key.public_key().public_numbers():
        raise InvalidInput(
            "private key", "does not belong to the certificate", "Give the key the certificate was made with."
        )
    if parsed.not_valid_after_utc <= now:
        raise InvalidInput(
            "certificate", f"expired on {parsed.not_valid_after_utc:%Y-%m-%d}", "Make a new certificate and upload it."
        )
    encoded = serialization.Encoding.PEM
    return Material(
        SecretMaterial(
            kind=CredentialKind.CERTIFICATE.value,
            certificate_pem=parsed.public_bytes(encoded).decode("ascii"),
            private_key_pem=key.private_bytes(
                encoded, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode("ascii"),
        ),
        client_key_id=parsed.fingerprint(hashes.SHA256()).hex(),
        starts_at=parsed.not_valid_before_utc,
        expires_at=parsed.not_valid_after_utc,
    )
