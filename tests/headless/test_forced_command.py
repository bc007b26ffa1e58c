"""The forced command of a member's SSH key: what may be asked for, as whom, and no way to a shell. A real sshd: `test_sshd.py`."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import cli, keyboard, launch
from atlas_tui.headless import forced_command
from storage.errors import AtlasError, Forbidden, InvalidInput

ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


def test_a_line_is_printed_for_a_valid_key_of_this_account_and_for_nothing_else(atlas: Any, tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    assert atlas("member", "add", "nora", "operator").code == 0
    added = atlas("member", "key", "add", "nora", "-", "--json", stdin=f"{key} nora@laptop\n".encode()).json
    said = atlas("authorized-keys", ACCOUNT, added["fingerprint"])
    assert said.code == 0
    command = f"exec {sys.executable} -I -m atlas_tui session --key {added['id']} --config {atlas.config}"
    assert said.out == f'restrict,pty,command="{command}" {key}\n'
    assert atlas("authorized-keys", ACCOUNT, key.split()[1]).out == said.out
    for user, asked in (
        ("somebody-else", added["fingerprint"]),
        (ACCOUNT, "SHA256:" + "A" * 43),
        (ACCOUNT, "SHA256:short"),
        (ACCOUNT, "not base64"),
        (ACCOUNT, ""),
    ):
        assert (atlas("authorized-keys", user, asked).code, atlas("authorized-keys", user, asked).out) == (0, "")


def test_the_line_survives_a_path_with_quotes_and_spaces() -> None:
    line = forced_command.authorized_line(7, "ssh-ed25519 AAAA", Path('/srv/it\'s "ours"/config.toml'))
    command = line.removeprefix('restrict,pty,command="').removesuffix('" ssh-ed25519 AAAA').replace('\\"', '"')
    assert shlex.split(command)[-4:] == ["--key", "7", "--config", '/srv/it\'s "ours"/config.toml']
    with pytest.raises(InvalidInput):
        forced_command.authorized_line(7, "ssh-ed25519 AAAA", Path("/srv/a\nb"))


def test_every_allowed_command_exists() -> None:
    handlers = set()

    def walk(parser: Any) -> None:
        for action in parser._actions:
            for inner in (getattr(action, "choices", None) or {}).values() if action.nargs == "A..." else ():
                walk(inner)
        if handler := parser.get_default("handler"):
            handlers.add(handler)

    walk(cli.parser())
    assert set(handlers) > forced_command.ALLOWED


@pytest.mark.parametrize(
    "asked",
    [
        "credential set --connection 1 --secret-file -",
        "credentials import -",
        "db upgrade",
        "demo",
        "init",
        "audit export --output x",
        "keys status",
        "platform list",
        "run 1 --config x",
        "runs \x1b[2J",
        "scp -t /tmp",
        "session --key 1",
        "tenants 'unclosed",
        "user deactivate dana",
        "worker",
        "workspace list",
        "x" * 5000,
    ],
)
def test_what_may_not_be_asked_for_is_refused(asked: str) -> None:
    with pytest.raises((AtlasError, SystemExit)):
        forced_command.read_command(asked)


def test_a_key_cannot_be_named_by_whoever_does_not_own_the_database(
    atlas: Any, monkeypatch: pytest.MonkeyPatch, is_refused: Any
) -> None:
    from storage import ownership

    monkeypatch.setattr(ownership.os, "geteuid", lambda: 54321)
    with _ordinary_process():
        monkeypatch.setenv("SSH_ORIGINAL_COMMAND", "workspaces")
        is_refused(atlas("session", "--key", "1"), 5, "may not open sessions")


@pytest.mark.parametrize(
    "asked", ["member key add {me} - --system --workspace main", "member key revoke 1 --system --workspace main"]
)
def test_a_member_does_not_become_the_database_s_owner_by_asking_for_it(
    atlas: Any, monkeypatch: pytest.MonkeyPatch, is_refused: Any, asked: str
) -> None:
    key, other = (
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter}ABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" for letter in "AB"
    )
    assert atlas("member", "add", "rita", "readonly").code == 0
    added = atlas("member", "key", "add", "rita", "-", "--json", stdin=f"{key}\n".encode()).json
    with _ordinary_process():
        monkeypatch.setenv("SSH_ORIGINAL_COMMAND", asked.format(me=ACCOUNT))
        refused = atlas("session", "--key", str(added["id"]), stdin=f"{other}\n".encode())
    is_refused(refused, 5, "whoever owns the installation")
    assert atlas.sql("SELECT actor FROM audit_entries WHERE action = 'session.refused'") == [("rita",)]
    assert [row["login"] for row in atlas("member", "key", "list", "--json").json if not row["revoked_at"]] == ["rita"]


def test_every_command_answers_the_member_whose_key_it_is_and_not_the_account_that_runs_it(
    atlas: Any, monkeypatch: pytest.MonkeyPatch, is_refused: Any
) -> None:
    """The account is an Owner and reads the system's trail; nora reaches one tenant, and rita nothing of the system."""
    for name in ("Alpha", "Alps"):
        assert atlas("tenant", "add", name, str(uuid.uuid4())).code == 0
    assert atlas("platform", "grant", ACCOUNT, "platform.directory.view").code == 0
    numbers = {}
    for login, reach, letter in (("nora", ("--tenant", "Alpha"), "A"), ("rita", (), "B")):
        key = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter}ABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
        assert atlas("member", "add", login, "operator", *reach).code == 0
        added = atlas("member", "key", "add", login, "-", "--json", stdin=f"{key}\n".encode())
        numbers[login] = str(added.json["id"])

    def ask(login: str, asked: str) -> Any:
        with _ordinary_process():
            monkeypatch.setenv("SSH_ORIGINAL_COMMAND", asked)
            return atlas("session", "--key", numbers[login])

    assert len(atlas("search", "al", "--json").json["hits"]) == 2
    assert [hit["tenant"]["name"] for hit in ask("nora", "search al --json").json["hits"]] == ["Alpha"]
    for asked in ("audit list --system", "audit export --system", "audit verify --system"):
        assert atlas(*asked.split()).code == 0
        is_refused(ask("rita", asked), 4, "no such trail")
    assert [report["chain"] for report in ask("rita", "audit verify --all --json").json] == ["workspace:1"]
    is_refused(ask("nora", "platform list"), 5, "may not be asked for")
    assert atlas.sql("SELECT actor FROM audit_entries WHERE action = 'session.refused'") == [("nora",)]


