"""What ending somebody's roles would do, said before it is done: one role, all in a workspace, or the whole account.

Promise: the sentences follow the rules of `member_changes` and `leaving`, which decide again when it is done; what those would refuse is
refused here with the same words. Reads only, and asks for the right to make the change.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.consequences import Consequences, count
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.owners import keep_an_owner
from storage.ownership import require_owner
from storage.schema import memberships, sessions, ssh_keys, tags, tenants, users, workspaces
from storage.states import ScopeKind
from storage.users import active_user
from storage.whole_say import has_platform_role, has_whole_say

_TRAIL = "The trail keeps what they did. Adding them again gives a role anew, not the keys."


def preview_revoke(db: Database, who: Principal, workspace_id: int, member_id: int) -> Consequences:
    """Says what ending one role does.

    Raises:
        Conflict: it is the last Owner's.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="member.revoke") as tx:
        _require(tx, who, workspace_id)
        row = tx.run(_open().where(memberships.c.id == member_id, memberships.c.workspace_id == workspace_id)).first()
        if row is None:
            raise NotFound(f"Membership {member_id} does not exist.", "See `atlas-tui member list`.")
        keep_an_owner(tx, workspace_id, [member_id], lock=False)
        here = tx.run(_open().where(memberships.c.workspace_id == workspace_id, users.c.id == row.user_id)).all()
        others = [_role(other) for other in here if other.id != member_id]
        return Consequences(
            f"End the role of {row.login}",
            (
                f"{row.login} is {_role(row)} no more, at once.",
                f"Stays: {', '.join(others)}." if others else f"It is the only role of {row.login} in {row.workspace}.",
                "Sessions and keys stay; to end those too, let the person leave.",
            ),
            hurts=True,
        )


def preview_leave(db: Database, who: Principal, workspace_id: int, login: str) -> Consequences:
    """Says what somebody's leaving a workspace does.

    Raises:
        Conflict: it is the last Owner.
        NotFound, Forbidden: no member, or not allowed.
    """
    with db.read(wanting="member.leave") as tx:
        _require(tx, who, workspace_id)
        held = tx.run(_open().where(users.c.login == login)).all()
        here = [row for row in held if row.workspace_id == workspace_id]
        if not here:
            raise NotFound(f"{login} is no member of this workspace.", "See `atlas-tui member list`.")
        keep_an_owner(tx, workspace_id, [row.id for row in here], lock=False)
        user_id = int(here[0].user_id)
        sentences = [f"Ends every role in {here[0].workspace}: {', '.join(map(_role, here))}."]
        closes = len(here) == len(held) and not has_platform_role(tx, user_id)
        if closes:
            sentences.append(f"Nothing is left to them, so the account is closed: {_opened(tx, user_id)}.")
        elif has_whole_say(tx, who, user_id):
            sentences.append(f"Ends their open sessions: {count(_sessions(tx, user_id), 'dashboard')}. Keys stay.")
        else:
            sentences.append("Sessions and keys stay; an open dashboard loses this workspace within a minute.")
        sentences += ["What they had acknowledged here becomes yours; their drafts here are removed.", _TRAIL]
        if who.user_id == user_id:
            sentences.insert(0, "THIS IS YOU.")
        return Consequences(f"Let {login} leave", tuple(sentences), hurts=True)


def preview_deactivate(db: Database, who: Principal, login: str) -> Consequences:
    """Says what closing an account does.

    Args:
        db: the database.
        who: whoever owns the database, from `ownership.database_owner`.
        login: whose account.

    Raises:
        Conflict: they are the last Owner of a workspace, which is named.
        NotFound: there is no such active user.
        Forbidden: who asks does not own the database.
    """
    with db.read(wanting="user.deactivate") as tx:
        require_owner(who)
        user_id = active_user(tx, login)
        held = tx.run(_open().where(users.c.id == user_id)).all()
        for workspace_id in sorted({row.workspace_id for row in held}):
            keep_an_owner(tx, workspace_id, [row.id for row in held if row.workspace_id == workspace_id], lock=False)
        names = sorted({row.workspace for row in held})
        sentences = [
            f"Ends every role of {login}: {', '.join(names)}." if names else f"{login} is in no workspace.",
            f"The account is closed: {_opened(tx, user_id)}.",
            "What they had acknowledged becomes an Owner's; their drafts are removed.",
            _TRAIL,
        ]
        if has_platform_role(tx, user_id):
            sentences.insert(1, "Takes their platform roles.")
        return Consequences(f"Close the account {login}", tuple(sentences), hurts=True)


def _require(tx: Transaction, who: Principal, workspace_id: int) -> None:
    authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")


def _open() -> Any:
    """The memberships that `leaving` and `member_changes` would end: those that expired too."""
    return (
        select(
            memberships.c.id,
            memberships.c.user_id,
            memberships.c.workspace_id,
            memberships.c.role,
            memberships.c.scope_kind,
            users.c.login,
            workspaces.c.name.label("workspace"),
            tenants.c.name.label("tenant"),
            tags.c.name.label("tag"),
        )
        .join(users, users.c.id == memberships.c.user_id)
        .join(workspaces, workspaces.c.id == memberships.c.workspace_id)
        .outerjoin(tenants, tenants.c.id == memberships.c.tenant_id)
        .outerjoin(tags, tags.c.id == memberships.c.tag_id)
        .where(memberships.c.revoked_at.is_(None))
        .order_by(memberships.c.id)
    )


def _role(row: Any) -> str:
    named = {ScopeKind.TENANT.value: f"tenant {row.tenant}", ScopeKind.TAG.value: f"tag {row.tag}"}
    return f"{row.role} on {named.get(row.scope_kind, 'workspace')}"


def _sessions(tx: Transaction, user_id: int) -> int:
    mine = (sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    return int(tx.run(select(func.count()).select_from(sessions).where(*mine)).scalar_one())


def _opened(tx: Transaction, user_id: int) -> str:
    mine = (ssh_keys.c.user_id == user_id, ssh_keys.c.revoked_at.is_(None))
    keys = int(tx.run(select(func.count()).select_from(ssh_keys).where(*mine)).scalar_one())
    return f"{count(_sessions(tx, user_id), 'open session')} ended, {count(keys, 'SSH key')} revoked"
