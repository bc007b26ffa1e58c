"""`atlas-tui demo`, as a new user meets it: in a terminal of 80x24, by keys, and gone without a trace when it is quit or killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}


Run = Callable[..., subprocess.CompletedProcess[bytes]]
KILLED_WHILE_SEEDING = """
import os, signal, sys
from storage import seeding
def half(tenants, _):
    yield tenants[: len(tenants) // 2]
    os.kill(os.getpid(), signal.SIGKILL)
seeding.chunks = half
from atlas_tui.cli import main
sys.exit(main())
"""


def _demo_in(home: Path) -> list[str]:
    return ["demo", "--directory", str(home), "--size", "100"]


def _listed(commands: Run, home: Path, what: str) -> bytes:
    said = commands([what, "--json", "--config", str(home / "config.toml")])
    assert said.returncode == 0, said.stderr
    return said.stdout


def _processes_of(home: Path) -> list[str]:
    """The command lines of all processes that work in a directory; a zombie has none."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:
            continue  # ended meanwhile
        if os.fsencode(home) in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


class Terminal:
    """The demo in a terminal, and what its screen shows."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.child = pexpect.spawn(
            CLI[0],
            [*CLI[1:], *_demo_in(home)],
            dimensions=(24, 80),
            cwd=str(ROOT),
            env=ENVIRONMENT,  # type: ignore[arg-type]
            timeout=5,
        )
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    def __str__(self) -> str:
        return "\n".join(self._screen.display)

    def until(self, condition: Callable[[str], bool], what: str, seconds: float = 90.0) -> str:
        """Reads until the screen is as wanted, and returns it."""
        end = time.monotonic() + seconds
        while True:
            try:
                self._stream.feed(self.child.read_nonblocking(65536, timeout=0.05))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                pytest.fail(f"the demo ended before {what}:\n{self}")
            if condition(str(self)):
                return str(self)
            if time.monotonic() > end:
                pytest.fail(f"no {what} within {seconds:.0f} s:\n{self}")

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def filter(self, text: str) -> None:
        """Types a filter, when its line is there."""
        self.press("/")
        self.until(lambda screen: "!word" in screen, "the filter line")
        self.press(f"{text}\r")

    def row(self, text: str) -> str:
        """The first line of the screen that holds a text."""
        return next((line for line in self._screen.display if text in line), "")

    def is_reversed(self, text: str) -> bool:
        """Whether a text of the screen is shown in reverse, as what has the focus is."""
        for number, line in enumerate(self._screen.display):
            if text in line:
                return bool(self._screen.buffer[number][line.index(text)].reverse)
        return False

    def until_it_ends(self, seconds: float = 90.0) -> int:
        """Reads what is left and returns the exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.child.read_nonblocking(65536, timeout=0.1)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, commands: Run) -> Path:
    """A demo that was prepared once."""
    home = tmp_path_factory.mktemp("demo") / "home"
    said = commands([*_demo_in(home), "--prepare-only"])
    assert said.returncode == 0, said.stderr
    return home


@pytest.fixture
def terminal(prepared: Path, until: Any) -> Iterator[Terminal]:
    """The demo, started in a terminal."""
    started = Terminal(prepared)
    try:
        yield started
    finally:
        if started.child.isalive():
            started.child.kill(signal.SIGKILL)
        started.child.close()
        until(lambda: not _processes_of(prepared), "the end of every process")


