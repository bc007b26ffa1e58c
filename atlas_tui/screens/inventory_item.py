"""An inventory item's page: what it is, and which syncs saw it.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_run, to_tenant
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.inventory_columns import item_lines
from atlas_tui.screens.paging import PageScreen
from storage import inventory
from storage.states import Topic


class InventoryItemScreen(Acts, PageScreen):
    """The page."""

    VIEW = View.INVENTORY_ITEM
    PLACES = (Where.DETAIL, Where.INVENTORY_ITEM)
    TOPICS = frozenset({Topic.RUNS})

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """Whose it is; the name has a line of its own and may be long."""
        return f"item of {self.read.tenant_name}" if self.read is not None else ""

    def read_subject(self, id: int) -> Any:
        """The item."""
        return inventory.get(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return [(Part(f" {self.read.name}", "title"),), *item_lines(self.read, self.times, width)]

    def linked(self) -> Link | None:
        """The sync that saw it last."""
        return None if self.read is None else to_run(self.read.last_seen_run_id)

    def command_open(self) -> None:
        """Its tenant's page."""
        if self.read is not None:
            self.atlas.navigation.go(to_tenant(self.read.tenant_id))

    def command_copy_id(self) -> None:
        """Copy Microsoft's id."""
        if self.read is not None:
            copy_text(self.atlas, self.read.external_id)

    def command_pin(self) -> None:
        """Only this tenant in all views, or all again."""
        if self.read is not None:
            self.atlas.navigation.toggle_pin((self.read.tenant_id, self.read.tenant_name))

    def targets(self) -> Targets:
        """The connection it was listed through."""
        return Targets(() if self.read is None else (self.read.connection_id,))
