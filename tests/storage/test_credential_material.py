"""What people bring as a certificate: PFX or PEM, with a chain, a passphrase, half of it missing, or at the wrong time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from storage.credential_material import from_certificate
from storage.errors import InvalidInput

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = b"canary-pass~8Q"


def certificate(
    key: Any, *, begins: datetime = NOW - timedelta(days=1), ends: datetime = NOW + timedelta(days=90)
) -> Any:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )


def pem(*things: Any, password: bytes | None = None) -> bytes:
    how: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    encoded = serialization.Encoding.PEM
    return b"".join(
        thing.public_bytes(encoded)
        if isinstance(thing, x509.Certificate)
        else thing.private_bytes(encoded, serialization.PrivateFormat.PKCS8, how)
        for thing in things
    )


def pfx(key: Any, leaf: Any, chain: list[Any] | None = None, password: bytes | None = PASSWORD) -> bytes:
    how: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"atlas", key, leaf, chain, how)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_a_pfx_and_a_pem_of_the_same_certificate_are_the_same(key: Any, other: Any) -> None:
    leaf, issuer = certificate(key), certificate(other)
    wanted = from_certificate(pem(leaf, key), now=NOW)
    for given_ in (
        from_certificate(pfx(key, leaf), password=PASSWORD, now=NOW),
        from_certificate(leaf.public_bytes(serialization.Encoding.DER), pem(key), now=NOW),
        from_certificate(pfx(key, leaf, [issuer]), password=PASSWORD, now=NOW),
        from_certificate(pfx(key, leaf, password=None), now=NOW),
        from_certificate(pem(issuer, leaf), pem(key), now=NOW),  # the chain, the leaf not first
        from_certificate(pem(leaf, issuer) + pem(key, password=PASSWORD), password=PASSWORD, now=NOW),
    ):
        assert given_.secret.certificate_pem == wanted.secret.certificate_pem
        assert given_.secret.private_key_pem == wanted.secret.private_key_pem
        assert given_ == wanted
    assert wanted.thumbprint == leaf.fingerprint(hashes.SHA1()).hex().upper()
    assert wanted.client_key_id == leaf.fingerprint(hashes.SHA256()).hex()
    assert (wanted.starts_at, wanted.expires_at) == (NOW - timedelta(days=1), NOW + timedelta(days=90))
    assert "PRIVATE" not in repr(wanted)


def test_each_mistake_is_named_and_nothing_is_repeated(key: Any, other: Any) -> None:
    leaf, curve = certificate(key), ec.generate_private_key(ec.SECP256R1())
    small = rsa.generate_private_key(65537, 1024)
    cases: list[tuple[bytes, bytes | None, bytes | None, str, str]] = [
        (pfx(key, leaf), None, None, "PFX", "password is wrong"),
        (pfx(key, leaf), None, b"another", "PFX", "password is wrong"),
        (pfx(key, leaf)[:-20], None, PASSWORD, "PFX", "not a PKCS#12 file"),
        (pfx(None, leaf), None, PASSWORD, "PFX", "without its private key"),
        (pfx(key, None), None, PASSWORD, "PFX", "without its certificate"),
        (pfx(key, None, [certificate(other)]), None, PASSWORD, "private key", "does not belong"),
        (pfx(curve, certificate(curve)), None, PASSWORD, "private key", "not RSA"),
        (pfx(key, leaf), pem(key), PASSWORD, "private key", "inside a PFX already"),
        (leaf.public_bytes(serialization.Encoding.DER), None, None, "private key", "the certificate alone"),
        (leaf.public_bytes(serialization.Encoding.DER), pem(other), None, "private key", "does not belong"),
        (pem(leaf), None, None, "private key", "the certificate alone"),
        (pem(key), None, None, "certificate", "not a PEM certificate"),
        (pem(leaf), pem(other), None, "private key", "does not belong"),
        (pem(certificate(small), small), None, None, "private key", "2048 bits"),
        (pem(leaf, certificate(other)), pem(small), None, "private key", "2048 bits"),
        (pem(certificate(key, ends=NOW), key), None, None, "certificate", "expired on 2026-03-01"),
        (
            pem(certificate(key, begins=NOW + timedelta(hours=1)), key),
            None,
            None,
            "certificate",
            "not valid before 2026-03-01 13:00",
        ),
        (b"x" * (1024 * 1024 + 1), None, None, "certificate", "1 MiB"),
        (b"", None, None, "certificate", "not a PEM certificate"),
    ]
    for content, private, password, field, problem in cases:
        with pytest.raises(InvalidInput) as refused:
            from_certificate(content, private, password, now=NOW)
        assert refused.value.field == field, problem
        assert problem in refused.value.message
        assert PASSWORD.decode() not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_certificate_that_was_made_this_minute_elsewhere_is_taken(key: Any) -> None:
    """Clocks differ by minutes, as Microsoft allows them to."""
    assert from_certificate(pem(certificate(key, begins=NOW + timedelta(minutes=4)), key), now=NOW).starts_at


@given(st.binary(max_size=400), st.sampled_from([b"", b"\x30\x82", b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN"]))
def test_any_bytes_are_refused_by_a_field(content: bytes, start: bytes) -> None:
    with pytest.raises(InvalidInput):
        from_certificate(start + content, now=NOW)
