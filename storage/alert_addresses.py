"""Addresses of alert channels: which kinds of service there are, what their addresses may hold, what of them may be shown.

Promise: an address is a secret as a whole; shown is its kind, and its host where that host is no secret. Only kinds that are listed
here are taken, with parameters that are listed here: nothing that reads a file of the worker's host, runs a program, takes an
attachment or includes another configuration. What is refused is refused without repeating the address. Pure; sends nothing.

Source of kinds and parameters: Apprise 2.2, each plugin's `templates` and `template_args`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from storage.errors import InvalidInput

LONGEST: Final = 2000
_EVERYWHERE: Final = frozenset({"verify"})
_HTTP_METHODS: Final = frozenset({"POST", "PUT"})
_PREFIXES: Final = "+-:"
"""A parameter that begins so is a header, a query parameter or a field of a webhook's body, and its value is only sent."""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of service that takes alerts.

    Attributes:
        label: what people call it.
        example: what an address looks like, with nothing real in it.
        shows_host: the address's host is a host; elsewhere a token stands there.
        takes_extras: a webhook, whose headers and fields may be given.
        parameters: what may stand behind the question mark, besides what may everywhere.
    """

    label: str
    example: str
    shows_host: bool
    takes_extras: bool
    parameters: frozenset[str]


def _service(label: str, example: str, parameters: str = "", *, host: bool = False, extras: bool = False) -> Service:
    return Service(label, example, host, extras, frozenset(parameters.split()) | _EVERYWHERE)


_MAIL: Final = "smtp from to name cc bcc reply mode user pass port"
_TEAMS: Final = "id pa powerautomate route routeid sig ver api-version wrap image"
_ALL: Final[Mapping[str, Service]] = {
    "mailtos": _service("e-mail", "mailtos://USER:PASSWORD@example.com?to=oncall@example.com", _MAIL, host=True),
    "mailto": _service("e-mail, not encrypted", "mailto://mail.example.com?from=atlas@example.com&to=oncall@example.com", _MAIL, host=True),
    "jsons": _service("webhook", "jsons://USER:PASSWORD@hooks.example.com/atlas", "method", host=True, extras=True),
    "json": _service("webhook, not encrypted", "json://127.0.0.1:8080/atlas", "method", host=True, extras=True),
    "forms": _service("web form", "forms://hooks.example.com/atlas", "method", host=True, extras=True),
    "form": _service("web form, not encrypted", "form://127.0.0.1:8080/atlas", "method", host=True, extras=True),
    "workflows": _service("Teams", "workflows://HOST:443/WORKFLOW/SIGNATURE?pa=yes&ver=1", _TEAMS, host=True),
    "slack": _service("Slack", "slack://TOKEN_A/TOKEN_B/TOKEN_C/#channel", "to image blocks footer timestamp mode"),
    "pagerduty": _service("PagerDuty", "pagerduty://INTEGRATION_KEY@API_KEY", "region severity class group"),
    "opsgenie": _service("Opsgenie", "opsgenie://API_KEY", "region priority tags entity to batch"),
    "ilert": _service("iLert", "ilert://KEY", "priority route"),
    "incidentio": _service("incident.io", "incidentio://SOURCE/TOKEN"),
    "squadcast": _service("Squadcast", "squadcast://KEY", "region priority"),
    "signl4": _service("SIGNL4", "signl4://SECRET", "service location alerting_scenario filtering"),
    "splunk": _service("Splunk On-Call", "splunk://ROUTING_KEY@API_KEY", "route entity_id"),
    "goalerts": _service("GoAlert", "goalerts://goalert.example.com/TOKEN", "to", host=True),
    "discord": _service("Discord", "discord://WEBHOOK_ID/WEBHOOK_TOKEN", "thread ping image"),
    "tgram": _service("Telegram", "tgram://BOT_TOKEN/CHAT_ID", "to silent topic thread preview"),
    "wxteams": _service("Webex", "wxteams://TOKEN", "to mode"),
    "gchat": _service("Google Chat", "gchat://WORKSPACE/KEY/TOKEN", "thread"),
    "mmosts": _service("Mattermost", "mmosts://chat.example.com/TOKEN", "to channel channels image botname", host=True),
    "rockets": _service("Rocket.Chat", "rockets://WEBHOOK@chat.example.com/#channel", "to mode avatar", host=True),
    "zulip": _service("Zulip", "zulip://BOT@ORGANIZATION/TOKEN/STREAM", "to"),
    "ntfys": _service("ntfy", "ntfys://TOPIC", "priority mode xtags auth token to image"),
    "gotifys": _service("Gotify", "gotifys://gotify.example.com/TOKEN", "priority", host=True),
    "pover": _service("Pushover", "pover://USER_KEY@TOKEN", "priority sound to expire interval"),
    "twilio": _service("Twilio (SMS)", "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM/TO", "to from method"),
    "sendgrid": _service("SendGrid", "sendgrid://API_KEY:FROM@example.com/TO", "to cc bcc"),
    "mailgun": _service("Mailgun", "mailgun://USER@example.com/API_KEY/TO", "to cc bcc region from name"),
}  # fmt: skip

SERVICES: Final[Mapping[str, Service]] = MappingProxyType(_ALL)
"""Every kind by the scheme of its addresses."""


_GIVEN_BY: Final = MappingProxyType(
    {
        "powerplatform.com": "workflows",
        "logic.azure.com": "workflows",
        "slack.com": "slack",
        "discord.com": "discord",
        "chat.googleapis.com": "gchat",
        "events.pagerduty.com": "pagerduty",
    }
)
"""Hosts of addresses that services give, which are pasted as they are."""


@dataclass(frozen=True, slots=True)
class Address:
    """What may be known of an address.

    Attributes:
        kind: its scheme, a key of `SERVICES`.
        host: its host; empty where that would be a secret.
    """

    kind: str
    host: str

    @property
    def label(self) -> str:
        """How people see it: `e-mail, example.com`."""
        label = SERVICES[self.kind].label
        return f"{label}, {self.host}" if self.host else label


def read_address(text: str) -> Address:
    """Reads an address and says what of it may be shown.

    Args:
        text: the whole address, a secret.

    Raises:
        InvalidInput: it is none, of a kind that is not taken, or holds a parameter that is not; the address is not repeated.
    """
    cleaned = text.strip()
    if not cleaned:
        raise InvalidInput("address", "is empty", "Such as mailtos://USER:PASSWORD@example.com?to=oncall@example.com.")
    if len(cleaned) > LONGEST or not cleaned.isprintable() or any(character.isspace() for character in cleaned):
        raise InvalidInput("address", f"holds blanks or control characters, or over {LONGEST} characters")
    kind = cleaned.split("://", 1)[0].lower() if "://" in cleaned else ""
    service = SERVICES.get(kind)
    if service is None:
        named = f"`{kind}://` is not taken" if re.fullmatch(r"[a-z0-9+.-]{1,20}", kind) else "has no kind before `://`"
        hint = _of_the_web(cleaned) if kind in ("http", "https") else ""
        raise InvalidInput("address", named, hint or f"Use one of: {', '.join(SERVICES)}.")
    parts = _split(cleaned)
    _check_parameters(parts[1], service)
    return Address(kind, parts[0] if service.shows_host else "")


def _of_the_web(text: str) -> str:
    """How an address as a service gives it is written here; names the service at most, and nothing of the address."""
    try:
        host = (urlsplit(text).hostname or "").lower()
    except ValueError:
        host = ""
    for ending, kind in _GIVEN_BY.items():
        if host == ending or host.endswith(f".{ending}"):
            return f"{SERVICES[kind].label} is written {SERVICES[kind].example}"
    return "An https:// webhook is written jsons://."


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Host and parameters, as Apprise takes them apart: `#` and `+` are ordinary characters to it."""
    refused = InvalidInput("address", "cannot be read", "Write every blank and special character as %20 and the like.")
    try:
        parts = urlsplit(text.replace("#", "%23"))
        host = (parts.hostname or "").lower()
        query = parts.query.replace("+", "%2B")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise refused from None
    if not host or not re.fullmatch(r"[^\x00-\x20\x7f<>\"'`\\]{1,253}", unquote(host)):
        raise refused
    if "?" in parts.query or ";" in parts.query:
        raise refused  # two readers could disagree about where a parameter begins
    return host, pairs


def _check_parameters(pairs: list[tuple[str, str]], service: Service) -> None:
    for name, value in pairs:
        key = name.lower()
        if service.takes_extras and key[:1] in _PREFIXES and len(key) > 1:
            continue
        if key not in service.parameters:
            shown = f"`{key}`" if re.fullmatch(r"[a-z0-9_-]{1,30}", key) else "a parameter"
            allowed = ", ".join(sorted(service.parameters))
            raise InvalidInput("address", f"{shown} is not taken behind `?`", f"Known here: {allowed}.")
        if key == "method" and value.upper() not in _HTTP_METHODS:
            raise InvalidInput("address", "`method` must be POST or PUT")
