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
from textual.widgets import Button, Input, Static

from atlas_tui.cells import cut, plain
from atlas_tui.widgets.dialog import LONGEST, Dialog, text_line

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


class ConfirmName(Dialog[Confirmed]):
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
        Binding("left,up", "app.focus_previous", "Before", id="confirm.before", show=False),
        Binding("right,down", "app.focus_next", "Next", id="confirm.next", show=False),
    ]

    DEFAULT_CSS = """
    ConfirmName .sentences { height: auto; max-height: 14; overflow-y: auto; scrollbar-size-vertical: 1; margin-bottom: 1; }
    ConfirmName .sentences Static { height: auto; background: $panel; }
    ConfirmName .label { height: auto; background: $panel; }
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
                yield text_line("name")
            if self._asks_reason:
                yield Static("Reason (needed, for the audit trail):", classes="label", markup=False)
                yield text_line("reason")
            if self._asks_ticket:
                yield Static("Ticket (optional, for the audit trail):", classes="label", markup=False)
                yield text_line("ticket")
            with Horizontal(classes="buttons"):
                yield from self.buttons(self._confirm_label, disabled=self.is_incomplete())

    def on_mount(self) -> None:
        """Cancel has the focus."""
        self.query_one("#cancel", Button).focus()

    def is_incomplete(self) -> bool:
        """Whether something is still to be typed before the button works."""
        name = self._name is not None and self._typed_in("name") != self._name
        return name or (self._asks_reason and not self._typed_in("reason"))

    def _typed_in(self, id: str) -> str:
        return next((line.value.strip() for line in self.query(f"#{id}").results(Input)), "")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#confirm", Button).disabled = self.is_incomplete()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter in a field goes on and presses nothing."""
        event.stop()
        self.focus_next()

    def given(self) -> Confirmed:
        """The ticket and the reason, in one line each."""
        ticket = " ".join(plain(self._typed_in("ticket")).split())
        return Confirmed(ticket[:LONGEST_TICKET] or None, " ".join(plain(self._typed_in("reason")).split()))
