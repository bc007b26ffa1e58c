"""What chat and incident services are sent, as their documentation asks for it, to a server of that shape on this machine.

Teams is reached at its own address there, over real TLS. Slack's and PagerDuty's addresses are fixed in Apprise and replaced.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import trustme
from apprise.plugins import pagerduty
from apprise.plugins.slack import NotifySlack

from storage.alert_queue import Item, Message
from tasks import alert_sending
from tasks.alert_message import NAMED, compose


@dataclass
class Service:
    """A service over HTTPS: the path and query, and the body, of everything it was sent."""

    port: int
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"https://localhost:{self.port}"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.asked.append((self.path, body, dict(self.headers)))
            self.send_response(202 if "enqueue" in self.path else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: Any) -> None:
            """Says nothing."""

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    taken = Service(int(server.server_address[1]))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield taken
    server.shutdown()
    server.server_close()


def message(number: str, *items: Item, rule: str = "Night") -> Message:
    return Message(number, 1, "North", rule, 1, "kind", None, items, 0, 1)


def problem(**facts: Any) -> Item:
    known = {"event": "problem", "tenant": "Contoso", "connection": "Main", "since": "2026-03-01T12:00:00Z"}
    return Item("consent_required", {**known, **facts}, "solved" in facts)


def solved(**facts: Any) -> Item:
    return problem(solved="2026-03-01T13:00:00Z", **facts)


def send(address: str, told: Message) -> None:
    alert_sending.send(address, compose(told), told.message_id)


def test_teams_is_sent_an_adaptive_card_at_the_address_that_a_workflow_has(service: Service) -> None:
    send(f"workflows://localhost:{service.port}/a1b2c3/Sig-Na_Ture?pa=yes&ver=1", message("atlas-1", problem()))
    ((path, body, headers),) = service.asked
    assert urlsplit(path).path == "/powerautomate/automations/direct/workflows/a1b2c3/triggers/manual/paths/invoke"
    assert parse_qs(urlsplit(path).query) == {
        "api-version": ["1"],
        "sp": ["/triggers/manual/run"],
        "sv": ["1.0"],
        "sig": ["Sig-Na_Ture"],
    }
    assert headers["Content-Type"] == "application/json"
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block["type"] for block in card["body"]] == ["TextBlock", "TextBlock"], "no picture of others'"
    assert "Contoso" in card["body"][0]["text"]
    assert "atlas-1" in card["body"][1]["text"].replace("\\", "")


def test_slack_is_sent_a_message_to_the_channel_with_names_as_data(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{service.base}/services")
    send("slack://T0001/B0002/C0003/#oncall", message("atlas-1", problem(tenant="<!channel> & <@U1>")))
    ((path, body, _),) = service.asked
    assert path == "/services/T0001/B0002/C0003"
    (attachment,) = body["attachments"]
    assert body["channel"] == "#oncall"
    assert "icon_url" not in body
    assert attachment["title"].startswith("[Atlas] ")
    assert "atlas-1" in attachment["text"]
    assert not [text for text in map(str, attachment.values()) if "<!" in text or "<@" in text]


@pytest.fixture
def duty(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Sends to PagerDuty and returns the events."""
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{service.base}/v2/enqueue")

    def send_there(told: Message) -> list[dict[str, Any]]:
        service.asked.clear()
        send(f"pagerduty://{'R' * 32}@APIKEY", told)
        return [body for _, body, _ in service.asked]

    return send_there


def test_pagerduty_opens_one_incident_for_a_message_and_a_repeat_opens_no_other(
    duty: Callable[..., list[dict[str, Any]]],
) -> None:
    told = message("atlas-1", *[problem(tenant=f"Tenant {n}") for n in range(40)])
    for _ in range(2):
        (event,) = duty(told)
        assert (event["routing_key"], event["event_action"], event["dedup_key"]) == ("R" * 32, "trigger", "atlas-1")
        payload = event["payload"]
        assert payload["severity"] == "critical"
        assert payload["source"]
        assert payload["summary"] == "[Atlas] 40 alerts (Night)"
        assert "Tenant 7" in payload["custom_details"]["text"]
        assert len(payload["custom_details"]["alerts"]) == 40
        assert "images" not in event


