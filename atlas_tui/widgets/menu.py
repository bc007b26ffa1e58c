"""The actions menu: everything that can be done to what is marked or under the cursor.

Promise: what is not allowed is there, dimmed, with the reason, and cannot be picked; picking only answers which action it was, the
asker does it (or asks first). However often someone presses, the answer is given once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from atlas_tui.cells import Line, Part, cut, fit_line, line_text, plain, width_of
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.wrapping import wrap

REASON_LINES = 2
"""Lines for the whole reason why an action is refused."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One action.

    Attributes:
        id: What the menu answers.
        letter: The key that picks it.
        label: What it does.
        refusal: Why it is not allowed, as a sentence; empty when it is.
    """

    id: str
    letter: str
    label: str
    refusal: str = ""


class _Items(PaintedLines, can_focus=True):
    DEFAULT_CSS = """
    _Items { height: auto; background: $panel; }
    """

    class Picked(Message):
        """An allowed action was picked."""

        def __init__(self, item: MenuItem) -> None:
            super().__init__()
            self.item = item

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", id="menu.up", show=False),
        Binding("down", "move(1)", "Down", id="menu.down", show=False),
        Binding("enter", "pick", "Pick", id="menu.pick", show=False),
    ]

    def __init__(self, items: Sequence[MenuItem]) -> None:
        super().__init__()
        self.items = tuple(items)
        allowed = [index for index, item in enumerate(self.items) if not item.refusal]
        self.at = allowed[0] if allowed else 0
        # Below the items: why the one under the cursor is refused, in full.
        self._reason_lines = REASON_LINES if len(allowed) < len(self.items) else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.items) + self._reason_lines)

    def compose_lines(self, width: int, height: int) -> list[Line]:
        label_width = max((width_of(plain(item.label)) for item in self.items), default=0)
        lines: list[Line] = []
        for index, item in enumerate(self.items):
            style = "muted" if item.refusal else ""
            label = plain(item.label)
            filled = label + " " * (label_width - width_of(label))
            refusal = f"  {item.refusal}" if item.refusal else ""
            marker = ">" if index == self.at else " "
            line: Line = (Part(f"{marker} {item.letter}  {filled}{refusal}", style),)
            if index == self.at:
                line = (Part(line_text(fit_line(line, width)), "cursor"),)
            lines.append(line)
        # On a screen too small for all of them, the one under the cursor is always seen.
        room = max(1, height - self._reason_lines)
        first = max(0, min(self.at - room // 2, len(lines) - room))
        shown = lines[first : first + room]
        reason = wrap(plain(self.items[self.at].refusal), width - 2) if self.items else []
        return [*shown, *((Part("  "), Part(line)) for line in reason[: self._reason_lines])]

    def action_move(self, step: int) -> None:
        if self.items:
            self.at = (self.at + step) % len(self.items)
            self.repaint()

    def action_pick(self) -> None:
        if self.items:
            self._pick(self.items[self.at])

    def on_key(self, event: events.Key) -> None:
        for index, item in enumerate(self.items):
            if event.character is not None and event.character == item.letter:
                event.stop()
                self.at = index
                self.repaint()
                self._pick(item)
                return

    def _pick(self, item: MenuItem) -> None:
        if not item.refusal:
            self.post_message(self.Picked(item))


class Menu(ModalScreen[str | None]):
    """The menu. `app.push_screen(Menu(…), callback)`; the callback gets the item's id, or None when it was closed.

    Args:
        title: What will be acted on ("Contoso Ltd", "38 connections").
        items: Top to bottom.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "Close", id="menu.close", show=False)]

    DEFAULT_CSS = """
    Menu { align: center middle; }
    Menu > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 96%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    Menu Static { height: 1; text-style: bold; background: $panel; }
    """

    def __init__(self, title: str, items: Sequence[MenuItem]) -> None:
        super().__init__()
        self._title = title
        self._items = _Items(items)
        self._answered = False

    def compose(self) -> ComposeResult:
        """The title and the items."""
        with Vertical():
            yield Static(cut(plain(self._title), 200), markup=False)
            yield self._items

    def on_mount(self) -> None:
        """Keys go to the items."""
        self._items.focus()

    @on(_Items.Picked)
    def _picked(self, event: _Items.Picked) -> None:
        event.stop()
        self._answer(event.item.id)

    def action_close(self) -> None:
        """Esc: nothing."""
        self._answer(None)

    def _answer(self, id: str | None) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(id)
