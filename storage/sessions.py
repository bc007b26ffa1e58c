"""Sessions: who has a dashboard open, since when, from where; and ending one from elsewhere.

Promise: a session's beginning and its end by somebody else are in the trail of every workspace the person may enter; so is who was turned
away, in the system's. Ending one closes the person's whole dashboard, so `whole_say` decides who may. A session is no right: what its
person may do is asked anew by every function, and `standing` says when a dashboard must leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, exists, insert, or_, select, update

from storage import audit, system_plane
from storage.access import Principal, WorkspaceMembership, authority, entered_workspaces, require_person
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.fields import clean_foreign
from storage.ownership import VIA
from storage.schema import audit_entries, memberships, sessions, users
from storage.states import Topic
from storage.whole_say import END_THE_ROLE, require_whole_say

SILENT_AFTER: Final = timedelta(minutes=5)
"""A dashboard is heard of every minute; one that was silent for so long has died without a word."""

REFUSED_AGAIN_AFTER: Final = timedelta(minutes=10)
"""A script that is turned away every second is one entry in this time, not a flood."""


@dataclass(frozen=True, slots=True)
class DashboardSession:
    """One session.

    Attributes:
        via: how the person was known: `os`, `ssh` or `postgres`.
        host: where they sat, as far as it is known.
        seen_at: when it was heard of last.
        ended_at: when it ended; None while it is open.
        end_reason: why, in words.
        is_silent: open, but not heard of for a while.
    """

    id: str
    login: str
    via: str
    host: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    is_silent: bool


@dataclass(frozen=True, slots=True)
class SessionStanding:
    """What a dashboard must know about itself.

    Attributes:
        ended: why it must leave, in a sentence; None while it may stay.
        workspaces: what its person may enter now.
        platform: the platform roles its person has now.
    """

    ended: str | None
    workspaces: tuple[WorkspaceMembership, ...]
    platform: frozenset[Capability] = frozenset()


def begin(db: Database, who: Principal, host: str, *, make_id: Callable[[], str] = lambda: secrets.token_hex(8)) -> str:
    """Notes that somebody has come; returns the session's id.

    Args:
        db: the database.
        who: who.
        host: where they sit.
        make_id: replaced in tests only.

    Raises:
        Forbidden: who comes is no active user.
    """
    session_id, host = make_id(), clean_foreign(host, 100)

    def work(tx: Transaction) -> None:
        user_id = require_person(tx, who)
        now = tx.now()
        tx.run(
            insert(sessions).values(id=session_id, user_id=user_id, via=who.via, host=host, started_at=now, seen_at=now)
        )
        for workspace_id in sorted(authority(tx, who).entered()):
            _told(tx, who, "session.start", workspace_id, session_id, {"host": host, "login": who.login})
        tx.touch(Topic.MEMBERS)

    db.write(work)
    return session_id


def standing(db: Database, who: Principal, session_id: str) -> SessionStanding:
    """Says whether a dashboard may stay, and what its person may enter now; notes that it is there.

    Raises:
        DatabaseError: the database cannot be asked.
    """

    def work(tx: Transaction) -> Any:
        row = tx.run(
            select(sessions.c.ended_at, sessions.c.end_reason, sessions.c.user_id, users.c.is_active)
            .join(users, users.c.id == sessions.c.user_id)
            .where(sessions.c.id == session_id, sessions.c.user_id == who.user_id)
        ).first()
        if row is not None and row.ended_at is None:
            tx.run(update(sessions).where(sessions.c.id == session_id).values(seen_at=tx.now()))
        return row

    row = db.write(work)
    if row is None:
        return SessionStanding("This session is not known any more.", ())
    if not row.is_active:
        return SessionStanding(f"The account {who.login} was closed.", ())
    if row.ended_at is not None:
        return SessionStanding(f"This session was ended ({row.end_reason}).", ())
    return standing_of(db, who)


def standing_of(db: Database, who: Principal) -> SessionStanding:
    """Says what a person may enter and look at now: with neither a membership nor a platform role nobody may stay."""
    entered, platform = entered_workspaces(db, who), system_plane.held(db, who)
    if entered or platform:
        return SessionStanding(None, entered, platform)
    return SessionStanding(f"{who.login} is not a member of any workspace any more.", ())


def finish(db: Database, who: Principal, session_id: str, reason: str = "quit") -> None:
    """Notes that one's own dashboard was closed; nothing happens when the session has ended."""

    def work(tx: Transaction) -> None:
        done = tx.run(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.user_id == who.user_id, sessions.c.ended_at.is_(None))
            .values(ended_at=tx.now(), end_reason=clean_foreign(reason, 100))
        )
        if done.rowcount:
            tx.touch(Topic.MEMBERS)

    db.write(work)