def test_pagerduty_is_told_that_an_incident_is_over_and_never_opens_one_for_that(
    duty: Callable[..., list[dict[str, Any]]],
) -> None:
    assert duty(message("atlas-2", solved())) == [], "something else of the same message goes on"
    (event,) = duty(message("atlas-2", solved(ends="atlas-1")))
    assert (event["event_action"], event["dedup_key"]) == ("resolve", "atlas-1")
    events = duty(message("atlas-3", problem(), solved(ends="atlas-1")))
    assert [(e["event_action"], e["dedup_key"]) for e in events] == [("trigger", "atlas-3"), ("resolve", "atlas-1")]
    (test,) = duty(message("atlas-4", Item("unknown_error", {"event": "test", "by": "dana"}, False), rule=""))
    assert (test["event_action"], test["payload"]["severity"]) == ("trigger", "info")


def test_every_service_that_keeps_incidents_gets_the_number_as_its_key_and_nothing_opens_for_what_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = _intercept(monkeypatch)
    guid = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    for address, opens, ends in (
        ("squadcast://key123456", "trigger", "resolve"),
        ("incidentio://01ABC/token123", "firing", "resolved"),
        ("ilert://il1api1234567890", "ALERT", "RESOLVE"),
        (f"goalerts://h.example/{guid}", "", "close"),
        ("signl4://secret1", "", "resolved"),
        (f"splunk://routing@{guid}", "CRITICAL", "RECOVERY"),
        (f"opsgenie://{guid}", "", None),
    ):
        asked.clear()
        send(address, message("atlas-1", problem()))
        (opened,) = asked
        assert "atlas-1" in opened, address
        assert f'"{opens}"' in opened or not opens, address
        asked.clear()
        send(address, message("atlas-2", solved()))
        assert asked == [], address
        send(address, message("atlas-2", solved(ends="atlas-1")))
        assert [f'"{ends}"' in told and '"atlas-1"' in told for told in asked] == ([True] if ends else []), address
        asked.clear()
        send(address, message("atlas-3", Item("unknown_error", {"event": "test", "by": "dana"}, False), rule=""))
        assert len(asked) == 1, f"a test arrives: {address}"


def test_a_long_message_is_as_long_as_each_service_takes_and_says_how_much_more_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = _intercept(monkeypatch)
    told = message("atlas-1", *[problem(tenant=f"Tenant_{n} of *somebody*" * 4) for n in range(NAMED + 5)])
    for address, key, most in (
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "content", 2000),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "text", 4096),
        (f"wxteams://{'a' * 80}", "markdown", 7439),
        ("mmosts://chat.example/" + "a" * 24, "text", 4000),
    ):
        asked.clear()
        send(address, told)
        (body,) = asked
        text = json.loads(body)[key].replace("\\", "")
        assert len(json.loads(body)[key]) <= most, address
        assert "Tenant" in text, address
        assert "more: " in text, address
        assert "atlas-1" in text, address
    asked.clear()
    send(f"twilio://AC{'a' * 32}:{'b' * 32}@15551230000/15551231234", told)
    assert len(asked) == 1, "a text message, and not a dozen"


def _intercept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has Apprise's calls answered here; returns the bodies."""
    bodies: list[str] = []

    def post(url: str, **given: Any) -> requests.Response:
        data = given.get("data") or given.get("json") or ""
        bodies.append(data.decode() if isinstance(data, bytes) else data if isinstance(data, str) else json.dumps(data))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"ok": true, "requestId": "r-1"}'
        return answer

    monkeypatch.setattr(requests, "post", post)
    return bodies
