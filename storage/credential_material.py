"""Reading what a person gives as a credential: a client secret's value, or a certificate with its private key (PEM or PFX).

Promise: what cannot work at Microsoft is refused here with the field's name; no message ever holds the value, and no exception of another
library is chained to what is raised. Knows no SQL. `x509` is imported when it is needed: it is slow to import.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage.errors import InvalidInput
from storage.sealing import SecretMaterial
from storage.states import CredentialKind

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A certificate made a moment ago on another machine may begin a little in our future."""

_MAX_FILE: Final = 1024 * 1024
_HOW_GIVEN: Final = "--key-password-file on the command line"


@dataclass(frozen=True, slots=True)
class Material:
    """A credential ready to be sealed.

    Attributes:
        secret: what will be inside; its representation shows no value.
        client_key_id: the certificate's SHA-256 thumbprint; empty for a secret whose key id is not known.
        starts_at: the certificate's start; None for a secret.
        expires_at: the certificate's end; None for a secret.
        thumbprint: the certificate's SHA-1 thumbprint in upper-case hexadecimal, as the portal shows it; empty for a secret.
    """

    secret: SecretMaterial
    client_key_id: str = ""
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    thumbprint: str = ""


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


def from_certificate(
    certificate: bytes, private_key: bytes | None = None, password: bytes | None = None, *, now: datetime
) -> Material:
    """Reads a certificate with its private key: PKCS#12 (PFX), or PEM or DER with the key in the same text or beside it.

    Args:
        certificate: what the certificate's file holds.
        private_key: what the key's file holds; None when it is in the certificate's file.
        password: of the PFX, or of an encrypted private key.
        now: the present, to refuse what is not valid.

    Raises:
        InvalidInput: naming what is wrong.
    """
    if len(certificate) > _MAX_FILE or len(private_key or b"") > _MAX_FILE:
        raise InvalidInput("certificate", "is larger than 1 MiB", "Give the certificate's own file.")
    if (
        b"-----BEGIN" not in certificate and certificate[:1] == b"\x30"
    ):  # DER: a SEQUENCE, which a PFX is, and a .cer file
        if alone := _pem_of_der(certificate):
            return from_pem(alone, alone if private_key is None else private_key, password, now=now)
        if private_key is not None:
            raise InvalidInput("private key", "is inside a PFX already", "Leave the key's file out.")
        return from_pfx(certificate, password, now=now)
    return from_pem(certificate, certificate if private_key is None else private_key, password, now=now)


def _pem_of_der(content: bytes) -> bytes | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return x509.load_der_x509_certificate(content).public_bytes(Encoding.PEM)
    except ValueError:
        return None


def from_pem(certificate: bytes, private_key: bytes, password: bytes | None = None, *, now: datetime) -> Material:
    """Reads a PEM certificate and its PEM private key (both may be in one file).

    Args:
        certificate: PEM text that holds a certificate; of several, the one that the key belongs to.
        private_key: PEM text that holds an RSA private key.
        password: the private key's password, when it is encrypted.
        now: the present, to refuse a certificate that is not valid.

    Raises:
        InvalidInput: naming what is wrong: no certificate, no key, wrong password, not RSA, too short, not each other's, expired,
            not yet valid.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        found = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        found = []
    if not found:
        raise InvalidInput("certificate", "is not a PEM certificate", "It begins with -----BEGIN CERTIFICATE-----.")
    if b"-----BEGIN CERTIFICATE-----" in private_key and b"PRIVATE KEY-----" not in private_key:
        raise InvalidInput(
            "private key",
            "is not a PEM private key: the file holds the certificate alone",
            "Give the key's file as well; it begins with -----BEGIN PRIVATE KEY-----.",
        )
    try:
        key = serialization.load_pem_private_key(private_key, password)
    except TypeError:
        if password is not None:
            raise InvalidInput("private key", "is not encrypted", "Leave the password out.") from None
        raise InvalidInput("private key", "is encrypted and needs its password", f"Give it ({_HOW_GIVEN}).") from None
    except ValueError:
        hint = "Check the password." if password else "It begins with -----BEGIN PRIVATE KEY-----."
        raise InvalidInput("private key", "is not a PEM private key, or its password is wrong", hint) from None
    except Exception:
        raise InvalidInput(
            "private key", "is of a kind that cannot be used", "Use RSA with 2048 bits or more."
        ) from None
    return _material(found, key, now)


def from_pfx(content: bytes, password: bytes | None = None, *, now: datetime) -> Material:
    """Reads a PKCS#12 file (PFX, P12): its private key, and of its certificates the one that the key belongs to.

    Args:
        content: the file.
        password: its password; None and empty mean the same.
        now: the present, to refuse a certificate that is not valid.

    Raises:
        InvalidInput: naming what is wrong, as in `from_pem`.
    """
    from cryptography.hazmat.primitives.serialization import pkcs12

    loaded = None
    # Exporters disagree about what no password is: none at all, or an empty one (RFC 7292, appendix B.1).
    for candidate in (password,) if password else (None, b""):
        try:
            loaded = pkcs12.load_pkcs12(content, candidate)
            break
        except ValueError:
            continue
        except Exception:
            raise InvalidInput(
                "PFX", "is protected in a way that cannot be read", "Export it again with AES and SHA-256."
            ) from None
    if loaded is None:
        hint = "Check the password." if password else f"It may need its password ({_HOW_GIVEN})."
        raise InvalidInput("PFX", "is not a PKCS#12 file, or its password is wrong", hint)
    if loaded.key is None:
        raise InvalidInput(
            "PFX", "holds a certificate without its private key", "Export it again with the private key included."
        )
    found = [entry.certificate for entry in (loaded.cert, *loaded.additional_certs) if entry is not None]
    if not found:
        raise InvalidInput("PFX", "holds a private key without its certificate", "Export both together.")
    return _material(found, loaded.key, now)


def _material(found: Sequence[Certificate], key: object, now: datetime) -> Material:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise InvalidInput("private key", "is not RSA with 2048 bits or more", "Microsoft Entra accepts RSA keys here.")
    leaf = _belonging(found, key.public_key())
    if leaf is None:
        raise InvalidInput(
            "private key", "does not belong to the certificate", "Give the key the certificate was made with."
        )
    if leaf.not_valid_after_utc <= now:
        raise InvalidInput(
            "certificate", f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}", "Make a new certificate and upload it."
        )
    if leaf.not_valid_before_utc > now + CLOCK_TOLERANCE:
        raise InvalidInput(
            "certificate",
            f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            "Store it from then on, or check this machine's clock.",
        )
    encoded = serialization.Encoding.PEM
    return Material(
        SecretMaterial(
            kind=CredentialKind.CERTIFICATE.value,
            certificate_pem=leaf.public_bytes(encoded).decode("ascii"),
            private_key_pem=key.private_bytes(
                encoded, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode("ascii"),
        ),
        client_key_id=leaf.fingerprint(hashes.SHA256()).hex(),
        starts_at=leaf.not_valid_before_utc,
        expires_at=leaf.not_valid_after_utc,
        thumbprint=leaf.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Microsoft's name for it, not a protection
    )


def _belonging(found: Sequence[Certificate], public: object) -> Certificate | None:
    """The certificate of a key: a file may hold the whole chain, in any order."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    assert isinstance(public, rsa.RSAPublicKey)
    for certificate in found:
        candidate = certificate.public_key()
        if isinstance(candidate, rsa.RSAPublicKey) and candidate.public_numbers() == public.public_numbers():
            return certificate
    return None
