"""What an alert rule is: its fields as people edit them, and as its row holds them.

Promise: all fields of a rule are checked together, in the transaction that writes them; tags and tenants are those of the rule's own
workspace, kept by number, so that a renamed one stays meant. Asks for no authority: `alert_rules` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from storage.alert_hours import Hours, read_hours
from storage.alert_matching import Conditions, from_stored, read_conditions, stored
from storage.database import Transaction
from storage.errors import InvalidInput
from storage.fields import read_name
from storage.schema import alert_channels, alert_rules, tags, tenants

FIELDS: Final = {
    "name": "name",
    "channel_id": "channel",
    "events": "events",
    "reasons": "reasons",
    "categories": "categories",
    "tags": "tags",
    "tenants": "tenants",
    "expiring_days": "days",
    "queue_minutes": "queue minutes",
    "is_urgent": "urgent",
    "tells_solved": "tells solved",
    "time_zone": "time zone",
    "quiet_from": "quiet from",
    "quiet_until": "quiet until",
    "digest_minutes": "digest minutes",
}
"""What can be edited, with the names that sentences use."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert rule.

    Attributes:
        channel_id: where it sends.
        channel: that channel's name.
        channel_is_enabled: whether anything sent there goes out.
        conditions: what it listens to.
        hours: when it sends.
        tags: the names of its tags.
        tenants: the names of its tenants, with their numbers.
    """

    id: int
    workspace_id: int
    name: str
    channel_id: int
    channel: str
    channel_is_enabled: bool
    conditions: Conditions
    hours: Hours
    is_enabled: bool
    tags: tuple[str, ...]
    tenants: tuple[tuple[int, str], ...]
    created_at: datetime
    updated_at: datetime | None


NEW: Final[Mapping[str, Any]] = {
    "reasons": (),
    "categories": (),
    "tags": (),
    "tenants": (),
    "expiring_days": 14,
    "queue_minutes": 15,
    "is_urgent": False,
    "tells_solved": True,
    "time_zone": "",
    "quiet_from": None,
    "quiet_until": None,
    "digest_minutes": 0,
}
"""What a new rule has where nothing is said."""


def fields(rule: Rule) -> dict[str, Any]:
    """Returns a rule's editable values, by the names of `FIELDS`."""
    c, hours = rule.conditions, rule.hours
    return {
        "name": rule.name,
        "channel_id": rule.channel_id,
        "events": tuple(event.value for event in c.events),
        "reasons": c.reasons,
        "categories": tuple(category.value for category in c.categories),
        "tags": rule.tags,
        "tenants": tuple(sorted(id for id, _ in rule.tenants)),
        "expiring_days": c.expiring_days,
        "queue_minutes": c.queue_minutes,
        "is_urgent": c.is_urgent,
        "tells_solved": c.tells_solved,
        "time_zone": hours.time_zone,
        "quiet_from": hours.quiet_from,
        "quiet_until": hours.quiet_until,
        "digest_minutes": hours.digest_minutes,
    }


def hours_of(row: Row[Any], conditions: Conditions) -> Hours:
    """Returns when a rule's row says it sends."""
    return Hours(row.time_zone, row.quiet_from, row.quiet_until, row.digest_minutes, conditions.is_urgent)


def columns(tx: Transaction, workspace_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Checks all fields together and returns the row's columns.

    Raises:
        InvalidInput: naming the field.
    """
    hours = read_hours(
        time_zone=values["time_zone"],
        quiet_from=values["quiet_from"],
        quiet_until=values["quiet_until"],
        digest_minutes=values["digest_minutes"],
    )
    conditions = read_conditions(
        events=values["events"],
        reason_codes=values["reasons"],
        categories=values["categories"],
        tag_ids=_tag_ids(tx, workspace_id, values["tags"]),
        tenant_ids=_own_tenants(tx, workspace_id, values["tenants"]),
        expiring_days=values["expiring_days"],
        queue_minutes=values["queue_minutes"],
        is_urgent=values["is_urgent"],
        tells_solved=values["tells_solved"],
    )
    channel = tx.run(
        select(alert_channels.c.id).where(
            alert_channels.c.id == values["channel_id"], alert_channels.c.workspace_id == workspace_id
        )
    ).first()
    if channel is None:
        raise InvalidInput("channel", "is none of this workspace", "Make one first: atlas-tui alerts channels add")
    return {
        "name": read_name("name", values["name"]),
        "channel_id": values["channel_id"],
        "conditions": stored(conditions),
        "time_zone": hours.time_zone,
        "quiet_from": hours.quiet_from,
        "quiet_until": hours.quiet_until,
        "digest_minutes": hours.digest_minutes,
    }


def _tag_ids(tx: Transaction, workspace_id: int, names: tuple[str, ...]) -> list[int]:
    if not names:
        return []
    wanted = {name.strip().casefold() for name in names}
    statement = select(tags.c.id, tags.c.name).where(tags.c.workspace_id == workspace_id, tags.c.name.in_(wanted))
    found = {row.name: row.id for row in tx.run(statement)}
    if missing := sorted(wanted - set(found)):
        raise InvalidInput("tags", f"no tenant here has {missing[0][:60]}", "Use a tag of this workspace.")
    return list(found.values())


def _own_tenants(tx: Transaction, workspace_id: int, ids: tuple[int, ...]) -> list[int]:
    if not ids:
        return []
    statement = select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, tenants.c.id.in_(list(ids)))
    found = list(tx.run(statement).scalars())
    if len(found) != len(set(ids)):
        raise InvalidInput("tenants", "one is none of this workspace", "Name tenants of this workspace.")
    return found


def selected() -> Any:
    """Returns the query of rules with their channels, without conditions."""
    return select(
        alert_rules, alert_channels.c.name.label("channel"), alert_channels.c.is_enabled.label("channel_is_enabled")
    ).join(alert_channels, alert_channels.c.id == alert_rules.c.channel_id)


def rule_of(tx: Transaction, row: Row[Any]) -> Rule:
    """Makes the rule of a row that `selected` found."""
    conditions = from_stored(row.conditions)
    tag_names = tx.run(select(tags.c.name).where(tags.c.id.in_(conditions.tag_ids)).order_by(tags.c.name)).scalars()
    tenant_rows = tx.run(
        select(tenants.c.id, tenants.c.name)
        .where(tenants.c.id.in_(conditions.tenant_ids))
        .order_by(tenants.c.sort_name, tenants.c.id)
    )
    return Rule(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        channel_id=row.channel_id,
        channel=row.channel,
        channel_is_enabled=row.channel_is_enabled,
        conditions=conditions,
        hours=hours_of(row, conditions),
        is_enabled=row.is_enabled,
        tags=tuple(tag_names),
        tenants=tuple((found.id, found.name) for found in tenant_rows),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
