"""The list of connections: what an operator looks at all day.

Must not know: how a connection's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_connection, to_runs_of
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.connection_columns import USUAL, WIDE
from atlas_tui.screens.connection_form import EditConnection, NewConnection
from atlas_tui.screens.connection_query import query_of
from atlas_tui.screens.connection_text import name_of, overview, summary
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.screens.standing_text import standing_lines
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import connections
from storage.connections import ConnectionDetail, ConnectionRow
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


class ConnectionsScreen(Acts, ListScreen[ConnectionRow]):
    """The list."""

    VIEW = View.CONNECTIONS
    PLACES = (Where.LIST, Where.CONNECTIONS)
    TOPICS = frozenset({Topic.CONNECTIONS, Topic.TENANTS})
    FILTER_HINT: ClassVar[str] = "word  !word  consent:revoked  verification:blocked  reason:secret_expired"
    TEXTS = ListTexts(
        empty="No tenant with a connection yet.",
        empty_hint="Run: atlas-tui tenant add, connection add, credential set",
    )

    def columns(self, wide: bool) -> Sequence[Column[ConnectionRow]]:
        """Few, or as many as fit."""
        return WIDE if wide else USUAL

    def key_of(self, row: ConnectionRow) -> int:
        """The connection's id."""
        return row.id

    def link_to(self, row: ConnectionRow) -> Link:
        """Its page."""
        return to_connection(row.id)

    def tenant_of(self, row: ConnectionRow) -> tuple[int, str]:
        """Its tenant."""
        return row.tenant_id, row.tenant_name

    def id_text(self, row: ConnectionRow) -> str:
        """The tenant's GUID: what people paste into Microsoft's portals."""
        return row.entra_tenant_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[ConnectionRow]:
        """A page of connections."""
        return connections.page(session.db, session.who, query_of(session, request), place, request.limit)

    def read_panel(self, session: Session, key: int) -> ConnectionDetail:
        """What its page shows first."""
        return connections.get(session.db, session.who, key)

    def panel_lines(self, read: ConnectionDetail) -> Composer:
        """Name, truths, why, and what it is."""

        def lines(width: int) -> list[Line]:
            times = self.times
            head: list[Line] = [(Part(f" {name_of(read.row)}", "title"),), blank()]
            also = standing_lines(read, (), self.atlas.outage, times, width)
            return [*head, *summary(read, times, width, also), blank(), *overview(read, times, width)]

        return lines

    def command_problems(self) -> None:
        """Only problems, or all."""
        self.set_filter(replace(self.filter, problems=not self.filter.problems))

    def command_new(self) -> None:
        """A connection of the tenant under the cursor, or of the pinned one."""
        row, pin = self.table.cursor_row, self.atlas.navigation.pin
        tenant_id = row.tenant_id if row is not None else pin[0] if pin is not None else None
        if tenant_id is None:
            self.atlas.flash("A connection belongs to a tenant: go to one (4), then N.")
        else:
            open_form(self.atlas, NewConnection(tenant_id))

    def command_edit(self) -> None:
        """The connection under the cursor."""
        if (row := self.table.cursor_row) is not None:
            open_form(self.atlas, EditConnection(row.id))

    def linked(self) -> Link | None:
        """The connection's runs."""
        row = self.table.cursor_row
        return None if row is None else to_runs_of(row.id, name_of(row))

    def targets(self) -> Targets:
        """The marked connections, or the one under the cursor."""
        selection = self.table.selection
        row = self.table.cursor_row
        if selection.all_in_filter or selection.keys:
            keys = tuple(key for key in selection.keys if isinstance(key, int))
            return Targets(keys, selection.all_in_filter, selection.count, self.request_all())
        return Targets(() if row is None else (row.id,))

    def request_all(self) -> PageRequest:
        """The question whose whole answer "all in this filter" means."""
        from atlas_tui.widgets.pages import Direction

        return PageRequest(Direction.FIRST, 200, sort=self.table.sort, filter=self.table.filter)
