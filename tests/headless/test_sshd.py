"""Members who come through a real sshd with their own keys: what they get, and what they cannot reach."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

SSHD, SSH, KEYGEN = (
    shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin"),
    shutil.which("ssh"),
    shutil.which("ssh-keygen"),
)
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


@dataclass
class Door:
    """An sshd that lets this account in by what `authorized-keys` prints, and a client for it."""

    port: int
    home: Path
    atlas: Any
    asks_program: bool

    def client(self, key: str, *more: str) -> list[str]:
        """The command line of a client with one key and nothing of the person's own configuration."""
        assert SSH is not None
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": str(self.home / "known_hosts"),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        identity = ["-F", "none", "-i", str(self.home / key), "-p", str(self.port)]
        return [SSH, *identity, *given, *more, f"{ACCOUNT}@127.0.0.1"]

    def ask(self, key: str, *words: str, options: tuple[str, ...] = (), stdin: str = "") -> Any:
        """Asks for a command as a client."""
        self.refresh(key)
        return subprocess.run(
            [*self.client(key, *options), *words], capture_output=True, text=True, timeout=60, input=stdin, check=False
        )

    def add(self, login: str, role: str = "operator") -> str:
        """Makes a member with a key; returns the key's name."""
        assert KEYGEN is not None
        subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", self.home / login], check=True)
        assert self.atlas("member", "add", login, role).code == 0
        assert self.atlas("member", "key", "add", login, str(self.home / f"{login}.pub")).code == 0
        return login

    def refresh(self, key: str) -> None:
        """Where sshd may not run our program itself (it wants every directory above it to be root's), writes what it would say."""
        if not self.asks_program:
            fingerprint = subprocess.run(
                [str(KEYGEN), "-l", "-f", self.home / f"{key}.pub"], capture_output=True, text=True, check=True
            ).stdout.split()[1]
            said = self.atlas("authorized-keys", ACCOUNT, fingerprint)
            (self.home / "authorized_keys").write_text(said.out)


def _is_roots_alone(path: Path) -> bool:
    """sshd(8) runs an AuthorizedKeysCommand only when root alone can change it: the file and all directories above it."""
    real = path.resolve()
    return all(
        (details := place.stat()).st_uid == 0 and not details.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        for place in (real, *real.parents)
    )


@pytest.fixture
def door(atlas: Any, tmp_path: Path) -> Iterator[Door]:
    """An sshd on a port of the loopback interface, with a configuration and a host key of its own."""
    if SSHD is None or SSH is None or KEYGEN is None:
        pytest.skip("needs sshd, ssh and ssh-keygen (package openssh-server)")
    _make_place_for_sshd()
    home = tmp_path / "ssh"
    home.mkdir(mode=0o700)
    subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", home / "host"], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asks_program = _is_roots_alone(Path(sys.executable))
    program = f"{sys.executable} -I -m atlas_tui authorized-keys %u %f --config {atlas.config}"
    keys = [f"AuthorizedKeysCommand {program}", f"AuthorizedKeysCommandUser {ACCOUNT}", "AuthorizedKeysFile none"]
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {home / 'host'}",
        f"PidFile {home / 'pid'}",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        # Wider open than anybody should have it, so that what keeps people in is the program and its line, not this file.
        "AcceptEnv *",
        "PermitUserEnvironment yes",
        "AllowTcpForwarding yes",
        "Subsystem sftp internal-sftp",
        *(keys if asks_program else [f"AuthorizedKeysFile {home / 'authorized_keys'}"]),
    ]
    (home / "config").write_text("\n".join(lines) + "\n")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", home / "config"], stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_for(lambda: "listening" in (home / "log").read_text() or process.poll() is not None)
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {(home / 'log').read_text()[-200:]}")
        yield Door(port, home, atlas, asks_program)
    finally:
        process.terminate()
        process.wait(10)


def _make_place_for_sshd() -> None:
    """As root, sshd wants the empty directory that its service makes, to shut itself into. It stays: others may use it."""
    if os.getuid() == 0:
        try:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        except OSError:
            pytest.skip("sshd needs /run/sshd, which cannot be made here")


