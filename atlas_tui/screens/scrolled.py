"""Lines of text that may be longer than the screen.

Promise: nothing below the edge is hidden silently: the last line says how much more there is; another text of the same thing stays
where it was scrolled to.

Must not know: what the lines say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atlas_tui.cells import Line, Part
from atlas_tui.widgets.lines import PaintedLines

Composer = Callable[[int], Sequence[Line]]
"""Width → lines."""


class Scrolled(PaintedLines):
    """The lines. `show` gives them, the `scroll_…` methods move through them."""

    DEFAULT_CSS = """
    Scrolled { height: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._composer: Composer = lambda width: []
        self._top = 0

    def show(self, composer: Composer, *, from_top: bool = False) -> None:
        """Another text.

        Args:
            composer: Makes the lines for a width.
            from_top: It is about another thing: begin at its first line.
        """
        self._composer = composer
        if from_top:
            self._top = 0
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The lines from where it is scrolled to; the last one counts what is below."""
        lines = list(self._composer(width))
        self._top = max(0, min(self._top, len(lines) - height))
        below = len(lines) - self._top - height
        shown = lines[self._top : self._top + height]
        if below > 0:
            shown[-1] = (Part(f" ... {below + 1} more lines (down)", "muted"),)
        return shown

    def scroll_lines(self, delta: int) -> None:
        """Some lines down, negative for up."""
        self._top = max(0, self._top + delta)
        self.repaint()

    def scroll_pages(self, pages: int) -> None:
        """Some screens down, negative for up; one line stays in sight."""
        self.scroll_lines(pages * max(1, self.size.height - 1))

    def reveal(self, first: int, last: int) -> None:
        """Scroll as little as it takes to have some lines in sight; of what is higher than the screen, its first ones.

        Args:
            first: The index of the first line.
            last: The index of the last one.
        """
        # The bottom line counts what is below it, so it is no place for what shall be read.
        self._top = min(first, max(self._top, last - max(1, self.size.height - 1) + 1))
        self.repaint()

    def show_end(self, last: bool) -> None:
        """To the last line, or to the first."""
        self._top = 10**9 if last else 0
        self.repaint()
