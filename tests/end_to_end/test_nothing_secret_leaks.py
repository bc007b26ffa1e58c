"""Planted secrets are looked for, in every form they could have taken, in everything the program leaves behind or shows.

What is planted: a dedicated app's client secret, a platform app's, a certificate's private key, the worker's own key, the tokens that
Microsoft issues, error answers of Microsoft that quote a secret, and an alert channel's password. Where it is looked: database, WAL, queue,
logs, configuration, state directory, every command's output as text and as JSON, arguments and environments of all processes, what a crash
prints. And the search is tried on itself: each form, planted in each kind of place, must be found.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())", "worker"]


def _load_search() -> Any:
    """Test folders are no packages, so what two of them share is loaded by its path."""
    specification = importlib.util.spec_from_file_location("secret_search", ROOT / "tests" / "secret_search.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


search = _load_search()
forms, found_in = search.forms, search.found_in
FORBIDDEN = ("client_secret", "Bearer ", "access_token", "refresh_token", "Authorization")


def _processes(pids: list[int]) -> dict[str, bytes]:
    return {
        f"{pid}/{what}": Path(f"/proc/{pid}/{what}").read_bytes()
        for pid in pids
        for what in ("cmdline", "environ")
        if Path(f"/proc/{pid}").exists()
    }


def _certificate() -> tuple[bytes, bytes, dict[str, bytes]]:
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
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    return certificate, pem, search.of_key(key)


@dataclass
class Scene:
    """What was done, with whom, and everything that was said."""

    estate: Any
    canaries: dict[str, bytes]
    token_marks: dict[str, bytes]
    said: dict[str, bytes] = field(default_factory=dict)
    processes: dict[str, bytes] = field(default_factory=dict)
    worker: Any = None

    def do(self, *arguments: Any, stdin: bytes = b"") -> Any:
        said = self.estate(*arguments, stdin=stdin)
        self.said[f"{len(self.said)} {' '.join(map(str, arguments))}"] = f"{said.out}\n{said.err}".encode()
        return said

    def artefacts(self) -> dict[str, bytes]:
        """Everything but the worker's key file, which is what it is."""
        log = self.estate.microsoft.control("GET", "/requests")
        return {
            **search.files(self.estate.home, but=frozenset({"worker.key"})),
            **{f"output of {name}": text for name, text in self.said.items()},
            **{f"process {name}": text for name, text in self.processes.items()},
            "the simulator's request log": json.dumps(log).encode(),
        }


def _secret_entry(value: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    ends = (now + timedelta(days=300)).isoformat()
    return {
        "key_id": str(uuid.uuid4()),
        "value": value,
        "starts": (now - timedelta(days=1)).isoformat(),
        "expires": ends,
    }


def _token(microsoft: Any, tenant: dict[str, Any], secret: str) -> str:
    """Signs in as a stranger would, to see what a token looks like."""
    login = microsoft.endpoints["clouds"]["global"]["login"]
    answer = httpx.post(
        f"{login}/{tenant['id']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": tenant["apps"][0]["client_id"],
            "client_secret": secret,
            "scope": f"{microsoft.endpoints['clouds']['global']['graph']}/.default",
        },
        verify=ssl.create_default_context(cafile=microsoft.endpoints["ca"]),
        trust_env=False,
        timeout=60,
    )
    return str(answer.json()["access_token"])


def _quoting(secret: str) -> str:
    return f"client_secret={secret} Authorization: Bearer {secret} access_token refresh_token"


