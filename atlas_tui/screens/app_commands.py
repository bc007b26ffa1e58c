"""Commands that work everywhere: going back, pausing, UTC, help, the palette, the command bar, quitting.

Promise: none of them asks the database on the event loop, none of them changes data.

Must not know: what screens show.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from atlas_tui import keyboard
from atlas_tui.links import Link, View, to_batch, to_connection, to_run
from atlas_tui.screens.going_commands import GoingCommands
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.command import Command
    from storage.connections import ConnectionRow


class AppCommands(GoingCommands):
    """The `command_…` methods that every screen has.

    Args:
        app: What they work on.
    """

    # Going

    def command_quit(self) -> None:
        """Quit; what was typed into forms is written down first."""
        self._app.keep_drafts()
        self._app.stop_listening()
        self._app.exit(0)

    def command_how_to_quit(self) -> None:
        """Say which key quits."""
        self._app.flash(f"{self._app.keymap['quit'][0] if self._app.keymap['quit'] else ':q'} quits.")

    def command_back(self) -> None:
        """Close what is open, or go back."""
        if not self._app.navigation.back():
            if self._app.notice is not None:
                self._app.clear_notice()
            else:
                self._app.flash("Nothing to go back to; q quits.")

    def command_leave(self) -> None:
        """Go back; at the top quit."""
        if not self._app.navigation.back():
            self.command_quit()

    def command_previous_view(self) -> None:
        """Back and forth."""
        self._app.navigation.go_previous()

    def command_next_tab(self) -> None:
        """The next view."""
        self._app.navigation.turn(1)

    def command_previous_tab(self) -> None:
        """The view before."""
        self._app.navigation.turn(-1)

    # Looking

    def command_pause(self) -> None:
        """Stop repainting, or go on."""
        self._app.freshness = replace(self._app.freshness, is_paused=not self._app.freshness.is_paused)
        self._app.show_status()
        if not self._app.freshness.is_paused and (screen := self._app.seen) is not None:
            screen.catch_up()
            screen.show_ages()

    def command_zone(self) -> None:
        """UTC or local."""
        local = datetime.now().astimezone().tzinfo
        self._app.zone = UTC if self._app.zone is not UTC or local is None else local
        self._app.flash(
            "Times are UTC."
            if self._app.zone is UTC
            else f"Times are local ({self._app.clock().astimezone(self._app.zone):%Z})."
        )
        self._app.show_status()
        if (screen := self._app.seen) is not None:
            screen.reload()

    def command_redraw(self) -> None:
        """Paint the whole screen again."""
        self._app.screen.refresh(layout=True)
        for widget in self._app.screen.walk_children():
            widget.refresh()

    def command_suspend(self) -> None:
        """Give the terminal back to the shell; there is none behind a forced command."""
        if keyboard.is_confined():
            self._app.flash("There is no shell to go back to over this connection.", "warn")
            return
        if not keyboard.can_suspend():
            self._app.flash(
                "No shell waits for this program: nothing could bring it back. q goes back and quits.", "warn"
            )
            return
        with suppress(SuspendNotSupported):
            self._app.action_suspend_process()

    # Finding

    def command_command_bar(self, text: str = "") -> None:
        """Type a command.

        Args:
            text: What is typed already.
        """
        from atlas_tui.screens.command_bar import CommandBar

        slugs = tuple(membership.slug for membership in self._app.session.workspaces)
        self._app.push_screen(CommandBar(text, self._app.navigation.typed, slugs), self.do_typed)

    def command_connection(self) -> None:
        """Ask which connection."""
        self.command_command_bar("conn ")

    def command_run(self) -> None:
        """Ask which run."""
        self.command_command_bar("run ")

    def command_batches(self) -> None:
        """The bulk starts."""
        self._app.navigation.go(Link(View.BATCHES))

    def command_batch(self) -> None:
        """Ask which bulk start."""
        self.command_command_bar("batch ")

    def command_workspace(self) -> None:
        """Ask which workspace."""
        self.command_command_bar("workspace ")

    def do_chosen(self, id: str | None) -> None:
        """Do what was chosen in the palette or the help: a command, or `workspace SLUG`."""
        if id is None or (screen := self._app.seen) is None:
            return
        if id.startswith("workspace "):
            self.try_workspace(id.removeprefix("workspace "))
        else:
            screen.do(id)

    def do_typed(self, line: str | None) -> None:
        """Do what was typed in the command bar."""
        from atlas_tui.screens.command_bar import read_line

        if line is None or (screen := self._app.seen) is None:
            return
        try:
            command, argument = read_line(line)
        except AtlasError as error:
            self._app.flash(str(error), "bad")
            return
        if not argument:
            screen.do(command.id)
        else:
            self.do_with_argument(command, argument)

    def do_with_argument(self, command: Command, argument: str) -> None:
        """`:conn NAME`, `:run 1842`, `:workspace NAME`, `:runs FILTER`, `:connections FILTER`, `:tenants FILTER`, `:audit FILTER`."""
        if command.id == "connection":
            self.find_connection(argument)
        elif command.id in ("run", "batch"):
            number = argument.lstrip("#")
            if number.isascii() and number.isdigit() and len(number) < 16:
                self._app.navigation.go((to_run if command.id == "run" else to_batch)(int(number)))
            else:
                self._app.flash(f"A {command.id} is named by its number, such as :{command.id} 1842.", "bad")
        elif command.id == "workspace":
            self.try_workspace(argument)
        elif command.id in ("reason", "runbook"):
            self.command_runbook(argument)
        elif command.id == "onboard_tenant":
            self.command_onboard_tenant(argument)
        elif command.id in ("system", "system_runs"):
            getattr(self, f"command_{command.id}")(argument)
        elif command.id == "find":
            self.command_find(argument)
        elif command.id == "handover":
            self.command_handover(argument)
        elif command.id == "import_fleet":
            self.command_import_fleet(argument)
        elif command.id in ("inventory", "compliance", "roles", "directory"):
            self.open_collected(command.id, argument)
        elif command.id in (
            View.RUNS,
            View.CONNECTIONS,
            View.TENANTS,
            View.AUDIT,
            View.MEMBERS,
            View.SCHEDULES,
            View.INBOX,
            View.ATTENTION,
            View.EXPIRY,
            View.BATCHES,
            View.ALERT_LOG,
        ):
            self._app.navigation.go(Link(View(command.id), filter=argument))
        else:
            self._app.flash(f":{command.word} takes nothing behind it.", "bad")

    def try_workspace(self, slug: str) -> None:
        """Go to another workspace, or say why not."""
        try:
            self._app.enter_workspace(slug)
        except AtlasError as error:
            self._app.flash(str(error), "bad")

    def find_connection(self, name: str) -> None:
        """Go to the connection that is meant."""
        session = self._app.session

        def work() -> ConnectionRow:
            from storage.connections import find_by_name

            return find_by_name(session.db, session.who, session.workspace.workspace_id, name)

        self._app.ask(
            "find",
            work,
            lambda row: self._app.navigation.go(to_connection(row.id)),
            lambda error: self._app.flash(str(error), "bad"),
        )

    # Tenants and people

    def command_find(self, text: str = "") -> None:
        """Find a tenant anywhere.

        Args:
            text: What is typed already.
        """
        from atlas_tui.screens.search import find_tenant

        find_tenant(self._app, text)

    def command_import_fleet(self, path: str = "") -> None:
        """Bring tenants in from a file.

        Args:
            path: The file; asked for when empty.
        """
        from atlas_tui.screens.fleet_import_asking import ask_for_file

        ask_for_file(self._app, path)

    # Bringing tenants on

    def command_onboard_tenant(self, name: str = "") -> None:
        """Bring a tenant on.

        Args:
            name: Which; one that is new when empty.
        """
        from atlas_tui.screens.onboarding_opening import onboard_named, onboard_new

        if name:
            onboard_named(self._app, name)
        else:
            onboard_new(self._app)

    # Forms

    def command_drafts(self) -> None:
        """Go on with a form that was left."""
        from atlas_tui.screens.form_opening import choose_draft

        choose_draft(self._app)

    def no_form_here(self) -> None:
        """Say that no form is open."""
        self._app.flash("No form is open here.")

    command_save = command_take_theirs = command_discard_draft = no_form_here

    def nothing_to_act_on(self) -> None:
        """Say that this screen has nothing to act on."""
        self._app.flash("There is nothing here to do that with; go to a connection or a run.")

    command_check = command_cancel = command_retry = command_enable = command_disable = nothing_to_act_on
    command_sync_inventory = command_take_snapshot = command_scan_roles = command_sync_directory = nothing_to_act_on
    command_consent = command_new_link = command_granted_in_portal = command_revoke_link = nothing_to_act_on
    command_finish_onboarding = command_take_over = command_cancel_onboarding = nothing_to_act_on
    command_set_default = command_revoke_consent = command_delete_connection = nothing_to_act_on
