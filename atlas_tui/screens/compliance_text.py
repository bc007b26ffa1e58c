"""What a tenant's compliance page says: counts by state and platform, how they changed, and the trend.

Promise: a count that is not whole is marked and told beside the whole one, never as a point of the trend; every table fits its width.

Must not know: widgets' states, queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from atlas_tui.cells import Line, Part, fit
from atlas_tui.screens.collected_kinds import COMPLIANCE
from atlas_tui.screens.collected_reading import Collector
from atlas_tui.screens.collected_text import state_lines
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.widgets.plot import plot
from atlas_tui.widgets.sparkline import sparkline
from storage.compliance import SPARKLINE_DAYS, Compliance, Snapshot, TrendPoint
from storage.compliance_publishing import PLATFORMS, STATES

SPANS: Final = (14, 30, 90, 365)
"""Days that the trend can show."""

TREND_WIDTH: Final = SPARKLINE_DAYS
_PLOT_LINES: Final = 9
_STATE_WIDTH: Final = 17
_USUAL: Final = frozenset({"compliant", "noncompliant"})
_STYLES: Final = {
    "compliant": "ok",
    "noncompliant": "bad",
    "error": "bad",
    "conflict": "warn",
    "in_grace_period": "warn",
}


@dataclass(frozen=True, slots=True)
class ComplianceRead:
    """What the page shows.

    Attributes:
        points: The trend of the last `days` days.
        run_id: The run whose snapshot was asked for; None shows the last one.
        of_run: That snapshot; None when the run took none.
    """

    collector: Collector
    now: Compliance
    points: tuple[TrendPoint, ...]
    days: int
    run_id: int | None = None
    of_run: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that is shown."""
        return self.now.snapshot if self.run_id is None else self.of_run

    @property
    def is_last(self) -> bool:
        """Whether that is the last whole one, which can be compared with the one before."""
        shown, last = self.snapshot, self.now.snapshot
        return shown is not None and last is not None and shown.id == last.id


def compliance_lines(read: ComplianceRead, times: Times, width: int, *, blocks: bool) -> list[Line]:
    """The whole page."""
    shown = read.snapshot
    lines: list[Line] = []
    if read.run_id is not None and shown is None:
        lines += field("", f"Run #{read.run_id} took no snapshot.", width, style="warn")
    whole = read.now.snapshot
    lines += state_lines(COMPLIANCE, read.collector, None if whole is None else whole.run_id, times, width)
    if shown is not None:
        lines += _head(read, shown, times, width)
        lines += [blank(), *count_table(shown, read.now.difference if read.is_last else None, width)]
    if read.run_id is None and read.now.partial is not None:
        lines += _partial(read.now.partial, times, width)
    if read.points or shown is not None:
        lines += trend_lines(read.points, read.days, times.now.date(), width, blocks=blocks)
    return lines


def _head(read: ComplianceRead, shown: Snapshot, times: Times, width: int) -> list[Line]:
    lines = field("Counted", f"{times.since(shown.taken_at)}, run #{shown.run_id} (l opens it)", width)
    lines += field("Devices", headline(shown), width, style="strong")
    before = read.now.before
    if read.is_last and before is not None:
        lines += field("Before", f"{headline(before)}, {times.ago(before.taken_at)} ago", width, style="muted")
    elif not read.is_last:
        lines += field("", "An earlier count; Esc, or :compliance, leads to the last one.", width, style="muted")
    if not shown.is_complete:
        lines += field("", _NOT_WHOLE, width, style="warn")
    return lines


_NOT_WHOLE: Final = "! partial: not every device was read or believed. It is no point of the trend."


def _partial(partial: Snapshot, times: Times, width: int) -> list[Line]:
    counted = (
        f"! partial: {partial.total:,} devices were counted {times.ago(partial.taken_at)} ago (#{partial.run_id})."
    )
    return [blank(), *wrapped(f"{counted} It is no point of the trend.", width, indent=1, style="warn")]


