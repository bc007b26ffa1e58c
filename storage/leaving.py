"""Leavers: what happens when somebody goes, from one workspace or for good.

Promise: in one transaction their memberships end, what they had acknowledged has a colleague's name, and their drafts are gone (nobody else
could read them, and they hold a customer's data). Whoever is in no workspace any more and holds no platform role is no active user: their
sessions and keys end too. Who goes on elsewhere keeps those, unless `whole_say` lets the Owner decide: an open dashboard loses the
workspace by itself. Nothing is deleted that the trail tells of; adding the person again undoes it, with the role that is given then.
A workspace never loses its last Owner this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.owners import keep_an_owner, lasting_owners
from storage.ownership import require_owner
from storage.schema import acknowledgements, drafts, memberships, platform_grants, sessions, ssh_keys, users
from storage.states import Topic
from storage.users import active_user, lock_user
from storage.whole_say import has_platform_role, has_whole_say


@dataclass(frozen=True, slots=True)
class Leaver:
    """What was ended.

    Attributes:
        login: who left.
        memberships: how many memberships ended.
        sessions: how many open sessions were ended.
        keys: how many SSH keys were revoked.
        acknowledgements: how many acknowledgements have another name now.
        drafts: how many drafts were removed.
    """

    login: str
    memberships: int
    sessions: int
    keys: int
    acknowledgements: int
    drafts: int


def leave(db: Database, who: Principal, workspace_id: int, login: str, *, ticket: str | None = None) -> Leaver:
    """Lets somebody leave a workspace.

    Their open acknowledgements there become those of who does it. An account that is left without any membership and platform role is
    closed. Open sessions end then, and where the Owner owns all that the person may still enter; elsewhere a dashboard only loses this
    workspace, since anybody can be added here by their login.

    Args:
        db: the database.
        who: an Owner.
        workspace_id: which workspace.
        login: who leaves.
        ticket: a reference for the trail.

    Raises:
        Conflict: it is the last Owner.
        NotFound, Forbidden: no member, or not allowed.
    """

    def work(tx: Transaction) -> Leaver:
        authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        held = tx.run(
            _open_memberships().where(memberships.c.workspace_id == workspace_id, users.c.login == login)
        ).all()
        if not held:
            raise NotFound(f"{login} is no member of this workspace.", "See `atlas-tui member list`.")
        user_id = int(held[0].user_id)
        lock_user(tx, user_id)
        keep_an_owner(tx, workspace_id, [row.id for row in held])
        ended = _leave_workspace(tx, who, workspace_id, user_id, login, ticket)
        keys = open_sessions = 0
        # Asked before the account is closed: who lets themselves leave has no rights afterwards.
        if who.user_id == user_id or has_whole_say(tx, who, user_id):
            open_sessions = _end_sessions(tx, user_id, who)
        if not _goes_on(tx, user_id):
            keys = _close_account(tx, user_id)
        return Leaver(login, ended[0], open_sessions, keys, ended[1], ended[2])

    return audit.attempt(db, who, "member.leave", work, target_kind="account", target_id=login, ticket=ticket)


def deactivate(db: Database, who: Principal, login: str, *, ticket: str | None = None) -> Leaver:
    """Closes somebody's account: they leave every workspace, and lose keys and platform roles.

    Args:
        db: the database.
        who: whoever owns the database, from `ownership.database_owner`.
        login: whose account.
        ticket: a reference for the trail.

    Raises:
        Conflict: they are the last Owner of a workspace, which is named.
        NotFound: there is no such active user.
        Forbidden: who asks does not own the database.
    """

    def work(tx: Transaction) -> Leaver:
        require_owner(who)
        user_id = active_user(tx, login)
        lock_user(tx, user_id)
        held = tx.run(_open_memberships().where(users.c.id == user_id)).all()
        moved = removed = 0
        for workspace_id in sorted({row.workspace_id for row in held}):
            keep_an_owner(tx, workspace_id, [row.id for row in held if row.workspace_id == workspace_id])
            ended = _leave_workspace(tx, who, workspace_id, user_id, login, ticket)
            moved, removed = moved + ended[1], removed + ended[2]
        removed += int(tx.run(delete(drafts).where(drafts.c.user_id == user_id)).rowcount)
        keys = _close_account(tx, user_id)
        open_sessions = _end_sessions(tx, user_id, who)
        audit.record(
            tx,
            who,
            "user.deactivate",
            target_kind="account",
            target_id=login,
            workspace_id=None,
            ticket=ticket,
            detail={"memberships": len(held), "sessions": open_sessions, "keys": keys},
        )
        tx.touch(Topic.MEMBERS)
        return Leaver(login, len(held), open_sessions, keys, moved, removed)

    return audit.attempt(db, who, "user.deactivate", work, target_kind="account", target_id=login, ticket=ticket)


def _goes_on(tx: Transaction, user_id: int) -> bool:
    elsewhere = tx.run(_open_memberships().where(users.c.id == user_id)).first()
    return elsewhere is not None or has_platform_role(tx, user_id)


def _open_memberships() -> Any:
    """Not revoked; those that expired are ended too, so that nothing of them is left."""
    return (
        select(memberships.c.id, memberships.c.user_id, memberships.c.workspace_id)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.revoked_at.is_(None))
        .order_by(memberships.c.id)
    )


def _leave_workspace(
    tx: Transaction, who: Principal, workspace_id: int, user_id: int, login: str, ticket: str | None
) -> tuple[int, int, int]:
    """Ends memberships, hands acknowledgements over, removes drafts; returns how many of each."""
    now = tx.now()
    here = (memberships.c.user_id == user_id, memberships.c.workspace_id == workspace_id)
    ended = tx.run(update(memberships).where(*here, memberships.c.revoked_at.is_(None)).values(revoked_at=now)).rowcount
    heir = _heir(tx, who, workspace_id, user_id)
    moved = tx.run(
        update(acknowledgements)
        .where(
            acknowledgements.c.workspace_id == workspace_id,
            acknowledgements.c.user_id == user_id,
            acknowledgements.c.ended_at.is_(None),
            or_(acknowledgements.c.expires_at.is_(None), acknowledgements.c.expires_at > now),
        )
        .values(user_id=heir)
    ).rowcount
    removed = tx.run(delete(drafts).where(drafts.c.user_id == user_id, drafts.c.workspace_id == workspace_id)).rowcount
    audit.record(
        tx,
        who,
        "member.leave",
        target_kind="account",
        target_id=login,
        workspace_id=workspace_id,
        ticket=ticket,
        detail={
            "login": login,
            "memberships": ended,
            "acknowledgements": moved,
            "acknowledgements_to": tx.run(select(users.c.login).where(users.c.id == heir)).scalar_one(),
            "drafts": removed,
        },
    )
    tx.touch(Topic.MEMBERS)
    return ended, moved, removed


def _heir(tx: Transaction, who: Principal, workspace_id: int, user_id: int) -> int:
    """Who does it, when that is a member here and stays; else the longest-standing Owner, who is there by the rule of `owners`."""
    if who.user_id is not None and who.user_id != user_id and authority(tx, who).may_enter(workspace_id):
        return who.user_id
    return next(int(row.user_id) for row in lasting_owners(tx, workspace_id) if row.user_id != user_id)


def _end_sessions(tx: Transaction, user_id: int, who: Principal) -> int:
    return int(
        tx.run(
            update(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
            .values(ended_at=tx.now(), end_reason=f"left, by {who.login}")
        ).rowcount
    )


def _close_account(tx: Transaction, user_id: int) -> int:
    """Makes a user inactive; returns how many keys were revoked."""
    now = tx.now()
    keys = tx.run(
        update(ssh_keys).where(ssh_keys.c.user_id == user_id, ssh_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    ).rowcount
    tx.run(delete(platform_grants).where(platform_grants.c.user_id == user_id))
    tx.run(update(users).where(users.c.id == user_id).values(is_active=False, left_at=now))
    return int(keys)
