"""What screens and the command line say about alerts, and channels, rules and deliveries as records for programs.

Must not know: widgets, who asks.
"""

from __future__ import annotations

from typing import Any

from storage import reasons
from storage.alert_channels import Channel
from storage.alert_deliveries import Delivery
from storage.alert_matching import LABELS
from storage.alert_rule_fields import Rule
from storage.consequences import Consequences
from storage.states import AlertEvent, DeliveryStatus


def events_words(rule: Rule) -> str:
    """What a rule listens to: `a connection has a problem; a credential expires soon (14 days)`."""
    more = {
        AlertEvent.EXPIRING: f" ({rule.conditions.expiring_days} days)",
        AlertEvent.QUEUE_STUCK: f" ({rule.conditions.queue_minutes} min)",
    }
    return "; ".join(LABELS[event] + more.get(event, "") for event in rule.conditions.events)


def narrowed_words(rule: Rule) -> str:
    """Which reasons and tenants a rule is narrowed to; `every reason, every tenant` when it is not."""
    c = rule.conditions
    why = ", ".join([*c.reasons, *(f"category {category.value}" for category in c.categories)]) or "every reason"
    where = ", ".join([*(f"tag {tag}" for tag in rule.tags), *(name for _, name in rule.tenants)])
    if (c.tag_ids or c.tenant_ids) and not where:
        where = "no tenant: what it named is gone"
    return f"{why}; {where or 'every tenant'}"


def hours_words(rule: Rule) -> str:
    """When a rule sends."""
    hours = rule.hours
    if hours.is_urgent:
        return "at once, at any hour"
    gathers = f"gathers {hours.digest_minutes} min" if hours.digest_minutes else "gathers a minute"
    if not hours.quiet_from:
        return f"{gathers}, at any hour"
    return (
        f"{gathers}, quiet {hours.quiet_from}-{hours.quiet_until} {hours.time_zone or 'UTC'} (held back, not dropped)"
    )


def channel_state(channel: Channel) -> str:
    """Whether a channel works: `enabled`, `failing`, `disabled`, `never used`."""
    if not channel.is_enabled:
        return "disabled"
    if channel.last_reason_code:
        return "failing"
    return "works" if channel.last_delivered_at else "never used"


def what_is_told(delivery: Delivery) -> str:
    """What an alert tells, in a few words."""
    if delivery.kind == "test":
        return "test"
    about = f"{delivery.about}: " if delivery.about else ""
    solved = "solved: " if delivery.kind == "solved" else ""
    outage = "outage: " if delivery.kind == "outage" else ""
    return f"{outage}{solved}{about}{delivery.reason_code or ''}"


def became(delivery: Delivery) -> str:
    """What became of an alert, in a sentence for somebody who waits for it."""
    if delivery.status is DeliveryStatus.DELIVERED:
        return f"It arrived at {delivery.channel}, as far as its service says."
    if delivery.failure is not None:
        reason = reasons.find(delivery.failure)
        again = " A test is tried once." if delivery.kind == "test" else f" {reason.next_step}"
        return f"It did not arrive ({delivery.failure}): {reason.sentence}{again}"
    if delivery.status is DeliveryStatus.SUPPRESSED:
        return "It was not sent: what it told was over, or its rule or channel was disabled."
    return "It waits for a worker." if delivery.status is DeliveryStatus.QUEUED else "It is being sent."


def removal_of_channel(channel: Channel) -> Consequences:
    """What deleting a channel does."""
    sentences = (
        "Its address and the log of what was sent to it are deleted.",
        "What waits to be sent to it is not sent.",
    )
    return Consequences(f"Delete the alert channel {channel.name}?", sentences, hurts=True)


def removal_of_rule(rule: Rule) -> Consequences:
    """What deleting a rule does."""
    sentences = (
        f"Nobody is told by it any more: {events_words(rule)}.",
        "What waits to be sent is not sent; the log of what was sent stays.",
    )
    return Consequences(f"Delete the alert rule {rule.name}?", sentences, hurts=True)


def channel_record(channel: Channel) -> dict[str, Any]:
    """A channel for programs; its address is not in it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.address.kind,
        "host": channel.address.host,
        "is_enabled": channel.is_enabled,
        "state": channel_state(channel),
        "rules": channel.rules,
        "last_delivered_at": channel.last_delivered_at,
        "last_reason_code": channel.last_reason_code,
    }


def rule_record(rule: Rule) -> dict[str, Any]:
    """A rule for programs."""
    c, hours = rule.conditions, rule.hours
    return {
        "id": rule.id,
        "name": rule.name,
        "channel_id": rule.channel_id,
        "channel": rule.channel,
        "is_enabled": rule.is_enabled,
        "events": [event.value for event in c.events],
        "reasons": list(c.reasons),
        "categories": [category.value for category in c.categories],
        "tags": list(rule.tags),
        "tenants": [{"id": id, "name": name} for id, name in rule.tenants],
        "expiring_days": c.expiring_days,
        "queue_minutes": c.queue_minutes,
        "is_urgent": c.is_urgent,
        "tells_solved": c.tells_solved,
        "digest_minutes": hours.digest_minutes,
        "quiet_from": hours.quiet_from,
        "quiet_until": hours.quiet_until,
        "time_zone": hours.time_zone or "UTC",
    }
