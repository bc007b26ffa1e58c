"""Making a certificate of our own to sign in with: the key is born here, is sealed, and never leaves; only the public half does.

Promise: an RSA key from the operating system's randomness and a self-signed certificate that Microsoft Entra accepts; nothing is written
anywhere. Must not know SQL or where the result is kept. `x509` is imported when it is needed.

Source: Microsoft, "Create a self-signed public certificate to authenticate your application": RSA 2048 or more, SHA-256, X.509.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from storage import credential_material
from storage.credential_material import CLOCK_TOLERANCE, Material
from storage.errors import InvalidInput
from storage.fields import read_name

SIZES: Final = (2048, 3072, 4096)
LONGEST_DAYS: Final = 730
_MAX_COMMON_NAME: Final = 64
"""X.520's upper bound `ub-common-name` (RFC 5280, appendix A), counted in bytes here, as `cryptography` does."""


@dataclass(frozen=True, slots=True)
class MadeCertificate:
    """A certificate that was made here.

    Attributes:
        material: certificate and private key, ready to be sealed; shows nothing in representations.
        certificate_pem: the public certificate, for the portal; it holds no secret.
        certificate_der: the same in binary (CER).
        thumbprint: SHA-1, as the portal shows it.
        sha256: the SHA-256 thumbprint.
        starts_at: start of its validity.
        expires_at: end of its validity.
    """

    material: Material = field(repr=False)
    certificate_pem: str
    certificate_der: bytes
    thumbprint: str
    sha256: str
    starts_at: datetime
    expires_at: datetime


def make(name: str, *, now: datetime, days: int = 365, key_size: int = 2048) -> MadeCertificate:
    """Makes a key and a self-signed certificate for it.

    Args:
        name: the certificate's common name, to recognise it in the portal.
        now: the present.
        days: how long it is valid.
        key_size: bits of the RSA key.

    Raises:
        InvalidInput: the name, the days or the size cannot be used.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    common_name = read_name("certificate name", name).encode()[:_MAX_COMMON_NAME].decode(errors="ignore").rstrip()
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput("--days", f"must be from 1 to {LONGEST_DAYS}", "Short lives are safer: rotate more often.")
    if key_size not in SIZES:
        raise InvalidInput("key size", f"must be one of {', '.join(map(str, SIZES))}")
    key = rsa.generate_private_key(public_exponent=65537, key_size=key_size)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begins = (now - CLOCK_TOLERANCE).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after((now + timedelta(days=days)).replace(microsecond=0))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    material = credential_material.from_pem(pem, private, now=now)
    return MadeCertificate(
        material,
        pem.decode("ascii"),
        certificate.public_bytes(serialization.Encoding.DER),
        material.thumbprint,
        material.client_key_id,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
