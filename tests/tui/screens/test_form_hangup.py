"""The SSH line drops in the middle of a word, or the program is stopped and continued: in a real terminal, with real signals."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

from storage import drafts

_PROGRAM = """
import sys
from atlas_tui.launch import prepare_environment
prepare_environment()
from atlas_tui.app import AtlasApp
from atlas_tui.session import session_of
from storage.access import Principal
from storage.database import open_database
db = open_database(sys.argv[1])
AtlasApp(lambda: session_of(db, Principal(int(sys.argv[2]), "dana")), theme_name="atlas-ansi").run(mouse=False)
"""


def in_time(condition: Any, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return answer


def in_a_terminal(fleet: Any) -> Any:
    """A dashboard of dana's."""
    return pexpect.spawn(
        sys.executable,
        ["-c", _PROGRAM, fleet.address, str(fleet.people["dana"].user_id)],
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        cwd=str(Path(__file__).parents[3]),
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
        ignore_sighup=False,
    )


def state_of(pid: int) -> str:
    """Of a process: T when it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("way", ["SIGHUP", "the terminal closes", "SIGTERM"])
def test_a_dropped_line_loses_no_letter(small_fleet: Any, way: str) -> None:
    dana = small_fleet.people["dana"]

    def name() -> str:
        found = drafts.load(small_fleet.db, dana, "tenant.create", f"workspace:{small_fleet.workspace}")
        return "" if found is None else found.document.get("name", "")

    child = in_a_terminal(small_fleet)
    try:
        child.expect("NEXT STEP")
        child.send("4")
        child.expect("TENANT +CONNECTION")
        child.send("N")
        child.expect("Primary domain")
        child.send("Bef")
        in_time(lambda: name() == "Bef")
        child.send("ore")
        # The letters are on the screen, the pause after them is not over.
        child.expect("Before")
        if way == "the terminal closes":
            os.close(child.child_fd)
            child.closed = True
        else:
            child.kill(getattr(signal, way))
        in_time(lambda: os.waitpid(child.pid, os.WNOHANG)[0] == child.pid)
        assert name() == "Before"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process is stopped is read from /proc")
def test_what_was_stopped_from_outside_goes_on_and_leaves_the_terminal_as_it_was(small_fleet: Any) -> None:
    child = in_a_terminal(small_fleet)
    try:
        before = termios.tcgetattr(child.child_fd)
        child.expect("NEXT STEP")
        assert termios.tcgetattr(child.child_fd) != before
        for key, seen in (("4", "TENANT +CONNECTION"), ("1", "NEXT STEP")):
            child.kill(signal.SIGSTOP)
            in_time(lambda: state_of(child.pid) == "T")
            child.kill(signal.SIGCONT)
            child.expect("\\x1b\\[\\?1049l.*\\x1b\\[\\?1049h")
            child.expect("ATLAS")
            child.send(key)
            child.expect(seen)
        child.send("\x11")
        child.expect(pexpect.EOF)
        in_time(lambda: not child.isalive())
        assert child.exitstatus == 0
        assert termios.tcgetattr(child.child_fd) == before
    finally:
        child.close(force=True)
