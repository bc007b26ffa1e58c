"""The first screen: there before the database is, and when it cannot be opened.

Promise: imports no database library; says what is wrong and what to do, and tries again on request.

Must not know: which database it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.screen import Screen

from atlas_tui.cells import Line, Part
from atlas_tui.commands import REGISTRY
from atlas_tui.keymap import Keymap, bindings, key_word
from atlas_tui.screens.prose import wrapped
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.key_hints import Hint, KeyHints
from atlas_tui.widgets.status_line import Segment, StatusLine
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp


class OpeningScreen(Screen[None], inherit_bindings=False):
    """`opening database...`, or why not.

    Args:
        keymap: Which keys the commands have.
    """

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._bindings = BindingsMap(bindings((REGISTRY["reload"], REGISTRY["leave"]), keymap))
        self._hints = [
            Hint(key_word(keymap[id][0]), does)
            for id, does in (("reload", "try again"), ("leave", "quit"))
            if keymap.get(id)
        ]

    def compose(self) -> ComposeResult:
        """Line 1, the sentence, the hints."""
        yield StatusLine([Segment("ATLAS", "title")], id="status")
        yield Scrolled(id="words")
        yield KeyHints(self._hints, id="hints")

    def on_mount(self) -> None:
        """Say what is going on."""
        self.query_one("#words", Scrolled).show(lambda width: [(), (Part(" opening database...", "muted"),)])

    def show_error(self, error: AtlasError) -> None:
        """Say why the database could not be opened."""

        def lines(width: int) -> list[Line]:
            said = [(), *wrapped(error.message, width, indent=1, style="bad"), ()]
            return said + (wrapped(error.hint, width, indent=1) if error.hint else [])

        self.query_one("#words", Scrolled).show(lines)

    def action_command(self, id: str) -> None:
        """Try again, or quit."""
        app = cast("AtlasApp", self.app)
        if id == "reload":
            self.on_mount()
            app.open_database()
        else:
            app.everywhere.command_quit()
