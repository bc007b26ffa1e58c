"""How far a run is, as text: `[#####-----]  50 % 16/32 organization`.

Promise: repaints only when the text changes; without a known end it shows what was done and no bar (nothing moves by itself).
"""

from __future__ import annotations

from atlas_tui.cells import Line, Part
from atlas_tui.widgets.lines import PaintedLines

BAR = 20
"""Cells of the bar."""


class ProgressLine(PaintedLines):
    """The line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: Line = ()

    def show(self, done: int, total: int | None, phase: str = "") -> None:
        """How far it is.

        Args:
            done: Pieces done; more than `total` counts as all.
            total: All pieces, None or 0 when unknown.
            phase: What is being done; outside text is fine.
        """
        if not total:
            self._parts = (Part(f" {done:,} done  " if done else " "), Part(phase))
        else:
            done = max(0, min(done, total))
            filled = BAR * done // total
            bar = Part(f" [{'#' * filled}{'-' * (BAR - filled)}]", "info")
            self._parts = (bar, Part(f" {100 * done // total:>3} % {done:,}/{total:,} "), Part(phase))
        self.repaint()

    def clear(self) -> None:
        """An empty line."""
        self._parts = ()
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The bar and its numbers."""
        return [self._parts]
