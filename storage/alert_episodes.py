"""From something that happened to a delivery, once: each rule tells of a subject's problem when it begins, and when it is over for good.

Promise: written in the transaction of what happened. A subject that is told of is one row whose key is the subject itself; while it is
there, the same reason again is the same episode and another reason is a new one. What comes and goes within `SETTLES` is one episode. When
many tenants have transient trouble at once, one message tells it and the rest is noted without being sent. Asks no principal.

The keys: `SUBJECT` is open; `SUBJECT!solved` waits to be told solved; `SUBJECT#ID` is over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import reasons
from storage.alert_hours import GATHER, Hours
from storage.alert_matching import Conditions, Event, fact_time, from_stored, matches
from storage.alert_rule_fields import hours_of
from storage.alert_subjects import cause, of_expiry
from storage.attention_credentials import EXPIRED_REASONS
from storage.database import Transaction
from storage.schema import alert_channels, alert_deliveries, alert_rules
from storage.states import DeliveryStatus, Topic

SETTLES: Final = timedelta(minutes=15)
"""How long something must be over before it is told so, and before it counts as new when it comes back."""

OUTAGE: Final = "outage"
"""The subject of transient trouble that many tenants have at once."""

SOLVED: Final = "!solved"
OVER: Final = "#"
UNHEARD: Final = (DeliveryStatus.SUPPRESSED.value, DeliveryStatus.FAILED.value)
"""What was part of an outage that is over, or could not be delivered: when it goes on, it is told after all."""

_HEARD: Final = (DeliveryStatus.DELIVERED.value, DeliveryStatus.SENDING.value)

_d = alert_deliveries.c


@dataclass(frozen=True, slots=True)
class Listener:
    """A rule that is enabled, with a channel that is.

    Attributes:
        sent_at: when something last arrived at the channel; None when nothing has.
    """

    id: int
    workspace_id: int
    channel_id: int
    conditions: Conditions
    hours: Hours
    sent_at: datetime | None = None

    def send_at(self, now: datetime, *, gathers: bool) -> datetime:
        """Returns when something that happens now goes out: what follows a message within a minute is gathered, however urgent."""
        follows = self.sent_at is not None and now - self.sent_at < GATHER
        return self.hours.send_at(now, gathers=gathers or follows)


def listeners(tx: Transaction, workspace_id: int | None = None) -> tuple[Listener, ...]:
    """Returns the rules that listen, by number: of a workspace, or all there are. One look into an index when there is none."""
    statement = (
        select(alert_rules, alert_channels.c.last_delivered_at)
        .join(alert_channels, alert_channels.c.id == alert_rules.c.channel_id)
        .where(alert_rules.c.is_enabled, alert_channels.c.is_enabled)
        .order_by(alert_rules.c.id)
    )
    if workspace_id is not None:
        statement = statement.where(alert_rules.c.workspace_id == workspace_id)
    found = (listener_of(row, row.last_delivered_at) for row in tx.run(statement).all())
    return tuple(one for one in found if one is not None)


def listener_of(row: Row[Any], sent_at: datetime | None = None) -> Listener | None:
    """Makes the listener of a rule's row; None when a newer program wrote conditions that this one cannot read.

    What an alert cannot be told of must not keep a run from ending.
    """
    try:
        conditions = from_stored(row.conditions)
    except msgspec.ValidationError:
        return None
    return Listener(row.id, row.workspace_id, row.channel_id, conditions, hours_of(row, conditions), sent_at)


def begin(tx: Transaction, rules: Sequence[Listener], event: Event, now: datetime) -> None:
    """Tells the rules that listen to it that something happened; what they have told already is not told again."""
    is_transient = reasons.find(event.reason_code).is_transient
    for rule in rules:
        if not matches(rule.conditions, event):
            continue
        values = _values(rule, event, now)
        warned = _told_expiry(tx, rule, event)
        if warned is not None:
            if _is_over_already(tx, rule, warned) and event.reason_code in EXPIRED_REASONS:
                continue
            _supersede(tx, warned, values)
        if is_transient and has_outage(tx, rule.id):
            values |= {"status": DeliveryStatus.SUPPRESSED.value}
        else:
            values |= {"next_try_at": rule.send_at(now, gathers=is_transient)}
        if _insert(tx, values):
            continue
        known = _open_row(tx, rule.id, event.subject)
        if known is None:
            continue
        tx.run(delete(alert_deliveries).where(_d.rule_id == rule.id, _d.subject_key == event.subject + SOLVED))
        never_told = known.status in UNHEARD and values["status"] == DeliveryStatus.QUEUED.value
        if cause(str(known.reason_code)) != cause(event.reason_code) or never_told:
            _supersede(tx, known, values)
            _insert(tx, values)


def _told_expiry(tx: Transaction, rule: Listener, event: Event) -> Row[Any] | None:
    """What a rule has told of the end of the credential that is what is wrong now."""
    return None if event.credential_id is None else _open_row(tx, rule.id, of_expiry(event.credential_id))


def _is_over_already(tx: Transaction, rule: Listener, told: Row[Any]) -> bool:
    """Says whether a rule has told that a credential is over, rather than that it soon will be, and it has not seemed renewed since."""
    renewed = tx.run(delete(alert_deliveries).where(_d.rule_id == rule.id, _d.subject_key == told.subject_key + SOLVED))
    return told.reason_code in EXPIRED_REASONS and told.status not in UNHEARD and not renewed.rowcount


def _supersede(tx: Transaction, told: Row[Any], values: dict[str, Any]) -> None:
    """Ends an episode that another one takes the place of; when nothing else of its message goes on, the new one's message says so."""
    if told.status in _HEARD and not goes_on(tx, told):
        values["document"]["ends"] = told.message_id
    end(tx, told)


