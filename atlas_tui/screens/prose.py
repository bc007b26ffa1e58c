"""Pages of text as lines: fields, headings, wrapped sentences, times.

Promise: every line is at most as wide as asked, measured in cells; text from outside goes through `cells.plain` before it is measured; a
time is shown whole, with its zone.

Must not know: widgets, what the text is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from atlas_tui.cells import ELLIPSIS, Cell, Line, Part, age_bucket, cut, fit, fit_line, plain
from atlas_tui.widgets.wrapping import wrap

LABEL_WIDTH: Final = 14
"""Cells of the label column of a field, the blank in front included."""

LONGEST_PARAGRAPH: Final = 12
"""Lines that one text from outside may fill; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Times:
    """How moments are shown.

    Attributes:
        now: The present.
        zone: The zone people chose; UTC is marked with `Z`.
    """

    now: datetime
    zone: tzinfo = UTC

    def moment(self, at: datetime | None) -> str:
        """A moment with its date: `2026-03-01 14:02:07Z`; `-` when there is none."""
        if at is None:
            return "-"
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}{self._mark}"

    def of_day(self, at: datetime | None) -> str:
        """A moment of today as its time; of another day with its date."""
        if at is None:
            return "-"
        there, today = at.astimezone(self.zone), self.now.astimezone(self.zone).date()
        return f"{there:%H:%M:%S}{self._mark}" if there.date() == today else self.moment(at)

    def ago(self, at: datetime | None) -> str:
        """The age bucket of a moment; `-` when there is none."""
        return age_bucket(None if at is None else self.now - at)

    def since(self, at: datetime | None) -> str:
        """A moment and its age: `2026-03-01 14:02:07Z (3m ago)`."""
        return "-" if at is None else f"{self.moment(at)} ({self.ago(at)} ago)"

    @property
    def _mark(self) -> str:
        return "Z" if self.zone is UTC else ""


def wrapped(text: str, width: int, *, indent: int = 0, style: str = "") -> list[Line]:
    """A text as lines, broken between words, or within a word that is too long.

    Args:
        text: Anything; made plain here.
        width: Cells of a line, the indent included.
        indent: Blank cells in front of every line.
        style: One style for all of it.
    """
    room = max(2, width - indent)
    lines = wrap(plain(text), room) or [""]
    if len(lines) > LONGEST_PARAGRAPH:
        lines = [*lines[: LONGEST_PARAGRAPH - 1], cut(lines[LONGEST_PARAGRAPH - 1] + ELLIPSIS, room)]
    return [(Part(" " * indent), Part(line, style)) for line in lines]


def field(label: str, value: str | Iterable[Part] | Cell, width: int, *, style: str = "") -> list[Line]:
    """A label and its value; a text that is too long goes on below itself.

    Args:
        label: One or two words.
        value: Text (wrapped), or parts (one line, cut).
        width: Cells.
        style: The style of a text.
    """
    head = Part(fit(f" {label}", LABEL_WIDTH), "muted")
    if isinstance(value, str):
        first, *more = wrapped(value, width, indent=LABEL_WIDTH, style=style)
        return [(head, *first[1:]), *more]
    parts = value.parts if isinstance(value, Cell) else tuple(value)
    return [fit_line((head, *parts), width)]


def heading(text: str, note: str = "") -> Line:
    """The line above a group."""
    return (Part(f" {text}", "title"), Part(f"  {note}" if note else "", "muted"))


def blank() -> Line:
    """An empty line."""
    return ()
