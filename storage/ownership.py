"""Who owns the database: the one who may make workspaces, give platform roles and close accounts, from the command line.

Promise: ownership is a fact that the operating system or the database server states (the file's owner, the database's role), never a
claim. It is no role in any workspace: the owner's principal sees no tenant by it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import select, text

from storage.access import Principal, account_of
from storage.database import Database, Transaction
from storage.errors import Forbidden
from storage.schema import users

VIA: Final = "owner"
GATEWAY_ROLE: Final = "atlas_gateway"
"""PostgreSQL: members of this role may say which member an SSH key belongs to without owning the database."""


def database_owner(db: Database) -> Principal:
    """Returns the principal of whoever owns the database, if that is who runs this process.

    Raises:
        Forbidden: it is somebody else. Who asks for the process writes it down (`sessions.refused`).
    """
    if not _owns(db):
        raise Forbidden(
            "This is for whoever owns the database.",
            "Run it as the account that owns the file." if db.is_sqlite else "Log in as the role that owns it.",
        )
    account = account_of(db)
    with db.read() as tx:
        user_id = tx.run(
            select(users.c.id).where(users.c.login == account.login, users.c.is_active)
        ).scalar_one_or_none()
    return Principal(user_id, account.login, via=VIA, real_login=account.real_login)


def require_owner(who: Principal) -> None:
    """Lets only the principal that `database_owner` gives pass.

    Raises:
        Forbidden: it is another one.
    """
    if who.via != VIA:
        raise Forbidden(
            f"{who.login} may not do this: it is for whoever owns the database.", "Ask the person who runs it.", who=who
        )


def acting_as(who: Principal, user_id: int) -> Principal:
    """Returns the owner's principal as the user it has just made."""
    return replace(who, user_id=user_id)


def require_gateway(db: Database) -> None:
    """Lets a process pass that may vouch for members by their SSH keys: the database's owner, or PostgreSQL's gateway role.

    Without this, everybody who may open the database could choose whom to be by naming a key.

    Raises:
        Forbidden: this process may not.
    """
    if not _owns(db) and not (not db.is_sqlite and _is_gateway(db)):
        raise Forbidden(
            "This account may not open sessions for members.",
            "sshd starts them as the account that owns the database; see docs/people.md.",
        )


def _owns(db: Database) -> bool:
    if not db.is_sqlite:
        with db.read() as tx:
            return _owns_on_server(tx)
    with db.read() as tx:
        path = str(tx.connection.exec_driver_sql("PRAGMA database_list").fetchone()[2])  # type: ignore[index]
    return os.geteuid() in (0, Path(path).stat().st_uid)


def _owns_on_server(tx: Transaction) -> bool:
    """`pg_has_role` is true for superusers (PostgreSQL, "Access Privilege Inquiry Functions")."""
    question = "SELECT pg_has_role(session_user, datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()"
    return bool(tx.run(text(question)).scalar_one())


def _is_gateway(db: Database) -> bool:
    question = "SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = :role"
    with db.read() as tx:
        return bool(tx.run(text(question), {"role": GATEWAY_ROLE}).scalar_one_or_none())
