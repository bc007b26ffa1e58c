"""A question in a box over the screen: words, perhaps something to type, two buttons.

Promise: Cancel comes first and Esc means it; the other button does nothing while something is missing; however often someone presses, the
answer is given once. What is shown is data, never markup.

Must not know: what is asked, and what is done with the answer.
"""

from __future__ import annotations

from typing import ClassVar, Final, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from atlas_tui.cells import plain

LONGEST: Final = 600
"""Cells of one sentence shown; outside text may be long, and the buttons must stay on an 80x24 screen."""

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """The box. A dialog composes its words in a `Vertical`, its `buttons()` in a container of that class, and says what was `given`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel", show=False),
    ]

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical {
        width: 74; max-width: 96%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    Dialog .title { text-style: bold; height: auto; margin-bottom: 1; background: $panel; }
    Dialog .buttons { height: 1; align-horizontal: right; margin-top: 1; }
    Dialog Button { margin-left: 2; background: $panel; color: $foreground; }
    Dialog Button:focus { background: $panel; color: $foreground; text-style: reverse; }
    Dialog Button:disabled { color: $secondary; text-opacity: 100%; opacity: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._answered = False

    def buttons(self, confirm_label: str, *, disabled: bool = False) -> ComposeResult:
        """Cancel, and the one with the verb."""
        yield Button("Cancel", id="cancel", compact=True)
        yield Button(plain(confirm_label), id="confirm", compact=True, disabled=disabled)

    def given(self) -> Answer:
        """What somebody who confirms has answered."""
        raise NotImplementedError

    def is_incomplete(self) -> bool:
        """Whether something is still missing or wrong, so that the button must not work."""
        return False

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._answer(event.button.id == "confirm")

    def action_cancel(self) -> None:
        """Esc: no."""
        self._answer(False)

    def _answer(self, yes: bool) -> None:
        if self._answered or (yes and self.is_incomplete()):
            return
        self._answered = True
        self.dismiss(self.given() if yes else None)


def text_line(id: str, value: str = "", placeholder: str = "") -> Input:
    """Makes a one-line input that neither blinks nor selects what stands in it."""
    line = Input(value, compact=True, id=id, placeholder=placeholder, select_on_focus=False)
    line.cursor_blink = False
    return line
