"""Alerts on their way: which message a worker shall send, and what became of it.

Promise: a message is held by one worker at a time, proven by its fence, and keeps its number through every try; a worker that dies loses
none, since its lease ends and another sends it. What is due of one rule is one message. A message whose rule or channel is disabled, or
whose tenant left, is not sent, and the log shows it. Given up after `MOST_TRIES`, visibly. Locks: channel, then deliveries. For workers:
asks no principal, sends nothing itself.

What this cannot promise: a worker that dies after the service took a message and before that is written down. The next one sends it again,
under the same number, by which a receiver can drop it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, select, update

from storage import reasons
from storage.alert_episodes import OVER, SOLVED, listener_of
from storage.alert_gathering import grouped_by_outage, hold_back, still_worth_telling, suppress
from storage.credential_slots import as_sealed
from storage.database import Database, Transaction
from storage.schema import alert_channels, alert_deliveries, alert_rules, credentials, meta, workspaces
from storage.sealing import SealedCredential
from storage.states import DeliveryStatus, Topic

LEASE: Final = timedelta(seconds=90)
"""Longer than a send may take; a dead worker's message goes out again after it."""

MOST_TRIES: Final = 12
MOST_IN_ONE: Final = 200

KEPT: Final = timedelta(days=30)
LONGEST_EPISODE: Final = timedelta(days=365)
_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(hours=1)
_d = alert_deliveries.c


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a message tells.

    Attributes:
        reason_code: why.
        facts: names, numbers and times, as they were when it happened; `solved` is there when it is over.
        is_solved: it tells that it is over.
    """

    reason_code: str
    facts: dict[str, Any]
    is_solved: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this worker holds.

    Attributes:
        message_id: its number, the same in every try.
        fence: the proof.
        workspace: the workspace's name.
        rule: the rule's name; empty for a test.
        channel_id: where it goes.
        kind: that channel's kind.
        address: where it goes, sealed; None when there is no address.
        items: what it tells, in the order it happened.
        outage: how many tenants have transient trouble at once; 0 when that is not what this is about.
        attempt: which try this is, from 1.
    """

    message_id: str
    fence: int
    workspace: str
    rule: str
    channel_id: int
    kind: str
    address: SealedCredential | None
    items: tuple[Item, ...]
    outage: int
    attempt: int

    @property
    def ends(self) -> tuple[str, ...]:
        """The numbers of earlier messages of which everything is over by this one."""
        return tuple(dict.fromkeys(str(item.facts["ends"]) for item in self.items if item.facts.get("ends")))


def claim(
    db: Database,
    worker_id: str,
    *,
    lease: timedelta = LEASE,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Message | None:
    """Takes the next message that is due. Returns None when there is none.

    Args:
        db: the database.
        worker_id: who takes it.
        lease: how long nobody else may.
        new_id: makes the number of a message; replaced in tests.
    """
    while True:
        number = f"atlas-{new_id()}"
        found = db.write(lambda tx, number=number: _claim(tx, worker_id, lease, number))  # type: ignore[misc]
        if not isinstance(found, bool):
            return found
        if not found:
            return None


def delivered(db: Database, message: Message, partly: str | None = None) -> bool:
    """Writes that a message has arrived.

    Args:
        db: the database.
        message: which.
        partly: why it did not arrive at all of the channel's recipients; the channel shows it until something does.

    Returns:
        False, writing nothing, when it is not this worker's any more.
    """

    def work(tx: Transaction) -> bool:
        _lock_channel(tx, message.channel_id)
        now = tx.now()
        done = tx.run(
            update(alert_deliveries)
            .where(*_held(message))
            .values(
                status=DeliveryStatus.DELIVERED.value,
                delivered_at=now,
                next_try_at=None,
                lease_until=None,
            )
        ).rowcount
        if done:
            tx.run(
                update(alert_channels)
                .where(alert_channels.c.id == message.channel_id)
                .values(last_delivered_at=now, last_reason_code=partly)
            )
            tx.touch(Topic.ALERTS)
        return bool(done)

    return db.write(work)


def failed(db: Database, message: Message, reason_code: str) -> datetime | None:
    """Writes that a message did not arrive: it is tried again later, or given up.

    Args:
        db: the database.
        message: which.
        reason_code: why: one of the `alert_channel_…` reasons, or why its address does not open.

    Returns:
        When it is tried again; None when it is given up, or not this worker's any more.
    """

    def work(tx: Transaction) -> datetime | None:
        _lock_channel(tx, message.channel_id)
        gives_up = message.attempt >= MOST_TRIES or not message.rule
        again = None if gives_up else tx.now() + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (message.attempt - 1))
        rows = tx.run(select(alert_deliveries).where(*_held(message)).order_by(_d.id)).all()
        return _write_failure(tx, rows, reason_code, again) if rows else None

    return db.write(work)


def _write_failure(
    tx: Transaction, rows: Sequence[Row[Any]], reason_code: str, again: datetime | None
) -> datetime | None:
    """Writes why a message did not arrive, under its channel's lock, and when it is tried again; None: never."""
    for row in rows:
        tx.run(
            update(alert_deliveries)
            .where(_d.id == row.id)
            .values(
                status=(DeliveryStatus.FAILED if again is None else DeliveryStatus.QUEUED).value,
                next_try_at=again,
                lease_until=None,
                document={**(row.document or {}), "failure": reason_code},
            )
        )
    tx.run(update(alert_channels).where(alert_channels.c.id == rows[0].channel_id).values(last_reason_code=reason_code))
    tx.touch(Topic.ALERTS)
    return again


