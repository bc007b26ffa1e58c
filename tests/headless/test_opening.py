"""Configurations and databases that cannot be used: one sentence each, with the field and the fix, from every command alike."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_ANY_COMMAND = ("connections",)


def test_a_configuration_that_is_not_there_names_init(tmp_path: Path, run: Any, is_refused: Any) -> None:
    said = run("connections", "--config", tmp_path / "none.toml")
    is_refused(said, 2, "configuration", "none.toml", "atlas-tui init")


def test_a_configuration_that_may_not_be_read_names_its_mode(
    atlas: Any, is_refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> bytes:  # as the kernel says it; root, who may run the tests, reads every file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    is_refused(atlas("connections"), 2, "configuration", "Permission denied", "owner and mode")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"database = ", ("configuration", "not TOML", "end of document")),
        (b"\xff\xfe\x00", ("configuration", "not UTF-8")),
        (b"", ("database", "not set")),
        (b'database = "x"\ntheem = "dark"\n', ("theem", "not a setting")),
        (b"database = 3\n", ("database", "expected str")),
        (b'database = "x"\n[worker]\nslots = 0\n', ("worker.slots", "1 to 64")),
        (b'database = "x"\n[clouds.global]\nlogin = "http://a"\ngraph = "https://b"\n', ("clouds.global.login", "https")),
        (b'database = "x"\n[clouds.mars]\nlogin = "https://a"\ngraph = "https://b"\n', ("clouds.mars", "not a cloud")),
        (b'database = "x"\nca_bundle = "none.pem"\n', ("ca_bundle", "none.pem")),
        (b'database = "x"\nproxy = "nonsense"\n', ("proxy", "http://host:port")),
        (b'database = "mysql://host/name"\n', ("database", "postgresql://")),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_used_names_the_field(
    atlas: Any, is_refused: Any, content: bytes, says: tuple[str, ...]
) -> None:
    atlas.config.write_bytes(content)
    is_refused(atlas(*_ANY_COMMAND), 2, *says)


def test_a_configuration_that_is_a_directory_is_told(tmp_path: Path, run: Any, is_refused: Any) -> None:
    is_refused(run("connections", "--config", tmp_path), 2, "configuration", "cannot be read")


def _absent(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text(
        "this is a text file, not a database; it is long enough to be looked at as if it had a header\n" * 4
    )


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _torn(path: Path) -> None:
    """The first page stays, the rest is noise: what a bad disk leaves."""
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


def _open_to_all(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.usefixtures("keys_in_process")
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_absent, ("no database at", "atlas-tui init")),
        (_directory, ("is not a file", "configuration")),
        (_text, ("not a database", "path")),
        (_empty, ("empty", "atlas-tui db upgrade")),
        (_torn, ("damaged", "backup")),
        (_open_to_all, ("open to other accounts", "chmod 600")),
    ],
)
def test_a_database_that_cannot_be_used_says_why_and_what_to_do(
    atlas: Any, is_refused: Any, harm: Callable[[Path], None], says: tuple[str, ...]
) -> None:
    harm(atlas.database)

    is_refused(atlas(*_ANY_COMMAND), 7, *says)
    is_refused(atlas("tenant", "add", "Contoso", "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"), 7, *says)
    doctor = atlas("doctor", "--json")
    assert doctor.code == 1
    (found,) = [line for line in doctor.json if line["what"] == "database"]
    assert found["ok"] is False
    assert says[0].lower() in found["found"].lower()


@pytest.mark.parametrize(
    ("schema", "says"),
    [(99, ("schema 99", "newer program")), (3, ("schema 3", "atlas-tui db upgrade"))],
)
def test_a_database_of_another_version_is_refused(
    atlas: Any, is_refused: Any, schema: int, says: tuple[str, ...]
) -> None:
    atlas.sql("UPDATE meta SET value = ? WHERE key IN ('schema', 'min_reader', 'min_writer')", str(schema))
    is_refused(atlas(*_ANY_COMMAND), 7, *says)


def test_upgrading_a_newer_database_is_refused(atlas: Any, is_refused: Any) -> None:
    atlas.sql("UPDATE meta SET value = '99' WHERE key IN ('schema', 'min_reader', 'min_writer')")
    atlas.sql("UPDATE alembic_version SET version_num = '0099'")
    is_refused(atlas("db", "upgrade"), 7, "schema 99", "newer program")


def test_upgrading_a_current_database_says_that_there_is_nothing_to_do(atlas: Any) -> None:
    said = atlas("db", "upgrade")
    assert (said.code, said.err) == (0, "")
    assert "already" in said.out


def test_a_database_that_another_program_holds_is_told_as_locked(
    atlas: Any, is_refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage import database
    from storage.sqlite_file import sqlite_module

    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 20)
    other = sqlite_module().connect(str(atlas.database), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        said = atlas("tenant", "add", "Contoso", "8a3c1f0e-1b2c-4d5e-8f90-123456789abc")
    finally:
        other.close()
    is_refused(said, 7, "locked", "try again")
    assert atlas("tenants", "--json").json == []


def test_an_unreachable_server_is_told_without_its_password(atlas: Any, is_refused: Any) -> None:
    atlas.edit(f'database = "{atlas.database}"', 'database = "postgresql://atlas:canary-pw@127.0.0.1:1/atlas"')
    said = is_refused(atlas(*_ANY_COMMAND), 7, "server cannot be reached", "configuration")
    assert "canary-pw" not in said.err


def test_a_workspace_that_is_not_there_lists_those_you_are_in(atlas: Any, is_refused: Any) -> None:
    is_refused(atlas("connections", "--workspace", "nowhere"), 4, "nowhere", "main")
    is_refused(atlas("connections", "--workspace", "\x1b[2Jx[red]"), 4, "[red]", "main")


def test_an_account_that_is_no_member_is_told_whom_to_ask(atlas: Any, as_login: Any, is_refused: Any) -> None:
    with as_login("mallory"):
        is_refused(atlas("connections"), 5, "mallory", "Ask whoever runs", "member add mallory")


@pytest.mark.parametrize("field", ["public_key", "key_fingerprint"])
def test_a_changed_public_key_seals_nothing(atlas: Any, field: str) -> None:
    number = atlas.connection(secret=False)
    (line,) = [line for line in atlas.config.read_text().splitlines() if line.startswith(f"{field} =")]
    other = {"public_key": "A" * 43 + "=", "key_fingerprint": "0" * 32}[field]
    atlas.edit(line, f'{field} = "{other}"')

    atlas.refuses(
        "credential", "set", "--connection", str(number), "--secret-file", "-",
        code=2, says=("key_fingerprint", "public_key"), stdin=b"some.secret~value",
    )  # fmt: skip


def test_the_doctor_tells_a_missing_and_a_wrong_key(atlas: Any, run: Any, tmp_path: Path) -> None:
    def found() -> dict[str, Any]:
        said = atlas("doctor", "--json")
        (line,) = [line for line in said.json if line["what"] == "worker's key"]
        assert said.code == (0 if line["ok"] else 1)
        return dict(line)

    assert found()["ok"] is True
    whole = atlas.key.read_bytes()
    other = tmp_path / "other"
    assert run("init", "--config", other / "config.toml", "--directory", other).code == 0
    atlas.key.unlink()
    assert "no key file" in found()["found"]
    atlas.key.write_bytes((other / "worker.key").read_bytes())
    atlas.key.chmod(0o400)
    assert "not the key" in found()["found"]
    atlas.key.chmod(0o600)
    atlas.key.write_bytes(b"\x00nonsense")
    atlas.key.chmod(0o400)
    assert found()["ok"] is False
    atlas.key.unlink()
    atlas.key.write_bytes(whole)
    atlas.key.chmod(0o444)
    assert found()["ok"] is False
