"""What the pages about alerts say: channels and rules with a cursor, one of each, and one alert of the log.

Promise: of an address its kind and host are shown, never more; a channel that does not work says why, since when nothing arrived and what
to do. Names of others are data.

Must not know: widgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from atlas_tui.alert_words import became, channel_state, events_words, hours_words, narrowed_words, what_is_told
from atlas_tui.cells import Cell, Line, Part, cell, fit, plain
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from storage import alert_channels, alert_deliveries, alert_rules, reasons
from storage.alert_channels import Channel, ChannelDetail
from storage.alert_deliveries import Delivery
from storage.alert_rule_fields import Rule
from storage.alert_rules import RuleDetail
from storage.pages import Place
from storage.states import DeliveryStatus

if TYPE_CHECKING:
    from atlas_tui.session import Session

LATEST: Final = 8
"""Alerts that a page names; all of them are in the log."""

_NAME: Final = 22
_MARKS: Final = {
    DeliveryStatus.DELIVERED: ("+", "ok"),
    DeliveryStatus.FAILED: ("x", "bad"),
    DeliveryStatus.QUEUED: ("o", ""),
    DeliveryStatus.SENDING: ("~", "info"),
    DeliveryStatus.SUPPRESSED: ("-", "muted"),
}
_STATES: Final = {
    "works": ("+", "ok"),
    "failing": ("x", "bad"),
    "disabled": ("-", "muted"),
    "never used": ("o", ""),
}

Chosen = tuple[str, int]
"""What a cursor is on: `rule` or `channel`, and which."""


@dataclass(frozen=True, slots=True)
class AlertsRead:
    """What the page of alerts shows."""

    channels: tuple[Channel, ...]
    rules: tuple[Rule, ...]

    @property
    def places(self) -> tuple[Chosen, ...]:
        """What the cursor goes over."""
        return (*(("rule", rule.id) for rule in self.rules), *(("channel", row.id) for row in self.channels))


@dataclass(frozen=True, slots=True)
class ChannelRead:
    """What a channel's page shows."""

    detail: ChannelDetail
    latest: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class RuleRead:
    """What a rule's page shows."""

    detail: RuleDetail
    latest: tuple[Delivery, ...]


def read_alerts(session: Session, workspace_id: int) -> AlertsRead:
    """Reads the page of alerts. Blocks; not for the event loop."""
    channels = alert_channels.of_workspace(session.db, session.who, workspace_id)
    return AlertsRead(channels, alert_rules.of_workspace(session.db, session.who, workspace_id))


def read_channel(session: Session, id: int) -> ChannelRead:
    """Reads a channel's page. Blocks; not for the event loop."""
    detail = alert_channels.get(session.db, session.who, id)
    page = alert_deliveries.page(
        session.db, session.who, detail.channel.workspace_id, "", Place.first(), LATEST, channel_id=id
    )
    return ChannelRead(detail, page.rows)


def read_rule(session: Session, id: int) -> RuleRead:
    """Reads a rule's page. Blocks; not for the event loop."""
    detail = alert_rules.get(session.db, session.who, id)
    page = alert_deliveries.page(
        session.db, session.who, detail.rule.workspace_id, "", Place.first(), LATEST, rule_id=id
    )
    return RuleRead(detail, page.rows)


def alerts_lines(read: AlertsRead, chosen: Chosen | None, times: Times, width: int) -> list[Line]:
    """The page of alerts."""
    lines: list[Line] = [heading("Rules", "what is told, and when")]
    if not read.rules:
        lines += wrapped("None yet: nobody is told of anything. N makes one.", width, indent=1, style="muted")
    for rule in read.rules:
        lines.append(_rule_line(rule, chosen == ("rule", rule.id), width))
    lines += [blank(), heading("Channels", "where it is told")]
    if not read.channels:
        text = "None yet: x, c adds one, such as e-mail, Teams, Slack, PagerDuty or a webhook. A rule needs one."
        lines += wrapped(text, width, indent=1, style="muted")
    for channel in read.channels:
        lines.append(_channel_line(channel, chosen == ("channel", channel.id), times, width))
    return lines


def _rule_line(rule: Rule, is_chosen: bool, width: int) -> Line:
    mark, style = ("+", "ok") if rule.is_enabled else ("-", "muted")
    goes = "" if rule.channel_is_enabled else " (disabled)"
    events = ", ".join(event.value for event in rule.conditions.events)
    urgent = "urgent, " if rule.conditions.is_urgent else ""
    text = f"{fit(plain(rule.channel) + goes, 18)} {urgent}{events}"
    return (
        Part(" > " if is_chosen else "   "),
        Part(f"{mark} ", style),
        Part(f"{fit(plain(rule.name), _NAME)} ", "cursor" if is_chosen else ""),
        Part(fit(text, max(10, width - _NAME - 7)), "muted"),
    )


