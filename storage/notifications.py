"""Notifications: what a person is told once about what they started. They are written where a run or a batch completes, nowhere else.

Promise: they are their receiver's alone, whatever anybody's role; one about what the receiver may not see any more is left out, and one
about an end that the receiver has waited for and seen is read. Whether one was read is nobody else's business, so marking is neither
audited nor refused. Counting stops at `COUNT_LIMIT`, and what is old enough is deleted by the workers, so that neither grows with the
fleet.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, delete, false, func, or_, select, update

from storage import filters
from storage.access import Authority, Principal, authority, require_person
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import notifications, operation_runs, workspaces
from storage.states import NotificationKind, RunOutcome, Topic

COUNT_LIMIT: Final = 99
"""Unread ones are counted up to here; beyond it people read "99+"."""

READ_KEPT: Final = timedelta(days=30)
"""How long one is kept after it was read."""

UNREAD_KEPT: Final = timedelta(days=180)
"""How long one is kept that nobody reads, such as those of somebody who left."""

CHUNK: Final = 500
"""Rows that one transaction changes."""

PARTS: Final = 20
"""Transactions of one sweep, so that a sweep ends soon; the next one goes on."""

_KINDS: Final = {kind.value.removesuffix("_completed"): kind for kind in NotificationKind}
KEYS: Final[dict[str, Collection[str] | None]] = {
    "unread": {"yes"},
    "kind": set(_KINDS),
    "outcome": set(RunOutcome),
    "since": None,
}
"""The filter line's keys, with their values where these are a closed set."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of the principal's own.

    Attributes:
        workspace: the short name of the workspace it is about.
        run_id: the run it is about; None for a batch.
        batch_id: the batch it is about; None for a run.
        outcome: how the run ended; None for a batch.
        read_at: None while it is unread.
    """

    id: int
    kind: NotificationKind
    workspace_id: int
    workspace: str
    run_id: int | None
    batch_id: int | None
    title: str
    outcome: RunOutcome | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is unread, in short.

    Attributes:
        unread: how many, up to `COUNT_LIMIT`.
        has_more: there are more than that.
        newest_id: the newest one's id, read or not; 0 when there never was one.
        arrived: unread ones that are newer than what was asked for, the newest first, at most `CHUNK`.
    """

    unread: int
    has_more: bool
    newest_id: int
    arrived: tuple[Notification, ...] = ()

    @property
    def words(self) -> str:
        """The count for people: `3`, `99+`."""
        return f"{self.unread}+" if self.has_more else str(self.unread)


def look(db: Database, who: Principal, after_id: int | None = None, *, limit: int = 20) -> Inbox:
    """Returns how many of the principal's notifications are unread, and which of them are new.

    Args:
        db: the database.
        who: whose inbox; somebody who is no active user has an empty one.
        after_id: the newest one that is known already; None to be told of none.
        limit: how many new ones at most.
    """
    with db.read() as tx:
        visible = _visible(authority(tx, who), who)
        unread = (*visible, notifications.c.read_at.is_(None))
        some = _from(select(notifications.c.id)).where(*unread).limit(COUNT_LIMIT + 1).subquery()
        count = tx.run(select(func.count()).select_from(some)).scalar_one()
        newest = tx.run(_from(select(notifications.c.id)).where(*visible).order_by(_NEWEST).limit(1)).scalar() or 0
        arrived: list[Row[Any]] = []
        if after_id is not None and newest > after_id:
            new = _select().where(*unread, notifications.c.id > after_id).order_by(_NEWEST)
            arrived = list(tx.run(new.limit(max(1, min(limit, CHUNK)))).all())
    return Inbox(min(count, COUNT_LIMIT), count > COUNT_LIMIT, newest, tuple(_row(row) for row in arrived))


def page(db: Database, who: Principal, text: str, place: Place, limit: int = 100) -> Page[Notification]:
    """Returns a page of the principal's own notifications, newest first; somebody who is no active user has none.

    Args:
        db: the database.
        who: whose inbox.
        text: the filter line.
        place: where.
        limit: rows wanted.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
    """
    wanted = filters.read_filter(text, KEYS)
    with db.read() as tx:
        conditions = [*_visible(authority(tx, who), who), *_conditions(tx, wanted)]
        keys = [SortKey(notifications.c.id, "id", descending=True)]
        return read_page(tx, _select().where(*conditions), keys, place, limit, _row, notifications.c.id)


def get(db: Database, who: Principal, notification_id: int) -> Notification:
    """Returns one of the principal's own notifications.

    Raises:
        NotFound: there is none of that number in their inbox.
    """
    with db.read() as tx:
        chosen = notifications.c.id == notification_id
        row = tx.run(_select().where(chosen, *_visible(authority(tx, who), who))).first()
    if row is None:
        raise NotFound(f"Notification {notification_id} does not exist.")
    return _row(row)


def mark_read(db: Database, who: Principal, ids: Collection[int]) -> int:
    """Marks some of the principal's own notifications as read; others' are left alone. Returns how many were unread.

    Raises:
        Forbidden: who asks is no active user.
    """
    wanted, marked = sorted(set(ids)), 0
    for start in range(0, len(wanted), CHUNK):
        chosen = notifications.c.id.in_(wanted[start : start + CHUNK])
        marked += db.write(lambda tx, which=chosen: _mark(tx, who, which))  # type: ignore[misc]
    return marked


