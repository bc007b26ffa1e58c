"""Ask before something is started on many things: what would happen is still being counted while the question stands.

Promise: Cancel has the focus; the button works only once everything was counted and there is something to start; a ticket's reference may
be given; however often someone presses, the answer is given once.

Must not know: what is counted, and what is done then.
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
from atlas_tui.widgets.confirm_name import LONGEST_TICKET, Confirmed
from atlas_tui.widgets.dialog import LONGEST, Dialog, text_line


class DryRunQuestion(Dialog[Confirmed]):
    """The question. `app.push_screen(DryRunQuestion(…), callback)`; the callback gets `Confirmed`, or None.

    Args:
        title: What is asked, as a short question.
        paragraphs: What will be done, and what there is to know about it.
        confirm_label: The verb on the button.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "Before", id="dry_run.before", show=False),
        Binding("right,down", "app.focus_next", "Next", id="dry_run.next", show=False),
    ]

    DEFAULT_CSS = """
    DryRunQuestion .classes { height: auto; max-height: 12; overflow-y: auto; scrollbar-size-vertical: 1; margin-bottom: 1; }
    DryRunQuestion Static { height: auto; background: $panel; }
    DryRunQuestion .paragraph { margin-bottom: 1; }
    """

    def __init__(self, title: str, paragraphs: Sequence[str], *, confirm_label: str) -> None:
        super().__init__()
        self._title = title
        self._paragraphs = tuple(paragraphs)
        self._confirm_label = confirm_label
        self._may_start = False

    def compose(self) -> ComposeResult:
        """The words, what was counted, the ticket, the buttons: Cancel first."""
        with Vertical():
            yield Static(cut(plain(self._title), LONGEST), classes="title", markup=False)
            with Vertical(classes="classes"):
                yield Static("Looking ...", id="classes", markup=False)
            for paragraph in self._paragraphs:
                yield Static(cut(plain(paragraph), LONGEST), classes="paragraph", markup=False)
            yield Static("Ticket (optional, for the audit trail):", markup=False)
            yield text_line("ticket")
            with Horizontal(classes="buttons"):
                yield from self.buttons(self._confirm_label, disabled=True)

    def on_mount(self) -> None:
        """Cancel has the focus."""
        self.query_one("#cancel", Button).focus()

    def show(self, lines: Sequence[str], *, may_start: bool) -> None:
        """Says what was counted so far.

        Args:
            lines: A line for each class.
            may_start: Everything was counted, and there is something to start.
        """
        if not self.is_mounted or not self.query("#classes"):
            return
        self.query_one("#classes", Static).update("\n".join(cut(plain(line), LONGEST) for line in lines))
        self._may_start = may_start
        self.query_one("#confirm", Button).disabled = not may_start

    @property
    def is_answered(self) -> bool:
        """Whether somebody has answered, so that nothing needs to be counted any more."""
        return self._answered

    def is_incomplete(self) -> bool:
        """Whether something is still to be counted, or there is nothing to start."""
        return not self._may_start

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter in the field goes on and presses nothing."""
        event.stop()
        self.focus_next()

    def given(self) -> Confirmed:
        """The ticket, in one line."""
        ticket = " ".join(plain(self.query_one("#ticket", Input).value).split())
        return Confirmed(ticket[:LONGEST_TICKET] or None)