def _wait_for(is_so: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_key_gives_the_answers_that_its_member_may_have_until_it_is_revoked(door: Door) -> None:
    nora, rita = door.add("nora"), door.add("rita", "readonly")
    said = door.ask(nora, "workspaces", "--json")
    assert (said.returncode, said.stderr) == (0, "")
    assert [(row["slug"], row["role"]) for row in json.loads(said.stdout)] == [("main", "operator")]
    assert json.loads(door.ask(rita, "atlas-tui workspaces --json").stdout)[0]["role"] == "readonly"
    refused = door.ask(rita, "member list")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "rita may not do this" in refused.stderr
    sessions = door.atlas("session", "list", "--all", "--json").json
    assert {(row["login"], row["via"], row["host"]) for row in sessions} == {
        ("nora", "ssh", "127.0.0.1"),
        ("rita", "ssh", "127.0.0.1"),
    }
    assert door.atlas("member", "key", "revoke", "1").code == 0
    shut_out = door.ask(nora, "workspaces")
    assert shut_out.returncode == 255
    assert "Permission denied" in shut_out.stderr
    assert door.ask(rita, "workspaces").returncode == 0
    assert door.atlas("member", "leave", "rita", "--yes").code == 0
    assert door.ask(rita, "workspaces").returncode == 255


def test_nothing_that_is_asked_for_reaches_a_shell_or_a_file(door: Door, tmp_path: Path) -> None:
    nora, trace = door.add("nora", "owner"), tmp_path / "trace"
    module = tmp_path / "planted"
    (module / "storage").mkdir(parents=True)
    (module / "storage" / "__init__.py").write_text(f"open({str(trace)!r}, 'w')\n")
    (module / "sitecustomize.py").write_text(f"open({str(trace)!r}, 'w')\n")
    for asked in (
        f"touch {trace}",
        f"/bin/sh -c 'touch {trace}'",
        f"workspaces; touch {trace}",
        f"workspaces $(touch {trace})",
        f"workspaces | tee {trace}",
        f"workspaces --config {door.atlas.config}",
        f"member key add nora {door.home / 'nora.pub'}",
        "",
    ):
        said = door.ask(nora, asked)
        assert said.returncode not in (0, 255), (asked, said)
        assert said.stdout == "", (asked, said)
        assert "Traceback" not in said.stderr
    for name, value in (
        ("PYTHONPATH", module),
        ("PYTHONSTARTUP", module / "sitecustomize.py"),
        ("TEXTUAL_DRIVER", "sitecustomize:Driver"),
        ("XDG_CONFIG_HOME", module),
        ("SSH_ORIGINAL_COMMAND", "worker"),
    ):
        said = door.ask(nora, "workspaces", options=("-o", f"SetEnv={name}={value}"))
        assert (said.returncode, "main" in said.stdout) == (0, True), (name, said)
    sftp = door.ask(nora, "sftp", options=("-s",))
    assert (sftp.returncode, sftp.stdout) != (0, "")
    forwarded = door.ask(nora, options=("-W", f"127.0.0.1:{door.port}"))
    assert forwarded.returncode != 0
    assert "SSH-2.0" not in forwarded.stdout
    assert not trace.exists()


def test_the_dashboard_opens_as_the_member_keeps_them_in_and_leaves_when_they_do(door: Door) -> None:
    nora = door.add("nora")
    door.refresh(nora)
    client = door.client(nora, "-tt", "-e", "none")
    screen = pexpect.spawn(
        client[0], client[1:], timeout=60, dimensions=(30, 120), env=os.environ | {"TERM": "xterm-256color"}
    )
    try:
        screen.expect("nora/operator")
        screen.send("\x1a")
        screen.expect("no shell to go back to")
        (row,) = door.atlas("session", "list", "--json").json
        assert (row["login"], row["via"]) == ("nora", "ssh")
        assert door.atlas("session", "end", row["id"]).code == 0
        screen.expect("This session was ended")
        screen.expect(pexpect.EOF)
        screen.close()
        assert screen.exitstatus == 5
    finally:
        screen.close(force=True)


# Without sshd