@pytest.fixture(scope="module")
def scene(microsoft: Any, new_estate: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A day in the life: set up, mistakes, checks of every kind, a killed worker, with secrets everywhere."""
    home = tmp_path_factory.mktemp("leaks")
    outside = tmp_path_factory.mktemp("outside")  # what the person brought: not ours to keep secret
    secret, other, quoted = (f"{word}+8Q~/{uuid.uuid4().hex}=" for word in ("canaryA", "canaryB", "canaryC"))
    channel = f"canaryD{uuid.uuid4().hex}"
    certificate, private, key_canaries = _certificate()
    one = microsoft.new_tenant("Leak Secret", app={"secrets": [_secret_entry(secret)]})
    two = microsoft.new_tenant(
        "Leak Certificate", app={"certificates": [{"key_id": str(uuid.uuid4()), "pem": certificate.decode()}]}
    )
    three = microsoft.new_tenant("Leak Quoting Sign-in", app={"secrets": [_secret_entry(quoted)]})
    four = microsoft.new_tenant("Leak Quoting Graph", app={"secrets": [_secret_entry(quoted)]})
    body = {
        "error": "invalid_client",
        "error_description": f"AADSTS7000222: {_quoting(quoted)}",
        "error_codes": [7000222],
    }
    microsoft.script("Leak Quoting Sign-in", {"where": "token"}, [{"status": 401, "body": body}] * 9)
    refusal = {"status": 403, "code": "Authorization_RequestDenied", "message": _quoting(quoted)}
    microsoft.script("Leak Quoting Graph", {"where": "graph"}, [refusal] * 9)
    token = _token(microsoft, one, secret)

    scene = Scene(
        new_estate(home / "home"),
        {
            "the client secret": secret.encode(),
            "the app's secret": other.encode(),
            "the quoted secret": quoted.encode(),
            "the alert channel's password": channel.encode(),
            **key_canaries,
        },
        _token_marks(token, one["id"], one["apps"][0]["client_id"]),
    )
    (outside / "app.pem").write_bytes(certificate + private)
    (outside / "secret.txt").write_text(secret)
    (outside / "id.txt").write_text(str(uuid.uuid4()))
    try:
        _act(scene, outside, (one, two, three, four), secret, other, quoted)
        yield scene
    finally:
        scene.estate.close()


def _token_marks(token: str, tenant: str, client: str) -> dict[str, bytes]:
    """What every token for this tenant and application must hold: found only where a token, or its claims, are."""
    claims = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    marks = {}
    for name, value in (("tid", tenant), ("appid", client)):
        mark = re.search(rb'"%s": ?"%s"' % (name.encode(), value.encode()), claims)
        assert mark is not None, claims
        marks[f"a token's {name}"] = mark.group()
    return marks


def _act(
    scene: Scene, outside: Path, tenants: tuple[dict[str, Any], ...], secret: str, other: str, quoted: str
) -> None:
    estate = scene.estate
    scene.do("init", "--directory", estate.home / "data", "--workspace", "main")
    estate.point_at_simulator()
    key_text = (estate.home / "data" / "worker.key").read_bytes().splitlines()
    scene.canaries["the worker's key"] = max(key_text, key=len)
    guid = str(uuid.uuid4())
    scene.do("app", "add", "Atlas", "--client-id", guid, "--home-tenant", guid)
    scene.do("credential", "set", "--app", "global", "--secret-file", "-", stdin=other.encode())
    for tenant in tenants:
        scene.do("tenant", "add", tenant["name"], tenant["id"], "--domain", tenant["domains"][0])
        scene.do("connection", "add", tenant["name"], "--client-id", tenant["apps"][0]["client_id"])
    scene.do("credential", "set", "--connection", "1", "--secret-file", outside / "secret.txt")
    scene.do("credential", "set", "--connection", "1", "--secret-file", "-", "--json", stdin=secret.encode())
    scene.do("credential", "set", "--connection", "2", "--certificate", outside / "app.pem")
    for number in ("3", "4"):
        scene.do("credential", "set", "--connection", number, "--secret-file", "-", stdin=quoted.encode())
    for mistake in (f"{secret} {secret}", f"{secret}\n{other}", secret * 20):
        assert (
            scene.do("credential", "set", "--connection", "1", "--secret-file", "-", stdin=mistake.encode()).code == 2
        )
    scene.do("credential", "set", "--connection", "1", "--certificate", outside / "secret.txt")
    scene.do(
        "credential", "set", "--connection", "1", "--certificate", outside / "app.pem", "--key", outside / "id.txt"
    )
    estate.let_credentials_age()

    estate.microsoft.scenarios("Leak Secret", {"name": "graph_slow", "seconds": 5})
    killed = estate.start_worker(program=WORKER)
    scene.do("check", "1", "--no-wait")
    estate.until_calls("Leak Secret")
    scene.processes |= _processes([killed.process.pid, estate.microsoft.process.pid])
    killed.kill()
    estate.microsoft.scenarios("Leak Secret")
    estate.let_leases_end()
    scene.worker = estate.start_worker(program=WORKER)
    typing = estate.start_typing("credential", "set", "--connection", "1", "--secret-file", "-")
    scene.processes |= _processes([scene.worker.process.pid, typing.pid])
    scene.said["typing"] = b"".join(typing.communicate(secret.encode(), timeout=110))
    for number in ("1", "2", "3", "4"):
        scene.do("check", number, "--json")
    scene.do("check", "1")
    scene.do("check", "3")
    channel = scene.canaries["the alert channel's password"]
    scene.do("alerts", "channels", "add", "Night", stdin=b"jsons://atlas:%b@127.0.0.1:1/%b" % (channel, channel))
    assert scene.do("alerts", "test", "Night", "--wait").code == 1, "nobody is there"
    reading = (
        [["report", n] for n in "1234"] + [["connection", "show", n] for n in "1234"] + [["run", n] for n in "1346"]
    )
    reading += [[command] for command in ("connections", "runs", "tenants", "apps", "workers", "doctor")]
    reading += [["alerts", "channels", "list"], ["alerts", "deliveries"], ["audit", "list", "action:alert*"]]
    scene.said["reading"] = estate.read(*reading, *([*command, "--json"] for command in reading)).encode()


def test_the_scene_was_played(scene: Scene) -> None:
    """What was looked at is not empty: checks succeeded and failed, a worker was killed, the quoted errors did arrive."""
    rows = scene.do("runs", "--json").json
    outcomes = {(row["tenant_name"], row["outcome"]) for row in rows}
    assert {("Leak Secret", "succeeded"), ("Leak Certificate", "succeeded")} <= outcomes
    assert ("Leak Quoting Sign-in", "blocked") in outcomes
    assert max(row["attempt"] for row in rows) == 2
    reasons = {row["tenant_name"]: row["reason_code"] for row in rows}
    assert reasons["Leak Quoting Sign-in"] == "secret_expired"
    assert reasons["Leak Quoting Graph"]
    names = scene.artefacts()
    for part in (
        "atlas.db",
        "atlas.db-wal",
        "config.toml",
        "worker-0.log",
        "worker-1.log",
        "state/workers/",
        "/environ",
    ):
        assert any(part in name for name in names), (part, list(names))
    assert all(names[name] for name in names if name.endswith((".log", ".db", "cmdline", "environ")))


def test_no_secret_is_anywhere(scene: Scene) -> None:
    leaks = {name: found for name, text in scene.artefacts().items() if (found := found_in(text, scene.canaries))}
    assert leaks == {}


def test_no_token_is_anywhere(scene: Scene) -> None:
    """Neither a token nor its claims; a JSON Web Token of anybody would be noticed too."""
    artefacts = scene.artefacts()
    leaks = {name: found for name, text in artefacts.items() if (found := found_in(text, scene.token_marks))}
    assert leaks == {}
    jwt = re.compile(rb"eyJ[A-Za-z0-9_-]{20,}\.eyJ")
    assert [name for name, text in artefacts.items() if jwt.search(text)] == []


def test_no_stored_failure_and_no_log_holds_a_telling_word(scene: Scene) -> None:
    """The literal guard, although Microsoft's own answers were full of them."""
    logs = {name: text for name, text in scene.artefacts().items() if ".log" in name}
    assert len(logs) >= 2
    stored = {
        f"{table} {number}": "\n".join(map(str, row)).encode()
        for table in ("operation_runs", "run_steps", "verification_reports", "audit_entries", "notifications")
        for number, row in enumerate(scene.estate.sql(f"SELECT * FROM {table}"))
    }
    assert {name.split()[0] for name in stored} >= {"operation_runs", "run_steps", "verification_reports"}
    outputs = {name: text for name, text in scene.artefacts().items() if name.startswith("output of")}
    for name, text in {**logs, **stored, **outputs}.items():
        assert [word for word in FORBIDDEN if word.encode() in text] == [], name


@pytest.mark.parametrize("form", forms(b"x"))
def test_the_search_finds_what_is_planted(scene: Scene, form: str) -> None:
    """The positive control: each form, in a file beside the database and in the middle of other text."""
    planted = b"planted+8Q~/1f2e3d4c5b6a=?\xc3\xbc"
    place = scene.estate.home / "data" / "state" / "planted.bin"
    place.write_bytes(b"\x00before" + forms(planted)[form] + b"after\xff")
    try:
        artefacts = scene.artefacts()
        hits = {name: found for name, text in artefacts.items() if (found := found_in(text, {"it": planted}))}
    finally:
        place.unlink()
    assert list(hits) == ["data/state/planted.bin"]
    assert f"it as {form}" in hits["data/state/planted.bin"]


@pytest.mark.parametrize("before", [b"", b"1", b"22", b"333"])
def test_the_search_finds_a_secret_inside_longer_base64(before: bytes) -> None:
    planted = b"planted+8Q~/1f2e3d4c5b6a="
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert found_in(encode(before + planted + b"after"), {"it": planted})


def test_the_search_finds_what_is_planted_in_database_output_and_process(scene: Scene, until: Any) -> None:
    """The other places: a row of the database (file or WAL), a command's output, an argument, a variable."""
    planted = f"planted-{uuid.uuid4().hex}"
    scene.estate.sql("UPDATE tenants SET name = :name WHERE id = 1", name=planted)
    scene.do("tenants")
    process = subprocess.Popen([sys.executable, "-c", "input()", planted], stdin=subprocess.PIPE, env={"IT": planted})
    try:
        command_line = Path(f"/proc/{process.pid}/cmdline")
        until(lambda: planted.encode() in command_line.read_bytes(), "the command line")
        scene.processes |= _processes([process.pid])
    finally:
        process.communicate(b"\n", timeout=60)
    hits = {name for name, text in scene.artefacts().items() if found_in(text, {"it": planted.encode()})}
    assert any(name.startswith("data/atlas.db") for name in hits)
    assert any(name.startswith("output of") for name in hits)
    assert {f"process {process.pid}/cmdline", f"process {process.pid}/environ"} <= hits


_CRASH_IN_COMMAND = """
import sys
from storage import sealing, credentials
def broken(material, *rest):
    secret = material.secret
    raise RuntimeError(f"canary {secret} {material!r}")
credentials.seal = sealing.seal = broken
from atlas_tui.cli import main
sys.exit(main())
"""
_CRASH_IN_WORKER = """
import sys
from tasks.providers.microsoft import gateway
whole = gateway.MicrosoftGateway.open_credential
def broken(self, sealed):
    secret = whole(self, sealed).material.secret
    raise RuntimeError(f"canary {secret} client_secret Bearer access_token")
gateway.MicrosoftGateway.open_credential = broken
from tasks.__main__ import main
sys.exit(main(["worker", *sys.argv[1:]]))
"""


def test_a_command_that_crashes_prints_no_secret(scene: Scene) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CRASH_IN_COMMAND, "credential", "set", "--connection", "1", "--secret-file", "-",
         "--config", str(scene.estate.config)],
        cwd=ROOT, input=scene.canaries["the client secret"], capture_output=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"RuntimeError" in done.stderr
    assert found_in(done.stdout + done.stderr, scene.canaries) == []
    assert b"canary" not in done.stdout + done.stderr


def test_an_operation_that_crashes_logs_and_stores_no_secret(scene: Scene) -> None:
    scene.worker.stop()
    worker = scene.estate.start_worker(program=[sys.executable, "-c", _CRASH_IN_WORKER])

    said = scene.do("check", "1", "--json")
    worker.stop()

    assert said.code not in (0, 11)
    assert said.json["run"]["row"]["outcome"] in ("failed", "lost")
    assert "RuntimeError" in worker.log_file.read_text()
    artefacts = scene.artefacts()
    assert {name: found for name, text in artefacts.items() if (found := found_in(text, scene.canaries))} == {}
    assert b"canary" not in worker.log_file.read_bytes()