def goes_on(tx: Transaction, told: Row[Any]) -> bool:
    """Says whether something else that the same message told is not over yet."""
    others = select(_d.id).where(
        _d.rule_id == told.rule_id,
        _d.message_id == told.message_id,
        _d.id != told.id,
        _d.subject_key.not_like(f"%{OVER}%"),
        _d.subject_key.not_like(f"%{SOLVED}%"),
    )
    return tx.run(others.limit(1)).first() is not None


def solve(tx: Transaction, rules: Sequence[Listener], subjects: Collection[str], now: datetime) -> None:
    """Tells the rules that these subjects are well again, whichever of them they had told of."""
    if not rules:
        return
    by_id = {rule.id: rule for rule in rules}
    rows = tx.run(
        select(alert_deliveries)
        .where(_d.rule_id.in_(sorted(by_id)), _d.subject_key.in_(sorted(subjects)))
        .order_by(_d.rule_id, _d.id)
    ).all()
    for row in rows:
        if row.status in (DeliveryStatus.QUEUED.value, DeliveryStatus.SUPPRESSED.value):
            end(tx, row)
            continue
        rule = by_id[row.rule_id]
        _insert(
            tx,
            {
                "workspace_id": row.workspace_id,
                "rule_id": row.rule_id,
                "channel_id": row.channel_id,
                "subject_key": row.subject_key + SOLVED,
                "status": DeliveryStatus.QUEUED.value,
                "next_try_at": rule.hours.not_quiet(now + SETTLES),
                "reason_code": row.reason_code,
                "created_at": now,
                "tenant_id": row.tenant_id,
                "connection_id": row.connection_id,
                "document": {**_without_ends(row.document), "solved": fact_time(now)},
            },
        )


def _without_ends(document: dict[str, Any] | None) -> dict[str, Any]:
    """What is told of a thing; what its beginning has ended is told by then."""
    return {name: value for name, value in (document or {}).items() if name != "ends"}


def end(tx: Transaction, row: Row[Any]) -> None:
    """Ends an episode: its key is free again; what was not sent of it is not sent any more."""
    tx.run(
        update(alert_deliveries)
        .where(_d.id == row.id)
        .values(subject_key=literal(row.subject_key + OVER + str(row.id)))
    )
    tx.run(
        update(alert_deliveries)
        .where(_d.id == row.id, _d.status == DeliveryStatus.QUEUED.value)
        .values(status=DeliveryStatus.SUPPRESSED.value, next_try_at=None)
    )
    tx.touch(Topic.ALERTS)


def open_outage(tx: Transaction, rule: Listener, told: Row[Any], now: datetime) -> None:
    """Writes down that a rule's message tells of trouble that many tenants have, so that more of the same is not sent.

    Args:
        tx: the transaction that claims the message.
        rule: whose.
        told: one of the deliveries that are in the message.
        now: the database's clock.
    """
    _insert(
        tx,
        {
            "workspace_id": rule.workspace_id,
            "rule_id": rule.id,
            "channel_id": rule.channel_id,
            "subject_key": OUTAGE,
            "status": DeliveryStatus.SUPPRESSED.value,
            "reason_code": told.reason_code,
            "created_at": now,
            "document": {"outage": True},
        },
    )


def has_outage(tx: Transaction, rule_id: int) -> bool:
    """Says whether a rule has told of an outage that goes on."""
    return _open_row(tx, rule_id, OUTAGE) is not None


def _values(rule: Listener, event: Event, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": rule.workspace_id,
        "rule_id": rule.id,
        "channel_id": rule.channel_id,
        "subject_key": event.subject,
        "status": DeliveryStatus.QUEUED.value,
        "reason_code": event.reason_code,
        "created_at": now,
        "tenant_id": event.tenant_id,
        "connection_id": event.connection_id,
        "document": {"event": max(event.kinds).value, "since": fact_time(now), **event.facts},
    }


def _insert(tx: Transaction, values: dict[str, Any]) -> bool:
    dialect = sqlite if tx.is_sqlite else postgresql
    added = tx.run(
        dialect.insert(alert_deliveries)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["rule_id", "subject_key"])
        .returning(_d.id)
    ).first()
    if added is not None:
        tx.touch(Topic.ALERTS)
    return added is not None


def _open_row(tx: Transaction, rule_id: int, subject: str) -> Row[Any] | None:
    statement = select(alert_deliveries).where(_d.rule_id == rule_id, _d.subject_key == subject)
    return tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).first()
