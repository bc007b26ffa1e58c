"""What a field of a form is: its label, what may stand in it, and how its text becomes a value.

Promise: a field is a value; checking it is pure, so that it can be done on every key. What is stored and what is typed meet in two
functions: `show` makes text of a stored value, `read` makes a value of text or says what is wrong with it.

Must not know: widgets, the database, which forms there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from atlas_tui.cells import plain
from storage.errors import InvalidInput


class Kind(StrEnum):
    """How a field is filled in."""

    TEXT = "text"
    NOTE = "note"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105  (the kind of field, not a password)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values of a choice.

    Attributes:
        value: As it is kept.
        label: As it is shown; a letter it begins with chooses it.
        note: What choosing it means, shown beside it.
    """

    value: str
    label: str
    note: str = ""


def as_text(value: Any) -> str:
    """A stored value as text: nothing for None."""
    return "" if value is None else str(value)


def as_typed(text: str) -> str:
    """Text as a value: itself."""
    return text


def optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Makes a reader that takes an empty field for None."""
    return lambda text: read(text) if text else None


def always(values: Mapping[str, str]) -> bool:
    """A field that is always there."""
    return True


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        key: Its name in storage, in drafts and in what is saved; drafts allow `[a-z0-9_.-]`.
        label: Its name for people, at most 14 cells.
        kind: How it is filled in.
        read: Makes the value of a text that was stripped; raises `InvalidInput` when it cannot be used. A secret is only checked by it, and
            what it raises must not repeat the secret.
        show: Makes the text of a stored value.
        hint: What a good value looks like; shown while the field has the focus and nothing is wrong.
        options: The values of a choice.
        is_required: Whether it may not be empty.
        fixed: Why it cannot be changed; it is shown as text then.
        shown_when: Whether the field applies, by the texts of all fields; one that does not is neither shown nor saved.
        also_called: What storage's sentences call it, when that is not its label.
        lines: Lines of a note.
    """

    key: str
    label: str
    kind: Kind = Kind.TEXT
    read: Callable[[str], Any] = as_typed
    show: Callable[[Any], str] = as_text
    hint: str = ""
    options: tuple[Option, ...] = ()
    is_required: bool = False
    fixed: str = ""
    shown_when: Callable[[Mapping[str, str]], bool] = always
    also_called: tuple[str, ...] = ()
    lines: int = 3

    def problem(self, text: str) -> str:
        """Says what is wrong with a text; nothing when it can be used."""
        text = text.strip()
        if not text:
            return f"{self.label}: is needed. {self.hint}".strip() if self.is_required else self._unreadable(text)
        return self._unreadable(text)

    def _unreadable(self, text: str) -> str:
        if self.kind is Kind.SECRET:
            return ""
        try:
            self.read(text)
        except InvalidInput as error:
            return str(error)
        return ""

    def is_named(self, name: str) -> bool:
        """Whether storage means this field by a name in a sentence of its own."""
        return name.casefold() in {self.key, self.label.casefold(), *map(str.casefold, self.also_called)}

    def option(self, value: str) -> Option | None:
        """The option of a value."""
        return next((option for option in self.options if option.value == value), None)


def harmless(text: str) -> str:
    """Stored or pasted text without what a terminal must not get; line breaks stay."""
    return "\n".join(plain(line) for line in text.replace("\r\n", "\n").split("\n"))


def read_list(text: str) -> tuple[str, ...]:
    """Words between commas, each once, in their order."""
    return tuple(dict.fromkeys(word for word in (part.strip() for part in text.split(",")) if word))


def show_list(words: Sequence[str] | None) -> str:
    """Words with commas between them."""
    return ", ".join(words or ())
