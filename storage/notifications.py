"""Notifications: what a person is told once. They are written where a run completes and nowhere else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, false, or_, select, update

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.schema import notifications, operation_runs
from storage.states import NotificationKind, Topic


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of the principal's own."""

    id: int
    kind: NotificationKind
    run_id: int | None
    title: str
    created_at: datetime


def unread(db: Database, who: Principal, limit: int = 20) -> tuple[Notification, ...]:
    """Returns the principal's own unread notifications, oldest first; those about what they may not see any more are left out."""
    if who.user_id is None:
        return ()
    with db.read() as tx:
        rights = authority(tx, who)
        visible = [
            and_(
                notifications.c.workspace_id == workspace_id,
                or_(
                    notifications.c.run_id.is_(None),
                    rights.tenant_clause(workspace_id, Capability.RUN_VIEW, operation_runs.c.tenant_id),
                ),
            )
            for workspace_id in sorted(rights.entered())
        ]
        rows = tx.run(
            select(notifications)
            .outerjoin(operation_runs, operation_runs.c.id == notifications.c.run_id)
            .where(notifications.c.user_id == who.user_id, notifications.c.read_at.is_(None), or_(false(), *visible))
            .order_by(notifications.c.id)
            .limit(limit)
        ).all()
    return tuple(
        Notification(row.id, NotificationKind(row.kind), row.run_id, row.title, row.created_at) for row in rows
    )


def mark_read(db: Database, who: Principal, ids: Collection[int]) -> None:
    """Marks the principal's own notifications as read; others' are left alone."""
    if not ids or who.user_id is None:
        return

    def work(tx: Transaction) -> None:
        tx.run(
            update(notifications)
            .where(
                notifications.c.user_id == who.user_id,
                notifications.c.id.in_(list(ids)),
                notifications.c.read_at.is_(None),
            )
            .values(read_at=tx.now())
        )
        tx.touch(Topic.NOTIFICATIONS)

    db.write(work)
