"""What of a due message is told: no tenants that left, nothing that is over unheard, and one outage instead of hundreds of alerts.

Promise: part of the transaction that claims a message (`alert_queue`), under its channel's lock. What is left out stays in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, literal, select, update

from storage import outages, reasons
from storage.alert_episodes import OUTAGE, OVER, SOLVED, Listener, end, goes_on, has_outage, open_outage
from storage.database import Transaction
from storage.schema import alert_deliveries, tenants
from storage.states import DeliveryStatus, TenantLifecycle, Topic

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
    """Leaves out tenants that left meanwhile, and what is over of which nobody was told; episodes that are over end here. What ends the
    last that an earlier message told says so, for services that keep that message open as an incident."""
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
        ends = problem.message_id if problem is not None and was_told and not goes_on(tx, problem) else None
        tx.run(
            update(alert_deliveries)
            .where(_d.id == row.id)
            .values(
                subject_key=literal(row.subject_key + OVER + str(row.id)),
                document={**(row.document or {}), **({"ends": ends} if ends else {})},
            )
        )
        kept.remove(row)
        if was_told and tells_solved:
            kept.append(tx.run(select(alert_deliveries).where(_d.id == row.id)).one())
        else:
            gone.append(row)
    if gone:
        _drop(tx, gone)
    return sorted(kept, key=lambda row: row.id)


def grouped_by_outage(tx: Transaction, rule: Listener, rows: Sequence[Row[Any]], now: datetime) -> Sequence[Row[Any]]:
    """Has one message tell of transient trouble that many tenants have; what follows of it is noted without being sent."""
    transient = [code for code, reason in reasons.catalog().items() if reason.is_transient]
    part = [row for row in rows if row.reason_code in transient and SOLVED not in row.subject_key]
    if not part:
        return rows
    if has_outage(tx, rule.id):
        _drop(tx, part)
        return [row for row in rows if row not in part]
    outage = outages.current_in(tx, rule.workspace_id, None)
    part = [row for row in part if outage is not None and outage.covers(row.reason_code, row.created_at)]
    if outage is None or not part:
        return rows
    open_outage(tx, rule, part[0], now)
    told = {
        **(part[0].document or {}),
        "outage": outage.tenants_affected,
        "outage_sentence": outage.sentence,
        "outage_advice": outage.advice,
    }
    tx.run(update(alert_deliveries).where(_d.id == part[0].id).values(document=told))
    fresh = tx.run(select(alert_deliveries).where(_d.id == part[0].id)).one()
    return [fresh if row.id == fresh.id else row for row in rows]


def end_outages(tx: Transaction, rule: Listener) -> None:
    """Ends the outage that a rule has told of once there is none any more, so that trouble after it is told again."""
    row = tx.run(select(alert_deliveries).where(_d.rule_id == rule.id, _d.subject_key == OUTAGE)).first()
    if row is not None and outages.current_in(tx, rule.workspace_id, None) is None:
        end(tx, row)


def _drop(tx: Transaction, rows: Sequence[Row[Any]]) -> None:
    tx.run(
        update(alert_deliveries)
        .where(_d.id.in_([row.id for row in rows]))
        .values(status=DeliveryStatus.SUPPRESSED.value, next_try_at=None, lease_until=None)
    )
    tx.touch(Topic.ALERTS)
