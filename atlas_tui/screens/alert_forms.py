"""The forms of alerts: a channel and a rule, new or changed.

Promise: a channel's address is in its field until it is sealed, and nowhere else; it is never shown again. What a rule will tell is said in
words while it is typed.

Must not know: how a form looks or is saved; how anything is sealed or sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line
from atlas_tui.links import View, to_alert_channel, to_alert_rule
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import name_field
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, Option, optional, read_list, show_list
from storage import alert_channels, alert_rules, allowance, tenant_search
from storage.alert_addresses import SERVICES, read_address
from storage.alert_matching import LABELS
from storage.alert_rule_fields import NEW, fields
from storage.capabilities import Capability
from storage.errors import InvalidInput
from storage.states import AlertEvent, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

_USUAL: Final = (AlertEvent.PROBLEM, AlertEvent.RUN_LOST, AlertEvent.EXPIRING, AlertEvent.NO_WORKER)
_EXAMPLES: Final = ("mailtos", "workflows", "slack", "pagerduty", "jsons")


def _check_address(text: str) -> str:
    read_address(text)
    return ""


def _address_field(*, is_required: bool) -> Field:
    again = "" if is_required else "Empty keeps the one that is stored. "
    return Field(
        "url",
        "Address",
        Kind.SECRET,
        read=_check_address,
        hint=f"{again}Whole, with password or token; sealed, and not shown again. Kinds and examples: above.",
        is_required=is_required,
        also_called=("address",),
    )


_CHANNEL_NAME: Final = name_field("name", "Name", "name", "What your team calls it, such as Night shift.")


class NewChannel(Form):
    """A channel that is not there yet.

    Args:
        workspace_id: Where.
    """

    TAB = View.HEALTH

    def __init__(self, workspace_id: int) -> None:
        super().__init__("alert_channel.create", f"workspace:{workspace_id}", "New alert channel")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """Nothing but the fields."""
        answer = allowance.allowance(session.db, session.who, Capability.ALERT_MANAGE, self._workspace_id)
        entries = (_CHANNEL_NAME, _address_field(is_required=True))
        return Loaded(entries, {}, self._workspace_id, _examples, answer.refusal)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Seal and store it."""
        made = alert_channels.create(
            session.db,
            session.who,
            self._workspace_id,
            name=filled.values["name"],
            address=filled.secrets.get("url", ""),
            public_key=_public_key(session),
            ticket=filled.ticket,
        )
        return Saved(f"{made.name} is stored, its address sealed; x, t sends a test.", to_alert_channel(made.id))


