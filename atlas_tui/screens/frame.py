"""What every screen has: line 1, the tabs, the flash line, the key hints, the keys of its commands, and how it learns of changes.

Promise: a screen asks the database only when it is seen and something it shows has changed, or when it is shown again after that. The
keys it has are those of the registry for its places.

Must not know: what a screen shows in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.screen import Screen
from textual.widget import Widget

from atlas_tui.command import Command, Where
from atlas_tui.commands import applying
from atlas_tui.keymap import Keymap, bindings, key_word
from atlas_tui.links import TAB_NUMBERS, TABS, Link, View
from atlas_tui.outage_banner import banner
from atlas_tui.screens.prose import Times
from atlas_tui.threads import Asks
from atlas_tui.widgets.flash_line import FlashLine
from atlas_tui.widgets.key_hints import Hint, KeyHints
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.tab_line import Tab, TabLine
from storage.capabilities import CAPABILITIES_OF
from storage.errors import AtlasError
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.screens.runbook import Subject
    from atlas_tui.session import Session


class AtlasScreen(Asks, Screen[None], inherit_bindings=False):
    """A screen of the dashboard.

    Args:
        keymap: Which keys the commands have.
    """

    VIEW: ClassVar[View]
    PLACES: ClassVar[tuple[Where, ...]] = ()
    TOPICS: ClassVar[frozenset[Topic]] = frozenset()
    AUTO_FOCUS = ""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.keymap = keymap
        self.commands = applying(Where.EVERYWHERE, *self.PLACES)
        self._bindings = BindingsMap(bindings(self.commands, keymap))
        self._missed = False
        self._seen_before = False

    # What it is made of

    def compose(self) -> ComposeResult:
        """The lines around the body."""
        yield StatusLine(id="status")
        yield TabLine(id="tabs")
        yield from self.compose_body()
        yield FlashLine(id="flash")
        yield KeyHints(self.hints(), id="hints")

    def compose_body(self) -> Iterable[Widget]:
        """What is between the tabs and the flash line."""
        raise NotImplementedError

    @property
    def atlas(self) -> AtlasApp:
        """The app."""
        return cast("AtlasApp", self.app)

    @property
    def session(self) -> Session:
        """Who asks what. Only while there is one: a screen is made after the database was opened."""
        return self.atlas.session

    @property
    def times(self) -> Times:
        """How moments are shown now."""
        return self.atlas.times

    def hints(self) -> Sequence[Hint]:
        """The keys of the last line, the most important first."""
        shown = [command for command in self.commands if command.hint and self.offers(command.id)]
        shown.sort(key=lambda command: command.hint)
        return [
            Hint(key_word(self.keymap[command.id][0]), command.label, self.allows(command))
            for command in shown
            if self.keymap.get(command.id)
        ]

    def offers(self, id: str) -> bool:
        """Whether a command does something here and now; one that does not is left out of the hints."""
        return True

    def allows(self, command: Command) -> bool:
        """Whether the role on line 1 may do a command; what it may not is dimmed, and says who may when it is asked for."""
        return command.capability is None or command.capability in CAPABILITIES_OF[self.session.workspace.role]

    def crumb(self) -> str:
        """What is open here, behind the tabs."""
        return ""

    def tab(self) -> View:
        """The tab this screen belongs to."""
        return self.VIEW

    def link(self) -> Link:
        """The way back to what is shown."""
        return Link(self.VIEW)

    def follow(self, link: Link) -> None:
        """A link leads here: show what it is about."""

    def thing_here(self) -> Any:
        """The row under the cursor, or what this page has read."""
        return None

    def reason_here(self) -> str | None:
        """The reason code that it is about; help begins with its runbook."""
        from atlas_tui.screens.runbook import subject_of

        return None if (found := subject_of(self.thing_here())) is None else found.code

    def subject_here(self) -> Subject | None:
        """The reason code with the connection and the run it was seen on."""
        from atlas_tui.screens.runbook import Subject, subject_of

        if (code := self.reason_here()) is None:
            return None
        found = subject_of(self.thing_here())
        return found if found is not None and found.code == code else Subject(code)

    def step(self, rows: int) -> Link | None:
        """Move the cursor of this screen's list, for the page on top of it.

        Returns:
            The page of the row it is on now; None when there is no other row, or no list.
        """
        return None

    # Commands

    def all_commands(self) -> tuple[Command, ...]:
        """What can be asked for here, for the help and the palette."""
        return self.commands

    def action_command(self, id: str) -> None:
        """A key was pressed."""
        self.do(id)

    def do(self, id: str) -> None:
        """Do a command of the registry: the screen's own way, else the app's."""
        handler = getattr(self, f"command_{id}", None) or getattr(self.atlas.everywhere, f"command_{id}", None)
        if handler is not None:
            handler()

    def linked(self) -> Link | None:
        """What belongs to what is shown, for `l`; None when nothing does."""
        return None

    def command_linked(self) -> None:
        """What the last message is about, else what belongs to what is shown."""
        notice, link = self.atlas.notice, self.linked()
        if notice is not None and (told := notice.leads_from(self.link())) is not None:
            self.atlas.clear_notice()
            if notice.about is not None:
                self.atlas.mailbox.open(notice.about)
            else:
                self.atlas.navigation.go(told)
        elif link is not None:
            self.atlas.navigation.go(link)
        else:
            self.atlas.flash("Nothing is linked here.")

    def command_reload(self) -> None:
        """Read again."""
        self.atlas.hurry_feed()
        self.reload()

    # Changes

    def reload(self) -> None:
        """Ask for everything on the screen again."""

    def clear_marks(self) -> None:
        """Take all marks away, on screens where rows can be marked."""

    def show_ages(self) -> None:
        """A moment passed: repaint ages that read differently now."""

    def changed(self, topics: frozenset[Topic]) -> None:
        """Something changed while this screen is the visible one."""
        if topics & self.TOPICS:
            self.reload()

    def miss(self, topics: frozenset[Topic]) -> None:
        """Something changed while this screen is covered, or repainting is paused."""
        self._missed = self._missed or bool(topics & self.TOPICS)

    def catch_up(self) -> None:
        """Ask again if something was missed."""
        if self._missed:
            self._missed = False
            self.reload()

    def on_screen_resume(self) -> None:
        """The screen is seen (again)."""
        self.show_frame()
        self.show_ages()
        if not self.atlas.freshness.is_paused:
            self.catch_up()

    # The lines around the body

    @property
    def is_whole(self) -> bool:
        """Whether its lines are there: not before it is composed, and not any more while it is taken down (Textual calls both mounted)."""
        return self.is_mounted and self.is_running and bool(self.query("#hints"))

    def status_segments(self) -> tuple[list[Segment], list[Segment]]:
        """Line 1: its left and its right."""
        return self.atlas.status_segments()

    def tab_words(self) -> list[Tab]:
        """The tabs."""
        problems = self.atlas.navigation.problems or None
        return [
            Tab(TAB_NUMBERS[view], view.value.capitalize(), problems if view is View.ATTENTION else None)
            for view in TABS
        ]

    def tab_key(self) -> str:
        """The key of the tab one is on."""
        return TAB_NUMBERS.get(self.tab(), "")

    def show_frame(self) -> None:
        """Line 1, the tabs, the flash line and the hints, as they should be now."""
        if not self.is_whole:
            return
        self.query_one("#status", StatusLine).show(*self.status_segments())
        self.query_one("#tabs", TabLine).show(self.tab_words(), self.tab_key(), self.crumb())
        self.show_notice()

    def show_notice(self) -> None:
        """The app's last message, unless it is there already; while there is none, the outage that goes on, if one does."""
        if not self.is_whole:
            return
        line, notice = self.query_one("#flash", FlashLine), self.atlas.notice
        outage = self.atlas.outage
        if notice is None and outage is not None:
            line.stand(banner(outage, self.times, self.size.width - 3))
        elif notice is None:
            line.clear()
        else:
            line.flash(notice.fitting(self.size.width, self.link()), notice.level)

    def show_hints(self) -> None:
        """The key hints anew."""
        if self.is_whole:
            self.query_one("#hints", KeyHints).show(self.hints())

    def tell_error(self, error: AtlasError) -> None:
        """Say what went wrong."""
        self.atlas.flash(str(error), "bad")
