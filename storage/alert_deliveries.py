"""The log of alerts, and the test alert.

Promise: whoever sees the whole workspace sees what was told to whom, when, and what did not arrive; a test asks for `alert.manage`, goes
the way every alert goes, and is tried once. Nothing here shows an address.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, or_, select

from storage import audit, filters, reasons
from storage.access import Principal, authority
from storage.alert_channels import TARGET, lock
from storage.alert_episodes import OUTAGE, SOLVED
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import alert_channels, alert_deliveries, alert_rules
from storage.states import DeliveryStatus, Topic

TEST: Final = "test"
KEYS: Final = {
    "status": frozenset(DeliveryStatus),
    "channel": None,
    "rule": None,
    "reason": None,
    "tenant": None,
    "since": None,
}
"""The filter line's keys, with their values where these are a closed set."""

_d = alert_deliveries.c


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert.

    Attributes:
        rule_id: the rule that told it; None for a test, and when the rule was deleted.
        kind: `problem`, `solved`, `outage` or `test`.
        about: the tenant, platform app or host it is about; empty for the workspace as a whole.
        connection_id: the connection it is about; None when it is about none.
        run_id: the run that told of it; None when none did.
        reason_code: what it tells; None for a test.
        failure: why the last try failed; None when none did.
        attempt: how many times it was tried.
        next_try_at: when it goes out, or is tried again; None when it is over.
        message_id: the number of the message it was part of; empty while it was in none.
    """

    id: int
    workspace_id: int
    rule_id: int | None
    rule: str
    channel_id: int
    channel: str
    kind: str
    about: str
    connection_id: int | None
    run_id: int | None
    reason_code: str | None
    status: DeliveryStatus
    failure: str | None
    attempt: int
    created_at: datetime
    next_try_at: datetime | None
    delivered_at: datetime | None
    message_id: str


def page(
    db: Database,
    who: Principal,
    workspace_id: int,
    text: str,
    place: Place,
    limit: int = 100,
    *,
    channel_id: int | None = None,
    rule_id: int | None = None,
) -> Page[Delivery]:
    """Returns a page of the log, newest first.

    Args:
        db: the database.
        who: who asks.
        workspace_id: whose.
        text: the filter line.
        place: where.
        limit: rows wanted.
        channel_id: only of this channel.
        rule_id: only of this rule.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound, Forbidden: no member, or not of the whole workspace.
    """
    wanted = filters.read_filter(text, KEYS)
    with db.read() as tx:
        authority(tx, who).require(tx, Capability.RUN_VIEW, workspace_id, what=f"Workspace {workspace_id}")
        conditions = [_d.workspace_id == workspace_id, *_conditions(tx, wanted)]
        conditions += [] if channel_id is None else [_d.channel_id == channel_id]
        conditions += [] if rule_id is None else [_d.rule_id == rule_id]
        keys = [SortKey(_d.id, "id", descending=True)]
        return read_page(tx, _select().where(*conditions), keys, place, limit, _delivery, _d.id)


def get(db: Database, who: Principal, delivery_id: int) -> Delivery:
    """Returns one alert.

    Raises:
        NotFound, Forbidden: not there or not visible, or not of the whole workspace.
    """
    with db.read() as tx:
        row = tx.run(_select().where(_d.id == delivery_id)).first()
        if row is None:
            raise NotFound(f"Alert {delivery_id} does not exist.")
        authority(tx, who).require(tx, Capability.RUN_VIEW, row.workspace_id, what=f"Alert {delivery_id}")
        return _delivery(row)


def ask_for_test(
    db: Database,
    who: Principal,
    channel_id: int,
    *,
    ticket: str | None = None,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Delivery:
    """Asks for a test alert on a channel, which the next worker sends. A disabled channel can be tested too.

    Args:
        db: the database.
        who: who asks.
        channel_id: which channel.
        ticket: a reference for the audit trail.
        new_id: replaced in tests.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> Delivery:
        channel = lock(tx, who, channel_id)
        now = tx.now()
        id = tx.run(
            insert(alert_deliveries)
            .values(
                workspace_id=channel.workspace_id,
                channel_id=channel_id,
                subject_key=f"{TEST}:{new_id()}",
                status=DeliveryStatus.QUEUED.value,
                next_try_at=now,
                created_at=now,
                document={"event": TEST, "by": who.login, "channel": channel.name},
            )
            .returning(_d.id)
        ).scalar_one()
        audit.record(
            tx,
            who,
            "alert.test",
            target_kind=TARGET,
            target_id=channel_id,
            workspace_id=channel.workspace_id,
            ticket=ticket,
            detail={"name": channel.name, "delivery": id},
        )
        tx.touch(Topic.ALERTS)
        return _delivery(tx.run(_select().where(_d.id == id)).one())

    return audit.attempt(db, who, "alert.test", work, target_kind=TARGET, target_id=channel_id, ticket=ticket)


