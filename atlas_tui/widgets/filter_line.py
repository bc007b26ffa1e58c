"""The filter: a line to type in, with the filters that were used before on the arrow keys.

Promise: letters type, nothing else; esc closes and keeps what the list showed before; the cursor does not blink (a blink writes to
the terminal for ever). What a filter means is the owner's business.
"""

from __future__ import annotations

from textual import on
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Input

from atlas_tui.cells import plain

KEPT = 50
"""Filters remembered."""


class FilterChanged(Message):
    """Something was typed."""

    def __init__(self, line: FilterLine, text: str) -> None:
        super().__init__()
        self.line = line
        self.text = text

    @property
    def control(self) -> FilterLine:
        """The line it was typed in."""
        return self.line


class FilterAccepted(FilterChanged):
    """Enter: this is the filter."""


class FilterClosed(FilterChanged):
    """Esc: back to the filter there was, `text`."""


class FilterLine(Input):
    """The line. Hidden until `open`."""

    BINDINGS = [
        Binding("escape", "close", "Close", id="filter.close", show=False),
        Binding("up", "older", "Older filter", id="filter.older", show=False),
        Binding("down", "newer", "Newer filter", id="filter.newer", show=False),
    ]

    DEFAULT_CSS = """
    FilterLine { height: 1; border: none; padding: 0 1; color: $foreground; background: $background; }
    FilterLine:focus { background: $panel; background-tint: $foreground 0%; }
    """

    def __init__(
        self, *, placeholder: str = "word  !word  consent:revoked  tenant:name", id: str | None = None
    ) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False, id=id)
        self.cursor_blink = False
        self.display = False
        self._accepted = ""
        self._history: list[str] = []
        self._at = 0

    @property
    def history(self) -> tuple[str, ...]:
        """Filters accepted, oldest first."""
        return tuple(self._history)

    def open(self, text: str = "") -> None:
        """Show the line and type into it.

        Args:
            text: The filter there is now.
        """
        self._accepted = text
        self._at = len(self._history)
        with self.prevent(Input.Changed):
            self.value = plain(text)
        self.cursor_position = len(self.value)
        self.display = True
        # At once, not when Textual is idle: what was typed right behind the key that opens must arrive here.
        self.screen.set_focus(self)

    def close(self) -> None:
        """Hide the line."""
        self.display = False

    def action_close(self) -> None:
        """Esc: hide the line; the filter is what it was when the line was opened."""
        self.close()
        self.post_message(FilterClosed(self, self._accepted))

    def action_older(self) -> None:
        """The filter used before this one."""
        self._recall(-1)

    def action_newer(self) -> None:
        """The filter used after this one."""
        self._recall(1)

    def _recall(self, step: int) -> None:
        self._at = max(0, min(len(self._history), self._at + step))
        self.value = self._history[self._at] if self._at < len(self._history) else ""
        self.cursor_position = len(self.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(FilterChanged(self, plain(event.value)))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        text = plain(event.value).strip()
        if text:
            self._history = [*(old for old in self._history if old != text), text][-KEPT:]
        self._accepted = text
        self.close()
        self.post_message(FilterAccepted(self, text))
