"""How much work there is, over all workspaces: figures for an operator's monitoring.

Promise: names no tenant, no workspace and no person, so that it asks for no principal; a few short looks at indexes whose cost grows with
what is unfinished, not with what ever was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select

from storage.database import Database
from storage.schema import alert_deliveries, operation_runs, workers
from storage.states import DeliveryStatus, RunStatus
from storage.workers import ALIVE_WITHIN


@dataclass(frozen=True, slots=True)
class WorkFigures:
    """What waits and who works.

    Attributes:
        runs: unfinished runs, by status.
        oldest_due: how long the oldest run waits that could be taken up now; zero when none does.
        workers: workers that are alive.
        alerts: alerts that are due and not delivered.
    """

    runs: Mapping[RunStatus, int]
    oldest_due: timedelta
    workers: int
    alerts: int


def read(db: Database) -> WorkFigures:
    """Reads the figures.

    Raises:
        DatabaseError: the database is away.
    """
    r, d = operation_runs.c, alert_deliveries.c
    with db.read() as tx:
        now = tx.now()
        rows = tx.run(
            # Word for word the predicate of the index of unfinished runs.
            select(r.status, func.count().label("runs"))
            .where(operation_runs.c.status != "completed")
            .group_by(r.status)
        ).all()
        since = tx.run(
            select(func.min(func.coalesce(r.not_before, r.queued_at, type_=r.queued_at.type))).where(
                r.status == "queued", or_(r.not_before.is_(None), r.not_before <= now)
            )
        ).scalar_one_or_none()
        alive = tx.run(
            select(func.count()).where(workers.c.stopped_at.is_(None), workers.c.beat_at >= now - ALIVE_WITHIN)
        ).scalar_one()
        due = tx.run(
            select(func.count()).where(
                d.status.in_([DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value]), d.next_try_at <= now
            )
        ).scalar_one()
    found = {RunStatus(row.status): int(row.runs) for row in rows}
    unfinished = (status for status in RunStatus if status is not RunStatus.COMPLETED)
    return WorkFigures(
        {status: found.get(status, 0) for status in unfinished},
        timedelta() if since is None else max(timedelta(), now - since),
        alive,
        due,
    )