def test_starting_again_resumes_the_same_fleet(prepared: Path, until: Any, commands: Run) -> None:
    before = (prepared / "fleet.json").read_bytes()
    listed = _listed(commands, prepared, "connections")

    again = commands([*_demo_in(prepared), "--prepare-only"])

    assert (again.returncode, again.stdout.decode().strip()) == (0, str(prepared / "config.toml"))
    assert (prepared / "fleet.json").read_bytes() == before
    assert _listed(commands, prepared, "connections") == listed
    until(lambda: not _processes_of(prepared), "the end of the simulator")
    assert prepared.stat().st_mode & 0o777 == 0o700
    open_to_others = [path.name for path in prepared.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert open_to_others in ([], ["ca.pem"])  # a certificate is for everybody to see


def test_reset_forgets_the_demo_and_nothing_else(prepared: Path, tmp_path: Path, commands: Run) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    assert commands([*_demo_in(home), "--reset"]).returncode == 0
    assert not home.exists()
    again = commands([*_demo_in(home), "--reset"])
    assert (again.returncode, again.stdout) == (0, b"There is no demo to forget.\n")

    foreign = tmp_path / "documents"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("do not remove")
    refused = commands([*_demo_in(foreign), "--reset"])
    assert refused.returncode == 2
    assert b"was not made by the demo" in refused.stderr
    assert (foreign / "thesis.txt").exists()


def test_a_start_that_was_killed_while_seeding_begins_anew(
    prepared: Path, tmp_path: Path, until: Any, commands: Run
) -> None:
    home = tmp_path / "home"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SEEDING, *_demo_in(home), "--prepare-only"],
        cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert (home / "atlas.db").exists()
    until(lambda: not _processes_of(home), "the end of the simulator")

    said = commands([*_demo_in(home), "--prepare-only"])

    assert said.returncode == 0, said.stderr
    assert b"north-msp" in _listed(commands, home, "workspaces")
    whole, again = (
        [tenant["name"] for tenant in json.loads(_listed(commands, one, "tenants"))] for one in (prepared, home)
    )
    assert sorted(again) == sorted(whole), "also what the first start had not come to"


def test_without_a_terminal_the_demo_says_so(tmp_path: Path, commands: Run) -> None:
    said = commands(_demo_in(tmp_path / "home"))
    assert said.returncode == 2
    assert b"needs a terminal" in said.stderr
    assert not (tmp_path / "home").exists()


def test_what_expired_is_shown_with_its_reason_and_a_check_that_a_key_starts_changes_badge_and_report_on_the_screen(
    terminal: Terminal,
) -> None:
    terminal.until(lambda screen: "NEXT STEP" in screen and "workers 1" in screen, "what needs attention, and a worker")
    terminal.press("2")
    terminal.until(lambda screen: "Adatum Government" in screen, "the list of connections")
    _look_at_an_expired_secret(terminal)
    _check(terminal)

    terminal.press("\x11")

    assert terminal.until_it_ends() == 0
    assert _processes_of(terminal.home) == []


def _look_at_an_expired_secret(terminal: Terminal) -> None:
    terminal.filter("reason:secret_expired")
    terminal.until(
        lambda screen: "Adatum" not in screen and "blocked" in terminal.row("Tailspin Toys"), "the filtered list"
    )
    terminal.press("\r")
    terminal.until(lambda screen: "secret_expired" in screen and "expired" in screen, "the connection's page")
    terminal.press("\x1b")
    terminal.until(lambda screen: "blocked" in terminal.row("Tailspin Toys"), "the filtered list again")
    terminal.press("\x1b")
    terminal.until(lambda screen: "Tasmanian Traders" in screen, "the whole list around it")


def _check(terminal: Terminal) -> None:
    def shows(*words: str) -> bool:
        return {"enabled", "granted", "healthy", *words} <= set(terminal.row("Contoso Ltd").split())

    def is_old() -> bool:
        return re.search(r"\b\d+h\b", terminal.row("  Contoso Ltd")) is not None

    terminal.filter("contoso")
    terminal.until(lambda screen: shows() and is_old() and "Adatum" not in screen, "the filtered list")

    terminal.press("x")
    terminal.until(lambda screen: "Check now" in screen, "actions menu")
    terminal.press("c")
    terminal.until(lambda screen: "Start" in screen and "Cancel" in screen, "question")
    terminal.press("\x1b[C")
    terminal.until(lambda _: terminal.is_reversed("Start"), "the other button in focus")
    terminal.press("\r")
    terminal.until(lambda screen: shows() and "Start " not in screen and not is_old(), "fresh badges")
    terminal.press("\r")
    terminal.until(
        lambda screen: "Verification" in screen and "Report" in screen and not re.search(r"\b\d+h ago", screen),
        "the connection's page, and a fresh age",
    )
    terminal.press("]")
    shown = terminal.until(lambda screen: "Sign in" in screen or "Sign-in" in screen, "the report's steps")
    assert "Traceback" not in shown


def test_a_demo_that_is_killed_leaves_nothing_running(terminal: Terminal, until: Any) -> None:
    terminal.until(lambda screen: "workers 1" in screen, "worker")
    lines = _processes_of(terminal.home)
    for room in ("tasks worker", "simulator serve", "tasks consent-page"):
        assert any(room in line for line in lines), room

    terminal.child.kill(signal.SIGKILL)
    terminal.child.close()

    until(lambda: not _processes_of(terminal.home), "the end of simulator and worker")
