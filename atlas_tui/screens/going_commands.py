"""Commands that go to a view: the tabs, what was collected, the system plane, alerts.

Promise: none of them asks the database on the event loop, none of them changes data.

Must not know: what screens show.
"""

from __future__ import annotations

from collections.abc import Callable

from atlas_tui.links import Link, View
from atlas_tui.screens.help_commands import HelpCommands
from storage.capabilities import Capability


def _goes_to(view: View, words: str) -> Callable[[GoingCommands], None]:
    """Makes a command that shows a view as it was left."""

    def go(commands: GoingCommands) -> None:
        commands._app.navigation.go(Link(view))

    go.__doc__ = words
    return go


class GoingCommands(HelpCommands):
    """The `command_…` methods that lead somewhere."""

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

    def command_outages(self) -> None:
        """The outage that goes on, or that there is none."""
        from atlas_tui.outage_banner import NO_OUTAGE
        from atlas_tui.screens.outage import OutageScreen

        def closed(link: Link | None) -> None:
            if link is not None:
                self._app.navigation.go(link)

        if (outage := self._app.outage) is None:
            self._app.flash(NO_OUTAGE)
        else:
            self._app.push_screen(OutageScreen(outage, self._app.times), closed)

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
