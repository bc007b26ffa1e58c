"""The fields of a form, one below the other, a line each; and the way between them.

Promise: every field keeps its place while others come and go; the one with the focus is always seen; what is wrong is marked in front of
its label and never by colour alone. It works on a `FormState` and tells its owner of each edit; a screen or a step of a wizard can hold it.

Must not know: where texts come from, what saving means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from atlas_tui.cells import Line, Part, fit, plain
from atlas_tui.widgets.form_field import Field, Kind
from atlas_tui.widgets.form_inputs import FieldEdited, FieldLeft, TextField, input_for
from atlas_tui.widgets.form_secret import SecretEdited, SecretField, SecretLeft
from atlas_tui.widgets.form_state import FormState
from atlas_tui.widgets.lines import PaintedLines

LABEL_WIDTH: Final = 19
"""Cells in front of a value: a marker, the label, a blank."""


class FormEdited(Message):
    """A field has another text; the state has it already."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class _Label(PaintedLines):
    """A marker and the label: `x` cannot be saved so, `!` worth a look, `*` changed."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field
        self._marker = ("", "")
        self.styles.width = LABEL_WIDTH

    def mark(self, glyph: str, style: str) -> None:
        self._marker = (glyph, style)
        self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        glyph, style = self._marker
        style_of_label = "muted" if self._field.fixed else ""
        return [(Part(f" {glyph or ' '} ", style), Part(fit(plain(self._field.label), width - 4), style_of_label))]


class FormRow(Horizontal):
    """A field: its label and what it is filled in with."""

    DEFAULT_CSS = """
    FormRow { height: auto; width: 1fr; padding: 0 1 0 0; }
    """

    def __init__(self, field: Field, text: str) -> None:
        super().__init__()
        self.field = field
        self.label = _Label(field)
        self.input = input_for(field, text)

    def compose(self) -> ComposeResult:
        """The label, the field."""
        yield self.label
        yield self.input

    def show(self, state: FormState) -> None:
        """The field's text and its marker, as they are in the state."""
        key = self.field.key
        if not isinstance(self.input, SecretField):
            self.input.put(state.text(key))  # type: ignore[attr-defined]
        remark = state.remark(key)
        if remark is not None:
            self.label.mark(*(("x", "bad") if remark.level == "bad" else ("!", "warn")))
        else:
            changed = key in state.changed()
            self.label.mark(*(("*", "info") if changed else ("", "")))


class FormBody(Widget):
    """The fields.

    Args:
        state: Their texts; edits go into it.
    """

    DEFAULT_CSS = """
    FormBody { height: 1fr; width: 1fr; layout: vertical; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self, state: FormState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.rows = {field.key: FormRow(field, state.text(field.key)) for field in state.fields}

    def compose(self) -> ComposeResult:
        """A row for each field."""
        yield from self.rows.values()

    def on_mount(self) -> None:
        """Only those that apply."""
        self.show_state()

    @property
    def lines_wanted(self) -> int:
        """As many lines as the fields that apply have."""
        return sum(row.field.lines if row.field.kind is Kind.NOTE else 1 for row in self.rows.values() if row.display)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Those lines, where the height is left to the fields."""
        return self.lines_wanted

    def show_state(self) -> None:
        """All fields as they are in the state."""
        applying = {field.key for field in self.state.visible()}
        for key, row in self.rows.items():
            if row.display != (key in applying):
                row.display = key in applying
            if row.is_mounted and row.input.is_mounted:
                row.show(self.state)

    def to_fill_in(self) -> Iterator[Widget]:
        """The fields that can be filled in now."""
        for row in self.rows.values():
            if row.display and row.input.can_focus:
                yield row.input

    @property
    def current(self) -> Field | None:
        """The field that has the focus."""
        return next((row.field for row in self.rows.values() if row.input.has_focus), None)

    def enter(self, key: str | None = None) -> None:
        """Give the focus to a field, at once, so that what is typed behind the key that led here arrives there.

        Args:
            key: Which; the first one that can be filled in when None.
        """
        wanted = self.rows[key].input if key is not None and self.rows[key].display else next(self.to_fill_in(), None)
        if wanted is None or not wanted.can_focus:
            return
        self.screen.set_focus(wanted)
        if isinstance(wanted, TextField):
            wanted.cursor_position = len(wanted.value)

    def secrets(self) -> dict[str, str]:
        """What was typed into the secret fields, for the one call that saves them."""
        return {
            key: row.input.peek()
            for key, row in self.rows.items()
            if isinstance(row.input, SecretField) and row.input.is_filled
        }

    def forget_secrets(self) -> None:
        """Empty the secret fields."""
        for row in self.rows.values():
            if isinstance(row.input, SecretField):
                row.input.action_empty()

    @on(FieldEdited)
    def _edited(self, event: FieldEdited) -> None:
        event.stop()
        self.state.put(event.key, event.text)
        self.show_state()
        self.post_message(FormEdited(event.key))

    @on(SecretEdited)
    def _secret_edited(self, event: SecretEdited) -> None:
        event.stop()
        self.state.fill(event.key, event.is_filled, event.problem)
        self.show_state()
        self.post_message(FormEdited(event.key))

    @on(SecretLeft)
    def _secret_left(self, event: SecretLeft) -> None:
        event.stop()
        self.post_message(FieldLeft(1))
