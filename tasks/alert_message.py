"""The words of an alert: subject, text, and the same as data for a webhook.

Promise: pure. Says who, what, why, who fixes it, the next step, since when and which run; never a secret. Names that others gave are data:
no control characters, nothing that a chat service would read as a mention, a link or markup. A message about many things names the first
ones, fewer where a service takes less, and says how many more there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from storage import reasons
from storage.alert_queue import Item, Message
from storage.fields import clean_foreign

NAMED: Final = 20
"""So many things are told in full; of the others it is said how many they are."""

_LONGEST_SUBJECT: Final = 150
_TOLD_FACTS: Final = (
    "event", "tenant", "connection", "app", "host", "elsewhere", "run", "operation", "since", "expires", "solved", "badge",
)  # fmt: skip
"""What programs are told of a thing, as it was when it happened."""

_HARMLESS: Final = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "@": "(at)", "`": "'", "*": "·", "|": "/"})


class Level(StrEnum):
    """How bad it is."""

    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Words:
    """A message as it is sent.

    Attributes:
        subject: one line.
        level: how bad it is.
        data: the same for programs.
        ends: the numbers of earlier messages of which everything is over by this one.
        opening: what stands before everything else; empty for nothing.
        parts: the first things it tells, in full.
        codes: the reasons of everything it tells, in the same order.
        closing: where it comes from, and its number.
    """

    subject: str
    level: Level
    data: dict[str, Any]
    ends: tuple[str, ...]
    opening: str
    parts: tuple[str, ...]
    codes: tuple[str, ...]
    closing: str

    @property
    def text(self) -> str:
        """The whole as plain text."""
        return self._naming(len(self.parts))

    def fitting(self, limit: int, length: Callable[[str], int] = len) -> str:
        """The text, with as many things told in full as a service takes; of the others it is said how many they are.

        Args:
            limit: so long at most.
            length: how long a text is there.
        """
        for count in range(len(self.parts), 0, -1):
            text = self._naming(count)
            if length(text) <= limit:
                return text
        text = self._naming(min(1, len(self.parts)))
        return text[: max(0, len(text) * limit // length(text) - 1)] + "…"

    def _naming(self, count: int) -> str:
        rest = Counter(self.codes[count:])
        named = ", ".join(f"{number} {code}" for code, number in rest.most_common(8))
        more = [f"And {rest.total()} more: {named}."] if rest else []
        return "\n\n".join(part for part in (self.opening, *self.parts[:count], *more, self.closing) if part)


def compose(message: Message) -> Words:
    """Puts a claimed message into words. The same message gives the same words in every try."""
    origin = f"Workspace {_name(message.workspace)}" + (f", rule {_name(message.rule)}" if message.rule else "")
    return Words(
        subject=_subject(message)[:_LONGEST_SUBJECT],
        level=_level(message),
        data={
            "delivery_id": message.message_id,
            "workspace": message.workspace,
            "rule": message.rule,
            "outage_tenants": message.outage,
            "alerts": [_entry(item) for item in message.items],
            "ends": list(message.ends),
        },
        ends=message.ends,
        opening=f"{_outage(message)}\nMore of the same is not sent until it is over." if message.outage else "",
        parts=tuple("\n".join(_told(item)) for item in message.items[:NAMED]),
        codes=tuple(item.reason_code for item in message.items),
        closing=f"-- \n{origin}\nDelivery {message.message_id}; the same number again is the same message.",
    )


def _outage(message: Message) -> str:
    facts = next((item.facts for item in message.items if item.facts.get("outage_sentence")), {})
    return f"{facts.get('outage_sentence', '')} {facts.get('outage_advice', '')}".strip()


def _subject(message: Message) -> str:
    items = message.items
    if not message.rule:
        return "[Atlas] Test alert"
    if message.outage:
        return f"[Atlas] Probable Microsoft or network problem: {message.outage} tenants"
    if len(items) == 1:
        solved = "Solved: " if items[0].is_solved else ""
        return f"[Atlas] {solved}{_about(items[0])}: {items[0].reason_code}"
    solved_count = sum(item.is_solved for item in items)
    what = f"{len(items) - solved_count} alerts" if solved_count < len(items) else f"{solved_count} solved"
    also = f", {solved_count} solved" if 0 < solved_count < len(items) else ""
    return f"[Atlas] {what}{also} ({_name(message.rule)})"


def _level(message: Message) -> Level:
    if not message.rule:
        return Level.INFO
    open_items = [item for item in message.items if not item.is_solved]
    if not open_items:
        return Level.GOOD
    return Level.WARNING if all(item.facts.get("event") == "expiring" for item in open_items) else Level.BAD


def _told(item: Item) -> list[str]:
    facts = item.facts
    if facts.get("event") == "test":
        who, channel = _name(str(facts.get("by", ""))), _name(str(facts.get("channel", "")))
        return [f"{who} sent this test to the channel {channel}. Nothing is wrong."]
    reason = reasons.find(item.reason_code)
    if item.is_solved:
        return [f"Solved: {_about(item)}", f"  {item.reason_code} is over since {_moment(facts.get('solved'))}."]
    sentence = clean_foreign(str(facts.get("sentence") or reason.sentence), 600)
    lines = [_about(item), f"  {item.reason_code}: {sentence}", f"  Fix by: {reason.fix_by.value}. {reason.next_step}"]
    if facts.get("expires"):
        lines.append(f"  Expires {_moment(facts['expires'])}.")
    elif facts.get("host"):
        lines += _host_lines(facts)
    else:
        run = f" Run #{facts['run']} ({facts.get('operation', '')})." if facts.get("run") else ""
        lines.append(f"  Since {_moment(facts.get('since'))}.{run}")
    return lines


def _host_lines(facts: dict[str, Any]) -> list[str]:
    """When a host's worker was seen last, and who works now."""
    process = f" (process {facts['process']}, version {_name(str(facts['version']))})" if facts.get("process") else ""
    lines = [f"  Last seen {_moment(facts.get('since'))}{process}."]
    if "elsewhere" in facts:
        named = [_name(str(host)) for host in facts["elsewhere"]]
        more = f" and {facts['elsewhere_more']} more" if facts.get("elsewhere_more") else ""
        works = f"Workers still ran on: {', '.join(named)}{more}." if named else "No other host had a running worker."
        lines.append(f"  {works}")
    return lines


