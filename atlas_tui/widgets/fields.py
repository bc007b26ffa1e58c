"""Label and value, one under the other; long values in one line or unfolded.

Promise: labels share one width; a value is data, cut or wrapped by terminal cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Size

from atlas_tui.cells import Cell, Line, Part, cell, fit, plain, width_of
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.wrapping import wrap

LONGEST_LABEL = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One pair. A heading has no value.

    Attributes:
        label: Our word.
        value: What is shown; None makes the label a heading.
    """

    label: str
    value: Cell | str | None = None


class Fields(PaintedLines):
    """The block. Its height follows its content."""

    DEFAULT_CSS = """
    Fields { height: auto; }
    """

    def __init__(self, fields: Sequence[Field] = (), *, folded: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fields = tuple(fields)
        self._folded = folded

    def show(self, fields: Sequence[Field]) -> None:
        """Other fields, or other values."""
        before = len(self._lines_for(self.size.width)) if self.size.width else 0
        self._fields = tuple(fields)
        if self.size.width and len(self._lines_for(self.size.width)) != before:
            self.refresh(layout=True)
        self.repaint()

    def toggle_fold(self) -> None:
        """Long values in full, or cut to a line each."""
        self._folded = not self._folded
        self.refresh(layout=True)
        self.repaint()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are."""
        return max(1, len(self._lines_for(width)))

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The lines."""
        return self._lines_for(width)

    def _lines_for(self, width: int) -> list[Line]:
        widest = max((width_of(field.label) for field in self._fields if field.value is not None), default=0)
        label_width = min(LONGEST_LABEL, widest)
        room = max(10, width - label_width - 3)
        lines: list[Line] = []
        for field in self._fields:
            if field.value is None:
                lines.append((Part(f" {field.label}", "title"),))
                continue
            value = field.value if isinstance(field.value, Cell) else cell(field.value)
            label = Part(f" {fit(field.label, label_width)}  ", "muted")
            text = plain(value.text)
            if self._folded or width_of(text) <= room:
                lines.append((label, *value.parts))
                continue
            indent = Part(" " * (label_width + 3))
            style = value.parts[0].style if len(value.parts) == 1 else ""
            for number, line in enumerate(wrap(text, room)):
                lines.append((indent if number else label, Part(line, style)))
        return lines
