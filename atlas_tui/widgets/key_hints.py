"""The last line: the keys that matter here, as many as fit, the most important first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atlas_tui.cells import Line, Part, plain, width_of
from atlas_tui.widgets.lines import PaintedLines


@dataclass(frozen=True, slots=True)
class Hint:
    """A key and what it does.

    Attributes:
        key: As people know it.
        does: One or two words.
        allowed: False dims it: the key is there, but not for this person or this row.
    """

    key: str
    does: str
    allowed: bool = True


class KeyHints(PaintedLines):
    """The line. Hints are given most important first; those that do not fit are left out whole."""

    def __init__(self, hints: Sequence[Hint] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints = tuple(hints)

    def show(self, hints: Sequence[Hint]) -> None:
        """Other hints."""
        self._hints = tuple(hints)
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """As many as fit."""
        parts: list[Part] = []
        room = width
        for hint in self._hints:
            text = f"{plain(hint.key)} {plain(hint.does)}"
            if (room := room - 2 - width_of(text)) < 0:
                break
            if hint.allowed:
                parts.extend((Part(f" {plain(hint.key)}", "title"), Part(f" {plain(hint.does)} ")))
            else:
                parts.append(Part(f" {text} ", "muted"))
        return [tuple(parts)]
