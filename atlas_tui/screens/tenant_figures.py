"""What the lists of tenants by what was collected of them share: a tenant a line, in the order of any of its figures; its page; whose run.

Promise: sorting by a figure begins with what needs a look; a tenant without it is there too, last.

Must not know: which figures these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from atlas_tui.cells import Line, Part
from atlas_tui.links import Link, View, to_run
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.table_messages import ListTexts
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.screens.collected_reading import Collector


class OfTenant(Protocol):
    """A line."""

    @property
    def tenant_id(self) -> int:
        """Whose figures."""

    @property
    def tenant_name(self) -> str:
        """What it is called."""

    @property
    def connection_id(self) -> int | None:
        """The connection that collects them."""


Figures = TypeVar("Figures", bound=OfTenant)


class TenantFiguresList(Acts, ListScreen[Figures], Generic[Figures]):
    """The list."""

    TOPICS = frozenset({Topic.RUNS, Topic.TENANTS})
    TEXTS = ListTexts(empty="No tenant yet.", empty_hint="Tenants (4): N adds one.")
    WORD: ClassVar[str]
    """What it is, behind the tabs."""

    def run_of(self, row: Figures) -> int | None:
        """The run that a row's figures come from."""
        raise NotImplementedError

    def page_lines(self, read: Any, width: int) -> list[Line]:
        """What the tenant's own page says, for the panel."""
        raise NotImplementedError

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """What this is."""
        return self.WORD

    def key_of(self, row: Figures) -> int:
        """The tenant's number."""
        return row.tenant_id

    def tenant_of(self, row: Figures) -> tuple[int, str]:
        """Itself."""
        return row.tenant_id, row.tenant_name

    def panel_lines(self, read: Any) -> Composer:
        """The tenant's name, and its page."""
        collector: Collector = read.collector

        def lines(width: int) -> list[Line]:
            return [(Part(f" {collector.tenant.name}", "title"),), blank(), *self.page_lines(read, width)]

        return lines

    def linked(self) -> Link | None:
        """The run that collected."""
        row = self.table.cursor_row
        run_id = None if row is None else self.run_of(row)
        return None if run_id is None else to_run(run_id)

    def targets(self) -> Targets:
        """The connection that collects of the tenant under the cursor."""
        row = self.table.cursor_row
        return Targets(() if row is None or row.connection_id is None else (row.connection_id,))
