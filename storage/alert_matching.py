"""What an alert rule listens to, and whether something that happened is one of those things.

Promise: pure. A rule whose reasons or tenants are not given takes all of them; reasons and categories together take either, tags and
tenants too. What belongs to no tenant, such as a host without a worker, is not narrowed by tenants. Knows no table and sends nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from storage import reasons
from storage.errors import InvalidInput
from storage.reasons import Category
from storage.states import AlertEvent

LABELS: Final = {
    AlertEvent.PROBLEM: "a connection has a problem",
    AlertEvent.RUN: "a run ended badly",
    AlertEvent.RUN_LOST: "a run was lost",
    AlertEvent.EXPIRING: "a credential expires soon",
    AlertEvent.NO_WORKER: "a host has no worker any more",
    AlertEvent.QUEUE_STUCK: "the queue is stuck",
}
"""What people call each event."""

_OWN_REASON: Final = frozenset({AlertEvent.EXPIRING, AlertEvent.NO_WORKER, AlertEvent.QUEUE_STUCK})
"""What is its own reason, so that naming reasons does not narrow it."""

LONGEST_DAYS: Final = 365
LONGEST_QUEUE_MINUTES: Final = 1440
MOST: Final = 100
"""How many reasons, tags or tenants one rule may name."""


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rule listens to, as it is stored.

    Attributes:
        events: which kinds of things; at least one.
        reasons: these codes.
        categories: reasons of these categories.
        tag_ids: tenants that have one of these tags.
        tenant_ids: these tenants.
        expiring_days: for `expiring`, how many days before the end.
        queue_minutes: for `queue_stuck`, how long something may wait.
        is_urgent: not held back by quiet hours nor gathered, but for what many tenants have at once.
        tells_solved: says so when what was told is over.
    """

    events: tuple[AlertEvent, ...]
    reasons: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    tag_ids: tuple[int, ...] = ()
    tenant_ids: tuple[int, ...] = ()
    expiring_days: int = 14
    queue_minutes: int = 15
    is_urgent: bool = False
    tells_solved: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kinds: what it counts as; a lost run is a run that ended badly too.
        subject: what it is about, by which it is told once.
        reason_code: why.
        tenant_id: whose; None for what is no tenant's.
        connection_id: on which connection; None for what is on none.
        tags: the tags of the tenant.
        credential_id: the credential that is what is wrong, whose end may have been told already; None when it is none.
        facts: what the message says: names, the run's number, since when. Never a secret.
    """

    kinds: frozenset[AlertEvent]
    subject: str
    reason_code: str
    tenant_id: int | None = None
    connection_id: int | None = None
    tags: frozenset[int] = frozenset()
    credential_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def matches(conditions: Conditions, event: Event) -> bool:
    """Says whether a rule listens to what happened."""
    if not event.kinds & set(conditions.events):
        return False
    if event.tenant_id is not None and (conditions.tenant_ids or conditions.tag_ids):
        reached = event.tenant_id in conditions.tenant_ids or bool(event.tags & set(conditions.tag_ids))
        if not reached:
            return False
    if not (conditions.reasons or conditions.categories) or event.kinds & _OWN_REASON:
        return True
    return event.reason_code in conditions.reasons or reasons.find(event.reason_code).category in conditions.categories


def read_conditions(
    *,
    events: Collection[str],
    reason_codes: Collection[str] = (),
    categories: Collection[str] = (),
    tag_ids: Collection[int] = (),
    tenant_ids: Collection[int] = (),
    expiring_days: int = 14,
    queue_minutes: int = 15,
    is_urgent: bool = False,
    tells_solved: bool = True,
) -> Conditions:
    """Checks what a person wants to listen to.

    Raises:
        InvalidInput: naming the field.
    """
    if not events:
        raise InvalidInput("events", "names nothing to listen to", f"Use: {', '.join(AlertEvent)}.")
    for event in events:
        if event not in set(AlertEvent):
            raise InvalidInput("events", f"{_short(event)} is not one", f"Use: {', '.join(AlertEvent)}.")
    for code in reason_codes:
        if code not in reasons.catalog():
            raise InvalidInput("reasons", f"{_short(code)} is no reason code", "See docs/reasons.md.")
    for category in categories:
        if category not in set(Category):
            raise InvalidInput("categories", f"{_short(category)} is not one", f"Use: {', '.join(Category)}.")
    for name, values in (("reasons", reason_codes), ("tags", tag_ids), ("tenants", tenant_ids)):
        if len(values) > MOST:
            raise InvalidInput(name, f"are more than {MOST}", "Use a category, or a tag.")
    if not 1 <= expiring_days <= LONGEST_DAYS:
        raise InvalidInput("days", f"must be from 1 to {LONGEST_DAYS}")
    if not 1 <= queue_minutes <= LONGEST_QUEUE_MINUTES:
        raise InvalidInput("queue minutes", f"must be from 1 to {LONGEST_QUEUE_MINUTES}")
    return Conditions(
        events=tuple(event for event in AlertEvent if event.value in set(events)),
        reasons=tuple(sorted(set(reason_codes))),
        categories=tuple(category for category in Category if category.value in set(categories)),
        tag_ids=tuple(sorted(set(tag_ids))),
        tenant_ids=tuple(sorted(set(tenant_ids))),
        expiring_days=expiring_days,
        queue_minutes=queue_minutes,
        is_urgent=is_urgent,
        tells_solved=tells_solved,
    )


def _short(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:40])


def stored(conditions: Conditions) -> dict[str, Any]:
    """Returns conditions as the database keeps them."""
    found = msgspec.to_builtins(conditions)
    assert isinstance(found, dict)
    return found


def from_stored(document: Any) -> Conditions:
    """Reads conditions as the database keeps them.

    Raises:
        msgspec.ValidationError: another version wrote them.
    """
    return msgspec.convert(document, Conditions, strict=False)


def fact_time(moment: datetime | None) -> str | None:
    """Returns a moment as facts hold it."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