class EditChannel(Form):
    """A channel that is there: another name, another address.

    Args:
        channel_id: Which.
    """

    TAB = View.HEALTH
    TOPICS = frozenset({Topic.ALERTS})
    IS_EDIT = True

    def __init__(self, channel_id: int) -> None:
        super().__init__("alert_channel.edit", f"alert_channel:{channel_id}", "Edit alert channel")
        self._channel_id = channel_id

    def load(self, session: Session) -> Loaded:
        """What is stored; of the address only its kind and host."""
        detail = alert_channels.get(session.db, session.who, self._channel_id)
        channel = detail.channel
        self.title = f"Edit alert channel {channel.name}"
        refusal = "" if detail.may_manage else f"Your role may not do this. {detail.who_may_manage}"

        def head(times: Times, width: int) -> Sequence[Line]:
            return [*field("Goes to", channel.address.label, width), *_examples(times, width)]

        entries = (_CHANNEL_NAME, _address_field(is_required=False))
        return Loaded(entries, {"name": channel.name}, channel.workspace_id, head, refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What another address does."""
        return LookedUp(consequences=("What waits goes to the new address, when one is given.",))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Store what was changed."""
        address = filled.secrets.get("url") or None
        changed = alert_channels.edit(
            session.db,
            session.who,
            self._channel_id,
            name=filled.changes.get("name"),
            address=address,
            public_key=b"" if address is None else _public_key(session),
            ticket=filled.ticket,
        )
        also = " x, t sends a test." if address else ""
        return Saved(f"{changed.name} is saved.{also}", to_alert_channel(changed.id))


def _examples(times: Times, width: int) -> Sequence[Line]:
    """What addresses look like: those that most want in full, of the others the kinds."""
    lines: list[Line] = []
    for kind in _EXAMPLES:
        lines += field(SERVICES[kind].label, SERVICES[kind].example, width, style="muted")
    return [*lines, *field("Also", " ".join(kind for kind in SERVICES if kind not in _EXAMPLES), width, style="muted")]


def _public_key(session: Session) -> bytes:
    if session.settings is None:
        raise InvalidInput("public_key", "is not set", "Run `atlas-tui init`, which makes the key and writes it here.")
    return session.settings.public_key_bytes()


def _read_events(text: str) -> tuple[str, ...]:
    words = read_list(text)
    foreign = [word for word in words if word not in set(AlertEvent)]
    if foreign:
        raise InvalidInput("events", f"{foreign[0][:40]} is not one", f"Use: {', '.join(AlertEvent)}.")
    return tuple(event.value for event in AlertEvent if event.value in words)


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidInput("number", "is not one", "Such as 15.")
    return int(text)


def _listens(event: AlertEvent) -> Any:
    return lambda texts: event.value in texts.get("events", "")


def _gathers(texts: Mapping[str, str]) -> bool:
    return texts.get("is_urgent") != "yes"


def _yes(value: Any) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


def _rule_fields(channels: Sequence[alert_channels.Channel]) -> tuple[Field, ...]:
    options = tuple(Option(str(row.id), row.name, row.address.label) for row in channels)
    return (
        name_field("name", "Name", "name", "What your team calls it, such as Consent is gone."),
        Field("events", "Tells of", read=_read_events, show=_show_words, is_required=True,
              hint="Any of: problem, run, run_lost, expiring, no_worker, queue_stuck."),
        Field("channel_id", "Channel", Kind.CHOICE, read=int, show=str, options=options, hint="Where. Left, right or space."),
        Field("reasons", "Reasons", read=read_list, show=_show_words, hint="Reason codes, commas between; empty: every one."),
        Field("categories", "Categories", read=read_list, show=_show_words,
              hint="Such as consent, credential, permission, outage; empty: every one."),
        Field("tags", "Tags", read=read_list, show=_show_words, hint="Only tenants that have one of these; empty: every tenant."),
        Field("tenants", "Tenants", read=read_list, show=_show_words,
              hint="Only these: names, domains or tenant ids; empty: every tenant."),
        Field("expiring_days", "Days before", read=_read_number, show=str, hint="How long before it ends it is told.",
              shown_when=_listens(AlertEvent.EXPIRING), also_called=("days",)),
        Field("queue_minutes", "Queue minutes", read=_read_number, show=str, hint="How long something may wait in the queue.",
              shown_when=_listens(AlertEvent.QUEUE_STUCK)),
        Field("is_urgent", "Urgent", Kind.CHOICE, show=_yes,
              options=(Option("no", "no", "gathered, and held back over quiet hours"), Option("yes", "yes", "at once, at any hour"))),
        Field("digest_minutes", "Gather", read=_read_number, show=str, shown_when=_gathers, also_called=("digest minutes",),
              hint="Minutes whose alerts are one message; 0: what happens within a minute."),
        Field("quiet_from", "Quiet from", read=optional(str), shown_when=_gathers, hint="Such as 22:00; empty: no quiet hours."),
        Field("quiet_until", "Quiet until", read=optional(str), shown_when=_gathers, hint="What waited goes out then. Such as 06:00."),
        Field("time_zone", "Time zone", shown_when=_gathers, hint="Of the quiet hours, such as Europe/Berlin; empty: UTC."),
        Field("tells_solved", "When solved", Kind.CHOICE, show=_yes,
              options=(Option("yes", "told", "when it stayed so for 15 minutes"), Option("no", "not told"))),
    )  # fmt: skip


def _show_words(value: Any) -> str:
    return value if isinstance(value, str) else show_list(value)


class _RuleForm(Form):
    """What both forms of a rule share."""

    TAB = View.HEALTH

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What it will tell, in words."""
        events = filled.values.get("events") or ()
        if not events:
            return LookedUp()
        told = ", or ".join(LABELS[AlertEvent(event)] for event in events)
        return LookedUp(consequences=(f"It tells when {told}; each once, until it was solved for 15 minutes.",))


class NewRule(_RuleForm):
    """A rule that is not there yet.

    Args:
        workspace_id: Where.
    """

    def __init__(self, workspace_id: int) -> None:
        super().__init__("alert_rule.create", f"workspace:{workspace_id}", "New alert rule")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """What most want to hear, to the first channel."""
        answer = allowance.allowance(session.db, session.who, Capability.ALERT_MANAGE, self._workspace_id)
        channels = alert_channels.of_workspace(session.db, session.who, self._workspace_id)
        refusal = answer.refusal or ("" if channels else "A rule needs a channel to send to: x, c adds one.")
        there: dict[str, Any] = {**NEW, "events": tuple(event.value for event in _USUAL)}
        if channels:
            there["channel_id"] = channels[0].id
        return Loaded(_rule_fields(channels), there, self._workspace_id, refusal=refusal)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Make it."""
        values = _stored(session, self._workspace_id, filled.values)
        rule = alert_rules.create(session.db, session.who, self._workspace_id, values, ticket=filled.ticket)
        return Saved(f"{rule.name} tells {rule.channel}.", to_alert_rule(rule.id))


class EditRule(_RuleForm):
    """A rule that is there.

    Args:
        rule_id: Which.
    """

    TOPICS = frozenset({Topic.ALERTS})
    IS_EDIT = True

    def __init__(self, rule_id: int) -> None:
        super().__init__("alert_rule.edit", f"alert_rule:{rule_id}", "Edit alert rule")
        self._rule_id = rule_id

    def load(self, session: Session) -> Loaded:
        """What is stored; tenants by name."""
        detail = alert_rules.get(session.db, session.who, self._rule_id)
        rule = detail.rule
        self.title = f"Edit alert rule {rule.name}"
        refusal = "" if detail.may_manage else f"Your role may not do this. {detail.who_may_manage}"
        channels = alert_channels.of_workspace(session.db, session.who, rule.workspace_id)
        there = {**fields(rule), "tenants": tuple(name for _, name in rule.tenants)}
        return Loaded(_rule_fields(channels), there, rule.workspace_id, refusal=refusal)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Change it."""
        where = session.workspace.workspace_id
        seen = _stored(session, where, {name: value for name, value in filled.seen.items() if name != "ticket"})
        changes = _stored(session, where, filled.changes)
        rule = alert_rules.edit(session.db, session.who, self._rule_id, changes, seen=seen, ticket=filled.ticket)
        return Saved(f"{rule.name} is saved.", to_alert_rule(rule.id))


def _stored(session: Session, workspace_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """A form's values as storage takes them: tenants by number, yes and no as truth."""
    found = dict(values)
    for name in ("is_urgent", "tells_solved"):
        if name in found:
            found[name] = _yes(found[name]) == "yes"
    for name in ("expiring_days", "queue_minutes", "digest_minutes", "channel_id"):
        if name in found:
            found[name] = int(found[name])
    if "tenants" in found:
        rows = (
            tenant_search.find_by_name(session.db, session.who, workspace_id, name) for name in found["tenants"] or ()
        )
        found["tenants"] = tuple(sorted({row.id for row in rows}))
    return {name: value for name, value in found.items() if name in NEW or name in ("name", "events", "channel_id")}
