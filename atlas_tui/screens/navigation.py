"""The screens, and the way between them.

Promise: each view exists once and keeps its cursor, filter and place while others are seen; Esc goes back to the same row. Nothing here
asks the database.

Must not know: what screens show.
"""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING, Final

from atlas_tui.links import SYSTEM_VIEWS, TABS, Link, View
from atlas_tui.screens.frame import AtlasScreen
from storage.capabilities import Capability
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import Session

_CLASSES: Final = {
    View.ATTENTION: ("attention", "AttentionScreen"),
    View.CONNECTIONS: ("connections", "ConnectionsScreen"),
    View.RUNS: ("runs", "RunsScreen"),
    View.TENANTS: ("tenants", "TenantsScreen"),
    View.AUDIT: ("audit", "AuditScreen"),
    View.HEALTH: ("health", "HealthScreen"),
    View.CONNECTION: ("connection", "ConnectionScreen"),
    View.RUN: ("run", "RunScreen"),
    View.TENANT: ("tenant", "TenantScreen"),
    View.AUDIT_ENTRY: ("audit_entry", "AuditEntryScreen"),
    View.PLATFORM_APPS: ("platform_apps", "PlatformAppsScreen"),
    View.PLATFORM_APP: ("platform_app", "PlatformAppScreen"),
    View.MEMBERS: ("members", "MembersScreen"),
    View.MEMBER: ("member", "MemberScreen"),
    View.FLEET_IMPORT: ("fleet_import", "FleetImportScreen"),
    View.CONSENT: ("consent", "ConsentScreen"),
    View.ONBOARDING: ("onboarding", "OnboardingScreen"),
    View.ONBOARDINGS: ("onboardings", "OnboardingsScreen"),
    View.BATCHES: ("batches", "BatchesScreen"),
    View.BATCH: ("batch", "BatchScreen"),
    View.PROBLEM: ("problem", "ProblemScreen"),
    View.EXPIRY: ("expiry", "ExpiryScreen"),
    View.HANDOVER: ("handover", "HandoverScreen"),
    View.ALERTS: ("alerts", "AlertsScreen"),
    View.ALERT_CHANNEL: ("alert_page", "AlertChannelScreen"),
    View.ALERT_RULE: ("alert_page", "AlertRuleScreen"),
    View.ALERT_LOG: ("alert_log", "AlertLogScreen"),
    View.INBOX: ("inbox", "InboxScreen"),
    View.SCHEDULES: ("schedules", "SchedulesScreen"),
    View.SCHEDULE: ("schedule", "ScheduleScreen"),
    View.SYSTEM: ("system_directory", "SystemDirectoryScreen"),
    View.SYSTEM_TENANT: ("system_tenant", "SystemTenantScreen"),
    View.SYSTEM_RUNS: ("system_runs", "SystemRunsScreen"),
    View.SYSTEM_RUN: ("system_run", "SystemRunScreen"),
    View.INVENTORY: ("inventory", "InventoryScreen"),
    View.INVENTORY_CHANGES: ("inventory_changes", "InventoryChangesScreen"),
    View.INVENTORY_ITEM: ("inventory_item", "InventoryItemScreen"),
    View.COMPLIANCE: ("compliance_list", "ComplianceListScreen"),
    View.TENANT_COMPLIANCE: ("compliance", "ComplianceScreen"),
    View.ROLES: ("roles_list", "RolesListScreen"),
    View.TENANT_ROLES: ("roles", "RolesScreen"),
    View.TENANT_DIRECTORY: ("directory", "DirectoryScreen"),
}
FIRST: Final = View.ATTENTION

Pin = tuple[int, str]


def import_screen(view: View) -> None:
    """Import the screen of a view and what it needs of storage. Takes a while; for a worker thread."""
    importlib.import_module(f"atlas_tui.screens.{_CLASSES[view][0]}")


def import_the_others(app: AtlasApp) -> None:
    """Import every screen, in a worker thread: the first use of none shall be slower than the next. Once something can be read."""

    def work() -> None:
        for view in _CLASSES:
            import_screen(view)

    def done(_: object) -> None:
        # What is loaded by now stays: the collector, which starting switched off, need not look at it, and its pauses would be seen.
        gc.freeze()
        gc.enable()

    def failed(error: AtlasError) -> None:
        gc.enable()
        app.flash(str(error), "bad")

    app.ask("screens", work, done, failed)


def first_view(session: Session) -> View:
    """Where one begins: platform staff who may enter no workspace, on the system plane."""
    if session.workspaces:
        return FIRST
    return View.SYSTEM if Capability.PLATFORM_DIRECTORY_VIEW in session.platform else View.SYSTEM_RUNS


