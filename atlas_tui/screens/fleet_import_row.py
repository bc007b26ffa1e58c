"""One row of an import in full, over the list: on a narrow screen too.

Must not know: what a row says, how it is imported.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from atlas_tui.cells import Line, Part
from atlas_tui.screens.fleet_import_rows import row_lines
from atlas_tui.screens.scrolled import Scrolled
from storage.fleet_import import RowResult


class ImportRow(ModalScreen[bool]):
    """The row. Answers whether its tenant shall be opened.

    Args:
        row: Which.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "answer(False)", "Close", show=False),
        Binding("enter", "answer(True)", "Open", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    ImportRow { align: center middle; }
    ImportRow > Vertical {
        width: 76; max-width: 96%; height: 16; max-height: 96%; background: $panel; border: solid $primary; padding: 0 1;
    }
    ImportRow Scrolled { background: $panel; }
    """

    def __init__(self, row: RowResult) -> None:
        super().__init__()
        self._row = row
        self._answered = False

    def compose(self) -> ComposeResult:
        """All it says."""
        with Vertical():
            yield Scrolled(id="row")

    def on_mount(self) -> None:
        """Show it."""
        self.query_one("#row", Scrolled).show(self._lines, from_top=True)

    def _lines(self, width: int) -> list[Line]:
        way = "Enter opens the tenant that is stored, Esc closes" if self._row.tenant_id is not None else "Esc closes"
        return [*row_lines(self._row, width), (), (Part(f" {way}", "muted"),)]

    def action_scroll(self, step: int) -> None:
        """A line up or down."""
        self.query_one("#row", Scrolled).scroll_lines(step)

    def action_answer(self, opens: bool) -> None:
        """Close it."""
        if not self._answered:
            self._answered = True
            self.dismiss(opens and self._row.tenant_id is not None)
