"""What the journeys need: the demo in a terminal of 80x24 and its command line, and the people at Microsoft's end, in a real Chromium.

Nothing is replaced and nothing slept for: a test waits until the screen, the command line or a page says so.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pyte
import pytest

ROOT = Path(__file__).parents[3]
CLI = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
RIGHT = "\x1b[C"
CUSTOMER = "A. Datum Corporation"
"""The newcomer who has an application of their own, which has neither a secret nor a permission yet."""

_COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)(?:\x07|\x1b\\)")


class Ended(NamedTuple):
    """What a command wrote and how it ended."""

    returncode: int
    stdout: str
    stderr: str


class Demo:
    """A demo in a terminal: what its screen shows, its keys, and commands that work beside it."""

    def __init__(self, home: Path, until: Callable[..., Any], commands: Callable[..., Any]) -> None:
        self.home, self._until, self._commands = home, until, commands
        self.addresses: dict[str, Any] = {}
        self.customer_id = ""
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._written = bytearray()
        self._lock = threading.Lock()
        self.child: Any = None

    def start(self) -> None:
        """Starts it and waits until it tells where it answers and a worker works."""
        self.child = pexpect.spawn(
            CLI[0],
            [*CLI[1:], "demo", "--directory", str(self.home), "--size", "100"],
            dimensions=(24, 80),
            cwd=str(ROOT),
            env=ENVIRONMENT,  # type: ignore[arg-type]
        )
        threading.Thread(target=self._read, daemon=True).start()
        told = self.home / "addresses.json"
        self._until(told.exists, "the demo's addresses", 90)
        self.addresses = json.loads(told.read_text())
        newcomers = json.loads((self.home / "fleet.json").read_text())["newcomers"]
        self.customer_id = next(one["id"] for one in newcomers if one["name"] == CUSTOMER)
        self.sees("workers 1")

    def _read(self) -> None:
        """Takes what the terminal is sent: one that nobody reads from would stop the demo."""
        with contextlib.suppress(pexpect.EOF, OSError, ValueError):
            while True:
                with contextlib.suppress(pexpect.TIMEOUT):
                    written = self.child.read_nonblocking(65536, timeout=1)
                    with self._lock:
                        self._written += written
                        self._stream.feed(written)

    # The screen.

    @property
    def screen(self) -> str:
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def row(self, text: str) -> str:
        """The first line of the screen that holds a text."""
        return next((line for line in self.screen.splitlines() if text in line), "")

    def has_focus(self, text: str) -> bool:
        """Whether a text is shown in reverse anywhere, as the button that has the focus is."""
        with self._lock:
            return any(
                self._screen.buffer[number][found.start()].reverse
                for number, line in enumerate(self._screen.display)
                for found in re.finditer(re.escape(text), line)
            )

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def paste(self, text: str) -> None:
        """As a terminal does it: bracketed."""
        self.child.send(f"\x1b[200~{text}\x1b[201~")

    def command(self, text: str) -> None:
        """Types a command into the command bar, when it is there."""
        self.press(":")
        self.sees(":command")
        self.press(f"{text}\r")

    def choose(self, letter: str, item: str) -> None:
        """Takes an action of the menu, when it is there."""
        self.press("x")
        self.sees(f"{letter}  {item}")
        self.press(letter)

    def confirm(self, question: str, verb: str) -> None:
        """Answers a question with yes: Cancel has the focus, so the other button has to be gone to."""
        self.sees(question, verb)
        self.sees_that(lambda _: self.has_focus("Cancel"), f"focus on Cancel of {question}")
        self.press(RIGHT)
        self.sees_that(lambda _: self.has_focus(verb), f"focus on {verb}")
        self.press("\r")

    def sees(self, *texts: str, seconds: float = 60.0) -> str:
        """Waits until the screen shows all of these texts, and returns it. More of it may still be on its way: a screen comes in pieces,
        so whatever is expected belongs into the wait.
        """
        return self.sees_that(lambda screen: all(text in screen for text in texts), " and ".join(texts), seconds)

    def sees_that(self, condition: Callable[[str], object], what: str, seconds: float = 60.0) -> str:
        """Waits until the screen is as wanted, and returns it: all that its rows were when the condition said so."""
        seen: list[str] = []

        def is_so() -> object:
            seen[:] = [self.screen]
            return condition(seen[0])

        try:
            self._until(is_so, what, seconds)
        except pytest.fail.Exception:
            pytest.fail(f"no {what} within {seconds:.0f} s:\n{self.screen}")
        return seen[0]

    def copied(self) -> list[str]:
        """What the terminal was asked to put into the clipboard so far (OSC 52)."""
        with self._lock:
            written = bytes(self._written)
        return [base64.b64decode(found).decode() for found in _COPIED.findall(written)]

    # The command line.

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> Ended:
        """Runs `atlas-tui ARGUMENTS` on the demo's database; the exit code must be this one."""
        ended = self._commands([*arguments, "--config", str(self.home / "config.toml")], stdin=stdin.encode())
        done = Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (arguments, done)
        return done

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "") -> Any:
        """The same as a script does it: returns the JSON document."""
        return json.loads(self.run(*arguments, "--json", code=code, stdin=stdin).stdout)

    def processes(self) -> list[str]:
        """The command lines of all processes that work in its directory; a zombie has none."""
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = place.read_bytes()
                if os.fsencode(self.home) in line:
                    found.append(line.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def end(self) -> None:
        """Ends it, whatever it is doing, and waits until nothing of it runs."""
        if self.child is not None and self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self._until(lambda: not self.processes(), "the end of every process")


@pytest.fixture
def demo(tmp_path: Path, until: Callable[..., Any], commands: Callable[..., Any]) -> Iterator[Demo]:
    """The demo, started."""
    made = Demo(tmp_path / "home", until, commands)
    try:
        made.start()
        yield made
    finally:
        made.end()


@dataclass(frozen=True)
class NewSecret:
    """A client secret as the portal shows it, once."""

    value: str = field(repr=False)
    key_id: str
    expires: str


class Administrator:
    """The customer's Global Administrator: in Microsoft's admin centre, and at the consent page."""

    def __init__(self, browser: Any, portal: str) -> None:
        self._context = browser.new_context(ignore_https_errors=True)
        self._context.set_default_timeout(90_000)
        self.tab = self._context.new_page()
        self._portal = portal

    def open_registration(self) -> None:
        """Opens the page of the customer's own app registration."""
        self.tab.goto(self._portal)
        self.tab.get_by_role("link", name=CUSTOMER).click()
        self.tab.get_by_role("table", name="Applications registered in this tenant").get_by_role("link").click()

    def add_permissions(self, manifest: str) -> None:
        """Pastes what `permissions manifest --format entra-json` wrote."""
        self.open_registration()
        self.tab.get_by_label("Permissions by name").fill(manifest)
        self.tab.get_by_role("button", name="Add the permissions").click()
        assert "permissions" in self.tab.get_by_role("status").inner_text()

    def make_secret(self) -> NewSecret:
        """Makes a client secret and copies what is shown."""
        self.open_registration()
        self.tab.get_by_role("button", name="Add a client secret").click()
        value, key_id, expires = self.tab.get_by_role("status").locator("dd").all_inner_texts()
        return NewSecret(value, key_id, expires)

    def delete_secret(self, key_id: str) -> None:
        self.open_registration()
        self.tab.get_by_role("button", name=f"Delete secret {key_id}").click()
        assert self.tab.get_by_role("status").inner_text() == "The client secret was deleted."

    def grant_in_portal(self) -> None:
        """Presses "Grant admin consent" on the app registration's page."""
        self.open_registration()
        self.tab.get_by_role("button", name="Grant admin consent").click()
        assert "not granted" not in self.tab.get_by_role("main").inner_text()

    def consent(self, link: str, customer: str = CUSTOMER) -> str:
        """Opens a consent link, signs in, reads, accepts; returns the heading of the page that it ends on."""
        self._accept(link, customer)
        return str(self.tab.get_by_role("heading", level=1).inner_text())

    def consent_and_copy(self, link: str) -> str:
        """The same where nothing listens at the end: returns the address of the error page."""
        asked: list[str] = []
        self.tab.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
        with self.tab.expect_event("requestfailed"):
            self._accept(link, CUSTOMER)
        return asked[-1]

    def _accept(self, link: str, customer: str) -> None:
        self.tab.goto(link)
        self.tab.get_by_role("link", name=f"Global Administrator of {customer}").click()
        assert "Organization.Read.All" in self.tab.get_by_role("main").inner_text()
        self.tab.get_by_role("link", name="Accept").click()

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def administrator(browser: Any, demo: Demo) -> Iterator[Administrator]:
    """See the class; what needs a browser is skipped where there is none."""
    somebody = Administrator(browser, demo.addresses["portal"])
    yield somebody
    somebody.close()
