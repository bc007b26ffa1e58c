"""The list of inventory items: of one tenant or connection, or of the workspace.

Must not know: how an item's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_inventory_changes, to_inventory_item, to_run
from atlas_tui.screens.collected_kinds import INVENTORY
from atlas_tui.screens.collected_list import CollectedList
from atlas_tui.screens.inventory_columns import columns, item_lines
from atlas_tui.screens.list_filter import asked, sort_key
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import inventory
from storage.inventory import InventoryItem, InventoryQuery, InventorySort
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


class InventoryScreen(CollectedList[InventoryItem]):
    """The list."""

    VIEW = View.INVENTORY
    PLACES = (Where.LIST, Where.INVENTORY)
    TOPICS = frozenset({Topic.RUNS})
    KIND = INVENTORY
    WORD = "inventory"
    FILTER_HINT: ClassVar[str] = "word  kind:mobile_apps  platform:ios  new:7d  changed:7d  removed:yes"
    ORDER: ClassVar[str] = "by tenant, kind, name"
    TEXTS = ListTexts(empty="Nothing was collected yet.", empty_hint="On a tenant or connection: x, i syncs it.")

    def columns(self, wide: bool) -> Sequence[Column[InventoryItem]]:
        """Few, or as many as fit."""
        return columns(of_one_tenant=self.is_mounted and self.is_of_one_tenant, wide=wide)

    def key_of(self, row: InventoryItem) -> int:
        """The item's number."""
        return row.id

    def id_text(self, row: InventoryItem) -> str:
        """Microsoft's id."""
        return row.external_id

    def link_to(self, row: InventoryItem) -> Link:
        """Its page."""
        return to_inventory_item(row.id)

    def tenant_of(self, row: InventoryItem) -> tuple[int, str]:
        """Its tenant."""
        return row.tenant_id, row.tenant_name

    def connection_of(self, row: InventoryItem) -> int:
        """The connection it was listed through."""
        return row.connection_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[InventoryItem]:
        """A page of items."""
        wanted, pinned = asked(request)
        tenant_id = wanted.tenant_id or pinned
        sort, descending = sort_key(request.sort, InventorySort.KIND.value)
        one = tenant_id is not None or wanted.connection_id is not None
        query = InventoryQuery(
            session.workspace.workspace_id,
            wanted.text,
            tenant_id,
            wanted.connection_id,
            InventorySort(sort) if one else InventorySort.KIND,
            descending and one,
        )
        return inventory.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> InventoryItem:
        """What its page shows."""
        return inventory.get(session.db, session.who, key)

    def panel_lines(self, read: InventoryItem) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            return [(Part(f" {read.name}", "title"),), blank(), *item_lines(read, self.times, width)]

        return lines

    def linked(self) -> Link | None:
        """The sync that saw the item last."""
        row = self.table.cursor_row
        return None if row is None else to_run(row.last_seen_run_id)

    def command_difference(self) -> None:
        """What the last sync of this connection found changed."""
        connection_id, row = self.of_connection(), self.table.cursor_row
        if connection_id is None:
            self.atlas.flash("No connection has collected anything here.", "warn")
            return
        self.atlas.navigation.go(
            to_inventory_changes(connection_id, self.filter.title or ("" if row is None else row.tenant_name))
        )
