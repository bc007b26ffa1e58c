"""The system plane: what platform staff may do, who have no right in any workspace by it.

Promise: the planes do not leak. A platform role is asked for here and nowhere inside a workspace; a membership, whatever its role, is no
platform role. Somebody without one is told that there is no such thing; somebody with another one, that they may not.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from storage.access import Principal, WorkspaceMembership
from storage.capabilities import LEAST, PLATFORM_CAPABILITIES, Capability
from storage.database import Database, Transaction
from storage.errors import Forbidden, NotFound
from storage.schema import platform_grants, users

NO_WORKSPACE: Final = WorkspaceMembership(0, "", "no workspace", LEAST, False)
"""Where somebody is who may enter no workspace: whatever is asked there is not found."""


def held(db: Database, who: Principal) -> frozenset[Capability]:
    """Returns the principal's platform roles; none for somebody who is no active user, or no person."""
    if who.user_id is None:
        return frozenset()
    with db.read() as tx:
        rows = tx.run(
            select(platform_grants.c.capability)
            .join(users, users.c.id == platform_grants.c.user_id)
            .where(platform_grants.c.user_id == who.user_id, users.c.is_active)
        ).scalars()
        return frozenset(Capability(value) for value in rows)


def has_platform_grant(tx: Transaction, who: Principal, capability: Capability) -> bool:
    """Says whether the principal holds a capability of the system plane."""
    if who.user_id is None:
        return False
    return (
        tx.run(
            select(platform_grants.c.id)
            .join(users, users.c.id == platform_grants.c.user_id)
            .where(
                platform_grants.c.user_id == who.user_id,
                platform_grants.c.capability == capability.value,
                users.c.is_active,
            )
        ).first()
        is not None
    )


def require(tx: Transaction, who: Principal, capability: Capability, what: str = "The system directory") -> None:
    """Lets somebody with a platform role pass, or refuses.

    Args:
        tx: the transaction of the work itself.
        who: who asks.
        capability: one of `PLATFORM_CAPABILITIES`.
        what: the thing's name for the sentence.

    Raises:
        NotFound: they have no platform role at all, and are not entitled to know that the thing exists.
        Forbidden: they have another one.
    """
    if has_platform_grant(tx, who, capability):
        return
    if any(has_platform_grant(tx, who, other) for other in PLATFORM_CAPABILITIES - {capability}):
        raise Forbidden(
            f"{who.login} may not do this ({capability.value}).",
            f"Ask whoever owns the installation for: atlas-tui platform grant {who.login} {capability.value}",
            who=who,
            capability=capability.value,
            what=what,
        )
    raise NotFound(f"{what} does not exist.")
