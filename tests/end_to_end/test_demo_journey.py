"""Bringing a customer on in the demo: the list from Partner Center, consent in a real browser, healthy, and still so tomorrow."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pexpect
import pyte
import pytest

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}


class Demo:
    """A demo that can be started in a terminal nobody looks at, and the commands that work on it meanwhile."""

    def __init__(self, home: Path, until: Callable[..., Any], commands: Callable[..., Any]) -> None:
        self.home, self._until, self._commands = home, until, commands
        self.child: pexpect.spawn[bytes] | None = None
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()

    def start(self) -> dict[str, Any]:
        """Starts it, waits until the dashboard takes keys and a worker works, and returns where it answers."""
        self._screen.reset()
        self.child = child = pexpect.spawn(
            CLI[0],
            [*CLI[1:], "demo", "--directory", str(self.home), "--size", "100"],
            dimensions=(24, 80),
            cwd=str(ROOT),
            env=ENVIRONMENT,  # type: ignore[arg-type]
        )
        threading.Thread(target=self._read, args=(child,), daemon=True).start()
        self._until(lambda: (self.home / "addresses.json").exists(), "the demo's addresses", 90)
        found: dict[str, Any] = json.loads((self.home / "addresses.json").read_text())
        # Before the dashboard has the terminal, ctrl+q is for the terminal itself, which swallows it.
        self._until(lambda: self._shows("workers 1"), "the dashboard", 90)
        return found

    def _shows(self, text: str) -> bool:
        with self._lock:
            return any(text in line for line in self._screen.display)

    def _read(self, child: Any) -> None:
        """A terminal that nobody reads from would stop the demo."""
        with contextlib.suppress(pexpect.EOF, OSError, ValueError):
            while True:
                with contextlib.suppress(pexpect.TIMEOUT):
                    written = child.read_nonblocking(65536, timeout=1)
                    with self._lock:
                        self._stream.feed(written)

    def stop(self) -> None:
        """Quits it by its key."""
        assert self.child is not None
        self.child.send("\x11")
        self._until(lambda: not (self.home / "addresses.json").exists(), "the demo's end")
        self._until(lambda: not self.processes(), "the end of every process")

    def kill(self) -> None:
        if self.child is not None and self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self._until(lambda: not self.processes(), "the end of every process")

    def processes(self) -> list[str]:
        """The command lines of all processes that work in its directory; a zombie has none."""
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = place.read_bytes()
                if os.fsencode(self.home) in line:
                    found.append(line.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def run(self, *arguments: str, code: int = 0) -> str:
        """Runs `atlas-tui ARGUMENTS` and returns what it wrote."""
        done = self._commands(arguments)
        assert done.returncode == code, (done.stdout, done.stderr)
        return (done.stdout if code == 0 else done.stderr).decode()

    def __call__(self, *arguments: str) -> Any:
        """Runs a command on the demo's database and returns its JSON."""
        return json.loads(self.run(*arguments, "--json", "--config", str(self.home / "config.toml")))

    def badges(self, connection: int) -> tuple[str, str]:
        row = self("connection", "show", str(connection))["row"]
        return row["consent_status"], row["verification_status"]


@pytest.fixture
def demo(tmp_path: Path, until: Callable[..., Any], commands: Callable[..., Any]) -> Iterator[Demo]:
    made = Demo(tmp_path / "home", until, commands)
    try:
        yield made
    finally:
        made.kill()


def _consent(browser: Any, link: str) -> tuple[str, str]:
    """Opens a consent link in a browser, accepts as a Global Administrator; returns where that ends: address and heading."""
    window = browser.new_context(ignore_https_errors=True)
    window.set_default_timeout(90_000)
    tab = window.new_page()
    tab.goto(link)
    tab.get_by_role("link", name="Global Administrator of Tailwind Traders").click()
    tab.get_by_role("link", name="Accept").click()
    found = tab.url, tab.get_by_role("heading", level=1).inner_text()
    window.close()
    return found


def test_a_newcomer_is_imported_consents_in_a_browser_and_is_healthy_tomorrow_too(
    browser: Any, demo: Demo, until: Callable[..., Any]
) -> None:
    addresses = demo.start()
    planned = demo("tenant", "import", addresses["customers"], "--dry-run")
    assert Counter(row["kind"] for row in planned["rows"]) == {"create": 8, "update": 1, "unchanged": 1, "refused": 2}
    demo("tenant", "import", addresses["customers"], "--skip-refused")
    connection = demo("connection", "add", "Tailwind Traders")["id"]

    link = demo("consent", "link", str(connection))
    assert (link["redirect_uri"], link["is_pasted_back"]) == (addresses["consent_page"], False)
    ended_at, heading = _consent(browser, link["url"])
    assert ended_at.startswith(addresses["consent_page"])
    assert heading == "Thank you, the consent is recorded"
    until(lambda: demo.badges(connection) == ("granted", "healthy"), "a healthy connection")

    demo.stop()
    again = demo.start()
    assert again["consent_page"] == addresses["consent_page"], "links that are open lead there"
    demo("check", str(connection))
    assert demo.badges(connection) == ("granted", "healthy"), "Microsoft remembers the consent"


def test_a_running_demo_tells_where_it_answers_and_leaves_nothing_when_it_is_killed(
    demo: Demo, until: Callable[..., Any]
) -> None:
    demo.home.mkdir(mode=0o700)
    where = ("demo", "--directory", str(demo.home), "--addresses")
    assert "No demo is running" in demo.run(*where, code=1)
    # A directory where its log should be: the consent page cannot start, and the demo goes on.
    (demo.home / "consent-page.log").mkdir()
    addresses = demo.start()
    told = json.loads(demo.run(*where, "--json"))
    assert told == addresses
    assert (demo.home / "addresses.json").stat().st_mode & 0o777 == 0o600
    assert addresses["consent_page"] is None
    assert {app["redirect_uri"] for app in demo("app", "list")} == {"http://localhost/atlas-consent"}
    assert urlsplit(addresses["portal"]).path == "/portal"
    shown = demo.run(*where)
    refused = demo.run("demo", "--directory", str(demo.home), "--prepare-only", code=6)
    assert "A demo is running" in refused, "a second one would take the addresses from under the first"
    assert "A demo is running" in demo.run("demo", "--directory", str(demo.home), "--reset", code=6)
    for line in ("portal", "paste the answers back", addresses["ca"], "newcomers.csv"):
        assert line in shown
    demo.stop()

    (demo.home / "consent-page.log").rmdir()
    demo.start()
    assert any("tasks consent-page" in line for line in demo.processes())
    demo.kill()
    assert "No demo is running" in demo.run(*where, code=1), "its file is still there and not believed"