def _channel_line(channel: Channel, is_chosen: bool, times: Times, width: int) -> Line:
    state = channel_state(channel)
    mark, style = _STATES[state]
    last = f"  arrived {times.ago(channel.last_delivered_at)} ago" if channel.last_delivered_at else ""
    why = f"  {channel.last_reason_code}" if channel.last_reason_code else last
    text = f"{plain(channel.address.label)}{why}"
    return (
        Part(" > " if is_chosen else "   "),
        Part(f"{mark} {fit(state, 10)} ", style),
        Part(f"{fit(plain(channel.name), _NAME)} ", "cursor" if is_chosen else ""),
        Part(fit(text, max(10, width - _NAME - 18)), "muted"),
    )


def channel_lines(read: ChannelRead, times: Times, width: int) -> list[Line]:
    """A channel's page."""
    detail, channel = read.detail, read.detail.channel
    state = channel_state(channel)
    mark, style = _STATES[state]
    lines = field("Channel", (Part(channel.name, "strong"), Part(f"  #{channel.id}", "muted")), width)
    lines += field("Is", (Part(f"{mark} {state}", style),), width)
    if channel.last_reason_code:
        reason = reasons.find(channel.last_reason_code)
        lines += field("Why", f"{channel.last_reason_code}: {reason.sentence}", width, style="bad")
        lines += field("Next step", detail.who_may_manage or reason.next_step, width, style="strong")
    lines += field("Goes to", channel.address.label, width)
    lines += field("", "The whole address is sealed; only a worker can open it.", width, style="muted")
    if detail.address_stored_at is not None:
        lines += field("Stored", times.moment(detail.address_stored_at), width)
    last = times.since(channel.last_delivered_at) if channel.last_delivered_at else "nothing yet"
    lines += field("Last arrived", last, width)
    lines += field("Rules", ", ".join(detail.rule_names) or "none sends to it", width)
    if detail.who_may_manage and not channel.last_reason_code:
        lines += field("Next step", f"Only to be looked at. {detail.who_may_manage}", width, style="muted")
    return lines + _latest(read.latest, times, width)


def rule_lines(read: RuleRead, times: Times, width: int) -> list[Line]:
    """A rule's page."""
    detail, rule = read.detail, read.detail.rule
    mark, style = ("+ enabled", "ok") if rule.is_enabled else ("- disabled", "muted")
    lines = field("Rule", (Part(rule.name, "strong"), Part(f"  #{rule.id}", "muted")), width)
    lines += field("Is", (Part(mark, style),), width)
    lines += field("Tells", events_words(rule), width)
    lines += field("Of", narrowed_words(rule), width)
    off = "" if rule.channel_is_enabled else " (disabled: nothing goes out)"
    lines += field("To", f"{rule.channel}{off}", width, style="" if rule.channel_is_enabled else "warn")
    lines += field("When", hours_words(rule), width)
    lines += field("When solved", "told after 15 minutes" if rule.conditions.tells_solved else "not told", width)
    if detail.who_may_manage:
        lines += field("Next step", f"Only to be looked at. {detail.who_may_manage}", width, style="muted")
    return lines + _latest(read.latest, times, width)


def _latest(rows: tuple[Delivery, ...], times: Times, width: int) -> list[Line]:
    lines: list[Line] = [blank(), heading("Latest", "l shows the whole log")]
    if not rows:
        lines += wrapped("Nothing was told yet.", width, indent=1, style="muted")
    for row in rows:
        mark, style = _MARKS[row.status]
        more = f"  {row.failure}" if row.failure else ""
        lines.append(
            (
                Part(f" {mark} {fit(row.status.value, 10)} ", style),
                Part(f"{fit(times.ago(row.created_at), 4)} "),
                Part(fit(f"{what_is_told(row)}{more}", max(10, width - 20))),
            )
        )
    return lines


def status_cell(row: Delivery) -> Cell:
    """An alert's status, as the log shows it."""
    mark, style = _MARKS[row.status]
    return cell(f"{mark} {row.status.value}", style)


def delivery_lines(row: Delivery, times: Times, width: int) -> list[Line]:
    """One alert of the log."""
    mark, style = _MARKS[row.status]
    lines = field("Alert", what_is_told(row), width, style="strong")
    lines += field("Is", (Part(f"{mark} {row.status.value}", style),), width)
    lines += field("", became(row), width)
    lines += field("Rule", row.rule or "none: a test, or its rule is deleted", width)
    lines += field("Channel", row.channel, width)
    lines += field("Happened", times.moment(row.created_at), width)
    lines += _moment("Arrived", row.delivered_at, times, width)
    lines += _moment("Goes out", row.next_try_at, times, width)
    lines += field("Tries", str(row.attempt), width)
    if row.message_id:
        lines += field("Number", f"{row.message_id}; the same number twice is the same message", width)
    return lines


def _moment(label: str, at: datetime | None, times: Times, width: int) -> list[Line]:
    return [] if at is None else field(label, times.moment(at), width)
