"""The rule that a workspace never loses its last Owner.

Promise: counted are Owners of the whole workspace, active, without an end; counted under a lock, so that two of them cannot remove each
other at once. Whatever takes an Owner away asks here, in its transaction, before it writes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from storage.capabilities import Role
from storage.database import Transaction
from storage.errors import Conflict
from storage.schema import memberships, users, workspaces
from storage.states import ScopeKind


def lasting_owners(tx: Transaction, workspace_id: int, *, lock: bool = True) -> list[Any]:
    """Returns (membership id, user id, login) of those who stay Owners, the longest-standing first; their memberships are locked.

    SQLite's write transactions hold the only lock there is. What only says what would be done does not lock.
    """
    statement = (
        select(memberships.c.id, memberships.c.user_id, users.c.login)
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.workspace_id == workspace_id,
            memberships.c.role == Role.OWNER.value,
            memberships.c.scope_kind == ScopeKind.WORKSPACE.value,
            memberships.c.revoked_at.is_(None),
            memberships.c.expires_at.is_(None),
            users.c.is_active,
        )
        .order_by(memberships.c.id)
    )
    return list(tx.run(statement.with_for_update(of=memberships) if lock and not tx.is_sqlite else statement).all())


def keep_an_owner(
    tx: Transaction, workspace_id: int, going: Collection[int], *, becoming: Role | None = None, lock: bool = True
) -> None:
    """Refuses what would leave a workspace without a lasting Owner.

    Args:
        tx: the transaction of the change.
        workspace_id: whose.
        going: the memberships that end, or are not a lasting Owner's any more.
        becoming: the role they get instead; None when they end.
        lock: whether it is a change; False for what only says what a change would do.

    Raises:
        Conflict: the last lasting Owner is among them.
    """
    if becoming is Role.OWNER:
        return
    owners = lasting_owners(tx, workspace_id, lock=lock)
    leaving = [row for row in owners if row.id in going]
    if leaving and len(leaving) == len(owners):
        name = tx.run(select(workspaces.c.name).where(workspaces.c.id == workspace_id)).scalar_one()
        raise Conflict(f"{leaving[0].login} is the last Owner of {name}.", "Make somebody else Owner first, for good.")
