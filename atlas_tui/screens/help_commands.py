"""Commands that explain: the runbook of a reason code, the keys of a screen, the palette.

Promise: none of them asks the database; each opens over the screen and leaves it as it was.

Must not know: what screens show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_tui.cells import plain
from atlas_tui.command import ACTION_PLACES, Where
from storage import reasons

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp


class HelpCommands:
    """The `command_…` methods that explain.

    Args:
        app: What they work on.
    """

    def __init__(self, app: AtlasApp) -> None:
        self._app = app

    def do_chosen(self, id: str | None) -> None:
        """Do what was chosen in the palette or among the keys."""
        raise NotImplementedError

    def command_help(self) -> None:
        """The runbook of the reason code under the cursor; where there is none, the keys and commands, searchable."""
        code = screen.reason_here() if (screen := self._app.seen) is not None else None
        if code is None:
            self.command_keys()
        else:
            self.show_runbook(code)

    def command_runbook(self, code: str = "") -> None:
        """What a reason code means and what to do about it.

        Args:
            code: Which; that under the cursor when empty.
        """
        here = self._app.seen.reason_here() if self._app.seen is not None else None
        wanted = code or here
        if wanted is None:
            self._app.flash("There is no reason code here; :reason CODE explains any.")
        elif wanted not in reasons.catalog():
            self._app.flash(f"There is no reason code {plain(wanted)[:40]}; tab completes them.", "bad")
        else:
            self.show_runbook(wanted)

    command_reason = command_runbook

    def show_runbook(self, code: str) -> None:
        """Show one over this screen; the help key in it leads on to the keys."""
        from atlas_tui.screens.runbook import KEYS, RunbookScreen

        def closed(answer: str | None) -> None:
            if answer == KEYS:
                self.command_keys()

        self._app.push_screen(RunbookScreen(code, self._app.keymap), closed)

    def command_keys(self) -> None:
        """Search keys and commands."""
        from atlas_tui.screens.help import Help

        if (screen := self._app.seen) is not None:
            places = (*screen.PLACES, *ACTION_PLACES, Where.EVERYWHERE)
            self._app.push_screen(Help(screen.all_commands(), places, self._app.keymap), self.do_chosen)

    def command_palette(self) -> None:
        """Find a command."""
        from atlas_tui.screens.help import Palette

        if (screen := self._app.seen) is not None:
            slugs = tuple(membership.slug for membership in self._app.session.workspaces)
            self._app.push_screen(Palette(screen.all_commands(), self._app.keymap, slugs), self.do_chosen)
