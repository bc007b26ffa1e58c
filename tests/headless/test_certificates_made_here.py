"""`credentials generate-cert`: the private key stays here, sealed; what leaves is a certificate that Microsoft takes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from storage import certificate_making
from storage.credential_slots import as_sealed
from storage.database import open_database
from storage.errors import InvalidInput
from storage.schema import credentials
from tasks.keyring import open_keyring
from tasks.providers.microsoft import certificates

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def opened(atlas: Any, number: str) -> Any:
    """What a worker finds in the connection's newest slot."""
    db = open_database(str(atlas.database))
    try:
        with db.read() as tx:
            row = tx.run(
                credentials.select().where(credentials.c.connection_id == int(number)).order_by(credentials.c.id.desc())
            ).all()[0]
        return open_keyring(str(atlas.key)).open(as_sealed(row, db.database_id))
    finally:
        db.close()


def test_the_certificate_that_leaves_belongs_to_the_key_that_stays(atlas: Any, tmp_path: Path) -> None:
    number, out = str(atlas.connection()), tmp_path / "it's a cert.pem"

    said = atlas("credentials", "generate-cert", number, "--days", "90", "--out", out)

    assert (said.code, said.err) == (0, "")
    assert out.read_text().count("-----BEGIN") == 1
    assert "PRIVATE" not in out.read_text() + said.out
    certificate = x509.load_pem_x509_certificate(out.read_bytes())
    assert certificate.fingerprint(hashes.SHA1()).hex().upper() in said.out
    assert certificate.fingerprint(hashes.SHA256()).hex() in said.out
    assert "stored as      staged" in said.out
    assert f"credential verify --connection {number}" in said.out
    (az,) = [line for line in said.out.splitlines() if line.startswith("az ")]
    words = shlex.split(az.split(None, 1)[1])
    assert words[words.index("--cert") + 1] == f"@{out}"
    material = opened(atlas, number)
    facts = certificates.read(material)
    assert facts.not_after == certificate.not_valid_after_utc
    assert material.certificate_pem == out.read_text()


def test_an_existing_file_is_never_overwritten_and_nothing_is_stored_then(atlas: Any, tmp_path: Path) -> None:
    number, out = str(atlas.connection()), tmp_path / "cert.pem"
    out.write_text("mine")
    atlas.refuses("credentials", "generate-cert", number, "--out", out, code=6, says=("exists", "--out"))
    assert out.read_text() == "mine"
    atlas.refuses("credentials", "generate-cert", number, "--out", tmp_path / "no" / "x", code=2, says=("--out",))
    atlas.refuses("credentials", "generate-cert", number, "--days", "9999", code=2, says=("--days",))


def test_what_cannot_be_stored_leaves_no_file(atlas: Any, tmp_path: Path) -> None:
    guid = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"
    assert atlas("app", "add", "A", "--client-id", guid, "--home-tenant", guid).code == 0
    number = str(atlas("connection", "add", str(atlas.tenant()), "--json").json["id"])
    out = tmp_path / "cert.pem"
    atlas.refuses("credentials", "generate-cert", number, "--out", out, code=6, says=("platform app",))
    assert not out.exists()
    said = atlas("credentials", "generate-cert", "--app", "global", "--json")
    assert (said.code, said.json["credential"]["slot"]) == (0, "active")
    assert said.json["certificate_pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in said.out


def test_a_made_certificate_is_what_microsoft_asks_for() -> None:
    made = certificate_making.make("Atlas TUI Ünïcode GmbH " + "x" * 80, now=NOW, days=30)
    certificate = x509.load_der_x509_certificate(made.certificate_der)
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert (public.key_size, public.public_numbers().e) == (2048, 65537)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    public.verify(
        certificate.signature,
        certificate.tbs_certificate_bytes,
        padding.PKCS1v15(),
        certificate.signature_hash_algorithm,
    )
    assert certificate.issuer == certificate.subject
    assert (made.starts_at, made.expires_at) == (NOW - timedelta(minutes=5), NOW + timedelta(days=30))
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (
        ExtendedKeyUsageOID.CLIENT_AUTH in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    )
    assert "PRIVATE" not in repr(made)
    other = certificate_making.make("Atlas", now=NOW)
    assert other.sha256 != made.sha256


@pytest.mark.parametrize(("days", "size"), [(0, 2048), (-1, 2048), (731, 2048), (30, 1024)])
def test_a_certificate_that_makes_no_sense_is_refused(days: int, size: int) -> None:
    with pytest.raises(InvalidInput):
        certificate_making.make("Atlas", now=NOW, days=days, key_size=size)
