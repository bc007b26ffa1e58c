"""Platform roles: who may read the system directory and the runs of all workspaces.

Promise: given and taken only by whoever owns the database, told on the system chain of the trail. A platform role gives no right inside a
workspace, and a membership no platform role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from storage import audit
from storage.access import Principal
from storage.capabilities import PLATFORM_CAPABILITIES, Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_login, read_name
from storage.ownership import require_owner
from storage.schema import platform_grants, users
from storage.states import Topic
from storage.users import active_user, find_or_make


@dataclass(frozen=True, slots=True)
class PlatformGrant:
    """One platform role of one user."""

    login: str
    display_name: str
    capability: Capability
    since: datetime


def of_installation(db: Database, who: Principal) -> tuple[PlatformGrant, ...]:
    """Returns all platform roles, by login.

    Raises:
        Forbidden: who asks does not own the database.
    """
    require_owner(who)
    with db.read() as tx:
        rows = tx.run(
            select(users.c.login, users.c.display_name, platform_grants.c.capability, platform_grants.c.created_at)
            .join(users, users.c.id == platform_grants.c.user_id)
            .where(users.c.is_active)
            .order_by(users.c.login, platform_grants.c.capability)
        ).all()
    return tuple(PlatformGrant(row.login, row.display_name, Capability(row.capability), row.created_at) for row in rows)


def grant(
    db: Database,
    who: Principal,
    login: str,
    capability: Capability,
    *,
    display_name: str | None = None,
    ticket: str | None = None,
) -> PlatformGrant:
    """Gives somebody a platform role; an account that is new here is made.

    Args:
        db: the database.
        who: whoever owns the database, from `ownership.database_owner`.
        login: the account.
        capability: one of `PLATFORM_CAPABILITIES`.
        display_name: the person's name, for an account that is new; the login when None.
        ticket: a reference for the trail.

    Raises:
        InvalidInput: the login cannot be used, or the capability is a workspace's.
        Conflict: they have it already.
        Forbidden: who asks does not own the database.
    """
    login, name = read_login("login", login), read_name("display name", display_name or login)
    _check(capability)

    def work(tx: Transaction) -> PlatformGrant:
        require_owner(who)
        user_id = find_or_make(tx, login, name)
        if tx.run(_grants_of(user_id, capability)).first() is not None:
            raise Conflict(f"{login} has {capability.value} already.")
        now = tx.now()
        tx.run(insert(platform_grants).values(user_id=user_id, capability=capability.value, created_at=now))
        _told(tx, who, "platform.grant", login, capability, ticket)
        shown = tx.run(select(users.c.display_name).where(users.c.id == user_id)).scalar_one()
        return PlatformGrant(login, shown, capability, now)

    return audit.attempt(db, who, "platform.grant", work, target_kind="account", target_id=login, ticket=ticket)


def revoke(db: Database, who: Principal, login: str, capability: Capability, *, ticket: str | None = None) -> None:
    """Takes a platform role away.

    Raises:
        InvalidInput: the capability is a workspace's.
        NotFound: there is no such active user, or they do not have it.
        Forbidden: who asks does not own the database.
    """
    _check(capability)

    def work(tx: Transaction) -> None:
        require_owner(who)
        user_id = active_user(tx, login)
        gone = delete(platform_grants).where(
            platform_grants.c.user_id == user_id, platform_grants.c.capability == capability.value
        )
        if tx.run(gone).rowcount == 0:
            raise NotFound(f"{login} does not have {capability.value}.", "See `atlas-tui platform list`.")
        _told(tx, who, "platform.revoke", login, capability, ticket)

    audit.attempt(db, who, "platform.revoke", work, target_kind="account", target_id=login, ticket=ticket)


def _grants_of(user_id: int, capability: Capability) -> object:
    return select(platform_grants.c.id).where(
        platform_grants.c.user_id == user_id, platform_grants.c.capability == capability.value
    )


def _check(capability: Capability) -> None:
    if capability not in PLATFORM_CAPABILITIES:
        raise InvalidInput(
            "capability",
            f"{capability.value} is a workspace's",
            f"Use one of: {', '.join(sorted(PLATFORM_CAPABILITIES))}.",
        )


def _told(tx: Transaction, who: Principal, action: str, login: str, capability: Capability, ticket: str | None) -> None:
    audit.record(
        tx,
        who,
        action,
        target_kind="account",
        target_id=login,
        workspace_id=None,
        ticket=ticket,
        detail={"login": login, "capability": capability.value},
    )
    tx.touch(Topic.MEMBERS)
