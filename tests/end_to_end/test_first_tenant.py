"""Your first real tenant: from a bare machine to a healthy badge. The cloud's host names are the only thing that is not real."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def _init(estate: Any, *options: str) -> None:
    said = estate("init", "--directory", estate.home / "data", "--workspace", "main", *options, check=0)
    assert "next" in said.out
    estate.point_at_simulator()


def _add(estate: Any, tenant: dict[str, Any], *connection: str) -> str:
    estate("tenant", "add", "Our Customer", tenant["id"], "--domain", tenant["domains"][0], check=0)
    said = estate("connection", "add", "Our Customer", *connection, "--json", check=0)
    return str(said.json["id"])


def _secret() -> tuple[str, dict[str, Any]]:
    value = f"abc8Q~{uuid.uuid4().hex}"
    now = datetime.now(UTC)
    return value, {
        "key_id": str(uuid.uuid4()),
        "value": value,
        "starts": (now - timedelta(days=1)).isoformat(),
        "expires": (now + timedelta(days=300)).isoformat(),
    }


def test_with_a_client_secret(bare_estate: Any, cold_commands: Any) -> None:
    bare_estate.commands = cold_commands  # nothing has run on this machine before
    value, secret = _secret()
    tenant = bare_estate.microsoft.new_tenant("First With Secret", app={"secrets": [secret]})
    _init(bare_estate)
    number = _add(bare_estate, tenant, "--client-id", tenant["apps"][0]["client_id"])
    blocked = bare_estate("check", number, check=10)
    assert "provider_credential_missing" in blocked.err
    stored = bare_estate("credential", "set", "--connection", number, "--secret-file", "-", stdin=value.encode())
    assert "sealed" in stored.out
    bare_estate.start_worker(program=cold_commands.worker)

    said = bare_estate("check", number, "--json", check=0).json

    row = said["connection"]
    assert (row["consent_status"], row["verification_status"]) == ("granted", "healthy")
    (shown,) = bare_estate("tenants", "--json", check=0).json
    assert (shown["name"], shown["microsoft_name"]) == ("Our Customer", "First With Secret")
    assert bare_estate("doctor", check=0).out.count("\nx ") == 0


def _certificate(path: Path) -> str:
    key = rsa.generate_private_key(65537, 2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=200))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate + private)
    return certificate.decode()


def test_with_a_certificate(bare_estate: Any, tmp_path: Path) -> None:
    pem = _certificate(tmp_path / "app.pem")
    app = {"certificates": [{"key_id": str(uuid.uuid4()), "pem": pem}]}
    tenant = bare_estate.microsoft.new_tenant("First With Certificate", app=app)
    _init(bare_estate)
    number = _add(bare_estate, tenant, "--client-id", tenant["apps"][0]["client_id"])
    bare_estate("credential", "set", "--connection", number, "--certificate", tmp_path / "app.pem", check=0)
    bare_estate.start_worker()

    said = bare_estate("check", number, "--json", check=0).json

    assert said["connection"]["verification_status"] == "healthy"
    (credential,) = bare_estate("connection", "show", number, "--json", check=0).json["credentials"]
    assert (credential["kind"], credential["slot"]) == ("certificate", "active")


def test_with_the_workspaces_platform_app_and_a_consent_that_comes_later(bare_estate: Any) -> None:
    value, secret = _secret()
    home, client = str(uuid.uuid4()), str(uuid.uuid4())
    shared = {"client_id": client, "multi_tenant": True, "home_tenant": home, "secrets": [secret]}
    microsoft = bare_estate.microsoft
    microsoft.new_tenant("The Home", id=home, app=shared)
    tenant = microsoft.new_tenant("First With Platform App", app={**shared, "consented": False})
    _init(bare_estate)
    bare_estate("app", "add", "Atlas", "--client-id", client, "--home-tenant", home, check=0)
    bare_estate("credential", "set", "--app", "global", "--secret-file", "-", stdin=value.encode(), check=0)
    number = _add(bare_estate, tenant)
    bare_estate.start_worker()

    early = bare_estate("check", number, "--json", check=22).json["connection"]
    assert (early["consent_status"], early["verification_status"]) == ("required", "blocked")

    microsoft.control("PATCH", f"/tenants/{tenant['id']}", {"apps": [{"client_id": client, "consented": True}]})
    pending = bare_estate("connection", "consent-granted", number, "--json", check=0).json
    assert (pending["consent_status"], pending["verification_status"]) == ("granted", "pending")
    late = bare_estate("check", number, "--json", check=0).json["connection"]
    assert (late["consent_status"], late["verification_status"]) == ("granted", "healthy")


@pytest.mark.parametrize("mistake", ["tenant id", "secret"])
def test_a_mistake_is_found_by_the_first_check(bare_estate: Any, mistake: str) -> None:
    value, secret = _secret()
    tenant = bare_estate.microsoft.new_tenant(f"First With Wrong {mistake}", app={"secrets": [secret]})
    _init(bare_estate)
    wrong = {**tenant, "id": str(uuid.uuid4())} if mistake == "tenant id" else tenant
    number = _add(bare_estate, wrong, "--client-id", tenant["apps"][0]["client_id"])
    given = value if mistake == "tenant id" else value[:-1] + "x"
    bare_estate("credential", "set", "--connection", number, "--secret-file", "-", stdin=given.encode(), check=0)
    bare_estate.let_credentials_age()
    bare_estate.start_worker()

    said = bare_estate("check", number, check=22)

    assert {"tenant id": "tenant_not_found", "secret": "secret_invalid"}[mistake] in said.out
    assert "next step" in said.out
    assert given not in said.out + said.err
