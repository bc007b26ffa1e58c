"""Text that is safe and exactly as wide as it says: cells, cutting, and the buckets that ages are shown in.

Promise: nothing that leaves `plain` can move the cursor, change a colour, reorder a line or break it; what leaves `fit` is exactly
as wide as asked, measured in terminal cells. Text here is data and never markup.

Must not know: widgets, themes, storage.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rich.cells import cell_len, get_character_cell_size

ELLIPSIS = "…"
"""What stands for text that was cut (one cell)."""

LONGEST = 4096
"""Characters of one outside text that are looked at; the rest is cut before anything is measured."""

MARKS_PER_LETTER = 2
"""Combining marks kept on one letter; more than that only smears over the lines above and below."""

Align = Literal["left", "right"]

_REGIONAL_A = 0x1F1E6
_REGIONAL_Z = 0x1F1FF
# Characters whose width terminals disagree about. Without them every emoji is one code point, two cells wide, everywhere.
_WIDTH_CHANGING = frozenset(map(chr, [*range(0xFE00, 0xFE10), 0x20E3, *range(0x1F3FB, 0x1F400)]))


@dataclass(frozen=True, slots=True)
class Part:
    """Some text in one style.

    Attributes:
        text: What is shown. It goes through `plain` before it reaches a terminal.
        style: One of `atlas_tui.theme.STYLE_NAMES`; the empty string is ordinary text.
    """

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one column shows for one row."""

    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """The text without its styles."""
        return "".join(part.text for part in self.parts)

    def restyled(self, style: str) -> Cell:
        """The same text, all of it in one style."""
        return Cell((Part(self.text, style),))


Line = tuple[Part, ...]
"""One line of the screen, left to right."""


def cell(text: object, style: str = "") -> Cell:
    """A cell with one style.

    Args:
        text: Shown as `str(text)`; None is shown as `-`.
        style: One of `atlas_tui.theme.STYLE_NAMES`.
    """
    return Cell((Part("-" if text is None else str(text), style),))


def width_of(text: str) -> int:
    """The width of a text in terminal cells."""
    return len(text) if text.isascii() else cell_len(text)


def plain(text: str) -> str:
    """Outside text as one harmless line.

    Control and escape bytes, invisible format characters (all bidirectional controls, joiners, tags) and variation selectors are
    dropped; line breaks and tabs become spaces; flags become their two letters; what has no defined width becomes `?`.

    Args:
        text: Anything, of any length. Only the first `LONGEST` characters are looked at.
    """
    if len(text) > LONGEST:
        text = text[:LONGEST]
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        if (safe := _safe(character)) is None:
            continue
        if unicodedata.combining(character) or (character and unicodedata.category(character) in ("Mn", "Me")):
            marks += 1
            if marks > MARKS_PER_LETTER or not kept:
                continue
        else:
            marks = 0
        kept.append(safe)
    return "".join(kept)


def _safe(character: str) -> str | None:
    """What stands for one character, or None when nothing does."""
    if character in "\t\n\r\v\f":
        return " "
    if character in _WIDTH_CHANGING:
        return None
    code = ord(character)
    if _REGIONAL_A <= code <= _REGIONAL_Z:
        return chr(ord("A") + code - _REGIONAL_A)
    category = unicodedata.category(character)
    if category in ("Cc", "Cf"):
        return None
    if category in ("Zl", "Zp", "Zs"):
        return " "
    if category in ("Co", "Cn", "Cs"):
        return "?"
    return character


