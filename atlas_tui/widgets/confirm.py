"""Ask before something happens.

Promise: what will happen is said; Cancel has the focus; what cannot be undone asks for a name; however often someone presses, the
answer is given once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from atlas_tui.cells import cut, plain

LONGEST = 600
"""Cells of one paragraph shown; outside text may be long, and the buttons must stay on an 80x24 screen."""


class Confirm(ModalScreen[bool]):
    """The question. `app.push_screen(Confirm(…), callback)`; the callback gets True only when it was confirmed.

    Args:
        title: What it is about, as a short sentence.
        paragraphs: What a worker will do, and to what.
        confirm_label: The verb on the button.
        name_to_type: What must be typed before the button works; None when pressing it is enough.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel", show=False),
        Binding("left,right", "other_button", "Other button", id="confirm.other", show=False),
    ]

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 70; max-width: 96%; height: auto; max-height: 96%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    Confirm .title { text-style: bold; }
    Confirm Static { height: auto; margin-bottom: 1; background: $panel; }
    Confirm Horizontal { height: 1; align-horizontal: right; }
    Confirm Button { margin-left: 2; background: $panel; color: $foreground; }
    Confirm Button:focus { background: $panel; color: $foreground; text-style: reverse; }
    Confirm Button:disabled { color: $secondary; text-opacity: 100%; opacity: 100%; }
    Confirm Input { margin-bottom: 1; }
    """

    def __init__(
        self, title: str, paragraphs: Sequence[str], *, confirm_label: str, name_to_type: str | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._paragraphs = tuple(paragraphs)
        self._confirm_label = confirm_label
        self._name = None if name_to_type is None else plain(name_to_type)
        self._answered = False

    def compose(self) -> ComposeResult:
        """The words, the name to type, the buttons: Cancel first."""
        with Vertical():
            yield Static(cut(plain(self._title), LONGEST), classes="title", markup=False)
            for paragraph in self._paragraphs:
                yield Static(cut(plain(paragraph), LONGEST), markup=False)
            if self._name is not None:
                yield Static(f"Type {cut(self._name, LONGEST)} to confirm:", markup=False)
                name = Input(compact=True, id="name")
                name.cursor_blink = False
                yield name
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(plain(self._confirm_label), id="confirm", compact=True, disabled=self._name is not None)

    def on_mount(self) -> None:
        """Cancel has the focus."""
        self.query_one("#cancel", Button).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#confirm", Button).disabled = event.value.strip() != self._name

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter in the field goes to the button and presses nothing."""
        event.stop()
        button = self.query_one("#confirm", Button)
        if not button.disabled:
            button.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._answer(event.button.id == "confirm")

    def action_cancel(self) -> None:
        """Esc: no."""
        self._answer(False)

    def action_other_button(self) -> None:
        """The arrow keys go between the buttons."""
        confirm = self.query_one("#confirm", Button)
        other = self.query_one("#cancel", Button) if confirm.has_focus or confirm.disabled else confirm
        # At once, not when Textual is idle: an Enter that came in the same chunk is meant for this button.
        self.set_focus(other)

    def _answer(self, yes: bool) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(yes)