def prune(db: Database, *, chunk: int = 500) -> int:
    """Deletes the record of what was over `KEPT` ago, and what has gone on for `LONGEST_EPISODE`. Returns how many rows.

    What goes on for so long is told again, if it does: most of it is of tenants that left.
    """

    def work(tx: Transaction) -> int:
        now = tx.now()
        is_over = _d.rule_id.is_(None) | _d.subject_key.contains(OVER) | (_d.created_at < now - LONGEST_EPISODE)
        over = (
            select(_d.id)
            .where(
                _d.created_at < now - KEPT,
                _d.status.notin_([DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value]),
                is_over,
            )
            .order_by(_d.id)
            .limit(chunk)
        )
        return tx.run(delete(alert_deliveries).where(_d.id.in_(over))).rowcount

    return db.write(work)


def _held(message: Message) -> Sequence[ColumnElement[bool]]:
    return (
        _d.digest_key == message.message_id,
        _d.fence == message.fence,
        _d.channel_id == message.channel_id,
        _d.status == DeliveryStatus.SENDING.value,
    )


def _claim(tx: Transaction, worker_id: str, lease: timedelta, number: str) -> Message | bool:
    """Takes one message; False when nothing is due, True when something was due but is not sent now."""
    now = tx.now()
    first = tx.run(_due(now).limit(1)).first()
    if first is None:
        return False
    channel = _lock_channel(tx, first.channel_id)
    if channel is None:
        return True  # deleted this moment, and its deliveries with it
    together = _due(now).where(*_together(first)).limit(MOST_IN_ONE)
    rows: Sequence[Row[Any]] = tx.run(together if tx.is_sqlite else together.with_for_update(key_share=True)).all()
    if not rows or rows[0].fence != first.fence:
        return True  # another worker was faster
    if rows[0].attempt >= MOST_TRIES:
        # Whoever had it died of it every time, or took longer than the lease every time: that must end too.
        _write_failure(tx, rows, "alert_channel_unreachable", None)
        return True
    rule_name = ""
    if first.rule_id is not None:
        rule_row = tx.run(select(alert_rules).where(alert_rules.c.id == first.rule_id)).one()
        rule = listener_of(rule_row)
        if not rule_row.is_enabled or not channel.is_enabled or rule is None:
            return suppress(tx, rows)
        if (later := rule.hours.not_quiet(now)) > now:
            return hold_back(tx, rows, later)
        rule_name, rows = rule_row.name, still_worth_telling(tx, rows, tells_solved=rule.conditions.tells_solved)
        if first.digest_key is None:
            rows = grouped_by_outage(tx, rule, rows, now)
        if not rows:
            return True
    return _take(tx, rows, channel, rule_name, worker_id, now + lease, number)


def _take(
    tx: Transaction,
    rows: Sequence[Row[Any]],
    channel: Row[Any],
    rule_name: str,
    worker_id: str,
    until: datetime,
    number: str,
) -> Message:
    """Holds a message for a worker; one that was tried before keeps its number."""
    first = rows[0]
    number, fence, attempt = first.digest_key or number, first.fence + 1, first.attempt + 1
    tx.run(
        update(alert_deliveries)
        .where(_d.id.in_([row.id for row in rows]))
        .values(
            status=DeliveryStatus.SENDING.value,
            attempt=attempt,
            worker_id=worker_id,
            lease_until=until,
            next_try_at=until,
            fence=fence,
            digest_key=number,
            message_id=number,
        )
    )
    tx.touch(Topic.ALERTS)
    return Message(
        message_id=number,
        fence=fence,
        workspace=tx.run(select(workspaces.c.name).where(workspaces.c.id == first.workspace_id)).scalar_one(),
        rule=rule_name,
        channel_id=channel.id,
        kind=channel.kind,
        address=_address(tx, channel.id),
        items=tuple(_item(row) for row in rows),
        outage=max(int((row.document or {}).get("outage") or 0) for row in rows),
        attempt=attempt,
    )


def _due(now: datetime) -> Any:
    return (
        select(alert_deliveries)
        .where(_d.status.in_([DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value]), _d.next_try_at <= now)
        .order_by(_d.next_try_at, _d.id)
    )


def _lock_channel(tx: Transaction, channel_id: int) -> Row[Any] | None:
    statement = select(alert_channels).where(alert_channels.c.id == channel_id)
    return tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).first()


def _together(first: Row[Any]) -> Sequence[ColumnElement[bool]]:
    """What goes into one message: what was in it when it was tried before, or whatever is due of the rule."""
    if first.digest_key is not None:
        return (_d.digest_key == first.digest_key, _d.channel_id == first.channel_id)
    if first.rule_id is None:
        return (_d.id == first.id,)
    return (_d.rule_id == first.rule_id, _d.channel_id == first.channel_id, _d.digest_key.is_(None))


def _address(tx: Transaction, channel_id: int) -> SealedCredential | None:
    row = tx.run(select(credentials).where(credentials.c.alert_channel_id == channel_id)).first()
    if row is None:
        return None
    return as_sealed(row, tx.run(select(meta.c.value).where(meta.c.key == "database_id")).scalar_one())


def _item(row: Row[Any]) -> Item:
    return Item(row.reason_code or reasons.UNKNOWN_ERROR, dict(row.document or {}), SOLVED in row.subject_key)
