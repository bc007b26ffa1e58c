"""Line 1: where I am, who I am, and how fresh what I see is, in segments that go when there is no room.

Promise: the segments with the lowest priority number stay longest; the last one stands at the right edge; no clock (an owner that wants
the time of the last change puts it in a segment and sets it when something changed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atlas_tui.cells import Line, Part, cut, plain, width_of
from atlas_tui.widgets.lines import PaintedLines


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of the line.

    Attributes:
        text: Outside text is fine.
        style: One of `atlas_tui.theme.STYLE_NAMES`, or ordinary.
        priority: 0 never goes (it is cut at last); of the others the highest number goes first.
    """

    text: str
    style: str = ""
    priority: int = 0


class StatusLine(PaintedLines):
    """Identity on the left, freshness on the right."""

    def __init__(self, left: Sequence[Segment] = (), right: Sequence[Segment] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right = tuple(left), tuple(right)

    def show(self, left: Sequence[Segment], right: Sequence[Segment]) -> None:
        """Other segments; the line is written only if it reads differently."""
        self._left, self._right = tuple(left), tuple(right)
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The segments that fit, two blanks apart; at least one between left and right."""
        left, right = [s for s in self._left if s.text], [s for s in self._right if s.text]
        while _length(left) + _length(right) + 3 > width:
            droppable = [segment for segment in (*left, *right) if segment.priority > 0]
            if not droppable:
                break
            least = max(droppable, key=lambda segment: segment.priority)
            (left if any(segment is least for segment in left) else right).remove(least)
        ending = _joined(right)
        room = max(0, width - _length(right) - 3)
        parts: list[Part] = [Part(" ")]
        for index, segment in enumerate(left):
            gap = "  " if index else ""
            text = cut(plain(segment.text), room - len(gap))
            if not text:
                break
            room -= len(gap) + width_of(text)
            parts.extend((Part(gap), Part(text, segment.style)))
        return [(*parts, Part(" " * (room + 1)), *ending, Part(" "))]


def _joined(segments: Sequence[Segment]) -> list[Part]:
    parts: list[Part] = []
    for index, segment in enumerate(segments):
        parts.extend((Part("  " if index else ""), Part(plain(segment.text), segment.style)))
    return parts


def _length(segments: Sequence[Segment]) -> int:
    return sum(width_of(plain(segment.text)) for segment in segments) + 2 * max(0, len(segments) - 1)
