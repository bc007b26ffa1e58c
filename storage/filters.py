"""The filter line: what people type after `/`, read once for every list.

Promise: pure text to a typed filter; a key that a list does not know is refused by its name, never ignored. Knows no SQL.

Grammar: words, `!word` (must not occur), `key:value` and `key:a,b` (any of them), `"quoted words"`, `key:"one, value"`. Case does not
matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from storage.errors import InvalidInput

_TOKEN: Final = re.compile(r'(!?)(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_SPAN: Final = re.compile(r"^([0-9]{1,5})([mhdw])$")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MAX_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter line that was read.

    Attributes:
        words: folded words that must all occur.
        not_words: folded words that must not.
        values: for each key, the values of which one must hold.
        not_values: for each key, the values that must not.
    """

    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything through."""
        return not (self.words or self.not_words or self.values or self.not_values)


def fold(text: str) -> str:
    """Folds text for sorting and searching: compatibility form, no case, no surrounding space."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def read_filter(text: str, keys: Mapping[str, Collection[str] | None]) -> Filter:
    """Reads a filter line.

    Args:
        text: what was typed.
        keys: the keys that this list knows, each with its allowed values, or None when any value may be given.

    Raises:
        InvalidInput: it is too long, or names a key or a value that the list does not know.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput("filter", f"is longer than {MAX_LENGTH} characters")
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in text):
        raise InvalidInput("filter", "holds a control character", "Type it instead of pasting it.")
    words: dict[bool, list[str]] = {True: [], False: []}
    values: dict[bool, dict[str, tuple[str, ...]]] = {True: {}, False: {}}
    for negated, key, quoted, plain in _TOKEN.findall(text):
        value = quoted or plain
        wanted = not negated
        if not key:
            if fold(value):
                words[wanted].append(fold(value))
            continue
        name = key.lower()
        if name not in keys:
            raise InvalidInput(
                "filter", f"`{name}:` is not known here", f"Use: {', '.join(f'{k}:' for k in sorted(keys))}"
            )
        parts = [quoted] if quoted else plain.split(",")
        found = tuple(fold(part) for part in parts if fold(part))
        if not found:
            raise InvalidInput("filter", f"`{name}:` has no value", f"Such as {name}:word.")
        allowed = keys[name]
        if allowed is not None and (foreign := [part for part in found if part not in allowed]):
            raise InvalidInput(
                "filter", f"`{name}:{foreign[0]}` is not known", f"Use one of: {', '.join(sorted(allowed))}."
            )
        values[wanted][name] = values[wanted].get(name, ()) + found
    return Filter(tuple(words[True]), tuple(words[False]), values[True], values[False])


def read_number(text: str) -> int | None:
    """Reads `12` or `#12` as the number of a row; None when it is none that a row could have."""
    digits = text.strip().removeprefix("#")
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else None


def read_span(text: str) -> timedelta:
    """Reads `30m`, `1h`, `2d` or `1w`.

    Raises:
        InvalidInput: it is none of these.
    """
    match = _SPAN.match(text)
    if match is None:
        raise InvalidInput("since", "is not a span of time", "Use 30m, 1h, 2d or 1w.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def like(word: str) -> str:
    """Makes the LIKE pattern (escape character `\\`) for a word that must occur somewhere."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