def of_workspace(
    db: Database, who: Principal, workspace_id: int, *, ended: bool = False, limit: int = 200
) -> tuple[DashboardSession, ...]:
    """Returns the sessions of a workspace's members, the latest first.

    Args:
        db: the database.
        who: an Owner.
        workspace_id: which workspace.
        ended: whether those that have ended shall be there too.
        limit: how many at most.

    Raises:
        NotFound, Forbidden: no member, or no Owner.
    """
    with db.read() as tx:
        _require(tx, who, workspace_id)
        statement = _of_members(workspace_id)
        if not ended:
            statement = statement.where(sessions.c.ended_at.is_(None))
        now = tx.now()
        rows = tx.run(statement.order_by(sessions.c.started_at.desc(), sessions.c.id).limit(limit)).all()
    return tuple(_session(row, now) for row in rows)


def end(
    db: Database, who: Principal, workspace_id: int, session_id: str, *, ticket: str | None = None
) -> DashboardSession:
    """Ends somebody's session: their dashboard leaves within seconds. They can come again, unless their role or key is taken too.

    Args:
        db: the database.
        who: whose session it is, an Owner by the rule of `whole_say`, or whoever owns the database.
        workspace_id: a workspace that the session's person is a member of.
        session_id: which session.
        ticket: a reference for the trail.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> DashboardSession:
        row = tx.run(
            _of_members(workspace_id).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        ).first()
        if row is None or not (who.user_id == row.user_id and require_person(tx, who) == row.user_id):
            if who.via != VIA:
                _require(tx, who, workspace_id)
            if row is None:
                raise NotFound(f"There is no open session {session_id[:40]}.", "See `atlas-tui session list`.")
            require_whole_say(tx, who, row.user_id, workspace_id, f"end a session of {row.login}", instead=END_THE_ROLE)
        tx.run(
            update(sessions)
            .where(sessions.c.id == session_id)
            .values(ended_at=tx.now(), end_reason=f"ended by {who.login}")
        )
        _told(tx, who, "session.end", workspace_id, session_id, {"login": row.login}, ticket)
        tx.touch(Topic.MEMBERS)
        return _session(tx.run(_of_members(workspace_id).where(sessions.c.id == session_id)).one(), tx.now())

    return audit.attempt(db, who, "session.end", work, target_kind="session", target_id=session_id[:40], ticket=ticket)


def refused(db: Database, login: str, via: str, why: str) -> None:
    """Notes in the system's trail that somebody was turned away; again only after a while.

    Args:
        db: the database.
        login: the account, as the operating system, sshd or the database server names it.
        via: who named it.
        why: the sentence they were given.
    """
    who = Principal(None, clean_foreign(login, 64), via=via)

    def work(tx: Transaction) -> None:
        newest = tx.run(
            select(audit_entries.c.at)
            .where(
                audit_entries.c.workspace_id.is_(None),
                audit_entries.c.target_kind == "account",
                audit_entries.c.target_id == who.login,
                audit_entries.c.action == "session.refused",
            )
            .order_by(audit_entries.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        if newest is not None and tx.now() - newest < REFUSED_AGAIN_AFTER:
            return
        audit.record(
            tx,
            who,
            "session.refused",
            target_kind="account",
            target_id=who.login,
            workspace_id=None,
            outcome="refused",
            detail={"why": clean_foreign(why, 200)},
        )

    db.write(work)


def _require(tx: Transaction, who: Principal, workspace_id: int) -> None:
    authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")


def _of_members(workspace_id: int) -> Select[Any]:
    """Sessions of members; of those who left, or whose role expired, only what they had open when they did."""
    member = exists().where(
        memberships.c.user_id == sessions.c.user_id,
        memberships.c.workspace_id == workspace_id,
        or_(memberships.c.revoked_at.is_(None), memberships.c.revoked_at >= sessions.c.started_at),
        or_(memberships.c.expires_at.is_(None), memberships.c.expires_at >= sessions.c.started_at),
    )
    return select(sessions, users.c.login).join(users, users.c.id == sessions.c.user_id).where(member)


def _session(row: Any, now: datetime) -> DashboardSession:
    return DashboardSession(
        id=row.id,
        login=row.login,
        via=row.via,
        host=row.host,
        started_at=row.started_at,
        seen_at=row.seen_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        is_silent=row.ended_at is None and now - row.seen_at > SILENT_AFTER,
    )


def _told(
    tx: Transaction,
    who: Principal,
    action: str,
    workspace_id: int,
    session_id: str,
    detail: dict[str, Any],
    ticket: str | None = None,
) -> None:
    audit.record(
        tx,
        who,
        action,
        target_kind="session",
        target_id=session_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail=detail,
    )