class Navigation:
    """What was opened, and how to get back. The stack of Textual is: its own first screen, a tab, pages on top of it.

    Args:
        app: Holds the stack.
    """

    def __init__(self, app: AtlasApp) -> None:
        self._app = app
        self._made: dict[View, AtlasScreen] = {}
        self._previous: Link | None = None
        self._generation = 0
        self.pin: Pin | None = None
        """The tenant that all views are restricted to: its id and name."""
        self.problems: int | None = None
        """How many problems need somebody here, as far as that was counted."""
        self.typed: list[str] = []
        """What was typed in the command bar, oldest first."""

    def screens(self) -> tuple[AtlasScreen, ...]:
        """Every screen there is so far, and the form that is open."""
        made = tuple(self._made.values())
        forms = [screen for screen in self._app.screen_stack if isinstance(screen, AtlasScreen) and screen not in made]
        return (*made, *forms)

    def of(self, view: View) -> AtlasScreen:
        """The screen of a view, made when it is first asked for."""
        if view not in self._made:
            module, name = _CLASSES[view]
            made: AtlasScreen = getattr(importlib.import_module(f"atlas_tui.screens.{module}"), name)(self._app.keymap)
            self._made[view] = made
            self._app.install_screen(made, f"{view.value} {self._generation}")
        return self._made[view]

    @property
    def first(self) -> View:
        """Where one begins."""
        return first_view(self._app.session)

    async def start(self) -> None:
        """Go to the first view, instead of the opening screen."""
        await self._app.switch_screen(self.of(self.first))

    async def start_over(self) -> None:
        """Another workspace: every screen anew, from the first view on."""
        made, self._made, self._previous, self.pin, self.problems = self._made, {}, None, None, None
        while len(self._app.screen_stack) > 2:
            await self._app.pop_screen()
        # A name is free only when its screen is out of the stack, so the new ones get names of their own.
        before, self._generation = self._generation, self._generation + 1
        await self._app.switch_screen(self.of(self.first))
        for view, screen in made.items():
            self._app.uninstall_screen(f"{view.value} {before}")
            if screen.is_running:
                await screen.remove()

    async def leave_system_plane(self) -> None:
        """A platform role was taken: nothing that was read by it stays, seen or unseen."""
        if SYSTEM_VIEWS & set(self._made):
            await self.start_over()

    def go(self, link: Link) -> None:
        """Show something. A tab closes the pages on top; a page that is open already is gone back to."""
        if link.view not in SYSTEM_VIEWS and not self._app.session.workspaces:
            self._app.flash(
                "That is in a workspace, and you are a member of none; a platform role gives no right there.", "warn"
            )
            return
        if (seen := self._app.seen) is not None and seen.link() != link:
            self._previous = seen.link()
            self._app.carry_notice()
        screen = self.of(link.view)
        screen.follow(link)
        stack = self._app.screen_stack
        if screen in stack:
            self._pop_to(stack.index(screen) + 1)
        elif link.view in TABS:
            self._pop_to(2)
            self._app.switch_screen(screen)
        else:
            self._app.push_screen(screen)
        screen.show_frame()

    def go_previous(self) -> None:
        """Back and forth between the last two."""
        if self._previous is not None:
            self.go(self._previous)

    def back(self) -> bool:
        """Close the page that is seen, if it is one.

        Returns:
            False at a tab.
        """
        if len(self._app.screen_stack) <= 2:
            return False
        if (seen := self._app.seen) is not None:
            self._previous = seen.link()
        self._app.carry_notice()
        self._app.pop_screen()
        return True

    def turn(self, step: int) -> None:
        """To the tab after this one, or before it."""
        if (seen := self._app.seen) is not None:
            self.go(Link(TABS[(TABS.index(seen.tab()) + step) % len(TABS)]))

    def toggle_pin(self, tenant: Pin) -> None:
        """Restrict all views to a tenant, or lift the restriction."""
        self.pin = tenant if self.pin is None else None
        words = f"All views show {self.pin[1]} only; @ shows all again." if self.pin else "All tenants are shown."
        self._app.flash(words)

    def behind(self) -> AtlasScreen | None:
        """The screen below the one that is seen."""
        stack = self._app.screen_stack
        below = stack[-2] if len(stack) > 2 else None
        return below if isinstance(below, AtlasScreen) else None

    def _pop_to(self, depth: int) -> None:
        while len(self._app.screen_stack) > depth:
            self._app.pop_screen()
