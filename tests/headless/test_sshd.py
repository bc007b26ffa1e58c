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
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """An sshd that lets this account in by what `authorized-keys` prints, and clients for it."""

    port: int
    home: Path
    atlas: Any
    asks_program: bool
    log: Path
    inside: list[str] = field(default_factory=list)

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
        """Asks for a command as a client; over the key's login when it has one, else with one of its own."""
        if key in self.inside:
            options = ("-S", str(self._way(key)), *options)
        else:
            self.refresh(key)
        return subprocess.run(
            [*self.client(key, *options), *words], capture_output=True, text=True, timeout=110, input=stdin, check=False
        )

    def log_in(self, key: str, *options: str) -> None:
        """Logs in with a key, for all that is asked with it from now on: a session each, without a login each."""
        self.refresh(key)
        # In the background as soon as it is let in; nothing of this process's stays open in it.
        client = self.client(key, "-M", "-N", "-f", "-S", str(self._way(key)), *options)
        subprocess.run(
            client, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )
        self.inside.append(key)

    def log_out(self, key: str) -> None:
        """Ends a login."""
        self.inside.remove(key)
        subprocess.run(self.client(key, "-S", str(self._way(key)), "-O", "exit"), capture_output=True, check=False)

    def _way(self, key: str) -> Path:
        return self.home / f"{key}.way"

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
def door(atlas: Any) -> Iterator[Door]:
    """An sshd behind a port of the loopback interface, with a configuration and a host key of its own."""
    if SSHD is None or SSH is None or KEYGEN is None:
        pytest.skip("needs sshd, ssh and ssh-keygen (package openssh-server)")
    _make_place_for_sshd()
    home = Path(tempfile.mkdtemp(prefix="atlas-ssh-"))  # short: a socket's path has about 100 bytes
    try:
        with _listening(SSHD, home) as port:
            asks_program = _is_roots_alone(Path(sys.executable))
            _configure(home, atlas, asks_program)
            tried = subprocess.run([SSHD, "-t", "-f", home / "config"], capture_output=True, text=True, check=False)
            if tried.returncode != 0:
                pytest.skip(f"sshd does not start here: {tried.stderr[-200:]}")
            door = Door(port, home, atlas, asks_program, home / "log")
            try:
                yield door
            finally:
                for key in list(door.inside):
                    door.log_out(key)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _configure(home: Path, atlas: Any, asks_program: bool) -> None:
    subprocess.run([str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", home / "host"], check=True)
    program = f"{sys.executable} -I -m atlas_tui authorized-keys %u %f --config {atlas.config}"
    keys = [f"AuthorizedKeysCommand {program}", f"AuthorizedKeysCommandUser {ACCOUNT}", "AuthorizedKeysFile none"]
    lines = [
        f"HostKey {home / 'host'}",
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
        "LogLevel DEBUG2",
        "LoginGraceTime 0",
        *(keys if asks_program else [f"AuthorizedKeysFile {home / 'authorized_keys'}"]),
    ]
    (home / "config").write_text("\n".join(lines) + "\n")


@contextmanager
def _listening(sshd: str, home: Path) -> Iterator[int]:
    """Listens as inetd does, with an sshd for each that comes: the port is this process's before anybody knows it."""
    started: list[subprocess.Popen[bytes]] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        command = [sshd, "-i", "-f", str(home / "config"), "-E", str(home / "log")]
        while True:
            try:
                came, _ = listener.accept()
            except OSError:
                return  # it is over
            with came:
                started.append(
                    subprocess.Popen(command, stdin=came.fileno(), stdout=came.fileno(), stderr=subprocess.DEVNULL)
                )

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def _make_place_for_sshd() -> None:
    """As root, sshd wants the empty directory that its service makes, to shut itself into. It stays: others may use it."""
    if os.getuid() == 0:
        try:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        except OSError:
            pytest.skip("sshd needs /run/sshd, which cannot be made here")


def test_a_key_gives_the_answers_that_its_member_may_have_until_it_is_revoked(door: Door) -> None:
    nora, rita = door.add("nora"), door.add("rita", "readonly")
    said = door.ask(nora, "workspaces", "--json")
    assert (said.returncode, said.stderr) == (0, "")
    assert [(row["slug"], row["role"]) for row in json.loads(said.stdout)] == [("main", "operator")]
    assert door.atlas("member", "key", "revoke", "1").code == 0
    shut_out = door.ask(nora, "workspaces")
    assert shut_out.returncode == 255
    assert "Permission denied" in shut_out.stderr
    door.log_in(rita)
    assert json.loads(door.ask(rita, "atlas-tui workspaces --json").stdout)[0]["role"] == "readonly"
    refused = door.ask(rita, "member list")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "rita may not do this" in refused.stderr
    sessions = door.atlas("session", "list", "--all", "--json").json
    assert {(row["login"], row["via"], row["host"]) for row in sessions} == {
        ("nora", "ssh", "127.0.0.1"),
        ("rita", "ssh", "127.0.0.1"),
    }
    assert door.atlas("member", "leave", "rita", "--yes").code == 0
    still_in = door.ask(rita, "workspaces")
    assert (still_in.returncode, still_in.stdout) == (5, ""), "what is still connected is asked anew who it is"
    door.log_out(rita)
    assert door.ask(rita, "workspaces").returncode == 255


def test_nothing_that_is_asked_for_reaches_a_shell_or_a_file(door: Door, tmp_path: Path) -> None:
    """All of it with an environment, which sshd accepts, that would load code, open files or name another command."""
    nora, trace = door.add("nora", "owner"), tmp_path / "trace"
    module = tmp_path / "planted"
    (module / "storage").mkdir(parents=True)
    (module / "storage" / "__init__.py").write_text(f"open({str(trace)!r}, 'w')\n")
    (module / "sitecustomize.py").write_text(f"open({str(trace)!r}, 'w')\n")
    environment = {
        "PYTHONPATH": module,
        "PYTHONSTARTUP": module / "sitecustomize.py",
        "TEXTUAL_DRIVER": "sitecustomize:Driver",
        "XDG_CONFIG_HOME": module,
        "SSH_ORIGINAL_COMMAND": "worker",
    }
    door.log_in(nora, "-o", "SetEnv=" + " ".join(f"{name}={value}" for name, value in environment.items()))
    said = door.ask(nora, "workspaces")
    assert (said.returncode, said.stderr, "main" in said.stdout) == (0, "", True)
    for asked in (
        f"touch {trace}",
        f"/bin/sh -c 'touch {trace}'",
        f"workspaces; touch {trace}; echo $(touch {trace}) | tee {trace}",
        f"workspaces --config {door.atlas.config}",
        f"member key add nora {door.home / 'nora.pub'}",
        "",
    ):
        said = door.ask(nora, asked)
        assert said.returncode not in (0, 255), (asked, said)
        assert said.stdout == "", (asked, said)
        assert "Traceback" not in said.stderr
    sftp = door.ask(nora, "sftp", options=("-s",))
    assert (sftp.returncode, sftp.stdout) != (0, "")
    forwarded = door.ask(nora, options=("-W", f"127.0.0.1:{door.port}"))
    assert forwarded.returncode != 0
    assert "SSH-2.0" not in forwarded.stdout
    log = door.log.read_text()
    assert [name for name, value in environment.items() if f"{name}={value}" not in log] == [], "sshd took all of it"
    assert not trace.exists()


def test_the_dashboard_opens_as_the_member_keeps_them_in_and_leaves_when_they_do(door: Door) -> None:
    nora = door.add("nora")
    door.refresh(nora)
    client = door.client(nora, "-tt", "-e", "none")
    screen = pexpect.spawn(
        client[0], client[1:], timeout=110, dimensions=(30, 120), env=os.environ | {"TERM": "xterm-256color"}
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
        assert screen.wait() == 5
    finally:
        screen.close(force=True)
