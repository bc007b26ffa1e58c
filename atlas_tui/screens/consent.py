"""A connection's consent, on a page of its own: asking for it, taking the answer, and the evidence.

Must not know: how a link is made, what an answer means.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Command, Where
from atlas_tui.commands import applying
from atlas_tui.links import Link, View, to_connection
from atlas_tui.screens.connection_text import name_of
from atlas_tui.screens.consent_acting import ActsOnConsent
from atlas_tui.screens.consent_text import ConsentRead, consent_lines, read_consent
from atlas_tui.screens.paging import PageScreen
from atlas_tui.widgets.menu import Menu
from storage.states import Topic


class ConsentScreen(ActsOnConsent, PageScreen):
    """The page."""

    VIEW = View.CONSENT
    PLACES = (Where.DETAIL, Where.CONSENT)
    TOPICS = frozenset({Topic.CONNECTIONS, Topic.RUNS})

    def tab(self) -> View:
        """Connections."""
        return View.CONNECTIONS

    def crumb(self) -> str:
        """Whose consent."""
        return f"Consent of {name_of(self.read.detail.row)}" if self.read is not None else "Consent"

    def all_commands(self) -> tuple[Command, ...]:
        """The actions of this page's menu too."""
        return (*self.commands, *applying(Where.CONSENT_ACTION))

    @property
    def consent(self) -> ConsentRead | None:
        """What was read."""
        found: ConsentRead | None = self.read
        return found

    def read_subject(self, id: int) -> ConsentRead:
        """The connection's consent."""
        return read_consent(self.session, id)

    def follow(self, link: Link) -> None:
        """Another connection: what was answered for the one before is not shown any more."""
        if link.id != self.subject:
            self.answer = None
        super().follow(link)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return consent_lines(self.read, self.held_link, self.answer, self.times, width)

    def command_actions(self) -> None:
        """The menu."""
        if self.read is not None:
            title = f"Consent of {name_of(self.read.detail.row)}"
            self.app.push_screen(Menu(title, self.consent_items(self.read)), self._do_picked)

    command_open = command_actions

    def _do_picked(self, id: str | None) -> None:
        if id is not None:
            self.do(id)

    def linked(self) -> Link | None:
        """The connection."""
        return None if self.subject is None else to_connection(self.subject)
