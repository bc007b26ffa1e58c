"""Credentials: a value goes in and never comes out; what cannot work is refused by its field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storage import audit_trail, connections, credentials
from storage.credential_material import from_pem, from_secret
from storage.errors import Conflict, InvalidInput
from storage.schema import credentials as table
from storage.sealing import SUITE, Binding, SecretMaterial, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner, CredentialSlot

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = "Qz7~planted.canary_value-8f3a"
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(key: Any, *, until: datetime = NOW + timedelta(days=90)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=365))
        .not_valid_after(until)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


def pem(key: Any, password: bytes | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return bytes(key.private_bytes(PEM, PKCS8, how))


# Sealing

BINDING = Binding("database", CredentialOwner.CONNECTION, 7, CredentialKind.SECRET, "", entra_tenant_id="t")


def test_what_is_sealed_opens_with_the_private_key_and_its_own_binding_only() -> None:
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    binding = replace(BINDING, key_id=fingerprint(public))
    sealed = seal(SecretMaterial(kind="secret", secret=CANARY), public, binding)
    assert CANARY.encode() not in sealed
    opened = SUITE.decrypt(sealed, key, info=binding.info())
    assert msgspec.json.decode(opened, type=SecretMaterial).secret == CANARY
    for changed in (
        replace(binding, database_id="another"),
        replace(binding, owner=CredentialOwner.PLATFORM_APP),
        replace(binding, owner_id=8),
        replace(binding, kind=CredentialKind.CERTIFICATE),
        replace(binding, key_id=fingerprint(b"x" * 32)),
        replace(binding, version=2),
        replace(binding, entra_tenant_id="other"),
    ):
        with pytest.raises(InvalidTag):
            SUITE.decrypt(sealed, key, info=changed.info())
    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, X25519PrivateKey.generate(), info=binding.info())


@given(st.lists(st.text("ab:|", max_size=3), min_size=3, max_size=3), st.lists(st.text("ab:|", max_size=3), min_size=3))
def test_no_two_bindings_look_alike(one: list[str], other: list[str]) -> None:
    def info(parts: list[str]) -> bytes:
        return replace(BINDING, database_id=parts[0], key_id=parts[1], entra_tenant_id=parts[2]).info()

    assert (info(one) == info(other)) == (one == other[:3])


@pytest.mark.parametrize("public", [b"", b"x" * 31, b"x" * 33, bytes(32)])
def test_a_key_that_is_none_is_refused(public: bytes) -> None:
    with pytest.raises(InvalidInput, match="public key"):
        seal(SecretMaterial(kind="secret", secret=CANARY), public, replace(BINDING, key_id=fingerprint(public)))


def test_a_key_that_the_binding_does_not_name_is_refused() -> None:
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(InvalidInput, match="public key"):
        seal(SecretMaterial(kind="secret", secret=CANARY), public, replace(BINDING, key_id="other"))


def test_no_representation_shows_a_value() -> None:
    material = from_secret(CANARY)
    assert CANARY not in repr(material) + str(material) + repr(material.secret) + f"{material}"


# What people give


@pytest.mark.parametrize(
    "value",
    ["", "   ", "8A3C1F0E-1b2c-4d5e-8f90-123456789abc", f"{CANARY} x", f"{CANARY}\nx", f"{CANARY}\0", f"{CANARY}\ud800",
     f"{CANARY}é", f"{CANARY}\x7f", f"{CANARY}\u200b", CANARY * 40],
)  # fmt: skip
def test_a_secret_that_cannot_be_one_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_secret(value)
    assert caught.value.field == "client secret"
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_is_taken_without_the_space_around_it() -> None:
    assert from_secret(f"  {CANARY}\n").secret.secret == CANARY


def test_a_certificate_tells_its_own_dates_and_thumbprint(rsa_key: Any) -> None:
    cert = certificate(rsa_key)
    for key, password in ((pem(rsa_key), None), (pem(rsa_key, b"pw"), b"pw")):
        material = from_pem(cert, key, password, now=NOW)
        assert material.expires_at == NOW + timedelta(days=90)
        assert len(material.client_key_id) == 64
        assert material.secret.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    together = cert + pem(rsa_key)
    assert from_pem(together, together, now=NOW).expires_at == NOW + timedelta(days=90)


def test_each_mistake_with_a_certificate_is_named_without_showing_the_key(rsa_key: Any) -> None:
    other, small = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    good, key = certificate(rsa_key), pem(rsa_key)
    cases: list[tuple[str, str, bytes, bytes, bytes | None]] = [
        ("certificate", "not a PEM certificate", b"rubbish", key, None),
        ("certificate", "not a PEM certificate", b"", key, None),
        ("certificate", "not a PEM certificate", key, key, None),
        ("private key", "not a PEM private key", good, b"\xff\xfe", None),
        ("private key", "not a PEM private key", good, good, None),
        ("private key", "needs its password", good, pem(rsa_key, b"pw"), None),
        ("private key", "password is wrong", good, pem(rsa_key, b"pw"), b"other"),
        ("private key", "is not encrypted", good, key, b"pw"),
        ("private key", "not RSA", certificate(curve), pem(curve), None),
        ("private key", "not RSA with 2048", certificate(small), pem(small), None),
        ("private key", "does not belong", good, pem(other), None),
        ("private key", "does not belong", certificate(curve), key, None),
        ("certificate", "expired on 2026-02-28", certificate(rsa_key, until=NOW - timedelta(days=1)), key, None),
    ]
    for field, problem, cert, private, password in cases:
        with pytest.raises(InvalidInput) as caught:
            from_pem(cert, private, password, now=NOW)
        assert caught.value.field == field, problem
        assert problem in caught.value.message
        lines = [line for line in private.decode("latin-1").splitlines() if len(line) > 20 and "---" not in line]
        assert not any(line in str(caught.value) for line in lines)


# Slots


def slots(fleet: Any, connection: int) -> list[str]:
    return [info.slot.value for info in connections.get(fleet.db, fleet.dana, connection).credentials]


def test_the_first_is_active_and_starts_the_verification_anew(fleet: Any) -> None:
    connection = fleet.add_connection("new", ready=False)
    fleet.set_connection(connection, verification_status="blocked", last_reason_code="provider_credential_missing")
    before = fleet.truth(connection)
    assert fleet.store_secret(connection).slot is CredentialSlot.ACTIVE
    after = fleet.truth(connection)
    assert (after.verification_status, after.last_reason_code) == ("unknown", None)
    assert after.generation == before.generation + 1


def test_the_next_is_staged_and_changes_no_badge(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    before = fleet.truth(connection)
    assert fleet.store_secret(connection, "second").slot is CredentialSlot.STAGED
    assert fleet.store_secret(connection, "third").slot is CredentialSlot.STAGED
    assert slots(fleet, connection) == ["active", "staged"]
    after = fleet.truth(connection)
    assert (after.consent_status, after.verification_status) == (before.consent_status, before.verification_status)
    assert after.generation == before.generation + 2


def test_rotating_a_platform_apps_credential_resets_nobody(fleet: Any) -> None:
    connection = fleet.connection["wingtip"]
    before = fleet.truth(connection)
    info = credentials.store(
        fleet.db, fleet.dana, CredentialOwner.PLATFORM_APP, fleet.app, from_secret("second"), fleet.public_key
    )
    assert info.slot is CredentialSlot.STAGED
    assert fleet.truth(connection) == before


def test_a_platform_connection_holds_no_credential_of_its_own(fleet: Any) -> None:
    with pytest.raises(Conflict, match="platform app"):
        fleet.store_secret(fleet.connection["wingtip"])
    with pytest.raises(InvalidInput, match="owner"):
        credentials.store(fleet.db, fleet.dana, CredentialOwner.ALERT_CHANNEL, 1, from_secret(CANARY), fleet.public_key)


def test_what_a_worker_gets_opens_and_another_row_does_not(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.store_secret(connection, CANARY)
    staged, active = fleet.begin(connection).credentials
    opened = SUITE.decrypt(staged.sealed, fleet.worker_key, info=staged.binding.info())
    assert msgspec.json.decode(opened, type=SecretMaterial).secret == CANARY
    assert CANARY not in repr(staged)
    (other,) = fleet.begin(fleet.connection["fabrikam"]).credentials
    with pytest.raises(InvalidTag):
        SUITE.decrypt(active.sealed, fleet.worker_key, info=other.binding.info())


def test_no_stored_byte_and_no_audit_entry_holds_the_value(fleet: Any) -> None:
    import base64

    connection = fleet.connection["contoso"]
    fleet.store_secret(connection, CANARY)
    stored = repr(fleet.contents())
    encoded = (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("="), CANARY.encode().hex())
    assert not any(form in stored for form in encoded)
    assert "credential.store" in stored  # the search does look where it should
    assert not any(CANARY in str(e) for e in audit_trail.of_connection(fleet.db, fleet.dana, connection))
    if fleet.db.is_sqlite:
        for path in Path(fleet.address).parent.glob(f"{Path(fleet.address).name}*"):
            raw = path.read_bytes()
            assert CANARY.encode() not in raw
            assert CANARY.encode("utf-16-le") not in raw


def test_a_replaced_sealed_value_is_gone_from_the_file(copy_fleet: Callable[[str], Any]) -> None:
    for kind in ("sqlite-wal", "sqlite-delete"):
        fleet = copy_fleet(kind)
        connection = fleet.connection["contoso"]
        fleet.store_secret(connection, "staged~one")
        old = fleet.one(select(table.c.sealed).where(table.c.slot == "staged"))
        fleet.store_secret(connection, "staged~two")
        fleet.db.close()
        assert bytes(old) not in Path(fleet.address).read_bytes(), kind
