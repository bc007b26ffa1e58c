"""The steps of a check or a run: glyph, name, what was found, how long it took.

Promise: a step is a line, or more when its sentence is long and `folded` is off; a running step has no spinner, only its word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Size

from atlas_tui.cells import Line, Part, fit, plain, width_of
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.wrapping import wrap
from storage.states import StepStatus

_GLYPHS = {
    StepStatus.RUNNING: ("~", "info"),
    StepStatus.PASS: ("+", "ok"),
    StepStatus.WARN: ("!", "warn"),
    StepStatus.FAIL: ("x", "bad"),
    StepStatus.SKIP: ("-", "muted"),
}
LABEL_WIDTH = 22
TIME_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        status: How it ended.
        label: Its name.
        sentence: What was found; outside text is fine.
        took: How long, as people read it (`120 ms`); may be empty.
    """

    status: StepStatus
    label: str
    sentence: str = ""
    took: str = ""


class StepList(PaintedLines):
    """The steps. Its height follows its content."""

    DEFAULT_CSS = """
    StepList { height: auto; }
    """

    def __init__(self, steps: Sequence[Step] = (), *, folded: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._steps = tuple(steps)
        self._folded = folded

    def show(self, steps: Sequence[Step]) -> None:
        """Other steps, or the same further on."""
        before = len(self._lines_for(self.size.width)) if self.size.width else 0
        self._steps = tuple(steps)
        if self.size.width and len(self._lines_for(self.size.width)) != before:
            self.refresh(layout=True)
        self.repaint()

    def toggle_fold(self) -> None:
        """Long sentences in full, or cut to a line each."""
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
        lines: list[Line] = []
        room = max(10, width - 3 - 5 - LABEL_WIDTH - 1 - TIME_WIDTH - 1)
        for step in self._steps:
            glyph, style = _GLYPHS[step.status]
            head = (
                Part(f" {glyph} {step.status.value:<4} ", style),
                Part(fit(step.label, LABEL_WIDTH) + " "),
            )
            sentences = [plain(step.sentence)] if self._folded else wrap(plain(step.sentence), room) or [""]
            lines.append(
                (*head, Part(fit(sentences[0], room) + " "), Part(fit(step.took, TIME_WIDTH, "right"), "muted"))
            )
            indent = Part(" " * sum(width_of(part.text) for part in head))
            lines.extend((indent, Part(sentence)) for sentence in sentences[1:])
        return lines