def mark_seen(db: Database, who: Principal, *, run_ids: Collection[int] = (), batch_ids: Collection[int] = ()) -> int:
    """Marks as read what tells the principal of the end of these runs and batches, because they have just seen it themselves.

    Args:
        db: the database.
        who: who has waited for them.
        run_ids: runs that have ended, at most `CHUNK`.
        batch_ids: batches that have ended, at most `CHUNK`.

    Returns:
        How many were unread; 0 also when nothing tells them, such as of runs that somebody else has started.

    Raises:
        Forbidden: who asks is no active user any more.
    """
    about = or_(notifications.c.run_id.in_(sorted(run_ids)), notifications.c.batch_id.in_(sorted(batch_ids)))
    own = notifications.c.user_id == (who.user_id or 0)
    with db.read() as tx:
        ids = tx.run(select(notifications.c.id).where(own, notifications.c.read_at.is_(None), about)).scalars().all()
    return mark_read(db, who, ids)


def mark_all_read(db: Database, who: Principal, text: str = "") -> int:
    """Marks as read whatever the principal's inbox holds now; what arrives meanwhile stays unread. Returns how many were unread.

    Args:
        db: the database.
        who: whose inbox.
        text: a filter line; only what it finds.

    Raises:
        InvalidInput: the filter line cannot be read.
        Forbidden: who asks is no active user.
    """
    wanted, marked = filters.read_filter(text, KEYS), 0
    below: int | None = None
    while True:
        ids = _unread_ids(db, who, wanted, below)
        if not ids:
            return marked
        marked += mark_read(db, who, ids)
        below = ids[-1]


def prune(db: Database, *, parts: int = PARTS, chunk: int = CHUNK) -> int:
    """Deletes what was read `READ_KEPT` ago, or written `UNREAD_KEPT` ago. For workers: there is no principal to ask.

    Args:
        db: the database.
        parts: transactions at most.
        chunk: rows each of them deletes at most.

    Returns:
        How many rows were deleted.
    """
    gone = 0
    for _ in range(parts):
        deleted = db.write(lambda tx: _prune_some(tx, chunk))
        gone += deleted
        if deleted < chunk:
            break
    return gone


_NEWEST: Final = notifications.c.id.desc()


def _visible(rights: Authority, who: Principal) -> tuple[ColumnElement[bool], ...]:
    """The principal's own, without those about what they may not see any more."""
    within = [
        and_(
            notifications.c.workspace_id == workspace_id,
            or_(
                notifications.c.run_id.is_(None),
                rights.tenant_clause(workspace_id, Capability.RUN_VIEW, operation_runs.c.tenant_id),
            ),
        )
        for workspace_id in sorted(rights.entered())
    ]
    return notifications.c.user_id == (who.user_id or 0), or_(false(), *within)


def _conditions(tx: Transaction, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    title = func.lower(notifications.c.title)
    conditions: list[ColumnElement[bool]] = [title.like(filters.like(word), escape="\\") for word in wanted.words]
    conditions += [~title.like(filters.like(word), escape="\\") for word in wanted.not_words]
    conditions += [_matches(tx, key, values) for key, values in wanted.values.items()]
    conditions += [~_matches(tx, key, values) for key, values in wanted.not_values.items()]
    return conditions


def _matches(tx: Transaction, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "unread":
        return notifications.c.read_at.is_(None)
    if key == "kind":
        return notifications.c.kind.in_([_KINDS[value].value for value in values])
    if key == "outcome":
        return func.coalesce(operation_runs.c.outcome, "").in_(values)
    return notifications.c.created_at >= tx.now() - filters.read_span(values[-1])


def _joined() -> FromClause:
    return notifications.outerjoin(operation_runs, operation_runs.c.id == notifications.c.run_id)


def _from(statement: Select[Any]) -> Select[Any]:
    return statement.select_from(_joined())


def _select() -> Select[Any]:
    return select(notifications, workspaces.c.slug, operation_runs.c.outcome).select_from(
        _joined().join(workspaces, workspaces.c.id == notifications.c.workspace_id)
    )


def _row(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        kind=NotificationKind(row.kind),
        workspace_id=row.workspace_id,
        workspace=row.slug,
        run_id=row.run_id,
        batch_id=row.batch_id,
        title=row.title,
        outcome=None if row.outcome is None else RunOutcome(row.outcome),
        created_at=row.created_at,
        read_at=row.read_at,
    )


def _unread_ids(db: Database, who: Principal, wanted: filters.Filter, below: int | None) -> list[int]:
    with db.read() as tx:
        require_person(tx, who)
        conditions = [
            *_visible(authority(tx, who), who),
            notifications.c.read_at.is_(None),
            *_conditions(tx, wanted),
        ]
        if below is not None:
            conditions.append(notifications.c.id < below)
        statement = _from(select(notifications.c.id)).where(*conditions).order_by(_NEWEST).limit(CHUNK)
        return list(tx.run(statement).scalars())


def _mark(tx: Transaction, who: Principal, which: ColumnElement[bool]) -> int:
    user_id = require_person(tx, who)
    marked = tx.run(
        update(notifications)
        .where(notifications.c.user_id == user_id, which, notifications.c.read_at.is_(None))
        .values(read_at=tx.now())
    ).rowcount
    if marked:
        tx.touch(Topic.NOTIFICATIONS)
    return int(marked)


def _prune_some(tx: Transaction, chunk: int) -> int:
    now, gone = tx.now(), 0
    for old in (notifications.c.read_at < now - READ_KEPT, notifications.c.created_at < now - UNREAD_KEPT):
        ids = tx.run(select(notifications.c.id).where(old).limit(chunk - gone)).scalars().all()
        if ids:
            gone += tx.run(delete(notifications).where(notifications.c.id.in_(ids))).rowcount
        if gone >= chunk:
            break
    if gone:
        tx.touch(Topic.NOTIFICATIONS)
    return gone
