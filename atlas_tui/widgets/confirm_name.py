"""Ask before something happens that cannot be undone, or that somebody will be asked about later.

Promise: every consequence is said; Cancel has the focus; what can't be undone asks for the thing's name, typed; a ticket's reference may be
given and goes into the audit trail; however often someone presses, the answer is given once.

Must not know: what is done then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from atlas_tui.cells import cut, plain

LONGEST: Final = 600
"""Cells of one sentence shown."""

LONGEST_TICKET: Final = 200


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody said yes.

    Attributes:
        ticket: The reference they gave; None without one.
        reason: Why, in their words, where that was asked.
    """

    ticket: str | None = None
    reason: str = ""


class ConfirmName(ModalScreen[Confirmed | None]):
    """The question. `app.push_screen(ConfirmName(…), callback)`; the callback gets `Confirmed`, or None.

    Args:
        title: What is asked, as a short question.
        sentences: What will happen, the most painful first.
        confirm_label: The verb on the button.
        name_to_type: What must be typed before the button works; None when pressing it is enough.
        asks_ticket: Whether a ticket may be given.
        asks_reason: Whether a reason must be given.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel", show=False),
        Binding("left", "app.focus_previous", "Before", id="confirm.before", show=False),
        Binding("right", "app.focus_next", "Next", id="confirm.next", show=False),
        Binding("up", "app.focus_previous", "Before", id="confirm.up", show=False),
        Binding("down", "app.focus_next", "Next", id="confirm.down", show=False),
    ]

    DEFAULT_CSS = """
    ConfirmName { align: center middle; }
    ConfirmName > Vertical {
        width: 74; max-width: 96%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    ConfirmName .title { text-style: bold; height: auto; margin-bottom: 1; background: $panel; }
    ConfirmName .sentences { height: auto; max-height: 14; overflow-y: auto; scrollbar-size-vertical: 1; margin-bottom: 1; }
    ConfirmName .sentences Static { height: auto; background: $panel; }
    ConfirmName .label { height: auto; background: $panel; }
    ConfirmName Horizontal { height: 1; align-horizontal: right; margin-top: 1; }
    ConfirmName Button { margin-left: 2; background: $panel; color: $foreground; }
    ConfirmName Button:focus { background: $panel; color: $foreground; text-style: reverse; }
    ConfirmName Button:disabled { color: $secondary; text-opacity: 100%; opacity: 100%; }
    """

    def __init__(
        self,
        title: str,
        sentences: Sequence[str],
        *,
        confirm_label: str,
        name_to_type: str | None = None,
        asks_ticket: bool = True,
        asks_reason: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._sentences = tuple(sentences)
        self._confirm_label = confirm_label
        self._name = None if name_to_type is None else plain(name_to_type)
        self._asks_ticket = asks_ticket
        self._asks_reason = asks_reason
        self._answered = False

    def compose(self) -> ComposeResult:
        """The words, the name to type, the ticket, the buttons: Cancel first."""
        with Vertical():
            yield Static(cut(plain(self._title), LONGEST), classes="title", markup=False)
            with Vertical(classes="sentences"):
                for sentence in self._sentences:
                    yield Static(cut(f"- {plain(sentence)}", LONGEST), markup=False)
            if self._name is not None:
                yield Static(
                    f"This can't be undone. Type {cut(self._name, LONGEST)} to confirm:", classes="label", markup=False
                )
                yield _line("name", "")
            if self._asks_reason:
                yield Static("Reason (needed, for the audit trail):", classes="label", markup=False)
                yield _line("reason", "")
            if self._asks_ticket:
                yield Static("Ticket (optional, for the audit trail):", classes="label", markup=False)
                yield _line("ticket", "")
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(plain(self._confirm_label), id="confirm", compact=True, disabled=self._is_incomplete())

    def on_mount(self) -> None:
        """Cancel has the focus."""
        self.query_one("#cancel", Button).focus()

    def _is_incomplete(self) -> bool:
        """Whether something is still to be typed before the button works."""
        name = self._name is not None and self._typed_in("name") != self._name
        return name or (self._asks_reason and not self._typed_in("reason"))

    def _typed_in(self, id: str) -> str:
        return next((line.value.strip() for line in self.query(f"#{id}").results(Input)), "")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#confirm", Button).disabled = self._is_incomplete()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter in a field goes on and presses nothing."""
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._answer(event.button.id == "confirm")

    def action_cancel(self) -> None:
        """Esc: no."""
        self._answer(False)

    def _answer(self, yes: bool) -> None:
        if self._answered or (yes and self.query_one("#confirm", Button).disabled):
            return
        self._answered = True
        ticket = " ".join(plain(self.query_one("#ticket", Input).value).split()) if self._asks_ticket else ""
        reason = " ".join(plain(self._typed_in("reason")).split())
        self.dismiss(Confirmed(ticket[:LONGEST_TICKET] or None, reason) if yes else None)


def _line(id: str, placeholder: str) -> Input:
    line = Input(compact=True, id=id, placeholder=placeholder, select_on_focus=False)
    line.cursor_blink = False
    return line
