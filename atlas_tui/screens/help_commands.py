"""Commands that explain: the runbook of a reason code, the keys of a screen, the palette.

Promise: none of them asks the database; each opens over the screen and leaves it as it was.

Must not know: what screens show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_tui.cells import plain
from atlas_tui.command import ACTION_PLACES, Where

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.screens.runbook import Subject


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
        if (here := self._here()) is None:
            self.command_keys()
        else:
            self._show_runbook(here)

    def command_runbook(self, code: str = "") -> None:
        """What a reason code means and what to do about it.

        Args:
            code: Which; that under the cursor when empty.
        """
        from atlas_tui.screens.runbook import Subject
        from storage import reasons

        here = self._here()
        if not code and here is None:
            self._app.flash("There is no reason code here; :reason CODE explains any.")
        elif code and code not in reasons.catalog():
            self._app.flash(f"There is no reason code {plain(code)[:40]}; tab completes them.", "bad")
        else:
            self._show_runbook(here if here is not None and code in ("", here.code) else Subject(code))

    command_reason = command_runbook

    def _here(self) -> Subject | None:
        return self._app.seen.subject_here() if self._app.seen is not None else None

    def _show_runbook(self, subject: Subject) -> None:
        """Show one over this screen; the help key in it leads on to the keys."""
        from atlas_tui.screens.runbook import KEYS, RunbookScreen

        def closed(answer: str | None) -> None:
            if answer == KEYS:
                self.command_keys()

        self._app.push_screen(RunbookScreen(subject, self._app.keymap), closed)

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
