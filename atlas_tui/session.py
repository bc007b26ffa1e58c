"""Where the dashboard is: which database, who is at the keyboard, in which workspace.

Promise: opening it touches the database in the caller's thread and imports what that needs only then. A session is a value; another
workspace is another session on the same database.

Must not know: screens, widgets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from atlas_tui import keyboard
from storage.errors import AtlasError, NotFound

if TYPE_CHECKING:
    from storage.access import Principal, WorkspaceMembership
    from storage.capabilities import Capability
    from storage.configuration import Settings
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Session:
    """What every question to the database needs.

    Attributes:
        db: The database.
        who: Who asks.
        workspaces: Every workspace they may enter; none for platform staff who are members of nothing.
        workspace: The one on the screen; `system_plane.NO_WORKSPACE` when they may enter none.
        platform: Their platform roles, which count on the system plane alone.
        id: The session's row in the database; None for one that nobody keeps, as in tests.
        place: Where the database is, for people; empty when its own address says it.
        state_directory: Where exports go; empty when nothing may be written.
        settings: The configuration it was opened with; None for one that has none, as in tests.
    """

    db: Database
    who: Principal
    workspaces: tuple[WorkspaceMembership, ...]
    workspace: WorkspaceMembership
    id: str | None = field(default=None, kw_only=True)
    place: str = ""
    state_directory: str = ""
    settings: Settings | None = field(default=None, repr=False)
    platform: frozenset[Capability] = frozenset()

    def entered(self, slug: str) -> Session:
        """The same in another workspace.

        Raises:
            NotFound: There is none of that name for this person.
        """
        for workspace in self.workspaces:
            if slug.casefold() in (workspace.slug.casefold(), workspace.name.casefold()):
                return replace(self, workspace=workspace)
        names = ", ".join(workspace.slug for workspace in self.workspaces) or "none"
        raise NotFound(f"There is no workspace {slug[:80]}.", f"You may enter: {names}.")


def open_session(settings: Settings, workspace: str | None = None) -> Session:
    """Open the database of a configuration as the person at the keyboard. Blocks; not for the event loop.

    Args:
        settings: Names the database.
        workspace: Slug of the workspace to enter; the configuration's, else the first one, when None.

    Raises:
        AtlasError: The database cannot be used, or the account is no member of anything in it.
    """
    from storage import sessions
    from storage.database import open_database

    db = open_database(settings.database, shared=settings.shared)
    try:
        who = keyboard.principal(db)
        session = session_of(db, who, workspace or settings.workspace or None)
        id = sessions.begin(db, who, keyboard.host())
    except AtlasError:
        db.close()
        raise
    place = "" if "://" in settings.database else settings.database
    return replace(session, place=place, state_directory=settings.state_directory, settings=settings, id=id)


def session_of(db: Database, who: Principal, workspace: str | None = None) -> Session:
    """A session on an open database. Blocks; not for the event loop.

    Raises:
        Forbidden: The person is no member of any workspace here, and no platform staff.
        NotFound: They are not one of the named workspace.
        DatabaseError: The database cannot be asked.
    """
    from storage.access import nobody
    from storage.sessions import standing_of
    from storage.system_plane import NO_WORKSPACE

    standing = standing_of(db, who)
    if standing.ended is not None:
        keyboard.turned_away(db, who, refusal := nobody(who.login))
        raise refusal
    if not standing.workspaces:
        # A configuration may name a workspace for everybody on the host; staff who are members of none look at all of them.
        return Session(db, who, (), NO_WORKSPACE, platform=standing.platform)
    session = Session(db, who, standing.workspaces, standing.workspaces[0], platform=standing.platform)
    return session.entered(workspace) if workspace is not None else session
