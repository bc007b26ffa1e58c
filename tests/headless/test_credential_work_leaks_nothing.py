"""Every command about credentials, with planted secrets; then they are looked for in all that was written, said or logged.

Planted: a client secret, a mistyped one, a PFX's password and private key, the private key that `generate-cert` makes, and secrets in the
wrong columns of an import. Looked in: database and its side files, configuration, outputs, files that were asked for. The search is tried
on itself in each form and place.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from storage.credential_slots import as_sealed
from storage.database import open_database
from storage.schema import credentials
from tasks.keyring import open_keyring

ROOT = Path(__file__).parents[2]
SECRET = "canaryA+8Q~/0123456789abcdef="
MISTYPED = "canaryB+8Q~/0123456789abcdef="
PASSWORD = "canaryC+8Q~/0123456789abcdef="


def _load_search() -> Any:
    specification = importlib.util.spec_from_file_location("secret_search", ROOT / "tests" / "secret_search.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


search = _load_search()


@dataclass
class Scene:
    """What was done, what was planted, and all that was said."""

    atlas: Any
    outputs: dict[str, bytes] = field(default_factory=dict)
    canaries: dict[str, bytes] = field(default_factory=dict)

    def do(self, *arguments: Any, stdin: bytes = b"", code: int = 0) -> Any:
        said = self.atlas(*arguments, stdin=stdin)
        assert said.code == code, said
        self.outputs[f"output {len(self.outputs)} {arguments[:2]}"] = (said.out + said.err).encode()
        return said

    def artefacts(self) -> dict[str, bytes]:
        """Everything but the worker's key file, which is what it is."""
        return {**search.files(self.atlas.home, but=frozenset({"worker.key"})), **self.outputs}

    def leaks(self) -> dict[str, list[str]]:
        return {n: found for n, text in self.artefacts().items() if (found := search.found_in(text, self.canaries))}


def _pfx() -> tuple[bytes, rsa.RSAPrivateKey]:
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")])
    leaf = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    how = serialization.BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"atlas", key, leaf, None, how), key


def _made_here(atlas: Any, number: str) -> rsa.RSAPrivateKey:
    """The private key that `generate-cert` sealed, as a worker finds it."""
    db = open_database(str(atlas.database))
    try:
        with db.read() as tx:
            rows = tx.run(credentials.select().where(credentials.c.connection_id == int(number))).all()
        sealed = [as_sealed(row, db.database_id) for row in rows if row.kind == "certificate" and row.slot == "staged"]
    finally:
        db.close()
    material = open_keyring(str(atlas.key)).open(sealed[0])
    key = serialization.load_pem_private_key(material.private_key_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.fixture
def scene(atlas: Any, tmp_path: Path) -> Scene:
    """A working day with credentials, mistakes included."""
    outside = tmp_path / "outside"  # what the person brought: not ours to keep secret
    outside.mkdir()
    content, key = _pfx()
    (outside / "app.pfx").write_bytes(content)
    (outside / "password").write_text(PASSWORD)
    one, two = str(atlas.connection("One", secret=False)), str(atlas.connection("Two", secret=False))
    scene = Scene(atlas)
    scene.canaries = {
        "the secret": SECRET.encode(),
        "the mistyped": MISTYPED.encode(),
        "the password": PASSWORD.encode(),
    }
    scene.canaries |= {f"of the PFX: {name}": value for name, value in search.of_key(key).items()}
    c = "credentials"
    scene.do(c, "set", "--connection", one, "--secret-file", "-", "--json", stdin=SECRET.encode())
    pfx = ["--certificate", outside / "app.pfx"]
    scene.do(c, "stage", "--connection", one, *pfx, code=2)
    scene.do(c, "stage", "--connection", one, *pfx, "--key-password-file", outside / "app.pfx", code=2)
    scene.do(c, "stage", "--connection", one, *pfx, "--key-password-file", outside / "password")
    scene.do(c, "promote", "--connection", one, "--reason", "because", "--json")
    scene.do(c, "roll-back", "--connection", one)
    scene.do(c, "generate-cert", one, "--out", atlas.home / "public.pem")
    made = search.of_key(_made_here(atlas, one))
    scene.canaries |= {f"made here: {name}": value for name, value in made.items()}
    scene.do(c, "generate-cert", two, "--json")
    table = (
        f"connection,secret,secret id,expires\n{two},{SECRET},,\n{MISTYPED},{SECRET},,\n{one},{MISTYPED} {SECRET},,\n"
        f'{one},{SECRET},{MISTYPED},\n{one},{SECRET},,{MISTYPED}\n{one},"{SECRET}\n'
    )
    for more in (["--dry-run"], ["--all-or-nothing"], [], ["--json"]):
        scene.do(c, "import", "-", *more, stdin=table.encode(), code=2)
    scene.do(c, "import", "-", stdin=f"{SECRET},{MISTYPED}\n".encode(), code=2)
    scene.do(c, "import", "-", stdin=f'{{"connection":"{one}","{SECRET}":"{MISTYPED}"}}\n'.encode(), code=2)
    for reading in (["show", "--connection", one], ["show", "--connection", two], ["expiring"]):
        scene.do(c, *reading)
        scene.do(c, *reading, "--json")
    scene.do(c, "remove", "--connection", one, "--slot", "active", "--yes")
    scene.do("permissions", "show", one, "--json")
    scene.do("connection", "show", one, "--json")
    return scene


def test_no_secret_is_anywhere(scene: Scene) -> None:
    assert len(scene.canaries) == 9
    assert {"atlas.db", "config.toml", "public.pem"} <= set(scene.artefacts())
    assert scene.leaks() == {}


def test_the_search_finds_what_is_planted(scene: Scene) -> None:
    """The positive control: each canary in each form, in a file beside the database; and in the database and an output themselves."""
    place = scene.atlas.home / "planted.bin"
    for name, value in scene.canaries.items():
        for form, text in search.forms(value).items():
            place.write_bytes(b"\x00before" + text + b"after\xff")
            found = search.found_in(search.files(scene.atlas.home)["planted.bin"], {name: value})
            assert f"{name} as {form}" in found
    place.unlink()
    scene.atlas.sql("UPDATE tenants SET note = ?", SECRET)
    scene.outputs["planted"] = b"it is " + PASSWORD.encode()
    assert {name.split("-")[0] for name in scene.leaks()} == {"atlas.db", "planted"}


_CRASH = """
import sys
from storage import credentials, sealing
def broken(material, *rest):
    secret = material.secret + material.private_key_pem
    raise RuntimeError(f"canary {secret} {material!r}")
credentials.seal = sealing.seal = broken
from atlas_tui.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("command", [["import", "-"], ["generate-cert", "1"]])
def test_a_command_that_crashes_prints_no_secret(atlas: Any, command: list[str]) -> None:
    number = atlas.connection(secret=False)
    assert number == 1
    done = subprocess.run(
        [sys.executable, "-c", _CRASH, "credentials", *command, "--config", str(atlas.config)],
        cwd=ROOT, input=f"connection,secret\n1,{SECRET}\n".encode(), capture_output=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"RuntimeError" in done.stderr
    assert b"canary" not in done.stdout + done.stderr
    assert b"PRIVATE" not in done.stdout + done.stderr
