"""A member's page: the role and what it allows; keys and open sessions, with a cursor on them.

Must not know: how lists look.
"""

from __future__ import annotations

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import View
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.member_actions import MemberActs, MemberTarget
from atlas_tui.screens.member_text import MemberRead, key_of, member_lines, read_member, session_of
from atlas_tui.screens.paging import PageScreen
from storage.states import Topic


class MemberScreen(MemberActs, PageScreen):
    """The page."""

    VIEW = View.MEMBER
    PLACES = (Where.DETAIL, Where.MEMBER, Where.MEMBER_ACTION)
    TOPICS = frozenset({Topic.MEMBERS})
    SHOWS_KEYS = True

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen = ""

    def tab(self) -> View:
        """Audit, as the list."""
        return View.AUDIT

    def crumb(self) -> str:
        """The login."""
        return self.read.member.login if self.read is not None else ""

    def read_subject(self, id: int) -> MemberRead:
        """The member, with keys and sessions when those may be seen."""
        return read_member(self.session, id)

    def _places(self) -> tuple[str, ...]:
        """What the cursor goes over."""
        read: MemberRead | None = self.read
        if read is None:
            return ()
        return (*(key_of(key) for key in read.keys or ()), *(session_of(row) for row in read.sessions or ()))

    @property
    def chosen(self) -> str:
        """What the cursor is on: the first key or session until it was moved."""
        places = self._places()
        return self._chosen if self._chosen in places else places[0] if places else ""

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return member_lines(self.read, self.times, width, self.chosen)

    def command_scroll_down(self) -> None:
        """The next key or session; past the last one a line down."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The one before; past the first one a line up."""
        self._choose(-1)

    def _choose(self, step: int) -> None:
        places = self._places()
        at = places.index(self.chosen) + step if places else -1
        if 0 <= at < len(places):
            self._chosen = places[at]
            self.show_page()
        self.page.scroll_lines(step)

    def command_copy_id(self) -> None:
        """Copy the login."""
        if self.read is not None:
            copy_text(self.atlas, self.read.member.login)

    def member_meant(self) -> MemberTarget:
        """This member, and the key or session under the cursor."""
        read: MemberRead | None = self.read
        key = None if read is None else next((key for key in read.keys or () if key_of(key) == self.chosen), None)
        row = (
            None if read is None else next((row for row in read.sessions or () if session_of(row) == self.chosen), None)
        )
        return MemberTarget(self.subject, key, row)

    def member_is_gone(self) -> None:
        """Back to the list."""
        if self.atlas.seen is self and self.atlas.screen is self:
            self.atlas.navigation.back()