def cut(text: str, width: int) -> str:
    """A text cut to at most `width` cells, with an ellipsis where something is missing.

    Args:
        text: Already plain.
        width: Cells; zero or less gives the empty string.
    """
    if width <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + ELLIPSIS
    # A letter carries at most MARKS_PER_LETTER marks: no more characters than this can fit.
    head = text[: (width + 1) * (1 + MARKS_PER_LETTER)]
    if len(head) == len(text) and cell_len(text) <= width:
        return text
    kept: list[str] = []
    room = width - 1
    for character in head:
        room -= get_character_cell_size(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def fit(text: str, width: int, align: Align = "left") -> str:
    """A text of exactly `width` cells: made plain, cut or filled with spaces."""
    text = cut(plain(text), width)
    padding = " " * (width - width_of(text))
    return padding + text if align == "right" else text + padding


def fit_line(parts: Iterable[Part], width: int, align: Align = "left") -> Line:
    """Parts as one line of exactly `width` cells: made plain, cut at the right, filled with spaces, neighbours of one style joined.

    Args:
        parts: Left to right.
        width: Cells.
        align: Where the fill goes: behind the text (left) or in front of it (right).
    """
    texts = [Part(plain(part.text), part.style) for part in parts]
    total = sum(width_of(part.text) for part in texts)
    if total > width:
        kept: list[Part] = []
        room = width
        for part in texts:
            size = width_of(part.text)
            if size < room:
                kept.append(part)
                room -= size
                continue
            # Everything before left room; this part fills it. When it fits exactly but more follows, it still loses its end.
            kept.append(Part(_cut_hard(part.text, room), part.style))
            break
        texts = kept
        total = sum(width_of(part.text) for part in texts)
    if total < width:
        fill = Part(" " * (width - total))
        texts = [fill, *texts] if align == "right" else [*texts, fill]
    return join_parts(texts)


def _cut_hard(text: str, width: int) -> str:
    """Cut with an ellipsis even when the text itself would fit (something behind it does not)."""
    return cut(text + ELLIPSIS, width)


def join_parts(parts: Iterable[Part]) -> Line:
    """Neighbours of one style become one part; blanks join whatever stands before them (a blank has no colour of its own).

    Every style costs some 20 bytes on the wire, so a line should change style as rarely as it can.
    """
    joined: list[Part] = []
    for part in parts:
        if not part.text:
            continue
        if joined and (part.style == joined[-1].style or part.text.isspace()):
            joined[-1] = Part(joined[-1].text + part.text, joined[-1].style)
        elif joined and joined[-1].text.isspace():
            joined[-1] = Part(joined[-1].text + part.text, part.style)
        else:
            joined.append(part)
    return tuple(joined)


def line_text(line: Sequence[Part]) -> str:
    """The text of a line without its styles."""
    return "".join(part.text for part in line)


_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
AGE_BUCKETS: tuple[tuple[int, str], ...] = (
    (0, "<1m"),
    *((n * _MINUTE, f"{n}m") for n in (1, 2, 5, 10, 15, 30)),
    *((n * _HOUR, f"{n}h") for n in range(1, 24)),
    *((n * _DAY, f"{n}d") for n in (*range(1, 15), 21, 30, 60, 90, 180)),
    *((n * 365 * _DAY, f"{n}y") for n in range(1, 11)),
)
"""Seconds from which on an age is shown as its word: `5m` means at least five minutes, less than the next bucket."""

AHEAD = "ahead"
"""The word for a time more than a minute in the future: a clock is wrong, and that should be seen."""


def age_bucket(age: timedelta | None) -> str:
    """The word for an age; `-` when there is none.

    Args:
        age: Now minus then. Up to a minute in the future counts as now (clocks differ a little).
    """
    if age is None:
        return "-"
    seconds = age.total_seconds()
    if seconds < -_MINUTE:
        return AHEAD
    word = AGE_BUCKETS[0][1]
    for start, name in AGE_BUCKETS:
        if seconds < start:
            break
        word = name
    return word


def next_bucket_change(then: datetime, now: datetime) -> datetime | None:
    """When the word for the age of `then` changes next, seen from `now`; None when it never does.

    Args:
        then: The moment whose age is shown.
        now: The present, in the same kind of time as `then` (both aware, or both naive).
    """
    age = (now - then).total_seconds()
    if age < -_MINUTE:
        return then - timedelta(minutes=1)
    for start, _ in AGE_BUCKETS[1:]:
        if age < start:
            return then + timedelta(seconds=start)
    return None
