"""Starting and ending the dashboard: what is imported, what is never opened, a fault of the program."""

from __future__ import annotations

import gc
import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import crash, launch
from atlas_tui.app import AtlasApp
from storage import database, starting
from storage.configuration import Settings
from storage.errors import InvalidInput

FORBIDDEN = ("sqlalchemy.orm", "alembic", "huey", "msal", "httpx", "tasks", "simulator", "cryptography.x509")

RUN_IT = """
import asyncio, json, os, socket, sys
os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
from atlas_tui import launch
launch.prepare_environment()
before_paint = {}

def audit(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        raise RuntimeError("the dashboard opened a socket: " + event)
sys.addaudithook(audit)
sys.path.insert(0, os.getcwd())
from atlas_tui.app import AtlasApp
from atlas_tui.session import session_of
assert not [name for name in sys.modules if name.startswith("sqlalchemy")], "SQLAlchemy before the first paint"

address, user_id = sys.argv[1], int(sys.argv[2])

def opener():
    from storage.access import Principal
    from storage.database import open_database
    return session_of(open_database(address), Principal(user_id, "dana"))

async def main():
    app = AtlasApp(opener, theme_name="atlas-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        while app.seen is None or app.seen.table.is_busy:
            await asyncio.sleep(0.01)
        for key in ("enter", "right_square_bracket", "right_square_bracket", "right_square_bracket",
                    "right_square_bracket", "right_square_bracket", "escape", "3", "4", "enter", "6", "2", "x", "c",
                    "right", "enter", "question_mark", "escape", "ctrl+p", "escape", "colon", "escape"):
            await pilot.press(key)
            while app.is_asking or any(getattr(screen, "is_asking", False) for screen in app.screen_stack):
                await asyncio.sleep(0.01)
            await pilot.pause()
asyncio.run(main())
print(json.dumps(sorted(sys.modules)))
"""


def run_python(source: str, *arguments: str, **named: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=Path(__file__).parents[2],
        **named,
    )


def test_the_whole_dashboard_runs_with_sockets_forbidden_and_without_heavy_libraries(small_fleet: Any) -> None:
    user_id = small_fleet.people["dana"].user_id
    done = run_python(RUN_IT, small_fleet.address, str(user_id))
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "sqlalchemy" in modules, "the positive control: the database was really opened"
    for name in FORBIDDEN:
        found = [module for module in modules if module == name or module.startswith(f"{name}.")]
        assert not found, found


def test_the_socket_guard_of_the_test_above_bites() -> None:
    planted = RUN_IT.replace(
        "async def main():", "async def main():\n    socket.create_connection(('127.0.0.1', 9))", 1
    )
    done = run_python(planted, "nowhere", "1")
    assert "the dashboard opened a socket" in done.stderr


def test_textual_reads_the_environment_after_it_was_set() -> None:
    done = run_python(
        """
        import os
        os.environ["TEXTUAL_PRESS"] = "ctrl+q"
        from atlas_tui import launch
        import sys
        assert "textual" not in sys.modules
        launch.prepare_environment()
        from textual import constants
        print(constants.PRESS, constants.TEXTUAL_ANIMATIONS, constants.SMOOTH_SCROLL)
        """
    )
    assert done.stdout.split() == ["none", "False"], done.stderr


def test_an_unknown_theme_is_refused_by_name(tmp_path: Path) -> None:
    settings = Settings(database=str(tmp_path / "no.db"), state_directory=str(tmp_path / "state"))
    with pytest.raises(InvalidInput, match="theme: is not known"):
        launch.run_dashboard(settings, theme="mauve", with_worker=False)


def test_no_color_gets_the_theme_without_colours() -> None:
    def never() -> Any:
        raise AssertionError("no database is opened here")

    assert AtlasApp(never, environ={"NO_COLOR": "1", "COLORTERM": "truecolor"}).theme == "atlas-ansi"
    assert AtlasApp(never, environ={"COLORTERM": "truecolor"}).theme == "atlas-dark"


