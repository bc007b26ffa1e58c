"""Addresses of alert channels with planted secrets: made, mistyped, used, refused, changed, rotated; then they are looked for everywhere.

Planted: a webhook's password, its key and its path, a mail server's password, a chat service's token, and addresses that are not taken.
The services that refuse quote what they were sent, libraries log at their chattiest, and one of them raises what it was given. Looked
in: database and its side files, configuration, queue, every output as text and as JSON, the exported trail, logs, exceptions. That the
planted was really sent is seen at the services.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from apprise.plugins.slack import NotifySlack

from storage.database import open_database
from tasks import key_rotation
from tasks.alerting import Alerting
from tasks.keyring import open_keyring
from tasks.logs import Log
from tasks.timing import Timing

ROOT = Path(__file__).parents[2]
HOOK_PASSWORD, HOOK_KEY, HOOK_PATH = "canaryHookPassword0001", "canaryHookKey0002", "canaryHookPath0003"
MAIL_PASSWORD, CHAT_TOKEN = "canaryMailPassword0004", "canaryChatToken0005"
MISTYPED, BEFORE = "canaryMistyped0006", "canaryBefore0007"
SENT = (HOOK_PASSWORD, HOOK_KEY, HOOK_PATH, MAIL_PASSWORD, CHAT_TOKEN)
CANARIES = {word: word.encode() for word in (*SENT, MISTYPED, BEFORE)}


def _load_search() -> Any:
    specification = importlib.util.spec_from_file_location("secret_search", ROOT / "tests" / "secret_search.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


search = _load_search()


class Mail(Controller):
    """A mail server on a socket that is there already: a port that was only looked up can be another process's by then."""

    def __init__(self, listener: socket.socket, **more: Any) -> None:
        host, port = listener.getsockname()
        super().__init__(object(), hostname=host, port=port, ready_timeout=60, **more)
        self.listener = listener

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.listener)


@dataclass
class Services:
    """A web server and a mail server on this machine, which quote whatever they get."""

    web: ThreadingHTTPServer
    mail: Mail
    status: int = 200
    heard: str = ""

    def hook(self, path: str) -> str:
        """A webhook's address there, full of secrets."""
        where = f"user:{HOOK_PASSWORD}@127.0.0.1:{self.web.server_address[1]}"
        return f"json://{where}/{HOOK_PATH}/{path}?+X-Key={HOOK_KEY}"

    def mailbox(self) -> str:
        """The address of a mailbox there."""
        where = f"127.0.0.1:{self.mail.port}"
        return f"mailto://user:{MAIL_PASSWORD}@{where}?smtp=127.0.0.1&from=a@example.com&to=b@example.com"


@pytest.fixture
def services() -> Iterator[Services]:
    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = f"{self.path} {self.headers} {body.decode()}"
            known.heard += told
            self.send_response(known.status, "No")
            self.send_header("X-Quoting", self.path)
            self.end_headers()
            self.wfile.write(b"ok" if known.status == 200 else told.encode())

        def log_message(self, *arguments: Any) -> None:
            """Says nothing."""

    def refuse(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        word = given.password.decode()
        known.heard += word
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 {word} is wrong")

    web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    mail = Mail(socket.create_server(("127.0.0.1", 0)), authenticator=refuse, auth_require_tls=False)
    mail.start()
    known = Services(web, mail)
    yield known
    mail.stop()
    web.shutdown()
    web.server_close()


@dataclass
class Scene:
    """What was said and written."""

    atlas: Any
    outputs: dict[str, bytes] = field(default_factory=dict)
    logs: io.StringIO = field(default_factory=io.StringIO)

    def do(self, *arguments: Any, stdin: str = "", code: int = 0) -> Any:
        said = self.atlas(*arguments, stdin=stdin.encode())
        assert said.code == code, said
        self.outputs[f"output {len(self.outputs)} {arguments[:3]}"] = (said.out + said.err).encode()
        return said

    def work(self) -> None:
        """A worker sends whatever is due."""
        db = open_database(str(self.atlas.database))
        try:
            Alerting(db, "w1", open_keyring(str(self.atlas.key), environment={}), Timing(), Log("alerts")).step()
        finally:
            db.close()

    def leaks(self) -> dict[str, list[str]]:
        texts = {**search.files(self.atlas.home, but=frozenset({"worker.key"})), **self.outputs}
        texts["logs"] = self.logs.getvalue().encode()
        return {name: found for name, text in texts.items() if (found := search.found_in(text, CANARIES))}


@pytest.fixture
def scene(atlas: Any) -> Iterator[Scene]:
    scene, root = Scene(atlas), logging.getLogger()
    handler, level = logging.StreamHandler(scene.logs), root.level
    handler.addFilter(lambda record: record.name.split(".")[0] != "mail")  # that is the mail server's own
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield scene
    root.removeHandler(handler)
    root.setLevel(level)


def test_no_address_is_anywhere_whatever_a_service_a_library_or_a_person_does(
    scene: Scene, services: Services, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{services.web.server_address[1]}/slack")
    channels = ("alerts", "channels")
    scene.do(*channels, "add", "Hook", "--json", stdin=services.hook("one"))
    scene.do(*channels, "add", "Mail", stdin=services.mailbox())
    scene.do(*channels, "add", "Chat", stdin=f"slack://{BEFORE}/B/C")
    scene.do(*channels, "edit", "Chat", "--new-address", stdin=f"slack://{CHAT_TOKEN}/B/C")
    for wrong in (
        f"https://{MISTYPED}/",
        f"slack://{MISTYPED}/x y",
        f"json://h.example/?{MISTYPED}={MISTYPED}",
        MISTYPED,
    ):
        scene.do(*channels, "add", "Wrong", stdin=wrong, code=2)
    scene.do(*channels, "add", "Wrong", f"slack://{MISTYPED}/B/C", code=2)
    scene.do("alerts", "rules", "add", "All", "--channel", "Hook", "--on", "run")
    for status in (200, 403, 503):
        services.status = status
        for name in ("Hook", "Mail", "Chat"):
            scene.do("alerts", "test", name, "--no-wait", "--json")
        scene.work()
    key_rotation.rotate(scene.atlas.config)

    def broken(*given: Any, **more: Any) -> Any:
        raise ValueError(f"{given!r} {more!r}")

    monkeypatch.setattr(requests, "post", broken)
    scene.do("alerts", "test", "Hook", "--no-wait")
    scene.work()
    for reading in (["alerts", "channels", "list"], ["alerts", "deliveries"], ["audit", "list"], ["attention", "list"]):
        scene.do(*reading)
        scene.do(*reading, "--json")
    scene.do("audit", "export", "--output", scene.atlas.home / "trail.jsonl")
    said = capfd.readouterr()
    scene.outputs["the rest"] = (said.out + said.err).encode()

    statuses = [row["status"] for row in scene.do("alerts", "deliveries", "--json").json]
    assert sorted(statuses) == ["delivered"] * 2 + ["failed"] * 8
    assert {found.split()[0] for found in search.found_in(services.heard.encode(), CANARIES)} == set(SENT)
    assert "alert_not_delivered" in scene.logs.getvalue()
    assert scene.leaks() == {}


def test_the_search_would_find_them(scene: Scene) -> None:
    """The positive control: in the log, in an output, in the database."""
    logging.getLogger("somebody").debug("calls %s", CHAT_TOKEN)
    scene.outputs["it"] = b"it is " + HOOK_KEY.encode()
    scene.atlas.sql("UPDATE workspaces SET name = ?", MAIL_PASSWORD)
    assert {name.split("-")[0] for name in scene.leaks()} == {"logs", "it", "atlas.db"}
