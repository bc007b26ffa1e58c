"""A consent link as a QR code, on the whole screen, for a phone in front of the terminal.

Promise: it is drawn white on black whatever the theme, because a scanner needs that; a code that does not fit is not drawn cut: how much
room it needs is said instead. `a` draws it with ASCII for terminals whose font has no half blocks.

Must not know: what the link is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from atlas_tui import qr

_INK: Final = Style(color="white", bgcolor="black", bold=True)


class _Code(Widget):
    """The code's lines, or why there is none."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "_Code { width: 1fr; height: 1fr; background: black; color: white; }"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._drawn: dict[bool, tuple[str, ...]] = {}
        self.is_ascii = False

    def lines(self, size: Size) -> Sequence[str]:
        """What is on the screen of a size."""
        if self.is_ascii not in self._drawn:
            # Working a code out takes longer than painting a screen, and each line of the screen asks.
            self._drawn[self.is_ascii] = qr.render(self._url, ascii=self.is_ascii)
        drawn = self._drawn[self.is_ascii]
        width, height = len(drawn[0]), len(drawn)
        foot = "esc closes   a: " + ("half blocks" if self.is_ascii else "ASCII")
        if width <= size.width and height < size.height:
            return (*drawn, foot[: size.width])
        return (
            "",
            f"The QR code needs {width} columns and {height + 1} lines;",
            f"this terminal has {size.width} and {size.height}.",
            "",
            "Make the window larger or the letters smaller, and it appears.",
            "Or copy the link (y), or write the mail to a file (E).",
            "",
            foot[: size.width],
        )

    def render_line(self, y: int) -> Strip:
        """One line, in the middle of the screen's width."""
        found = self.lines(self.size)
        width = self.size.width
        left = max(0, (width - max(map(len, found))) // 2)
        text = (" " * left + (found[y] if y < len(found) else ""))[:width].ljust(width)
        return Strip([Segment(text, _INK)], width)


class QrCode(ModalScreen[None]):
    """The code. Must not be logged or kept: whoever has the link may answer it.

    Args:
        url: What it says.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,Q,enter", "close", "Close", id="qr.close", show=False),
        Binding("a", "ascii", "ASCII", id="qr.ascii", show=False),
    ]
    DEFAULT_CSS = "QrCode { background: black; }"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._code = _Code(url)

    def compose(self) -> ComposeResult:
        """The code and nothing else."""
        yield self._code

    def shown(self) -> str:
        """What is on the screen."""
        return "\n".join(self._code.lines(self.size))

    def on_resize(self, event: events.Resize) -> None:
        """It may fit now."""
        self._code.refresh()

    def action_ascii(self) -> None:
        """With ASCII, or with half blocks again."""
        self._code.is_ascii = not self._code.is_ascii
        self._code.refresh()

    def action_close(self) -> None:
        """Away with it."""
        self.dismiss(None)
