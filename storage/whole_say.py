"""Whole say: who may decide about what a person is everywhere, their SSH keys and their open sessions.

Promise: an Owner can add anybody by login, so being a member of the Owner's workspace gives no power over what opens other workspaces too.
An Owner decides only about people whom nothing but the Owner's own workspaces knows and who hold no platform role; about others whoever
owns the database does; about oneself everybody does. What an Owner gives in their own workspace they can always take away: the membership.

Must not know: what a key or a session is.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, or_, select

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Transaction
from storage.errors import Forbidden
from storage.ownership import VIA
from storage.schema import memberships, platform_grants

END_THE_ROLE: Final = "To shut them out of this workspace, end their role here: atlas-tui member remove."


def counting(tx: Transaction) -> ColumnElement[bool]:
    """Makes the condition that a membership counts now: neither revoked nor over."""
    return memberships.c.revoked_at.is_(None) & or_(
        memberships.c.expires_at.is_(None), memberships.c.expires_at > tx.now()
    )


def has_platform_role(tx: Transaction, user_id: int) -> bool:
    """Says whether somebody may read the directory of the whole installation."""
    return tx.run(select(platform_grants.c.id).where(platform_grants.c.user_id == user_id)).first() is not None


def has_whole_say(tx: Transaction, who: Principal, user_id: int) -> bool:
    """Says whether the principal owns every workspace that a person reaches, or the database."""
    if who.via == VIA:
        return True
    if has_platform_role(tx, user_id):
        return False
    reached = tx.run(select(memberships.c.workspace_id).where(memberships.c.user_id == user_id, counting(tx))).scalars()
    rights = authority(tx, who)
    return all(rights.reaches_whole(one, Capability.MEMBER_MANAGE) for one in reached)


def require_whole_say(
    tx: Transaction, who: Principal, user_id: int, workspace_id: int, what: str, *, instead: str = ""
) -> None:
    """Lets pass, or refuses.

    Args:
        tx: the transaction of what is asked for.
        who: an Owner of the workspace, or whoever owns the database. The caller has asked for that.
        user_id: whom it is about.
        workspace_id: whose trail tells a refusal.
        what: what is asked for, as it follows "may not".
        instead: a sentence on what the Owner may do, put in front of the hint.

    Raises:
        Forbidden: the person reaches more than the principal owns.
    """
    if has_whole_say(tx, who, user_id):
        return
    refusal = Forbidden(
        f"{who.login} may not {what}.",
        f"{instead} Whoever owns the database can, with --system.".strip(),
        who=who,
        what=what[:1].upper() + what[1:],
    )
    refusal.workspace_id = workspace_id
    raise refusal