def headline(snapshot: Snapshot) -> str:
    """How many devices, and how many of them are compliant: `1,100 devices, 77.6 % compliant`."""
    if not snapshot.total:
        return "no devices"
    share = 100 * snapshot.counts["compliant"] / snapshot.total
    return f"{snapshot.total:,} devices, {share:.1f} % compliant"


def count_table(snapshot: Snapshot, difference: object, width: int) -> list[Line]:
    """Devices by state and platform; platforms that do not fit beside the others go into a table below.

    Args:
        snapshot: What was counted.
        difference: How each state changed; None when there is nothing to compare with.
        width: Cells.
    """
    changes = difference if isinstance(difference, dict) else {}
    states = [state for state in STATES if snapshot.counts[state] or changes.get(state) or state in _USUAL]
    platforms = [name for name in PLATFORMS if name in snapshot.by_platform]
    columns: list[tuple[str, list[str]]] = [("ALL", [f"{snapshot.counts[state]:,}" for state in states])]
    if changes:
        columns.append(("CHANGE", [f"{changes[state]:+,}" if changes.get(state) else "" for state in states]))
    for name in platforms:
        found = snapshot.by_platform[name]
        columns.append((name.upper(), [f"{found[state]:,}" if found.get(state) else "-" for state in states]))
    lines: list[Line] = []
    for block in _blocks(columns, width - _STATE_WIDTH):
        if lines:
            lines.append(blank())
        widths = [_column_width(column) for column in block]
        titles = "".join(fit(title, room, "right") for (title, _), room in zip(block, widths, strict=True))
        lines.append((Part(fit(" STATE", _STATE_WIDTH), "title"), Part(titles, "title")))
        for at, state in enumerate(states):
            cells = "".join(fit(values[at], room, "right") for (_, values), room in zip(block, widths, strict=True))
            style = _STYLES.get(state, "") if snapshot.counts[state] else "muted"
            lines.append((Part(fit(f" {state}", _STATE_WIDTH), style), Part(cells)))
    return lines


def _column_width(column: tuple[str, list[str]]) -> int:
    title, values = column
    return 2 + max(len(text) for text in (title, *values))


def _blocks(columns: Sequence[tuple[str, list[str]]], room: int) -> list[list[tuple[str, list[str]]]]:
    blocks: list[list[tuple[str, list[str]]]] = [[]]
    left = room
    for column in columns:
        if blocks[-1] and _column_width(column) > left:
            blocks.append([])
            left = room
        blocks[-1].append(column)
        left -= _column_width(column)
    return blocks


def trend_lines(points: Sequence[TrendPoint], days: int, today: date, width: int, *, blocks: bool) -> list[Line]:
    """The trend as a plot: how many per cent of the devices are compliant, day by day."""
    lines: list[Line] = [blank(), heading(f"Trend, {days} days", "% of devices compliant  < > span")]
    shares = [(point.day, point.share) for point in points if point.share is not None]
    if len(shares) < 2:
        words = "one day so far" if shares else "no whole count in this time"
        return [*lines, *field("", f"A trend needs two days with a whole count: {words}.", width, style="muted")]
    first = today - timedelta(days=days - 1)
    marks = tuple((day.toordinal(), round(100 * share, 2)) for day, share in shares)
    labels = tuple((day.toordinal(), f"{day:%b} {day.day}") for day in (first, first + (today - first) / 2, today))
    drawn = plot(marks, labels, width - 2, _PLOT_LINES, blocks=blocks)
    return [*lines, *((Part(f" {line}", "info"),) for line in drawn)]


def trend_cell(points: Sequence[TrendPoint], today: date, *, blocks: bool) -> str:
    """The same in one line: a cell a day, the last two weeks, today at the right; days without a whole count are blank."""
    of_day = {point.day: point.share for point in points}
    days = [today - timedelta(days=SPARKLINE_DAYS - 1 - at) for at in range(SPARKLINE_DAYS)]
    return sparkline([of_day.get(day) for day in days], blocks=blocks)
