"""Client secrets and certificates: stored sealed, refused with the field's name, and never seen again."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

ROOT = Path(__file__).parents[2]


def _outputs(atlas: Any, number: str) -> str:
    """Everything that is said about a connection afterwards."""
    commands = (["connection", "show", number], ["connections"], ["apps"], ["doctor"])
    return "".join(said.out + said.err for c in commands for said in (atlas(*c), atlas(*c, "--json")))


@pytest.mark.usefixtures("keys_in_process")
def test_a_secret_from_standard_input_is_sealed(atlas: Any, secret: str) -> None:
    number = str(atlas.connection(secret=False))

    said = atlas(
        "credential", "set", "--connection", number, "--secret-file", "-", "--expires", "2099-03-31",
        "--key-id", "8a3c1f0e-1b2c-4d5e-8f90-123456789abc", "--json", stdin=f"{secret}\r\n".encode(),
    )  # fmt: skip

    assert (said.code, said.err) == (0, "")
    assert said.json["slot"] == "active"
    assert said.json["expires_at"] == "2099-03-31T00:00:00Z"
    assert secret not in said.out + _outputs(atlas, number)
    assert secret.encode() not in b"".join(path.read_bytes() for path in atlas.home.glob("atlas.db*"))
    assert said.json["client_key_id"] == "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"


def test_a_secret_file_with_a_byte_order_mark_is_read_as_its_text(atlas: Any, tmp_path: Path, secret: str) -> None:
    """PowerShell's `Out-File -Encoding utf8` writes one; sealed with the secret it would fail at Microsoft only."""
    opened = _opened_after(atlas, tmp_path, b"\xef\xbb\xbf" + secret.encode() + b"\r\n")
    assert opened == secret


def _opened_after(atlas: Any, tmp_path: Path, content: bytes) -> str | None:
    from storage.credential_slots import as_sealed
    from storage.database import open_database
    from storage.schema import credentials
    from tasks.keyring import open_keyring

    number = str(atlas.connection(secret=False))
    path = tmp_path / "secret.txt"
    path.write_bytes(content)
    assert atlas("credential", "set", "--connection", number, "--secret-file", path).code == 0
    db = open_database(str(atlas.database))
    try:
        with db.read() as tx:
            row = tx.run(credentials.select().where(credentials.c.connection_id == int(number))).one()
        sealed = as_sealed(row, db.database_id)
    finally:
        db.close()
    return open_keyring(str(atlas.key)).open(sealed).secret


def test_a_second_secret_is_staged_and_the_first_stays(atlas: Any) -> None:
    number = str(atlas.connection())
    said = atlas("credential", "set", "--connection", number, "--secret-file", "-", "--json", stdin=b"second~secret")
    assert (said.code, said.json["slot"]) == (0, "staged")
    shown = atlas("connection", "show", number, "--json").json
    assert [entry["slot"] for entry in shown["credentials"]] == ["active", "staged"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ("client secret", "blank", "Value column")),
        (b" \r\n", ("client secret", "blank")),
        (b"8a3c1f0e-1b2c-4d5e-8f90-123456789abc\n", ("client secret", "ID", "Value column, not the Secret ID")),
        (b"canary-one two", ("client secret", "spaces")),
        (b"canary-one\ncanary-two", ("client secret", "line breaks")),
        (b"canary-\xff\xfe\x00", ("client secret", "not text")),
        ("canary-ü".encode("utf-16"), ("client secret", "not text")),
        (b"canary-" + b"x" * 10_240, ("client secret", "too long")),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused_without_repeating_it(
    atlas: Any, tmp_path: Path, content: bytes, says: tuple[str, ...]
) -> None:
    number, path = str(atlas.connection(secret=False)), tmp_path / "secret.txt"
    path.write_bytes(content)

    for place, given in (("-", content), (str(path), b"")):
        said = atlas.refuses(
            "credential", "set", "--connection", number, "--secret-file", place, code=2, says=says, stdin=given
        )
        assert "canary" not in said.err
        assert "8a3c1f0e" not in said.err


def test_without_a_terminal_a_secret_is_not_asked_for(atlas: Any) -> None:
    number = str(atlas.connection(secret=False))
    atlas.refuses("credential", "set", "--connection", number, code=2, says=("client secret", "--secret-file"))


@pytest.mark.parametrize("option", ["--secret-file", "--certificate"])
def test_a_file_that_cannot_be_read_is_named(atlas: Any, tmp_path: Path, option: str) -> None:
    number = str(atlas.connection(secret=False))
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "directory")):
        atlas.refuses("credential", "set", "--connection", number, option, path, code=2, says=(option, str(path), why))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--expires", "soon"], ("--expires", "2027-03-31")),
        (["--expires", "2001-01-01"], ("--expires", "past")),
        (["--key-id", "canary~secret-pasted-here"], ("--key-id", "GUID")),
        (["--key", "key.pem"], ("--key", "--certificate")),
        (["--key-password-file", "password"], ("--key-password-file", "--certificate")),
    ],
)
def test_an_option_that_does_not_fit_a_secret_is_refused(atlas: Any, more: list[str], says: tuple[str, ...]) -> None:
    number = str(atlas.connection(secret=False))
    said = atlas.refuses(
        "credential", "set", "--connection", number, "--secret-file", "-", *more, code=2, says=says, stdin=b"a~secret"
    )
    assert "canary" not in said.err


