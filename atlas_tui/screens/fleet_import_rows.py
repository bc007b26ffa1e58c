"""The rows of an import's preview as a list: pages of what is in memory, by class and by words; and what a row says.

Promise: a page of the last of 200,000 rows costs what one of the first does; what is in a file is data, cut and never markup.

Must not know: widgets, what was done with the file before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part, cell, plain
from atlas_tui.screens.prose import blank, field, heading
from atlas_tui.widgets.columns import Column
from storage import filters
from storage.fleet_import import Plan, RowClass, RowResult
from storage.pages import Page, Place

CLASS_WIDTH: Final = 11
_GLYPHS: Final = {RowClass.CREATE: "+", RowClass.UPDATE: "~", RowClass.UNCHANGED: "-", RowClass.REFUSED: "x"}
_KEYS: Final = {"class": frozenset(RowClass)}
_LABELS: Final = {"primary_domain": "domain", "time_zone": "time zone"}


def class_badge(kind: RowClass) -> Cell:
    """What a row does."""
    return badge(_GLYPHS[kind], kind.value, CLASS_WIDTH)


class ImportRows:
    """The rows of a plan, to be read in pages. Called from worker threads.

    Args:
        plan: What importing a file would do.
    """

    def __init__(self, plan: Plan) -> None:
        self._all = plan.rows
        self._text = ""
        self._found: tuple[Sequence[RowResult], Sequence[int]] = (plan.rows, [row.line for row in plan.rows])

    def page(self, text: str, place: Place, limit: int) -> Page[RowResult]:
        """One page, in the file's order.

        Args:
            text: The filter line: words and `class:`.
            place: Where; a row's key and its cursor are its line.
            limit: Rows at most.

        Raises:
            InvalidInput: The filter line cannot be read.
        """
        rows, lines = self._that_fit(text)
        first = self._start(lines, place, limit)
        end = bisect_left(lines, _line(place)) if place.kind == "before" else first + limit
        shown = tuple(rows[first:end])
        return Page(
            shown,
            tuple(str(row.line) for row in shown),
            first > 0,
            first + len(shown) < len(rows),
            total=len(rows),
            position=first,
        )

    @staticmethod
    def _start(lines: Sequence[int], place: Place, limit: int) -> int:
        if place.kind == "first":
            return 0
        if place.kind == "last":
            return max(0, len(lines) - limit)
        if place.kind == "before":
            return max(0, bisect_left(lines, _line(place)) - limit)
        if place.kind == "at" and place.key is not None:
            return min(bisect_left(lines, place.key), max(0, len(lines) - 1))
        return bisect_right(lines, _line(place))

    def _that_fit(self, text: str) -> tuple[Sequence[RowResult], Sequence[int]]:
        """The rows of a filter; those of the last one are kept, since its pages are asked for one after the other."""
        kept_text, kept = self._text, self._found
        if text == kept_text:
            return kept
        wanted = filters.read_filter(text, _KEYS)
        rows = [row for row in self._all if _fits(row, wanted)]
        found = (rows, [row.line for row in rows])
        self._text, self._found = text, found
        return found

    def row(self, line: int) -> RowResult | None:
        """The row of a line of the file."""
        return next((row for row in self._all if row.line == line), None)


def _line(place: Place) -> int:
    text = place.cursor or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _fits(row: RowResult, wanted: filters.Filter) -> bool:
    if "class" in wanted.values and row.kind not in wanted.values["class"]:
        return False
    if row.kind in wanted.not_values.get("class", ()):
        return False
    if not (wanted.words or wanted.not_words):
        return True
    within = filters.fold(f"{row.name} {row.entra_tenant_id} {row.values.get('primary_domain') or ''} {row.why}")
    return all(word in within for word in wanted.words) and not any(word in within for word in wanted.not_words)


def _shown(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "nothing"
    text = ", ".join(value) if isinstance(value, tuple) else str(getattr(value, "value", value))
    return plain(" ".join(text.split()))


def _difference(before: Any, now: Any) -> str:
    """Of tags what comes and goes, of anything else both values."""
    if not isinstance(now, tuple):
        return f"{_shown(before)} -> {_shown(now)}"
    had = before if isinstance(before, tuple) else ()
    return plain(
        " ".join([*(f"+{tag}" for tag in now if tag not in had), *(f"-{tag}" for tag in had if tag not in now)])
    )


def changes_of(row: RowResult) -> list[tuple[str, str]]:
    """What a row writes: field → words; of an update with what is stored now."""
    if row.kind is RowClass.UPDATE:
        pairs = [(name, _difference(row.before.get(name), value)) for name, value in row.values.items()]
    else:
        pairs = [
            (name, _shown(value))
            for name, value in row.values.items()
            if name != "name" and value not in ("", None, ())
        ]
    return [(_LABELS.get(name, name), words) for name, words in pairs]


def _what(row: RowResult, now: datetime) -> Cell:
    """Why it is refused, or what is written."""
    if row.kind is RowClass.REFUSED:
        return cell(row.why, "bad")
    if row.kind is RowClass.UNCHANGED:
        return cell("is as it is stored", "muted")
    return cell(", ".join(f"{name} {words}" for name, words in changes_of(row)))


COLUMNS: Final[tuple[Column[RowResult], ...]] = (
    Column("line", "LINE", lambda row, now: cell(row.line), 7, align="right"),
    Column("class", "DOES", lambda row, now: class_badge(row.kind), CLASS_WIDTH),
    Column("name", "TENANT", lambda row, now: cell(row.name or "-"), 16, share=1),
    Column("what", "WHAT CHANGES, OR WHY NOT", _what, 24, share=3),
)


def row_lines(row: RowResult, width: int) -> list[Line]:
    """One row in full."""
    lines: list[Line] = [(Part(f" Line {row.line}  "), *class_badge(row.kind).parts), blank()]
    lines += field("Tenant", row.name or "-", width, style="strong")
    lines += field("Tenant id", row.entra_tenant_id or "none that can be read", width)
    if row.kind is RowClass.REFUSED:
        return lines + field("Why", row.why, width, style="bad")
    if row.kind is RowClass.UNCHANGED:
        return lines + field("", "Everything the file says of it is stored already.", width, style="muted")
    lines += [
        blank(),
        heading("Changed" if row.kind is RowClass.UPDATE else "Written", "now -> then" if row.before else ""),
    ]
    for name, words in changes_of(row):
        lines += field(name.capitalize(), words, width)
    return lines
