"""A field for something nobody may read back: it takes text and shows only that there is some.

Promise: the value is in this one object and nowhere else: not on the screen (not even its length), not in a message, a draft, the
clipboard, an undo history or the object's own description. It is handed over once, by `take`, which empties the field.

Must not know: what the secret is for.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from atlas_tui.cells import Line, Part
from atlas_tui.widgets.form_field import Field
from atlas_tui.widgets.lines import PaintedLines
from storage.errors import InvalidInput

LONGEST = 65_536
"""Characters kept: a certificate with its chain and key is a few thousand."""

DOTS = "........"
"""What is shown for any text, of whatever length."""


class SecretEdited(Message):
    """There is something in the field now, or nothing any more, or something else is wrong with it. What it is goes with no message."""

    def __init__(self, key: str, is_filled: bool, problem: str = "") -> None:
        super().__init__()
        self.key = key
        self.is_filled = is_filled
        self.problem = problem


class SecretLeft(Message):
    """Enter: on to the next field."""


class SecretField(PaintedLines, can_focus=True):
    """The field. Typed or pasted; Backspace takes one character, ctrl+u all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "shorten", "Delete a character", id="secret.shorten", show=False),
        Binding("ctrl+u,delete", "empty", "Empty", id="secret.empty", show=False),
        Binding("enter", "go_on", "Next field", id="secret.enter", show=False),
    ]

    DEFAULT_CSS = """
    SecretField { width: 1fr; height: 1; background: $surface; }
    SecretField:focus { background: $panel; }
    """

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"field-{field.key}")
        self.key = field.key
        self._field = field
        self._characters: list[str] = []
        self._problem = ""

    def __repr__(self) -> str:
        """Its name and nothing else."""
        return f"<SecretField {self.key}>"

    @property
    def is_filled(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._characters)

    def peek(self) -> str:
        """The value, for the one call that saves it. It stays here, so that a save that failed can be repeated."""
        return "".join(self._characters)

    def take(self) -> str:
        """Hands the value over and empties the field."""
        value = self.peek()
        self.action_empty()
        return value

    def put(self, text: str) -> None:
        """Nothing is ever put into it from outside; any text empties it."""
        self.action_empty()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """Whether there is something."""
        marker = Part("_", "cursor") if self.has_focus else Part(" ")
        if self._characters:
            return [(Part(DOTS), marker, Part("  not shown; ctrl+u empties it", "muted"))]
        return [(marker, Part(" type or paste it; it is not shown", "muted"))]

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is typed into it and so means nothing else."""
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """A character."""
        if event.is_printable and event.character is not None:
            event.stop()
            self._add(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """All of it, whatever its lines."""
        event.stop()
        self._add(event.text.strip())

    def _add(self, text: str) -> None:
        was_filled = self.is_filled
        self._characters.extend(text[: max(0, LONGEST - len(self._characters))])
        self._say(was_filled)

    def action_shorten(self) -> None:
        """One character less."""
        was_filled = self.is_filled
        del self._characters[-1:]
        self._say(was_filled)

    def action_empty(self) -> None:
        """Nothing in it any more."""
        was_filled = self.is_filled
        self._characters.clear()
        self._say(was_filled)

    def _say(self, was_filled: bool) -> None:
        before, self._problem = self._problem, self._read()
        if self.is_filled != was_filled or self._problem != before:
            self.repaint()
            self.post_message(SecretEdited(self.key, self.is_filled, self._problem))

    def _read(self) -> str:
        """What the field's own rule says against it. The rules for secrets never repeat what they were given."""
        if not self.is_filled:
            return ""
        try:
            self._field.read(self.peek())
        except InvalidInput as error:
            return str(error)
        return ""

    def action_go_on(self) -> None:
        """Enter: the next field."""
        self.post_message(SecretLeft())

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor appears and goes. Not on the events: Textual sets the focus only after their handlers."""
        super().watch_has_focus(has_focus)
        self.repaint()

    def on_unmount(self) -> None:
        """The form is gone: so is the value."""
        self._characters.clear()
