"""What the fields of a form are filled in with: a line, a choice, a note.

Promise: letters type; the keys that lead from field to field go on to the form; nothing blinks; what is pasted loses its control bytes
before it is shown. Each is as narrow as it must be.

Must not know: what a field means, the other fields.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, TextArea

from atlas_tui.cells import Line, Part, plain
from atlas_tui.widgets.form_field import Field, Kind, harmless
from atlas_tui.widgets.form_secret import SecretField
from atlas_tui.widgets.lines import PaintedLines


class FieldEdited(Message):
    """A field has another text."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__()
        self.key = key
        self.text = text


class FieldLeft(Message):
    """The person wants the field after this one (`step` 1) or before it (-1)."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step


class TextField(Input):
    """One line of text."""

    DEFAULT_CSS = """
    TextField { width: 1fr; height: 1; background: $surface; padding: 0; }
    TextField:ansi { text-style: underline; }
    TextField:focus { background: $panel; background-tint: $foreground 0%; }
    """

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(text, compact=True, select_on_focus=False, id=f"field-{field.key}")
        self.cursor_blink = False
        self.key = field.key

    def put(self, text: str) -> None:
        """Another text, without saying so."""
        if text != self.value:
            with self.prevent(Input.Changed):
                self.value = text
            self.cursor_position = len(text)

    def insert_text_at_cursor(self, text: str) -> None:
        """What is typed or pasted, made harmless."""
        super().insert_text_at_cursor(plain(text))

    def replace(self, text: str, start: int, end: int) -> None:
        """The same over a selection."""
        super().replace(plain(text), start, end)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(FieldEdited(self.key, self.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field: a form is saved by its own key, never by one Enter too many."""
        event.stop()
        self.post_message(FieldLeft(1))


class NoteField(TextArea):
    """Several lines. Up in the first and down in the last lead out of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "up", "Up", id="note.up", show=False),
        Binding("down", "down", "Down", id="note.down", show=False),
    ]

    DEFAULT_CSS = """
    NoteField {
        width: 1fr; background: $surface; padding: 0; scrollbar-size: 0 0;
        &:focus { background: $panel; }
        & .text-area--cursor-line, &:focus .text-area--cursor-line { background: transparent; }
        & .text-area--cursor { color: $background; background: $foreground; }
        &:ansi .text-area--cursor { color: ansi_default; background: ansi_default; text-style: reverse; }
    }
    """

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(text, compact=True, highlight_cursor_line=False, id=f"field-{field.key}")
        self.cursor_blink = False
        self.key = field.key
        self.styles.height = field.lines

    def put(self, text: str) -> None:
        """Another text, without saying so."""
        if text != self.text:
            with self.prevent(TextArea.Changed):
                self.load_text(text)

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted, made harmless; Textual's own handler comes after this one."""
        event.text = harmless(event.text)

    def action_up(self) -> None:
        """A line up, or the field before."""
        if self.navigator.is_first_wrapped_line(self.cursor_location):
            self.post_message(FieldLeft(-1))
        else:
            self.action_cursor_up()

    def action_down(self) -> None:
        """A line down, or the field after."""
        if self.navigator.is_last_wrapped_line(self.cursor_location):
            self.post_message(FieldLeft(1))
        else:
            self.action_cursor_down()

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(FieldEdited(self.key, self.text))


class ChoiceField(PaintedLines, can_focus=True):
    """One of a few. Left, right and space go through them; a letter goes to the one that begins with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Before", id="choice.before", show=False),
        Binding("right,space", "turn(1)", "Next", id="choice.next", show=False),
        Binding("enter", "go_on", "Next field", id="choice.enter", show=False),
    ]

    DEFAULT_CSS = """
    ChoiceField { width: 1fr; height: 1; background: $surface; }
    ChoiceField:focus { background: $panel; }
    """

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(id=f"field-{field.key}")
        self.key = field.key
        self._options = field.options
        self._value = text

    @property
    def value(self) -> str:
        """What is chosen."""
        return self._value

    def put(self, text: str) -> None:
        """Another choice, without saying so."""
        self._value = text
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """`< platform >  what that means`."""
        chosen = next((option for option in self._options if option.value == self._value), None)
        label, note = (chosen.label, chosen.note) if chosen is not None else (self._value or "-", "")
        focused = self.has_focus
        return [
            (
                Part("< ", "muted"),
                Part(plain(label), "cursor" if focused else ""),
                Part(" >", "muted"),
                Part(f"  {plain(note)}" if note else "", "muted"),
            )
        ]

    def action_turn(self, step: int) -> None:
        """The option after this one, or before it."""
        values = [option.value for option in self._options]
        if values:
            at = values.index(self._value) if self._value in values else -step
            self._choose(values[(at + step) % len(values)])

    def action_go_on(self) -> None:
        """Enter: the next field."""
        self.post_message(FieldLeft(1))

    def on_key(self, event: events.Key) -> None:
        """The next option that begins with the letter."""
        letter = event.character
        if letter is None or not letter.isalnum():
            return
        # A letter in a form is meant for the form: it never becomes a key of the dashboard here.
        event.stop()
        values = [option.value for option in self._options if option.label.casefold().startswith(letter.casefold())]
        if values:
            at = values.index(self._value) + 1 if self._value in values else 0
            self._choose(values[at % len(values)])

    def _choose(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self.repaint()
            self.post_message(FieldEdited(self.key, value))

    def watch_has_focus(self, has_focus: bool) -> None:
        """The choice is shown reversed, or plainly. Not on the events: Textual sets the focus only after their handlers."""
        super().watch_has_focus(has_focus)
        self.repaint()


class FixedField(PaintedLines):
    """A value that cannot be changed, and why."""

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(id=f"field-{field.key}")
        self.key = field.key
        self._text = text
        self._why = field.fixed

    def put(self, text: str) -> None:
        """Another text."""
        self._text = text
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The value and why."""
        value = plain(" ".join(self._text.split())) or "-"
        return [(Part(value), Part(f"  {plain(self._why)}", "muted"))]


def input_for(field: Field, text: str) -> Widget:
    """The widget that a field is filled in with."""
    if field.fixed:
        return FixedField(field, text)
    made: dict[Kind, Any] = {
        Kind.TEXT: TextField,
        Kind.NOTE: NoteField,
        Kind.CHOICE: ChoiceField,
    }
    if field.kind is Kind.SECRET:
        return SecretField(field)
    widget: Widget = made[field.kind](field, text)
    return widget