def test_only_one_place_says_who_is_at_the_keyboard() -> None:
    room = Path(keyboard.__file__).parent
    users = {path.name for path in room.rglob("*.py") if "local_principal" in path.read_text(encoding="utf-8")}
    assert users == {"keyboard.py", "initializing.py"}  # `init` makes the database that would know a key


def test_a_confined_process_forgets_what_could_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "TEXTUAL_DRIVER", "ATLAS_SQLITE", "XDG_CONFIG_HOME", "EDITOR"):
        monkeypatch.setenv(name, "x")
    with _ordinary_process():
        launch.confine()
        assert not {"PYTHONPATH", "TEXTUAL_DRIVER", "ATLAS_SQLITE", "XDG_CONFIG_HOME", "EDITOR"} & set(os.environ)
        assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN


def test_files_are_forbidden_over_a_forced_command_only() -> None:
    keyboard.forbid_files("An export")
    with keyboard.with_key(1):
        assert keyboard.is_confined()
        with pytest.raises(Forbidden, match="An export"):
            keyboard.forbid_files("An export")
    assert not keyboard.is_confined()


@contextlib.contextmanager
def _ordinary_process() -> Iterator[None]:
    """Gives this process its signals, mask and core limit back after it was confined."""
    import resource

    numbers = (signal.SIGTSTP, signal.SIGQUIT, signal.SIGTTIN, signal.SIGTTOU)
    before = [signal.getsignal(number) for number in numbers]
    mask, limit = os.umask(0o022), resource.getrlimit(resource.RLIMIT_CORE)
    os.umask(mask)
    environment = dict(os.environ)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        os.umask(mask)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, limit)
        os.environ.clear()
        os.environ.update(environment)


def test_the_screen_names_no_command_over_ssh_that_is_refused_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_tui.screens import fleet_import_asking

    monkeypatch.setattr(fleet_import_asking.keyboard, "is_confined", lambda: True)
    with pytest.raises(Forbidden) as refusal:
        fleet_import_asking.forbid_over_ssh()
    assert "ssh HOST" not in str(refusal.value)
    with pytest.raises(Forbidden):
        forced_command.read_command("tenant import -")
