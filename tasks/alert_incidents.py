"""Services that keep what they are told as an incident until somebody says that it is over.

Promise: one message opens one incident, under the message's number, so that a repeat opens no other; it is resolved under that number once
everything that the message told is over. That something is over never opens an incident. Knows how each of these services names its key
and its actions to Apprise, and sends nothing itself.

Sources: Apprise 2.2, the plugins of these services; https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ (a `resolve` of a
key that is not open is dropped; a summary has at most 1,024 characters).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tasks.alert_message import Level, Words


@dataclass(frozen=True, slots=True)
class _Keeping:
    """How Apprise's plugin of a service is told.

    Attributes:
        key: its attribute for the key.
        opens: the action that opens an incident.
        ends: the action that resolves it; None when Apprise cannot do that by our key.
    """

    key: str
    opens: str
    ends: str | None


_KINDS: Final = MappingProxyType(
    {
        "pagerduty": _Keeping("dedup", "trigger", "resolve"),
        "squadcast": _Keeping("dedup", "trigger", "resolve"),
        "incidentio": _Keeping("dedup", "trigger", "resolve"),
        "ilert": _Keeping("dedup", "trigger", "resolve"),
        "goalerts": _Keeping("dedup", "trigger", "close"),
        "signl4": _Keeping("external_id", "trigger", "resolve"),
        # Its own mapping opens nothing for a test, and an incident for what is bad or a warning.
        "splunk": _Keeping("entity_id", "map", "recovery"),
        "opsgenie": _Keeping("alias", "new", None),
    }
)


def keeps_incidents(kind: str) -> bool:
    """Says whether a kind of channel keeps incidents."""
    return kind in _KINDS


def events(channel: Any, kind: str, words: Words, message_id: str) -> Iterator[None]:
    """Makes a channel ready for each event that a message is to its service, one after the other; none when it tells nothing new there.

    Args:
        channel: Apprise's channel.
        kind: its kind, of which `keeps_incidents` is true.
        words: what to say.
        message_id: the message's number.
    """
    keeping = _KINDS[kind]
    channel.request_rate_per_sec = 0.2  # what resolves another incident need not wait for 5.5 seconds
    if words.level is not Level.GOOD:
        setattr(channel, keeping.key, message_id)
        channel.action = keeping.opens
        yield
    for ended in words.ends if keeping.ends is not None else ():
        setattr(channel, keeping.key, ended)
        channel.action = keeping.ends
        yield
