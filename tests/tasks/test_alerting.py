"""Alerts, the sign of life and the figures of a worker, against real servers on this machine."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import update

from storage import alert_channels, alert_deliveries, alert_queue, alert_rules
from storage.alert_queue import Item, Message
from storage.pages import Place
from storage.schema import alert_deliveries as deliveries
from tasks import alert_sending, counters, key_rotation
from tasks.alert_message import NAMED, Level, compose
from tasks.alerting import Alerting
from tasks.keyring import open_keyring
from tasks.logs import Log
from tasks.metrics import Endpoint, Figures
from tasks.ping import Ping
from tasks.timing import Timing

CANARY = "canary-channel-password-41"


@dataclass
class Sink:
    """A web server that remembers what it was asked."""

    server: ThreadingHTTPServer
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    status: int = 200

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@pytest.fixture
def sink() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            taken.requests.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            self.send_response(taken.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer

        def log_message(self, *arguments: Any) -> None:
            """Says nothing."""

    taken = Sink(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=taken.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield taken
    taken.server.shutdown()
    taken.server.server_close()


@pytest.fixture
def smtp() -> Iterator[Callable[[socket.socket, Any], None]]:
    """Starts a mail server with a handler on a socket that listens already, so that nobody else can have its port."""
    started: list[Controller] = []

    def start(listening: socket.socket, handler: Any) -> None:
        class There(Controller):
            def _create_server(self) -> Any:
                return self.loop.create_server(self._factory_invoker, sock=listening)

        controller = There(handler, hostname="127.0.0.1", port=listening.getsockname()[1], ready_timeout=60)
        controller.start()
        started.append(controller)

    yield start
    for controller in started:
        controller.stop()


def free_port() -> int:
    """A port that stays free: below those that a system gives to whoever asks for any."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 50):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("no free port")


def channel(fleet: Any, name: str, address: str) -> int:
    made = alert_channels.create(
        fleet.db,
        fleet.who,
        fleet.workspace_id,
        name=name,
        address=address,
        public_key=fleet.settings.public_key_bytes(),
    )
    return made.id


def rule(fleet: Any, name: str, channel_id: int, *events: str) -> None:
    values = {"name": name, "channel_id": channel_id, "events": events, "is_urgent": True}
    alert_rules.create(fleet.db, fleet.who, fleet.workspace_id, values)


def log_of(fleet: Any) -> list[alert_deliveries.Delivery]:
    return list(alert_deliveries.page(fleet.db, fleet.who, fleet.workspace_id, "", Place.first()).rows)


def alerting(fleet: Any) -> Alerting:
    keyring = open_keyring(fleet.settings.key_file, environment={})
    return Alerting(fleet.db, "here", keyring, Timing(), Log("alerts"))


def pass_the_lease(fleet: Any) -> None:
    """Time goes by for whatever is being sent."""
    fleet.db.write(
        lambda tx: (
            tx.run(
                update(deliveries)
                .where(deliveries.c.status == "sending")
                .values(next_try_at=tx.now() - timedelta(seconds=1))
            )
            and None
        )
    )


def test_an_alert_reaches_mail_and_webhook_exactly_once_though_its_worker_is_killed(
    sqlite_fleet: Any, start_process: Callable[..., Any], sink: Sink, smtp: Any
) -> None:
    fleet = sqlite_fleet
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    mail = channel(
        fleet, "Mail", f"mailto://127.0.0.1:{port}?from=atlas@example.com&to=oncall@example.com&smtp=127.0.0.1"
    )
    hook = channel(fleet, "Hook", f"json://user:{CANARY}@127.0.0.1:{sink.port}/in")
    rule(fleet, "By mail", mail, "run")
    rule(fleet, "By hook", hook, "run")
    connection = fleet.connection(["fail", "consent_required"])
    first = start_process(fleet)
    run_id = fleet.start(connection)
    fleet.until_completed(run_id)
    # The first worker waits for the greeting of a mail server that says nothing, and dies.
    fleet.wait_until(lambda: [row for row in log_of(fleet) if row.status == "sending"], "an alert that is being sent")
    first.process.kill()
    first.wait()
    mails: list[Mail] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(message_from_bytes(envelope.content))
            return "250 taken"

    smtp(silent, Handler())
    pass_the_lease(fleet)
    second = start_process(fleet)
    fleet.wait_until(lambda: all(row.status == "delivered" for row in log_of(fleet)), "both delivered")
    second.signal(15)
    assert second.wait() == 0
    assert len(mails) == len(sink.requests) == 1
    subject = str(make_header(decode_header(mails[0]["Subject"])))
    assert subject.startswith("[Atlas] Tenant ")
    assert subject.endswith("consent_required")
    numbers = {row.rule: row.message_id for row in log_of(fleet)}
    assert mails[0]["Message-ID"] == f"<{numbers['By mail']}@127.0.0.1>"
    _, _, headers, body = sink.requests[0]
    assert headers["X-Atlas-Delivery"] == body["delivery_id"] == numbers["By hook"]
    (told,) = body["alerts"]
    assert (told["reason"], told["run"], told["fix_by"]) == ("consent_required", run_id, "customer")
    logs = first.log_file.read_text() + second.log_file.read_text()
    assert "alert_delivered" in logs
    assert CANARY not in logs
    assert "oncall" not in logs


