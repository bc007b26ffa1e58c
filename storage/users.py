"""Users: one row for each account that ever was somebody here.

Promise: an account is never deleted, since the audit trail names it; somebody who left and is added again begins with nothing of before.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update

from storage.database import Transaction
from storage.errors import NotFound
from storage.schema import memberships, platform_grants, ssh_keys, users


def find_or_make(tx: Transaction, login: str, display_name: str) -> int:
    """Returns the id of an account's active user: made when it is new, opened again when the person had left.

    Whoever comes back gets no membership, key or platform role of before. The row is locked: what the caller gives next is given once, and
    not to an account that is being closed.
    """
    statement = select(users.c.id, users.c.is_active).where(users.c.login == login)
    found = tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).first()
    now = tx.now()
    if found is None:
        row = insert(users).values(login=login, display_name=display_name, created_at=now).returning(users.c.id)
        return int(tx.run(row).scalar_one())
    if not found.is_active:
        for table in (memberships, ssh_keys):
            tx.run(
                update(table).where(table.c.user_id == found.id, table.c.revoked_at.is_(None)).values(revoked_at=now)
            )
        tx.run(platform_grants.delete().where(platform_grants.c.user_id == found.id))
        tx.run(update(users).where(users.c.id == found.id).values(is_active=True, left_at=None))
    return int(found.id)


def lock_user(tx: Transaction, user_id: int) -> None:
    """Locks a user whose account may be closed, so that nobody gives them a role meanwhile. SQLite has one lock for all."""
    if not tx.is_sqlite:
        tx.run(select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)).first()


def active_user(tx: Transaction, login: str) -> int:
    """Returns the id of an account's active user.

    Raises:
        NotFound: there is none.
    """
    found = tx.run(select(users.c.id).where(users.c.login == login, users.c.is_active)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"{login} is no active user here.", "Add them to a workspace first: atlas-tui member add")
    return int(found)