def _about(item: Item) -> str:
    facts = item.facts
    if facts.get("app"):
        return f"Platform app {_name(str(facts['app']))}"
    if facts.get("tenant"):
        connection = _name(str(facts.get("connection") or ""))
        tenant = _name(str(facts["tenant"]))
        return f"{tenant} ({connection})" if connection and connection != tenant else tenant
    return f"Host {_name(str(facts['host']))}" if facts.get("host") else "The queue of this workspace"


def _entry(item: Item) -> dict[str, Any]:
    if item.facts.get("event") == "test":
        return {"event": "test"}
    reason = reasons.find(item.reason_code)
    facts = {name: _clean(value) for name in _TOLD_FACTS if (value := item.facts.get(name)) is not None}
    return {
        **facts,
        "is_solved": item.is_solved,
        "reason": item.reason_code,
        "category": reason.category.value,
        "sentence": clean_foreign(str(item.facts.get("sentence") or reason.sentence), 600),
        "fix_by": reason.fix_by.value,
        "next_step": reason.next_step,
    }


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return clean_foreign(value, 300) if isinstance(value, str) else value


def _name(text: str) -> str:
    return clean_foreign(text, 200).translate(_HARMLESS)


def _moment(text: Any) -> str:
    return f"{text[:10]} {text[11:16]}Z" if isinstance(text, str) and len(text) >= 16 else "an unknown time"
