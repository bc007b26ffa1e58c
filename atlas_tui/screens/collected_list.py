"""What the lists about one tenant or connection share: whose they are, what an empty one says, and what can be started there.

Promise: the restriction to the tenant stays when the filter is taken away; an empty list says why and the next step.

Must not know: which rows these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic

from atlas_tui.links import Link, View
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_kinds import Kind
from atlas_tui.screens.collected_reading import Collector, read_collector
from atlas_tui.screens.collected_text import empty_hint
from atlas_tui.screens.list_filter import ListFilter
from atlas_tui.screens.listing import NOTHING_FITS, ListScreen
from atlas_tui.widgets.pages import Row
from atlas_tui.widgets.table_messages import ListTexts

if TYPE_CHECKING:
    from storage.errors import AtlasError


class CollectedList(Acts, ListScreen[Row], Generic[Row]):
    """A list of what was collected, of one tenant or connection, or of all."""

    KIND: ClassVar[Kind]
    WORD: ClassVar[str]
    collector: Collector | None = None
    """Who collects, of a list of one tenant; None while it is being read, and of a list of all."""

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """What this is."""
        return self.WORD

    def connection_of(self, row: Row) -> int:
        """The connection that collected a row."""
        raise NotImplementedError

    def thing_here(self) -> Any:
        """The row; of an empty list how the last run ended, for its runbook."""
        row = super().thing_here()
        if row is not None or self.collector is None:
            return row
        return self.collector.last_runs.get(self.KIND.operation)

    # Whose it is

    @property
    def whose(self) -> ListFilter:
        """The restriction to a tenant or a connection alone."""
        return ListFilter(
            connection_id=self.filter.connection_id, tenant_id=self.filter.tenant_id, title=self.filter.title
        )

    @property
    def is_of_one_tenant(self) -> bool:
        """Whether all rows are of one tenant."""
        one = self.filter.tenant_id is not None or self.filter.connection_id is not None
        return one or self.atlas.navigation.pin is not None

    def follow(self, link: Link) -> None:
        """Another tenant, another connection, or all."""
        wanted = ListFilter(
            text=link.filter or "", connection_id=link.connection_id, tenant_id=link.tenant_id, title=link.title
        )
        if wanted != self.filter:
            self.set_filter(wanted)

    def link(self) -> Link:
        """The way back to this list as it is."""
        whose = self.whose
        return Link(
            self.VIEW,
            filter=self.filter.text,
            connection_id=whose.connection_id,
            tenant_id=whose.tenant_id,
            title=whose.title,
        )

    def command_back(self) -> None:
        """Take away marks, then the filter line, then go back."""
        if self.table.selection.all_in_filter or self.table.selection.keys:
            self.table.action_clear_marks()
        elif self.filter != self.whose:
            self.set_filter(self.whose)
        else:
            self.atlas.everywhere.command_back()

    def set_filter(self, filter: ListFilter) -> None:
        """Show something else; of another tenant, read who collects for it."""
        before = self.whose
        if (filter.tenant_id, filter.connection_id) != (before.tenant_id, before.connection_id):
            self.collector = None
        super().set_filter(filter)
        self.show_texts()
        if self.is_mounted:
            self.lay_out()
            if self.whose != before:
                self.ask_collector()

    def on_mount(self) -> None:
        """Ask for the rows, and for who collects them."""
        super().on_mount()
        self.show_texts()
        self.ask_collector()

    def reload(self) -> None:
        """Read the rows again, and who collects."""
        super().reload()
        self.ask_collector()

    def ask_collector(self) -> None:
        """Read who collects, of a list of one tenant."""
        session, tenant_id, connection_id = self.session, self.filter.tenant_id, self.filter.connection_id
        if tenant_id is None:
            return

        def show(collector: Collector) -> None:
            if self.filter.tenant_id == collector.tenant.id:
                self.collector = collector
                self.show_texts()

        def failed(error: AtlasError) -> None:
            self.tell_error(error)

        self.ask("collector", lambda: read_collector(session, tenant_id, connection_id), show, failed)

    def show_texts(self) -> None:
        """What the list says when it is empty."""
        if self.filter != self.whose:
            self.table.texts = NOTHING_FITS
        elif self.collector is None:
            self.table.texts = self.TEXTS
        else:
            empty, hint = empty_hint(self.KIND, self.collector)
            self.table.texts = ListTexts(empty=empty, empty_hint=hint)
        self.table.repaint()

    def targets(self) -> Targets:
        """The connection that collected the row under the cursor; in an empty list of a tenant the one that would."""
        row: Any = self.table.cursor_row
        if self.filter.connection_id is not None:
            return Targets((self.filter.connection_id,))
        if row is not None:
            return Targets((self.connection_of(row),))
        connection_id = None if self.collector is None else self.collector.connection_id
        return Targets(() if connection_id is None else (connection_id,))

    def of_connection(self) -> int | None:
        """The one connection that is meant: the list's own, the row's, or the tenant's."""
        found = self.targets().connection_ids
        return found[0] if found else None
