"""The platform apps of a workspace: at most one for each cloud, so a page with a cursor and no paging.

Must not know: how one app's own page looks.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_platform_app
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.platform_app_acting import AppActs
from atlas_tui.screens.platform_app_form import RegisterApp
from atlas_tui.screens.platform_app_text import app_list_lines
from storage import platform_apps
from storage.platform_apps import PlatformApp
from storage.states import Topic


class PlatformAppsScreen(AppActs, PageScreen):
    """The list."""

    VIEW = View.PLATFORM_APPS
    PLACES = (Where.DETAIL, Where.PLATFORM_APPS)
    TOPICS = frozenset({Topic.CONNECTIONS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen: int | None = None

    def tab(self) -> View:
        """Connections."""
        return View.CONNECTIONS

    def crumb(self) -> str:
        """What it is."""
        return "platform apps"

    def link(self) -> Link:
        """This list; the workspace is that of the session."""
        return Link(self.VIEW)

    def follow(self, link: Link) -> None:
        """The apps of the workspace that is open."""
        super().follow(Link(self.VIEW, self.session.workspace.workspace_id))

    def read_subject(self, id: int) -> tuple[PlatformApp, ...]:
        """The apps."""
        return platform_apps.of_workspace(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The list."""
        app = self.app_chosen
        return app_list_lines(self.read, None if app is None else app.id, self.times, width)

    @property
    def app_chosen(self) -> PlatformApp | None:
        """The app under the cursor: the first one until the cursor was moved."""
        apps: tuple[PlatformApp, ...] = self.read or ()
        return next((app for app in apps if app.id == self._chosen), apps[0] if apps else None)

    @property
    def app_id(self) -> int | None:
        """The same, its number."""
        app = self.app_chosen
        return None if app is None else app.id

    def command_scroll_down(self) -> None:
        """The next app."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The app before."""
        self._choose(-1)

    def _choose(self, step: int) -> bool:
        app, apps = self.app_chosen, self.read or ()
        at = apps.index(app) + step if app is not None else -1
        if not 0 <= at < len(apps):
            return False
        self._chosen = apps[at].id
        self.show_page()
        return True

    def step(self, rows: int) -> Link | None:
        """The next app, for its page on top of this one."""
        return to_platform_app(self.app_id) if self._choose(rows) and self.app_id is not None else None

    def offers(self, id: str) -> bool:
        """Enter opens an app, when there is one."""
        return id != "open" or self.app_id is not None

    def command_open(self) -> None:
        """Open the app under the cursor."""
        if self.app_id is not None:
            self.atlas.navigation.go(to_platform_app(self.app_id))

    def command_new(self) -> None:
        """Register one, in a form."""
        open_form(self.atlas, RegisterApp(self.session.workspace.workspace_id))

    def command_copy_id(self) -> None:
        """Copy the app's client id."""
        if (app := self.app_chosen) is not None:
            copy_text(self.atlas, app.client_id)
