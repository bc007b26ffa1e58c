"""Whether this dashboard may stay, and what its person may do now.

Promise: a session that was ended, an account that was closed and a last membership that ended make the dashboard leave within seconds,
with a sentence on the ordinary terminal; nothing of the workspace stays on the screen. Another role counts at once: in every question to
the database anyway, and on line 1 and in what is dimmed as soon as this module has asked.

Must not know: screens, SQL.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.text import Text

from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import Session
    from storage.access import WorkspaceMembership
    from storage.sessions import SessionStanding

TICKS: Final = 12
"""How many ticks of the app (of five seconds) pass between two looks, for a role that ends by the clock: no change announces that."""

LEFT: Final = 5
"""Exit code of a dashboard that had to leave: the one of Forbidden."""


class Attendance:
    """Counts the app's ticks."""

    def __init__(self) -> None:
        self._ticks = 0

    def is_due(self) -> bool:
        """Whether it is time to look; called once a tick."""
        self._ticks = (self._ticks + 1) % TICKS
        return self._ticks == 0


def read(session: Session) -> SessionStanding:
    """Ask what has become of a session. Blocks; not for the event loop.

    Raises:
        AtlasError: The database cannot be asked.
    """
    from storage import sessions

    if session.id is not None:
        return sessions.standing(session.db, session.who, session.id)
    return sessions.standing_of(session.db, session.who)


def ask(app: AtlasApp) -> None:
    """Ask, and do what follows from the answer."""
    session = app.session
    app.ask("staying", lambda: read(session), lambda standing: _follow(app, standing), lambda error: None)


def finish(app: AtlasApp) -> None:
    """Note that the dashboard was closed. Blocks; called when the screen is gone."""
    if not app.is_open or (id := app.session.id) is None:
        return
    from storage import sessions

    with suppress(AtlasError):  # the database may be what the dashboard was closed for
        sessions.finish(app.session.db, app.session.who, id)


def _rights(entered: WorkspaceMembership) -> tuple[str, bool]:
    return entered.role.value, entered.whole


def _follow(app: AtlasApp, standing: SessionStanding) -> None:
    session, ended = app.session, standing.ended
    if session.workspaces and not standing.workspaces:
        # Also for platform staff: nothing of a workspace stays on the screen. They may come again, to the system plane alone.
        ended = ended or f"{session.who.login} is not a member of any workspace any more."
    elif not session.workspaces and not standing.workspaces and not standing.platform:
        ended = ended or f"{session.who.login} has no platform role any more."
    if ended is not None:
        app.stop_listening()
        app.exit(return_code=LEFT, message=Text(f"atlas-tui: {ended}"))
        return
    if standing.platform != session.platform:
        app.rights_changed(replace(session, platform=standing.platform))
        if lost := session.platform - standing.platform:
            app.call_next(app.navigation.leave_system_plane)
            app.flash(f"You do not have {' and '.join(sorted(lost))} any more.", "warn")
        session = app.session
    if standing.workspaces == session.workspaces:
        return
    if not session.workspaces:
        app.rights_changed(replace(session, workspaces=standing.workspaces))
        app.flash(f"You are a member of {standing.workspaces[0].name} now: :workspace {standing.workspaces[0].slug}")
        return
    here = [entry for entry in standing.workspaces if entry.workspace_id == session.workspace.workspace_id]
    if not here:
        app.rights_changed(replace(session, workspaces=standing.workspaces))
        app.enter_workspace(standing.workspaces[0].slug)
        app.flash(f"You are no member of {session.workspace.name} any more.", "warn")
        return
    before = session.workspace
    app.rights_changed(replace(session, workspaces=standing.workspaces, workspace=here[0]))
    if _rights(here[0]) != _rights(before):
        app.flash(f"Your role in {here[0].name} is {here[0].role.value} now.", "warn")