def test_the_first_screen_is_imported_without_the_forms_and_pages_behind_it() -> None:
    source = (
        "import sys\nfrom atlas_tui.screens import navigation\nnavigation.import_screen(navigation.FIRST)\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('atlas_tui.screens.', 'storage.'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    imported = set(done.stdout.split())
    assert {"atlas_tui.screens.attention", "storage.attention"} <= imported
    assert not imported & {f"atlas_tui.screens.{name}" for name in ("connections", "acknowledge_form", "starting_many")}
    assert not imported & {"storage.starting", "storage.connection_changes", "storage.fleet_import"}


async def test_the_collector_that_starting_switches_off_is_on_again_soon(small_fleet: Any, dashboard: Any) -> None:
    gc.disable()
    try:
        async with dashboard(small_fleet) as terminal:
            await terminal.wait_for(gc.isenabled)
    finally:
        gc.enable()


# Quitting


def test_a_terminal_that_goes_without_a_signal_ends_the_dashboard(tmp_path: Path) -> None:
    """As under `make`: the session's leader hears of it and keeps it to itself."""
    config = tmp_path / "config.toml"
    config.write_text(f'database = "{tmp_path / "none.db"}"\nstate_directory = "{tmp_path}"\n')
    dashboard = [sys.executable, "-m", "atlas_tui", "--config", str(config), "--no-worker"]
    leader = textwrap.dedent(
        f"""
        import signal, subprocess, sys
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        child = subprocess.Popen({dashboard!r}, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        open({str(tmp_path / "ended")!r}, "w").write(str(child.wait()))
        """
    )
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(Path(__file__).parents[2])
        os.execv(sys.executable, [sys.executable, "-c", leader])
    seen = b""
    while b"ATLAS" not in seen:
        seen += os.read(master, 65536)
    os.close(master)
    os.waitpid(pid, 0)
    assert (tmp_path / "ended").read_text() in ("0", str(128 + signal.SIGHUP))


HANG = """
import asyncio, sys, time, threading
from atlas_tui.threads import use_daemon_threads
async def main():
    use_daemon_threads()
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 1000)
    await asyncio.sleep(0)
asyncio.run(main())
print("ended")
"""


def test_a_query_that_hangs_does_not_hold_up_the_end() -> None:
    done = run_python(HANG)  # for less time than the query takes
    assert done.stdout.strip() == "ended", done.stderr


async def test_quitting_does_not_wait_for_a_database_that_is_locked(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_fleet.db.close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100_000)
    small_fleet.db = database.open_database(small_fleet.address, clock=small_fleet.clock)
    begun, ended, start = threading.Event(), threading.Event(), starting.start

    def watched(*args: Any, **named: Any) -> Any:
        begun.set()
        try:
            return start(*args, **named)
        finally:
            ended.set()

    monkeypatch.setattr(starting, "start", watched)
    # Another library of SQLite in this process would not hold these up: locks of a file are its process's.
    lock = small_fleet.db.engine.raw_connection()
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right")
        lock.driver_connection.execute("BEGIN EXCLUSIVE")
        await terminal.pilot.press("enter", "ctrl+r")
        await terminal.wait_for(begun.is_set)
        terminal.app.exit()
    assert not ended.is_set(), "it waits for the lock, and the dashboard did not wait for it"
    lock.driver_connection.execute("ROLLBACK")
    lock.close()
    assert ended.wait(60)
    small_fleet.db.close()


# A fault of the program

FAULT = """
import asyncio, os, sys
os.environ.update(TERM="xterm")
from pathlib import Path
from atlas_tui import crash, launch
from atlas_tui.app import AtlasApp
launch.prepare_environment()
from atlas_tui.app import AtlasApp
crash.log_to(Path(sys.argv[1]))

def opener():
    import time
    time.sleep(1000)

class Faulty(AtlasApp):
    def tick(self):
        client_secret = "Xy8~planted-canary-in-a-local"
        raise ValueError("the text holds " + client_secret)

async def main():
    app = Faulty(opener, theme_name="atlas-dark")
    app.call_later(app.tick)
    await app.run_async(headless=True)
    return app.return_code
code = asyncio.run(main())
sys.exit(code)
"""


def test_a_fault_ends_in_a_sentence_and_a_redacted_log_never_in_local_variables(tmp_path: Path) -> None:
    done = run_python(FAULT, str(tmp_path))
    assert done.returncode == 1
    log = (tmp_path / crash.LOG_NAME).read_text()
    for text in (done.stdout, done.stderr, log):
        assert "canary" not in text
        assert "Traceback" not in text
    assert "The dashboard stopped because of a fault of its own (ValueError)" in done.stderr
    assert "ValueError at" in log
    assert (tmp_path / crash.LOG_NAME).stat().st_mode & 0o777 == 0o600


def test_the_log_names_the_cause_and_its_lines_but_no_values(tmp_path: Path) -> None:
    def inner(secret: str) -> None:
        raise KeyError(secret)

    try:
        try:
            inner("hush")
        except KeyError as error:
            raise RuntimeError("hush again") from error
    except RuntimeError as error:
        said = crash.describe(error)
    assert "RuntimeError at test_launch.py:" in said
    assert "; after KeyError at test_launch.py:" in said
    assert "hush" not in said


def test_a_log_that_has_grown_begins_anew(tmp_path: Path) -> None:
    log = crash.log_to(tmp_path)
    log.write_text("x" * (crash.MAX_LOG_BYTES + 1))
    crash.log_error(ValueError("hush"))
    assert log.stat().st_size < 1000
    assert log.with_suffix(".log.1").exists()
