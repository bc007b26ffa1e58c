"""What tests of the command line may ask for: an installation on a real SQLite database, and `atlas-tui` run in this process."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from atlas_tui import cli
from atlas_tui.headless import processes
from storage import access
from storage.sqlite_file import sqlite_module

# Making the whole command line anew for each command took four fifths of the time that a command takes here.
setattr(cli, "parser", functools.cache(cli.parser))  # noqa: B010 - mypy knows that it is a function

SECRET = "canary~8Qsecret.value-that_must-not-be-seen"
_WATCHED = ("tenants", "provider_connections", "credentials", "platform_apps", "memberships", "users", "operation_runs")


@dataclass(frozen=True)
class Said:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


def run_cli(*arguments: str | Path, stdin: bytes = b"", encoding: str = "utf-8") -> Said:
    """Runs `atlas-tui` in this process, without a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    given = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = int(ended.code or 0)
    finally:
        sys.stdin = given
    return Said(code, *(stream.buffer.getvalue().decode(encoding) for stream in (out, err)))  # type: ignore[attr-defined]


def harmless(text: str) -> None:
    """Fails when text could do more to a terminal than be shown."""
    odd = {c for c in text if c != "\n" and (not c.isprintable())}
    assert not odd, f"{odd!r} in {text[:300]!r}"


def refused(said: Said, code: int, *words: str) -> Said:
    """Fails unless a command was refused in one harmless line on stderr that names these words; nothing else was written."""
    assert said.code == code, said
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("atlas-tui")
    harmless(line)
    for word in words:
        assert word.lower() in line.lower(), (word, line)
    assert "Traceback" not in line
    assert SECRET not in line
    return said


@dataclass
class Installation:
    """A place where `atlas-tui init` was run."""

    home: Path
    config: Path
    database: Path
    key: Path
    made: list[int] = field(default_factory=list)

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", encoding: str = "utf-8") -> Said:
        """Runs `atlas-tui ARGUMENTS --config …`."""
        return run_cli(*arguments, "--config", self.config, stdin=stdin, encoding=encoding)

    def refuses(self, *arguments: str | Path, code: int, says: tuple[str, ...], stdin: bytes = b"") -> Said:
        """Runs a command that must be refused and must leave every row as it was."""
        before = self.rows()
        said = refused(self(*arguments, stdin=stdin), code, *says)
        assert self.rows() == before
        return said

    def rows(self) -> dict[str, list[Any]]:
        """Every row that a command could have half-written."""
        return {table: self.sql(f"SELECT * FROM {table} ORDER BY id") for table in _WATCHED}

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Runs one statement on the database, as another program would."""
        connection = sqlite_module().connect(str(self.database), isolation_level=None)
        try:
            return list(connection.execute(statement, parameters).fetchall())
        finally:
            connection.close()

    def edit(self, old: str, new: str) -> None:
        """Changes a line of the configuration."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def tenant(self, name: str = "Contoso", **options: str) -> int:
        """Adds a tenant; returns its number."""
        more = [part for key, value in options.items() for part in (f"--{key}", value)]
        said = self("tenant", "add", name, str(uuid.uuid4()), "--json", *more)
        assert said.code == 0, said
        return int(said.json["id"])

    def connection(self, name: str = "Contoso", *, secret: bool = True) -> int:
        """Adds a tenant with a dedicated connection and a client secret; returns the connection's number."""
        said = self("connection", "add", str(self.tenant(name)), "--client-id", str(uuid.uuid4()), "--json")
        assert said.code == 0, said
        number = int(said.json["id"])
        if secret:
            stored = self("credential", "set", "--connection", str(number), "--secret-file", "-", stdin=SECRET.encode())
            assert stored.code == 0, stored
        return number


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("installed")
    said = run_cli("init", "--config", home / "config.toml", "--directory", home)
    assert said.code == 0, said
    return home


@pytest.fixture
def atlas(_template: Path, tmp_path: Path) -> Installation:
    """An installation of the test's own, with an empty workspace `main` that belongs to this account."""
    home = tmp_path / "installed"
    shutil.copytree(_template, home)
    home.chmod(0o700)
    config = home / "config.toml"
    config.write_text(config.read_text().replace(str(_template), str(home)))
    return Installation(home, config, home / "atlas.db", home / "worker.key")


@pytest.fixture
def keys_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this process answer what is asked of `python -m tasks keys`, where it is not the process that a test is about."""
    from tasks import __main__ as tasks

    def answer(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        room, *given = command[command.index("-m") + 1 :]
        assert (room, given[0]) == ("tasks", "keys"), command
        mask, out, err = os.umask(0o077), io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), monkeypatch.context() as patch:
                patch.setattr(resource, "setrlimit", lambda *_: None)  # a process of its own would take its limit along
                code = tasks.main(given)
        finally:
            os.umask(mask)
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    monkeypatch.setattr(processes, "subprocess", SimpleNamespace(run=answer, DEVNULL=subprocess.DEVNULL))


@pytest.fixture
def run() -> Callable[..., Said]:
    """Runs `atlas-tui` in this process."""
    return run_cli


@pytest.fixture
def is_refused() -> Callable[..., Said]:
    """See `refused`."""
    return refused


@pytest.fixture
def is_harmless() -> Callable[[str], None]:
    """See `harmless`."""
    return harmless


@pytest.fixture
def secret() -> str:
    """A client secret's value that no output may hold."""
    return SECRET


@pytest.fixture
def as_login(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], contextlib.AbstractContextManager[None]]:
    """Lets a block run as if another OS account had started the program."""

    @contextlib.contextmanager
    def become(login: str) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(access, "os_login", lambda: (login, None))
            yield

    return become


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate and its key, in files of their own and in one."""

    certificate: Path
    key: Path
    both: Path
    private_pem: str


@pytest.fixture(scope="session")
def _keys() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


@pytest.fixture
def make_certificate(tmp_path: Path, _keys: list[rsa.RSAPrivateKey]) -> Callable[..., CertificateFiles]:
    """Writes a certificate with its key."""

    def make(
        *, ends_in: timedelta = timedelta(days=90), password: bytes | None = None, which: int = 0
    ) -> CertificateFiles:
        key, now = _keys[which], datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + ends_in)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        protection: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        files = [tmp_path / f"{name}-{which}.pem" for name in ("certificate", "key", "both")]
        for path, content in zip(files, (certificate, private, certificate + private), strict=True):
            path.write_bytes(content)
        return CertificateFiles(*files, private.decode())

    return make
