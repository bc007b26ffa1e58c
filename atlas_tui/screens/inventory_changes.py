"""What the last inventory sync of a connection found new, gone and changed, against the sync before.

Promise: the line above the list names the two syncs and how many items there are of each sort.

Must not know: how an item's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_inventory, to_inventory_item, to_run
from atlas_tui.screens.collected_kinds import INVENTORY
from atlas_tui.screens.collected_list import CollectedList
from atlas_tui.screens.inventory_columns import CHANGE_COLUMNS, item_lines
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.table_messages import ListTexts
from storage import inventory, inventory_difference
from storage.inventory import InventoryItem
from storage.inventory_difference import InventoryChange, InventoryChanges
from storage.pages import Page, Place
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.errors import AtlasError


class InventoryChangesScreen(CollectedList[InventoryChange]):
    """The list."""

    VIEW = View.INVENTORY_CHANGES
    PLACES = (Where.LIST, Where.INVENTORY_CHANGES)
    TOPICS = frozenset({Topic.RUNS})
    KIND = INVENTORY
    WORD = "what changed"
    FILTER_HINT: ClassVar[str] = "word  change:added  change:removed  change:changed  kind:mobile_apps"
    ORDER: ClassVar[str] = "added, removed, changed"
    TEXTS = ListTexts(empty="Nothing changed.", empty_hint="= shows everything that is there.")

    changes: InventoryChanges | None = None
    """How many there are of each; None while it is being read."""

    def columns(self, wide: bool) -> Sequence[Column[InventoryChange]]:
        """All of them."""
        return CHANGE_COLUMNS

    def key_of(self, row: InventoryChange) -> int:
        """The item's number."""
        return row.item.id

    def id_text(self, row: InventoryChange) -> str:
        """Microsoft's id."""
        return row.item.external_id

    def link_to(self, row: InventoryChange) -> Link:
        """The item's page."""
        return to_inventory_item(row.item.id)

    def tenant_of(self, row: InventoryChange) -> tuple[int, str]:
        """Its tenant."""
        return row.item.tenant_id, row.item.tenant_name

    def connection_of(self, row: InventoryChange) -> int:
        """The connection it was listed through."""
        return row.item.connection_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[InventoryChange]:
        """A page of changes."""
        wanted, _ = asked(request)
        if wanted.connection_id is None:
            return Page((), (), False, False, total=0, position=0)
        return inventory_difference.page(
            session.db, session.who, wanted.connection_id, wanted.text, place, request.limit
        )

    def read_panel(self, session: Session, key: int) -> InventoryItem:
        """What the item's page shows."""
        return inventory.get(session.db, session.who, key)

    def panel_lines(self, read: InventoryItem) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            return [(Part(f" {read.name}", "title"),), blank(), *item_lines(read, self.times, width)]

        return lines

    def ask_collector(self) -> None:
        """Read between which syncs this is; an empty list says more with it."""
        session, connection_id = self.session, self.filter.connection_id
        if connection_id is None:
            return
        if self.changes is not None and self.changes.syncs.connection_id != connection_id:
            self.changes = None

        def show(changes: InventoryChanges) -> None:
            if self.filter.connection_id == changes.syncs.connection_id:
                self.changes = changes
                self.show_texts()
                self.show_state()

        def failed(error: AtlasError) -> None:
            self.tell_error(error)

        self.ask("changes", lambda: inventory_difference.counts(session.db, session.who, connection_id), show, failed)

    def show_texts(self) -> None:
        """Without a sync the list says how one begins."""
        super().show_texts()
        changes = self.changes
        if changes is not None and changes.syncs.run_id is None and self.filter == self.whose:
            self.table.texts = ListTexts(empty="Never collected.", empty_hint=f"{INVENTORY.start}.")
            self.table.repaint()

    def show_state(self) -> None:
        """The two syncs and the numbers stand where other lists have their order."""
        super().show_state()
        changes = self.changes
        if not self.is_whole or changes is None or changes.syncs.connection_id != self.filter.connection_id:
            return
        left = [Segment(f"of {self.filter.title}" if self.filter.title else "", "strong")]
        left.append(Segment(f"/{self.filter.text}" if self.filter.text else "", "info"))
        self.query_one("#state", StatusLine).show(left, [Segment(summary(changes), "muted")])

    def linked(self) -> Link | None:
        """The sync that found it."""
        run_id = None if self.changes is None else self.changes.syncs.run_id
        return None if run_id is None else to_run(run_id)

    def command_all_items(self) -> None:
        """Everything that is there, of this connection."""
        changes = self.changes
        tenant_id = None if changes is None else changes.syncs.tenant_id
        self.atlas.navigation.go(
            to_inventory(tenant_id=tenant_id, connection_id=self.filter.connection_id, title=self.filter.title)
        )

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The items, each with what became of it."""
        for found in super().records(session, request, format):
            item = found["item"]
            yield {"change": found["change"].value} | {one.name: getattr(item, one.name) for one in fields(item)}


def summary(changes: InventoryChanges) -> str:
    """The syncs and the numbers: `#31 against #12: 3 added, 1 removed, 2 changed`."""
    syncs = changes.syncs
    if syncs.run_id is None:
        return "no sync yet"
    counted = f"{changes.added:,} added, {changes.removed:,} removed, {changes.changed:,} changed"
    if syncs.before_run_id is None:
        return f"#{syncs.run_id}, the first: {changes.added:,} items"
    return f"#{syncs.run_id} against #{syncs.before_run_id}: {counted}"
