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
from textual.widgets import Button, Input, Static

from atlas_tui.cells import cut, plain
from atlas_tui.widgets.dialog import LONGEST, Dialog, text_line


class Confirm(Dialog[bool]):
    """The question. `app.push_screen(Confirm(…), callback)`; the callback gets True only when it was confirmed.

    Args:
        title: What it is about, as a short sentence.
        paragraphs: What a worker will do, and to what.
        confirm_label: The verb on the button.
        name_to_type: What must be typed before the button works; None when pressing it is enough.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right", "other_button", "Other button", id="confirm.other", show=False),
    ]

    DEFAULT_CSS = """
    Confirm > Vertical { width: 70; max-height: 96%; }
    Confirm Static { height: auto; margin-bottom: 1; background: $panel; }
    Confirm .buttons { margin-top: 0; }
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

    def compose(self) -> ComposeResult:
        """The words, the name to type, the buttons: Cancel first."""
        with Vertical():
            yield Static(cut(plain(self._title), LONGEST), classes="title", markup=False)
            for paragraph in self._paragraphs:
                yield Static(cut(plain(paragraph), LONGEST), markup=False)
            if self._name is not None:
                yield Static(f"Type {cut(self._name, LONGEST)} to confirm:", markup=False)
                yield text_line("name")
            with Horizontal(classes="buttons"):
                yield from self.buttons(self._confirm_label, disabled=self._name is not None)

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

    def given(self) -> bool:
        """Yes."""
        return True

    def is_incomplete(self) -> bool:
        """Whether the name is still to be typed."""
        return self.query_one("#confirm", Button).disabled

    def action_other_button(self) -> None:
        """The arrow keys go between the buttons."""
        confirm = self.query_one("#confirm", Button)
        other = self.query_one("#cancel", Button) if confirm.has_focus or confirm.disabled else confirm
        # At once, not when Textual is idle: an Enter that came in the same chunk is meant for this button.
        self.set_focus(other)
