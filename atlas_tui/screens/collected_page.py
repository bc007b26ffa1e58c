"""What the pages of what was collected share: whose they are, the run they come from, what can be started there, taking them away.

Promise: a page that was opened from a run shows what that run left, until another one is opened.

Must not know: what was collected.
"""

from __future__ import annotations

from typing import Any, ClassVar

from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_tenant
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_kinds import Kind
from atlas_tui.screens.collected_reading import Collector
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.exports import PAGE_ROWS, Exports
from atlas_tui.screens.paging import PageScreen
from atlas_tui.widgets.pages import Direction, PageRequest


class CollectedPage(Acts, Exports, PageScreen):
    """The page of a tenant about one thing that was collected.

    Args:
        keymap: Which keys the commands have.
    """

    KIND: ClassVar[Kind]

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.run_id: int | None = None
        """The run whose result is shown; None shows the last one."""

    @property
    def collector(self) -> Collector | None:
        """Who collects; None while the page is being read."""
        return None if self.read is None else self.read.collector

    def thing_here(self) -> Any:
        """How the last run ended, for its runbook."""
        return None if self.collector is None else self.collector.last_runs.get(self.KIND.operation)

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """The tenant's name; what of it is said above the lines."""
        return self.collector.tenant.name if self.collector is not None else ""

    def follow(self, link: Link) -> None:
        """Another tenant, or what another run left."""
        if link.run_id != self.run_id:
            self.run_id, self.read, self._from_top = link.run_id, None, True
            if link.id == self.subject and self.is_mounted:
                self.show_page()
        super().follow(link)

    def export_request(self) -> PageRequest:
        """Everything."""
        return PageRequest(Direction.FIRST, PAGE_ROWS)

    def targets(self) -> Targets:
        """The connection that collects."""
        connection_id = None if self.collector is None else self.collector.connection_id
        return Targets(() if connection_id is None else (connection_id,))

    def command_copy_id(self) -> None:
        """Copy the tenant's GUID."""
        if self.collector is not None:
            copy_text(self.atlas, self.collector.tenant.entra_tenant_id)

    def command_pin(self) -> None:
        """Only this tenant in all views, or all again."""
        if self.collector is not None:
            tenant = self.collector.tenant
            self.atlas.navigation.toggle_pin((tenant.id, tenant.name))

    def command_open(self) -> None:
        """The tenant's own page."""
        if self.subject is not None:
            self.atlas.navigation.go(to_tenant(self.subject))