def _conditions(tx: Transaction, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    conditions = [_holds(word) for word in wanted.words]
    conditions += [~_holds(word) for word in wanted.not_words]
    conditions += [_matches(tx, key, values) for key, values in wanted.values.items()]
    conditions += [~_matches(tx, key, values) for key, values in wanted.not_values.items()]
    return conditions


def _holds(word: str) -> ColumnElement[bool]:
    pattern = filters.like(word)
    return or_(
        alert_channels.c.name.ilike(pattern, escape="\\"),
        _text_or_empty(alert_rules.c.name).ilike(pattern, escape="\\"),
        _text_or_empty(_d.reason_code).ilike(pattern, escape="\\"),
        _about().ilike(pattern, escape="\\"),
    )


def _text_or_empty(column: Any) -> Any:
    return func.coalesce(column, "")


def _about() -> Any:
    return _text_or_empty(_d.document["tenant"].as_string())


def _matches(tx: Transaction, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "status":
        return _d.status.in_(values)
    if key == "since":
        return _d.created_at >= tx.now() - filters.read_span(values[-1])
    column = {
        "channel": alert_channels.c.name,
        "rule": _text_or_empty(alert_rules.c.name),
        "reason": _text_or_empty(_d.reason_code),
        "tenant": _about(),
    }[key]
    return or_(*(column.ilike(filters.like(value), escape="\\") for value in values))


def _select() -> Any:
    return (
        select(alert_deliveries, alert_channels.c.name.label("channel"), alert_rules.c.name.label("rule"))
        .join(alert_channels, alert_channels.c.id == _d.channel_id)
        .outerjoin(alert_rules, alert_rules.c.id == _d.rule_id)
    )


def _delivery(row: Row[Any]) -> Delivery:
    facts = row.document or {}
    key = str(row.subject_key)
    is_outage = key.split("#")[0] == OUTAGE or bool(facts.get("outage"))
    kind = TEST if key.startswith(f"{TEST}:") else "solved" if SOLVED in key else "outage" if is_outage else "problem"
    return Delivery(
        id=row.id,
        workspace_id=row.workspace_id,
        rule_id=row.rule_id,
        rule=row.rule or "",
        channel_id=row.channel_id,
        channel=row.channel,
        kind=kind,
        about=str(facts.get("app") or facts.get("tenant") or facts.get("host") or ""),
        connection_id=row.connection_id,
        run_id=facts.get("run"),
        reason_code=row.reason_code,
        status=DeliveryStatus(row.status),
        failure=None if row.status == DeliveryStatus.DELIVERED else facts.get("failure"),
        attempt=row.attempt,
        created_at=row.created_at,
        next_try_at=row.next_try_at if row.status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING) else None,
        delivered_at=row.delivered_at,
        message_id=row.message_id,
    )


def failure_in_words(delivery: Delivery) -> str:
    """Says why an alert has not arrived, and what to do; empty when nothing went wrong."""
    if delivery.failure is None:
        return ""
    reason = reasons.find(delivery.failure)
    return f"{reason.sentence} {reason.next_step}"