def test_a_worker_that_dies_between_sending_and_writing_it_down_has_it_sent_again_under_the_same_number(
    sqlite_fleet: Any, sink: Sink
) -> None:
    fleet = sqlite_fleet
    hook = channel(fleet, "Hook", f"json://127.0.0.1:{sink.port}/in")
    alert_deliveries.ask_for_test(fleet.db, fleet.who, hook)
    message = alert_queue.claim(fleet.db, "dies")
    assert message is not None
    assert message.address is not None
    address = open_keyring(fleet.settings.key_file, environment={}).open(message.address).secret
    alert_sending.send(address, compose(message), message.message_id)
    pass_the_lease(fleet)
    alerting(fleet).step()
    assert [request[2]["X-Atlas-Delivery"] for request in sink.requests] == [message.message_id] * 2
    assert [row.status.value for row in log_of(fleet)] == ["delivered"]


def test_a_channel_that_fails_says_why_and_works_again_after_a_new_address_and_a_new_key(
    sqlite_fleet: Any, sink: Sink, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = sqlite_fleet
    hook = channel(fleet, "Hook", f"json://user:{CANARY}@127.0.0.1:{sink.port}/in")
    for status, reason in (
        (403, "alert_channel_refused"),
        (503, "alert_channel_unreachable"),
        (302, "alert_channel_refused"),
    ):
        sink.status = status
        alert_deliveries.ask_for_test(fleet.db, fleet.who, hook)
        alerting(fleet).step()
        assert (log_of(fleet)[0].status.value, log_of(fleet)[0].failure) == ("failed", reason)
    assert len(sink.requests) == 3
    sink.status = 200
    key_rotation.rotate(fleet.config)
    alert_deliveries.ask_for_test(fleet.db, fleet.who, hook)
    alerting(fleet).step()
    assert log_of(fleet)[0].status == "delivered"
    assert alert_channels.get(fleet.db, fleet.who, hook).channel.last_reason_code is None
    assert CANARY not in "".join(capsys.readouterr())


def test_a_mail_that_one_recipient_will_never_take_reaches_the_others_once_and_the_channel_says_so(
    sqlite_fleet: Any, smtp: Any
) -> None:
    fleet, answers, taken = sqlite_fleet, {"gone@example.com": "550 no such user"}, []

    class Handler:
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            if address in answers:
                return answers[address]
            envelope.rcpt_tos.append(address)
            return "250 ok"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.extend(envelope.rcpt_tos)
            return "250 taken"

    listening = socket.create_server(("127.0.0.1", 0))
    smtp(listening, Handler())
    to = "one@example.com,gone@example.com,two@example.com"
    address = f"mailto://127.0.0.1:{listening.getsockname()[1]}?smtp=127.0.0.1&from=atlas@example.com&to={to}"
    mail = channel(fleet, "Mail", address)
    alert_deliveries.ask_for_test(fleet.db, fleet.who, mail)
    alerting(fleet).step()
    assert (log_of(fleet)[0].status.value, taken) == ("delivered", ["one@example.com", "two@example.com"])
    assert alert_channels.get(fleet.db, fleet.who, mail).channel.last_reason_code == "alert_channel_refused"
    answers["gone@example.com"] = "450 later"  # what may pass is tried again
    alert_deliveries.ask_for_test(fleet.db, fleet.who, mail)
    alerting(fleet).step()
    assert (log_of(fleet)[0].status.value, log_of(fleet)[0].failure) == ("failed", "alert_channel_unreachable")


def test_no_address_makes_the_sender_read_a_file_follow_a_redirect_or_say_what_it_was_given() -> None:
    words = compose(_message(1))
    for address in (
        "file:///etc/passwd",
        "slack://A/B/C?template=/etc/passwd",
        "slack://canary-token/x",
        "json://127.0.0.1:1/x",
    ):
        with pytest.raises(alert_sending.NotSent) as caught:
            alert_sending.send(address, words, "atlas-1")
        assert caught.value.reason_code in (alert_sending.UNUSABLE, alert_sending.UNREACHABLE)
        assert "canary" not in repr(caught.value) + str(caught.value)


def _message(count: int, **facts: Any) -> Message:
    known = {"event": "problem", "tenant": "Contoso", "connection": "Main", "since": "2026-03-01T12:00:00Z", **facts}
    items = tuple(Item("secret_expired", dict(known), "solved" in facts) for _ in range(count))
    return Message("atlas-1", 1, "North", "Night", 1, "json", None, items, 0, 1)


def test_a_message_says_all_there_is_to_say_and_takes_names_as_data() -> None:
    words = compose(
        _message(1, tenant="<!channel> @here [x](http://e)\r\nBcc: a\x1b[2J", run=7, operation="Connection check")
    )
    assert "\n" not in words.subject + words.subject
    assert not re.search(r"[<>@\[\]\x1b\r]", words.text.replace("[Atlas]", ""))
    for part in (
        "secret_expired: The client secret",
        "Fix by: us.",
        "Since 2026-03-01 12:00Z.",
        "Run #7",
        "Delivery atlas-1",
    ):
        assert part in words.text
    many = compose(_message(NAMED + 5))
    assert "And 5 more: 5 secret_expired." in many.text
    assert len(many.data["alerts"]) == NAMED + 5
    assert compose(_message(1, solved="2026-03-01T13:00:00Z")).level is Level.GOOD
    host = {"host": "<alpha>", "process": 7, "version": "1.2", "elsewhere": ["beta", "gamma"], "elsewhere_more": 3}
    gone = compose(_message(1, tenant=None, event="no_worker", **host))
    assert "Host ‹alpha›" in gone.text
    assert "Last seen 2026-03-01 12:00Z (process 7, version 1.2)." in gone.text
    assert "Workers still ran on: beta, gamma and 3 more." in gone.text
    assert gone.data["alerts"][0]["elsewhere"] == ["beta", "gamma"]


def test_a_sign_of_life_is_given_while_the_database_hears_the_worker_and_never_logged(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    well = [True]
    ping = Ping(f"http://127.0.0.1:{sink.port}/{CANARY}", lambda: well[0], Log("ping"))
    assert ping.step() == 60.0
    well[0] = False
    ping.step()
    assert [request[:2] for request in sink.requests] == [("GET", f"/{CANARY}")]
    well[0], sink.status = True, 302
    with caplog.at_level("INFO", "atlas"):
        ping.step()
        ping.step()
        sink.status = 200
        ping.step()
    assert [record.getMessage() for record in caplog.records] == ["ping_failed", "ping_arrives_again"]
    assert CANARY not in caplog.text
    assert len(sink.requests) == 4


def test_a_worker_gives_its_sign_of_life_and_its_figures_as_configured(
    sqlite_fleet: Any, start_worker: Callable[..., Any], sink: Sink
) -> None:
    port = free_port()
    worker = msgspec.structs.replace(
        sqlite_fleet.settings.worker, heartbeat_url=f"http://127.0.0.1:{sink.port}/beat", metrics_port=port
    )
    fleet = replace(sqlite_fleet, settings=msgspec.structs.replace(sqlite_fleet.settings, worker=worker))
    started = start_worker(fleet)
    fleet.wait_until(lambda: sink.requests, "a sign of life")
    fleet.wait_until(lambda: started.worker._telling.metrics_port, "the endpoint")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert "atlas_workers 1.0" in answer.read().decode()
    started.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


def test_the_figures_name_nobody_and_their_labels_are_few(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    fleet.start(fleet.connection())
    counters.count_answer(429)
    counters.count_answer(None)
    for status in range(100, 600):
        counters.count_answer(status)
    counters.RUNS.add("something from outside")
    endpoint = Endpoint(Figures(fleet.db, "1.2.3", 8, lambda: 3), "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}/metrics") as answer:
            text = answer.read().decode()
    finally:
        endpoint.close()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert 'atlas_runs{status="queued"} 1.0' in lines
    assert "atlas_database_up 1.0" in lines
    assert "atlas_worker_busy 3.0" in lines
    assert any(line.startswith('atlas_graph_requests_total{status="429"}') for line in lines)
    assert {re.split("[{ ]", line)[0] for line in lines} >= {
        "atlas_queue_age_seconds", "atlas_leases_reaped_total", "atlas_schedules_fired_total", "atlas_alert_messages_total",
        "atlas_graph_throttles_total", "atlas_workers", "atlas_alerts_due",
    }  # fmt: skip
    assert len(lines) < 50
    assert "Tenant" not in text
    assert "something" not in text
