"""A platform app's page: what it is, its credentials, who uses it, and what is wrong with it as a whole.

Must not know: how the list of apps looks.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.links import Link, View
from atlas_tui.screens.copying import copy_json, copy_text
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.platform_app_acting import AppActs
from atlas_tui.screens.platform_app_text import AppRead, app_lines, read_app
from storage.states import Topic


class PlatformAppScreen(AppActs, PageScreen):
    """The page."""

    VIEW = View.PLATFORM_APP
    PLACES = (Where.DETAIL, Where.PLATFORM_APP)
    TOPICS = frozenset({Topic.CONNECTIONS})

    def tab(self) -> View:
        """Connections."""
        return View.CONNECTIONS

    def crumb(self) -> str:
        """The app's name."""
        return f"app {self.read.detail.app.display_name}" if self.read is not None else ""

    @property
    def app_id(self) -> int | None:
        """This app."""
        return self.subject

    def read_subject(self, id: int) -> AppRead:
        """The app, its credentials, some of its connections."""
        return read_app(self.session, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return app_lines(self.read, self.times, width)

    def linked(self) -> Link | None:
        """The connections that sign in with it."""
        return None if self.read is None else Link(View.CONNECTIONS, filter=self.read.filter)

    def command_open(self) -> None:
        """The same."""
        if (link := self.linked()) is not None:
            self.atlas.navigation.go(link)

    def command_linked_audit(self) -> None:
        """What the audit trail tells of this app."""
        if self.subject is not None:
            self.atlas.navigation.go(Link(View.AUDIT, filter=f"target:platform_app:{self.subject}"))

    def command_copy_id(self) -> None:
        """Copy the client id."""
        if self.read is not None:
            copy_text(self.atlas, self.read.detail.app.client_id)

    def command_copy_json(self) -> None:
        """Copy the app as JSON."""
        if self.read is not None:
            copy_json(self.atlas, self.read.detail)
