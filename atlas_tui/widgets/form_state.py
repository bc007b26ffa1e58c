"""What is typed into a form, beside what is stored: the whole memory of a form, without a screen.

Promise: what a person typed is never overwritten. When the thing changes underneath, a field nobody touched follows; a field that was
changed here keeps what was typed and shows what is there now, and either can be taken. A secret is never in here.

Must not know: widgets, the database, drafts' storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from atlas_tui.widgets.form_field import Field, Kind, harmless

_WAS: Final = "was."
"""In a draft: in front of a field's name, the text that was stored when the person began to change it."""

Level = Literal["bad", "warn"]


@dataclass(frozen=True, slots=True)
class Theirs:
    """What somebody else put into a field that was being changed here.

    Attributes:
        was: The text before they changed it; the one the person saw.
        now: The text that is stored now.
        by: Who and when, for people: "dana, 3m ago"; empty when it is not known.
    """

    was: str
    now: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about a field.

    Attributes:
        text: A sentence.
        level: `bad` when it cannot be saved so, `warn` when it can.
    """

    text: str
    level: Level = "bad"


class FormState:
    """The fields' texts.

    Args:
        fields: In their order.
        there: What is stored, or what a new thing starts with: key → value.
    """

    def __init__(self, fields: Sequence[Field], there: Mapping[str, Any]) -> None:
        self.fields = tuple(fields)
        self._by_key = {field.key: field for field in fields}
        self._there = {field.key: there.get(field.key) for field in fields}
        self._base = {field.key: self._shown(field, there.get(field.key)) for field in fields}
        self._mine = dict(self._base)
        self._theirs: dict[str, Theirs] = {}
        self._put_aside: dict[str, str] = {}
        self._noted: dict[str, Remark] = {}
        self._refused: dict[str, Remark] = {}
        self._touched: set[str] = set()
        self._filled: set[str] = set()
        self._unusable: dict[str, str] = {}

    @staticmethod
    def _shown(field: Field, value: Any) -> str:
        return "" if field.kind is Kind.SECRET else harmless(field.show(value))

    # What is typed

    def text(self, key: str) -> str:
        """What stands in a field now."""
        return self._mine[key]

    def stored(self, key: str) -> str:
        """What is stored, as text."""
        return self._base[key]

    def texts(self) -> dict[str, str]:
        """What stands in every field."""
        return dict(self._mine)

    def put(self, key: str, text: str) -> None:
        """Somebody typed. A secret stays in its widget and never comes here."""
        if self._by_key[key].kind is Kind.SECRET or self._mine[key] == text:
            return
        self._mine[key] = text
        self._touched.add(key)
        self._forget(key)

    def fill(self, key: str, is_filled: bool, problem: str = "") -> None:
        """There is something in a secret field now, or nothing any more; what it is is not known here.

        Args:
            key: The field.
            is_filled: Whether there is something.
            problem: What the field's own rule says against it, which never repeats it.
        """
        self._touched.add(key)
        self._forget(key)
        self._unusable.pop(key, None)
        if problem:
            self._unusable[key] = problem
        if is_filled:
            self._filled.add(key)
        else:
            self._filled.discard(key)

    @property
    def has_secrets(self) -> bool:
        """Whether there is something in a secret field that applies."""
        return any(field.key in self._filled for field in self.visible())

    def touch(self, keys: Iterable[str]) -> None:
        """These fields were left, or shall be saved: what is missing in them may be said."""
        self._touched.update(keys)

    def visible(self) -> tuple[Field, ...]:
        """The fields that apply."""
        return tuple(field for field in self.fields if field.shown_when(self._mine))

    def changed(self) -> tuple[str, ...]:
        """The fields that differ from what is stored and can be saved."""
        return tuple(
            field.key
            for field in self.visible()
            if not field.fixed and self._mine[field.key].strip() != self._base[field.key].strip()
        )

    def seen(self) -> dict[str, Any]:
        """The stored values as the person saw them."""
        return dict(self._there)

    def values(self) -> dict[str, Any]:
        """The values of the fields that apply and can be read, as storage takes them; those not changed as they are stored."""
        changed = set(self.changed())
        return {
            field.key: field.read(self._mine[field.key].strip()) if field.key in changed else self._there[field.key]
            for field in self.visible()
            if field.kind is not Kind.SECRET and (field.key not in changed or not field.problem(self._mine[field.key]))
        }

    def changes(self) -> dict[str, Any]:
        """The values of what was changed and can be read."""
        values = self.values()
        return {key: values[key] for key in self.changed() if key in values}

    # What is wrong, or worth saying

    def remark(self, key: str) -> Remark | None:
        """What there is to say about a field, the worst first."""
        field = self._by_key[key]
        if not field.fixed:
            # What is in a secret field is not here; that there is something is all that can be asked.
            text = "filled" if key in self._filled else self._mine[key]
            if (problem := field.problem(text)) and (text.strip() or key in self._touched):
                return Remark(problem)
            if key in self._unusable:
                return Remark(self._unusable[key])
        if (said := self._refused.get(key) or self._noted.get(key)) is not None:
            return said
        if (theirs := self._theirs.get(key)) is not None and self._mine[key].strip() != theirs.now.strip():
            by = f" (by {theirs.by})" if theirs.by else ""
            now = " ".join(theirs.now.split()) or "empty"
            return Remark(f"Changed meanwhile{by}. Now: {now}. Saving keeps yours.", "warn")
        return None

    def first_bad(self) -> Field | None:
        """The first field that cannot be saved as it is."""
        return next(
            (field for field in self.visible() if (found := self.remark(field.key)) and found.level == "bad"), None
        )

    def note(self, remarks: Mapping[str, Remark], about: Iterable[str]) -> None:
        """What the database says about some fields, in place of what it said before.

        Args:
            remarks: Key → what there is to say.
            about: The fields that were asked about.
        """
        for key in about:
            self._noted.pop(key, None)
        self._noted.update({key: remark for key, remark in remarks.items() if key in self._by_key})

    def refuse(self, name: str, sentence: str) -> Field | None:
        """Storage refused a value, by the name it has for the field. That is said until the field is changed or saved again.

        Returns:
            The field; None when it is none of these.
        """
        field = next((field for field in self.visible() if field.is_named(name)), None)
        if field is not None:
            self._refused[field.key] = Remark(sentence)
        return field

    def try_again(self) -> None:
        """The form is saved again: what storage refused before, it decides anew."""
        self._refused.clear()

    def _forget(self, key: str) -> None:
        """The field is another one now."""
        self._noted.pop(key, None)
        self._refused.pop(key, None)

    # What changed underneath

    def meet(self, there: Mapping[str, Any], by: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The stored values are other ones now.

        Args:
            there: Key → value as it is stored now; fields that are not in it are as they were.
            by: Who changed them, for people.

        Returns:
            The fields that follow, and those that were changed here too.
        """
        follow, both = [], []
        for key, value in there.items():
            if key not in self._by_key or value == self._there[key]:
                continue
            was, now = self._base[key], self._shown(self._by_key[key], value)
            mine = self._mine[key]
            self._there[key], self._base[key] = value, now
            if now == was:
                continue
            if mine.strip() == was.strip():
                self._mine[key] = now
                follow.append(key)
            elif mine.strip() != now.strip():
                self._theirs[key] = Theirs(was, now, by)
                both.append(key)
        return tuple(follow), tuple(both)

    def is_contested(self, key: str) -> bool:
        """Whether somebody else changed the field meanwhile, so that there is something to take or to take back."""
        return key in self._theirs

    def swap(self, key: str) -> bool:
        """Take what is stored now instead of what was typed, or back.

        Returns:
            Whether there was anything to swap.
        """
        if key in self._put_aside and self._mine[key] == self._base[key]:
            self._mine[key] = self._put_aside.pop(key)
        elif self._mine[key] != self._base[key]:
            self._put_aside[key], self._mine[key] = self._mine[key], self._base[key]
        else:
            return False
        self._forget(key)
        return True

    # Drafts

    def document(self) -> dict[str, str]:
        """What a draft keeps: the fields that were changed and what was stored then. Empty when nothing was."""
        kept: dict[str, str] = {}
        for field in self.fields:
            if field.kind is Kind.SECRET or field.fixed or self._mine[field.key] == self._base[field.key]:
                continue
            kept[field.key] = self._mine[field.key]
            kept[_WAS + field.key] = self._base[field.key]
        return kept

    def resume(self, document: Mapping[str, str]) -> None:
        """Fill in a draft. What is stored by now and was not when it was typed stays beside it."""
        for field in self.fields:
            typed = document.get(field.key)
            if typed is None or field.kind is Kind.SECRET or field.fixed:
                continue
            if field.kind is Kind.CHOICE and field.option(typed) is None:
                continue
            self._mine[field.key] = harmless(typed)
            was, now = document.get(_WAS + field.key, ""), self._base[field.key]
            if was != now and typed.strip() != now.strip():
                self._theirs[field.key] = Theirs(was, now)

    def forget(self) -> None:
        """Back to what is stored."""
        self._mine = dict(self._base)
        for memory in (self._theirs, self._put_aside, self._noted, self._refused):
            memory.clear()
        self._touched.clear()