@pytest.mark.usefixtures("keys_in_process")
def test_certificates_are_sealed_with_their_key(atlas: Any, make_certificate: Any, tmp_path: Path) -> None:
    plain, locked = make_certificate(), make_certificate(password=b"open sesame", which=1)
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    for arguments in (
        ["--certificate", plain.both],
        ["--certificate", plain.certificate, "--key", plain.key],
        ["--certificate", locked.certificate, "--key", locked.key, "--key-password-file", password],
    ):
        number = str(atlas.connection(secret=False))
        said = atlas("credential", "set", "--connection", number, *arguments, "--json")
        assert (said.code, said.json["kind"], len(said.json["client_key_id"])) == (0, "certificate", 64), said
        assert "PRIVATE" not in said.out + _outputs(atlas, number)
    stored = b"".join(path.read_bytes() for path in atlas.home.glob("atlas.db*"))
    assert b"PRIVATE KEY" not in stored
    assert plain.private_pem.splitlines()[5].encode() not in stored


def test_a_certificate_that_cannot_work_is_refused_with_its_reason(
    atlas: Any, make_certificate: Any, tmp_path: Path
) -> None:
    number = str(atlas.connection(secret=False))
    fine, expired = make_certificate(), tmp_path / "expired.pem"
    expired.write_bytes(make_certificate(ends_in=-timedelta(days=1)).both.read_bytes())
    fine = make_certificate()
    locked = make_certificate(password=b"open sesame", which=1)
    wrong = tmp_path / "wrong"
    wrong.write_text("open barley")
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    cases: list[tuple[list[Any], tuple[str, ...]]] = [
        (["--certificate", expired], ("certificate", "expired on")),
        (["--certificate", garbage], ("certificate", "PEM")),
        (["--certificate", fine.key], ("certificate", "PEM certificate")),
        (["--certificate", fine.certificate], ("private key", "PEM private key")),
        (["--certificate", fine.certificate, "--key", locked.key], ("private key", "encrypted", "password")),
        (
            ["--certificate", locked.certificate, "--key", locked.key, "--key-password-file", wrong],
            ("private key", "password"),
        ),
        (["--certificate", fine.both, "--key-password-file", wrong], ("private key", "not encrypted")),
        (["--certificate", fine.certificate, "--key", tmp_path / "none"], ("--key", "none")),
        (["--certificate", fine.both, "--expires", "2099-01-01"], ("--expires", "certificate")),
    ]
    make_certificate(which=1)  # writes the second key's files again, without a password
    cases.append((["--certificate", fine.certificate, "--key", locked.key], ("private key", "does not belong")))
    locked = make_certificate(password=b"open sesame", which=1)
    for arguments, says in cases[:-1]:
        said = atlas.refuses("credential", "set", "--connection", number, *arguments, code=2, says=says)
        assert "sesame" not in said.err
    make_certificate(which=1)
    arguments, says = cases[-1]
    atlas.refuses("credential", "set", "--connection", number, *arguments, code=2, says=says)


def test_a_platform_connections_secret_belongs_to_its_app(atlas: Any, secret: str) -> None:
    guid = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"
    assert atlas("app", "add", "A", "--client-id", guid, "--home-tenant", guid).code == 0
    number = str(atlas("connection", "add", str(atlas.tenant()), "--json").json["id"])

    atlas.refuses(
        "credential", "set", "--connection", number, "--secret-file", "-",
        code=6, says=("platform app",), stdin=secret.encode(),
    )  # fmt: skip
    atlas.refuses(
        "credential", "set", "--app", "china", "--secret-file", "-", code=4, says=("china", "app add"), stdin=b"a~b"
    )
    said = atlas("credential", "set", "--app", "global", "--secret-file", "-", stdin=secret.encode())
    assert (said.code, said.err) == (0, "")
    assert "none" not in atlas("apps").out


def test_one_kind_and_one_owner_must_be_named(atlas: Any, run: Any, is_refused: Any) -> None:
    is_refused(run("credential", "set", "--secret-file", "-"), 2, "--connection", "--app")
    is_refused(run("credential", "set", "--connection", "1", "--app", "global"), 2, "not allowed")
    is_refused(
        run("credential", "set", "--connection", "1", "--secret-file", "-", "--certificate", "x"), 2, "not allowed"
    )


def test_a_typed_secret_is_not_shown(atlas: Any, secret: str) -> None:
    number = str(atlas.connection(secret=False))
    shell = pexpect.spawn(
        sys.executable,
        [
            "-c",
            "import sys; from atlas_tui.cli import main; sys.exit(main())",
            "credential",
            "set",
            "--connection",
            number,
            "--config",
            str(atlas.config),
        ],
        cwd=str(ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=110,
    )
    try:
        shell.expect("not shown")
        shell.waitnoecho()
        shell.sendline(secret)
        shell.expect(pexpect.EOF)
        shown = shell.before or ""
        assert shell.wait() == 0, shown
    finally:
        shell.close()
    assert "sealed" in shown
    assert secret not in shown
