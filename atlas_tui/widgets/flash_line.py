"""One line that says what just happened, and remembers the last things it said.

Promise: a message stays until the next one or until someone clears it (nothing fades: that would need a timer); text is data.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from atlas_tui.cells import Line, Part
from atlas_tui.widgets.lines import PaintedLines

Level = Literal["info", "ok", "warn", "bad"]
KEPT = 50
"""Messages remembered."""

_GLYPHS: dict[Level, str] = {"info": "~", "ok": "+", "warn": "!", "bad": "x"}


@dataclass(frozen=True, slots=True)
class Flash:
    """One message."""

    text: str
    level: Level


class FlashLine(PaintedLines):
    """The line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said: deque[Flash] = deque(maxlen=KEPT)
        self._shown: Flash | None = None

    @property
    def said(self) -> tuple[Flash, ...]:
        """The last messages, oldest first."""
        return tuple(self._said)

    def flash(self, text: str, level: Level = "info") -> None:
        """Say something.

        Args:
            text: A sentence; outside text is fine, it is cut to the line.
            level: Its glyph and colour.
        """
        self._shown = Flash(text, level)
        self._said.append(self._shown)
        self.repaint()

    def stand(self, text: str, level: Level = "warn") -> None:
        """Show what goes on, while nothing else is said; it is no message, so it is not remembered.

        Args:
            text: A sentence; outside text is fine, it is cut to the line.
            level: Its glyph and colour.
        """
        self._shown = Flash(text, level)
        self.repaint()

    def clear(self) -> None:
        """An empty line; the message stays remembered."""
        self._shown = None
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The message."""
        if self._shown is None:
            return [()]
        level = self._shown.level
        return [(Part(f" {_GLYPHS[level]} ", level), Part(self._shown.text, level if level in ("warn", "bad") else ""))]
