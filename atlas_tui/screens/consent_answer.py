"""Taking an answer that was sent back: a field for the address of the browser's error page, however it was broken into lines.

Promise: what is pasted is read by storage and judged there; it is kept nowhere here, because it holds the link's one-time state; Cancel
has the focus until something is in the field, and nothing is recorded by pasting alone.

Must not know: what becomes of the answer.
"""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from atlas_tui.cells import cut, plain
from atlas_tui.widgets.form_field import Field, Kind
from atlas_tui.widgets.form_inputs import FieldEdited, FieldLeft, NoteField
from storage.consent_reading import MAX_ANSWER, read_pasted
from storage.errors import InvalidInput

_FIELD: Final = Field("address", "Address", Kind.NOTE, lines=6)


class PasteAnswer(ModalScreen[str | None]):
    """The question. The callback gets the pasted text, or None.

    Args:
        name: Of which connection.
        text: What was pasted already, when pasting opened this.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="answer.cancel", show=False),
        Binding("tab", "app.focus_next", "Next", id="answer.next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Before", id="answer.before", show=False, priority=True),
        # Between the buttons as in every other question; inside the field these keys move the cursor.
        Binding("right,down", "app.focus_next", "Next", id="answer.right", show=False),
        Binding("left,up", "app.focus_previous", "Before", id="answer.left", show=False),
        Binding("ctrl+s", "record", "Record", id="answer.record", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PasteAnswer { align: center middle; }
    PasteAnswer > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    PasteAnswer Static { height: auto; background: $panel; margin-bottom: 1; }
    PasteAnswer .title { text-style: bold; }
    PasteAnswer #said { margin: 1 0 0 0; height: 2; }
    PasteAnswer Horizontal { height: 1; align-horizontal: right; }
    PasteAnswer Button { margin-left: 2; background: $panel; color: $foreground; }
    PasteAnswer Button:focus { background: $panel; color: $foreground; text-style: reverse; }
    PasteAnswer Button:disabled { color: $secondary; text-opacity: 100%; opacity: 100%; }
    """

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__()
        self._title = f"Paste the answer to a consent link of {name}"
        self._field = NoteField(_FIELD, text[:MAX_ANSWER])
        self._answered = False

    def compose(self) -> ComposeResult:
        """The words, the field, what is wrong with it, the buttons."""
        with Vertical():
            yield Static(cut(plain(self._title), 200), classes="title", markup=False)
            yield Static(
                "The address the administrator's browser ended at, from http: to its end. Broken lines, quotes and words "
                "around it do no harm.",
                markup=False,
            )
            yield self._field
            yield Static("", id="said", markup=False)
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Record", id="record", compact=True)

    def on_mount(self) -> None:
        """The field has the focus; with something in it, Cancel."""
        self._judge()
        (self.query_one("#cancel", Button) if self._field.text else self._field).focus()

    @on(FieldEdited)
    def _edited(self, event: FieldEdited) -> None:
        event.stop()
        self._judge()

    @on(FieldLeft)
    def _left(self, event: FieldLeft) -> None:
        event.stop()
        self.focus_next() if event.step > 0 else self.focus_previous()

    def _judge(self) -> None:
        """Whether there is an answer in it at all; what it is worth is storage's to say."""
        said = ""
        try:
            parsed = read_pasted(self._field.text)
        except InvalidInput as error:
            said = str(error) if self._field.text.strip() else ""
            self.query_one("#record", Button).disabled = True
        else:
            said = "It says that consent was given." if parsed.is_granted else f"It says: {parsed.reason_code}."
            said += f" By tenant {parsed.tenant}." if parsed.tenant else ""
            self.query_one("#record", Button).disabled = False
        self.query_one("#said", Static).update(plain(said))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._answer(event.button.id == "record")

    def action_cancel(self) -> None:
        """Esc: nothing is recorded."""
        self._answer(False)

    def action_record(self) -> None:
        """Record it."""
        if not self.query_one("#record", Button).disabled:
            self._answer(True)

    def _answer(self, yes: bool) -> None:
        if not self._answered:
            self._answered = True
            text = self._field.text
            self._field.put("")
            self.dismiss(text if yes else None)
