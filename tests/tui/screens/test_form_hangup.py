"""The SSH line drops in the middle of a word: in a real terminal, with a real signal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
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


@pytest.mark.parametrize("way", ["SIGHUP", "the terminal closes", "SIGTERM"])
def test_a_dropped_line_loses_no_letter(small_fleet: Any, way: str) -> None:
    dana = small_fleet.people["dana"]

    def name() -> str:
        found = drafts.load(small_fleet.db, dana, "tenant.create", f"workspace:{small_fleet.workspace}")
        return "" if found is None else found.document.get("name", "")

    child = pexpect.spawn(
        sys.executable,
        ["-c", _PROGRAM, small_fleet.address, str(dana.user_id)],
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        cwd=str(Path(__file__).parents[3]),
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
        ignore_sighup=False,
    )
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
