"""Commands that work everywhere: going to a view, pausing, UTC, help, the palette, the command bar, quitting.

Promise: none of them asks the database on the event loop, none of them changes data.

Must not know: what screens show.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from atlas_tui import keyboard
from atlas_tui.links import Link, View, to_batch, to_connection, to_run
from atlas_tui.screens.help_commands import HelpCommands
from storage.capabilities import Capability
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.command import Command
    from storage.connections import ConnectionRow


def _goes_to(view: View, words: str) -> Callable[[AppCommands], None]:
    """Makes a command that shows a view as it was left."""

    def go(commands: AppCommands) -> None:
        commands._app.navigation.go(Link(view))

    go.__doc__ = words
    return go


class AppCommands(HelpCommands):
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

    def command_attention(self) -> None:
        """What needs a human."""
        self.go_to_tab(View.ATTENTION)

    def command_expiry(self) -> None:
        """The expiry horizon."""
        self._app.navigation.go(Link(View.EXPIRY))

    def command_handover(self, since: str = "") -> None:
        """The handover of a shift.

        Args:
            since: `since:8h`, or the span alone; the usual one when empty.
        """
        self._app.navigation.go(Link(View.HANDOVER, filter=since.removeprefix("since:") or None))

    def command_connections(self) -> None:
        """Connections."""
        self.go_to_tab(View.CONNECTIONS)

    def command_runs(self) -> None:
        """Runs, all of them."""
        self._app.navigation.go(Link(View.RUNS))

    def command_tenants(self) -> None:
        """Tenants."""
        self.go_to_tab(View.TENANTS)

    def command_audit(self) -> None:
        """The audit trail."""
        self.go_to_tab(View.AUDIT)

    def command_health(self) -> None:
        """Health."""
        self.go_to_tab(View.HEALTH)

    def go_to_tab(self, view: View) -> None:
        """Go to one of the views at the top."""
        self._app.navigation.go(Link(view))

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

    # What was collected

    def open_collected(self, word: str, argument: str = "") -> None:
        """Go to what was collected, of all tenants or of one."""
        from atlas_tui.screens.collected_opening import open_collected

        open_collected(self._app, word, argument)

    def command_inventory(self) -> None:
        """The inventory of the tenant on the screen, or of all."""
        self.open_collected("inventory")

    def command_compliance(self) -> None:
        """The compliance of all tenants."""
        self.open_collected("compliance")

    def command_roles(self) -> None:
        """The administrator roles of all tenants."""
        self.open_collected("roles")

    def command_directory(self) -> None:
        """The directory counts of the tenant on the screen."""
        self.open_collected("directory")

    command_inbox = _goes_to(View.INBOX, "What was told to the person at the keyboard.")
    command_members = _goes_to(View.MEMBERS, "The members of this workspace.")
    command_schedules = _goes_to(View.SCHEDULES, "What is started by itself.")
    command_onboardings = _goes_to(View.ONBOARDINGS, "The onboardings that are open.")
    command_platform_apps = _goes_to(View.PLATFORM_APPS, "The platform apps of this workspace.")

    def command_system(self, text: str | None = None) -> None:
        """The system directory.

        Args:
            text: What it is filtered by.
        """
        self._go_to_system(Link(View.SYSTEM, filter=text), Capability.PLATFORM_DIRECTORY_VIEW)

    def command_system_runs(self, text: str | None = None) -> None:
        """The runs of all workspaces.

        Args:
            text: What they are filtered by.
        """
        self._go_to_system(Link(View.SYSTEM_RUNS, filter=text), Capability.PLATFORM_RUNS_VIEW)

    def _go_to_system(self, link: Link, needed: Capability) -> None:
        if needed in self._app.session.platform:
            self._app.navigation.go(link)
        else:
            self._app.flash(
                f"On the host: atlas-tui platform grant {self._app.session.who.login} {needed.value}", "warn"
            )

    def command_alerts(self) -> None:
        """Who is told what."""
        self._app.navigation.go(Link(View.ALERTS))

    def command_alert_log(self) -> None:
        """What was told."""
        self._app.navigation.go(Link(View.ALERT_LOG))

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
