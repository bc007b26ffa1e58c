"""What every headless command begins with: the configuration, the database, who is asking, and in which workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atlas_tui import keyboard
from storage import access
from storage.access import Principal, WorkspaceMembership
from storage.configuration import Settings, load
from storage.database import Database, open_database
from storage.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Opened:
    """A command's surroundings.

    Attributes:
        settings: the configuration.
        db: the open database.
        who: the principal.
        workspace: where the command works.
    """

    settings: Settings
    db: Database
    who: Principal
    workspace: WorkspaceMembership


@contextmanager
def opened(config: Path | None, workspace: str | None) -> Iterator[Opened]:
    """Opens everything a command needs and closes it again.

    Args:
        config: the configuration file; the default place when None.
        workspace: a workspace's short name; the configured one, or the only one, when None.

    Raises:
        InvalidInput: the configuration cannot be used, or several workspaces could be meant.
        DatabaseError: the database cannot be used.
        Forbidden: the account is no member of anything.
        NotFound: there is no such workspace for this account.
    """
    settings = load(config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        who = keyboard.principal(db)
        entered = access.entered_workspaces(db, who)
        if not entered:
            keyboard.turned_away(db, who, refusal := access.nobody(who.login))
            raise refusal
        yield Opened(settings, db, who, _choose(entered, workspace or settings.workspace))
    finally:
        db.close()


@contextmanager
def opened_anywhere(config: Path | None) -> Iterator[tuple[Database, Principal]]:
    """Opens the database as the person at the keyboard, in no workspace: for what is their own, and for the system plane.

    Args:
        config: the configuration file; the default place when None.

    Raises:
        InvalidInput: the configuration cannot be used.
        DatabaseError: the database cannot be used.
        Forbidden: nobody that this database knows.
    """
    settings = load(config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        yield db, keyboard.principal(db)
    finally:
        db.close()


@contextmanager
def opened_by_owner(config: Path | None) -> Iterator[tuple[Database, Principal]]:
    """Opens the database for whoever owns it, and closes it again.

    Args:
        config: the configuration file; the default place when None.

    Raises:
        InvalidInput: the configuration cannot be used.
        DatabaseError: the database cannot be used.
        Forbidden: the account does not own the database, or the person only came in through it (a forced command).
    """
    settings = load(config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        yield db, keyboard.owner(db)
    finally:
        db.close()


def _choose(entered: tuple[WorkspaceMembership, ...], slug: str | None) -> WorkspaceMembership:
    if slug:
        for membership in entered:
            if membership.slug == slug:
                return membership
        raise NotFound(f"There is no workspace {slug}.", f"You are in: {', '.join(m.slug for m in entered)}.")
    if len(entered) > 1:
        raise InvalidInput(
            "--workspace",
            "must be named, since you are in several",
            f"Use one of: {', '.join(m.slug for m in entered)}.",
        )
    return entered[0]
