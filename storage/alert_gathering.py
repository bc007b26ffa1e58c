"""What of a due message is told: no tenants that left, nothing that is over unheard, and one outage instead of hundreds of alerts.

Promise: part of the transaction that claims a message (`alert_queue`), under its channel's lock. What is left out stays in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, literal, select, update

from storage import reasons
from storage.alert_episodes import OVER, SETTLES, SOLVED, Listener, end, has_outage, open_outage
from storage.database import Transaction
from storage.schema import alert_deliveries, tenants
from storage.states import DeliveryStatus, TenantLifecycle, Topic

OUTAGE_FROM: Final = 5
"""So many tenants with transient trouble within `SETTLES` are one outage."""

_d = alert_deliveries.c


def hold_back(tx: Transaction, rows: Sequence[Row[Any]], later: datetime) -> bool:
    """Puts a message off, over quiet hours. Returns True: something was due."""
    tx.run(
        update(alert_deliveries)
        .where(_d.id.in_([row.id for row in rows]))
        .values(next_try_at=later, status=DeliveryStatus.QUEUED.value, lease_until=None)
    )
    return True


def suppress(tx: Transaction, rows: Sequence[Row[Any]]) -> bool:
    """Sends none of it, ever: the rule or the channel is disabled. Returns True: something was due."""
    for row in rows:
        end(tx, row)
    _drop(tx, rows)
    return True


def still_worth_telling(tx: Transaction, rows: Sequence[Row[Any]], *, tells_solved: bool) -> list[Row[Any]]:
    """Leaves out tenants that left meanwhile, and what is over of which nobody was told; episodes that are over end here."""
    ids = {row.tenant_id for row in rows} - {None}
    archived = set(
        tx.run(
            select(tenants.c.id).where(
                tenants.c.id.in_(sorted(ids)), tenants.c.lifecycle == TenantLifecycle.ARCHIVED.value
            )
        ).scalars()
    )
    gone = [row for row in rows if row.tenant_id in archived]
    kept = [row for row in rows if row.tenant_id not in archived]
    for row in [row for row in kept if row.subject_key.endswith(SOLVED)]:
        subject = row.subject_key.removesuffix(SOLVED)
        problem = tx.run(select(alert_deliveries).where(_d.rule_id == row.rule_id, _d.subject_key == subject)).first()
        was_told = problem is not None and problem.status == DeliveryStatus.DELIVERED.value
        if problem is not None:
            end(tx, problem)
        tx.run(
            update(alert_deliveries)
            .where(_d.id == row.id)
            .values(subject_key=literal(row.subject_key + OVER + str(row.id)))
        )
        if not (was_told and tells_solved):
            gone.append(row)
            kept.remove(row)
    if gone:
        _drop(tx, gone)
    return kept


def grouped_by_outage(tx: Transaction, rule: Listener, rows: Sequence[Row[Any]], now: datetime) -> Sequence[Row[Any]]:
    """Has one message tell of transient trouble that many tenants have; what follows of it is noted without being sent."""
    transient = [code for code, reason in reasons.catalog().items() if reason.is_transient]
    part = [row for row in rows if row.reason_code in transient and SOLVED not in row.subject_key]
    if not part:
        return rows
    if has_outage(tx, rule.id):
        _drop(tx, part)
        return [row for row in rows if row not in part]
    count = tx.run(
        select(func.count(_d.tenant_id.distinct())).where(
            _d.rule_id == rule.id,
            _d.created_at >= now - SETTLES,
            _d.reason_code.in_(transient),
            _d.subject_key.not_like(f"%{SOLVED}%"),
        )
    ).scalar_one()
    if count < OUTAGE_FROM:
        return rows
    open_outage(tx, rule, part[0], count, now)
    told = {**(part[0].document or {}), "outage": count}
    tx.run(update(alert_deliveries).where(_d.id == part[0].id).values(document=told))
    fresh = tx.run(select(alert_deliveries).where(_d.id == part[0].id)).one()
    return [fresh if row.id == fresh.id else row for row in rows]


def _drop(tx: Transaction, rows: Sequence[Row[Any]]) -> None:
    tx.run(
        update(alert_deliveries)
        .where(_d.id.in_([row.id for row in rows]))
        .values(status=DeliveryStatus.SUPPRESSED.value, next_try_at=None, lease_until=None)
    )
    tx.touch(Topic.ALERTS)
