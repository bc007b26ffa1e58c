"""What is wrong with the installation itself: nobody works, nothing that waits is taken up, or alerts do not arrive.

Promise: a few short looks at indexes. While no worker runs, the queue is not called stuck: that says the same twice. Must not know:
connections, reasons of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, func, or_, select

from storage.access import Authority
from storage.capabilities import Capability
from storage.database import Transaction
from storage.schema import alert_channels, operation_runs, workers
from storage.workers import ALIVE_WITHIN

NO_WORKER: Final = "no_worker_running"
STUCK_AFTER: Final = timedelta(minutes=10)
"""So long a run may wait, due, while no run at all begins or ends."""


@dataclass(frozen=True, slots=True)
class InstallationProblem:
    """Something that is wrong with the installation.

    Attributes:
        reason_code: what.
        since: since when; None when that is not known.
    """

    reason_code: str
    since: datetime | None


def installation_problems(tx: Transaction, rights: Authority, workspace_id: int) -> tuple[InstallationProblem, ...]:
    """Returns what is wrong with the installation, as far as it concerns a workspace. The caller has asked whether it may be entered.

    That there are alert channels, and whether they work, is for who sees the whole workspace (`alert_channels`).
    """
    now = tx.now()
    sees_channels = rights.reaches_whole(workspace_id, Capability.RUN_VIEW)
    silent = _silent_channels(tx, workspace_id) if sees_channels else ()
    alive = select(workers.c.id).where(workers.c.stopped_at.is_(None), workers.c.beat_at >= now - ALIVE_WITHIN)
    if tx.run(alive.limit(1)).first() is None:
        last = tx.run(
            select(func.max(func.coalesce(workers.c.stopped_at, workers.c.beat_at, type_=workers.c.beat_at.type)))
        )
        return (InstallationProblem(NO_WORKER, last.scalar_one_or_none()), *silent)
    waits_since = queue_stuck_since(tx, workspace_id, now)
    return silent if waits_since is None else (InstallationProblem("queue_stuck", waits_since), *silent)


def _silent_channels(tx: Transaction, workspace_id: int) -> tuple[InstallationProblem, ...]:
    """Why alerts do not arrive: each reason once, since when nothing did."""
    c = alert_channels.c
    rows = tx.run(
        select(c.last_reason_code, func.min(c.last_delivered_at, type_=c.last_delivered_at.type).label("since"))
        .where(c.workspace_id == workspace_id, c.is_enabled, c.last_reason_code.is_not(None))
        .group_by(c.last_reason_code)
        .order_by(c.last_reason_code)
    ).all()
    return tuple(InstallationProblem(row.last_reason_code, row.since) for row in rows)


def queue_stuck_since(
    tx: Transaction, workspace_id: int, now: datetime, *, after: timedelta = STUCK_AFTER
) -> datetime | None:
    """Returns since when a workspace's oldest due run waits, when that is too long and nothing moves; None when all is well.

    Args:
        tx: an open transaction; the caller has asked for authority, or is a worker.
        workspace_id: whose queue.
        now: the database's clock.
        after: how long is too long; also used by alert rules, which say it themselves.
    """
    waits_since = _oldest_due(tx, workspace_id, now)
    if waits_since is None or now - waits_since < after or _moves(tx, workspace_id, now - after):
        return None
    return waits_since


def _oldest_due(tx: Transaction, workspace_id: int, now: datetime) -> datetime | None:
    r = operation_runs.c
    # Word for word the predicate of the index of queued runs.
    found: datetime | None = tx.run(
        select(func.min(func.coalesce(r.not_before, r.queued_at, type_=r.queued_at.type))).where(
            operation_runs.c.status == "queued",
            r.workspace_id == workspace_id,
            or_(r.not_before.is_(None), r.not_before <= now),
        )
    ).scalar_one_or_none()
    return found


def _moves(tx: Transaction, workspace_id: int, since: datetime) -> bool:
    """Whether any run of the workspace began or ended lately; what others' runs do says nothing about its own."""
    r = operation_runs.c
    began = exists().where(r.workspace_id == workspace_id, r.status == "running", r.claimed_at >= since)
    ended = exists().where(r.workspace_id == workspace_id, r.status == "completed", r.completed_at >= since)
    return bool(tx.run(select(or_(began, ended))).scalar_one())
