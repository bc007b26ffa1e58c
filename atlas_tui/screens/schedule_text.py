"""What the list and the page of schedules say.

Promise: a due time is said on the schedule's own clock and in UTC, and how far ahead it is; what is held up is named with its reason and
since when; totals that the reader may not know are said to be for others.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from atlas_tui.cells import Cell, Line, Part, age_bucket, cell, fit, fit_line, plain, width_of
from atlas_tui.schedule_words import (
    SKIPPED,
    begun,
    broken_words,
    due_words,
    jitter_words,
    quiet_words,
    rhythm_words,
    tally_words,
)
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from storage.schedule_consequences import reached
from storage.schedule_detail import SHOWN_BLOCKED, Firing, HeldUp, ScheduleDetail
from storage.schedule_reach import NextDue
from storage.schedules import Became, ScheduleRow, Tally

STATE_WIDTH: Final = 5
DUE_WIDTH: Final = 13
LAST_WIDTH: Final = 11

_HOURS_TOLD: Final = 48
_SOON_HOURS: Final = 20
"""Hours ahead in which a time of day alone says which day is meant."""


def state_badge(is_enabled: bool) -> Cell:
    """Whether the schedule is on."""
    return cell("+ on", "ok") if is_enabled else cell("- off", "muted")


def ahead(at: datetime, now: datetime) -> str:
    """How far ahead a moment is: `in 5h`, whole hours up to two days; what comes closer reads differently once an hour at most."""
    hours = int((at - now).total_seconds() // 3600)
    if at <= now:
        return "due now"
    return f"in {hours}h" if 0 < hours < _HOURS_TOLD else f"in {age_bucket(at - now)}"


def due_cell(row: ScheduleRow, times: Times) -> Cell:
    """When it is due next: a time of day or a date, and how far ahead; or the field that keeps it from ever being due."""
    at = row.next_due_at
    if row.faults:
        return cell(f"x {row.faults[0].label}", "bad")
    if not row.is_enabled:
        return cell("-", "muted")
    if at is None:
        return cell("not known yet", "muted")
    there = at.astimezone(times.zone)
    mark = "Z" if times.zone is UTC else ""
    soon = (at - times.now).total_seconds() < _SOON_HOURS * 3600
    return cell(f"{f'{there:%H:%M}{mark}' if soon else f'{there:%b %d}'} {ahead(at, times.now)}")


def last_cell(row: ScheduleRow) -> Cell:
    """What became of it the last time: what is held up comes first."""
    if row.last is None:
        return cell("-", "muted")
    blocked = row.last.classes.get(Became.BLOCKED, 0)
    return cell(f"x {_few(blocked)} held", "bad") if blocked else cell(f"+ {_few(begun(row.last))} begun", "ok")


def _few(number: int) -> str:
    return str(number) if number < 1000 else f"{number // 1000}k"


def next_due_lines(found: Sequence[NextDue], times: Times, width: int) -> list[Line]:
    """What is started by itself next on a tenant, a line for each operation; said as well when it is nothing."""
    if not found:
        return field("Next due", "nothing is started by itself on it", width, style="muted")
    lines: list[Line] = []
    for index, due in enumerate(found):
        when = "not known yet" if due.at is None else f"{times.of_day(due.at)} ({ahead(due.at, times.now)})"
        lines += field("" if index else "Next due", f"{due.label}: {when}, by {due.schedule_name}", width)
    return lines


def schedule_lines(detail: ScheduleDetail, times: Times, width: int, chosen: int | None = None) -> list[Line]:
    """A schedule's page.

    Args:
        detail: What was read.
        times: How moments are shown.
        width: Cells.
        chosen: The connection under the cursor, among those that are held up.
    """
    row, rule = detail.row, detail.row.rule
    lines = field("Is", state_badge(row.is_enabled), width)
    if row.faults:
        lines += field("Broken", broken_words(row), width, style="bad")
    lines += field("Starts", row.label, width, style="strong")
    lines += field("On", f"{row.reach.words}: {reached(detail)} now", width)
    lines += field("Rhythm", rhythm_words(row), width)
    lines += field("Time zone", rule.time_zone, width)
    quiet = quiet_words(row)
    lines += field(
        "Quiet hours", f"{quiet}: what is due then waits" if rule.quiet is not None else quiet or "none", width
    )
    lines += field("Jitter", jitter_words(row), width)
    if detail.changed is not None:
        lines += field("Changed", f"{times.since(detail.changed.at)} by {detail.changed.actor}", width)
    lines += _due(detail, times, width)
    lines += _held_up(detail.held_up, times, width, chosen)
    return lines + _firings(detail, times, width)


def _due(detail: ScheduleDetail, times: Times, width: int) -> list[Line]:
    rule, note = detail.row.rule, "" if detail.row.is_enabled or detail.row.faults else "if it were on"
    lines = [blank(), heading("Next due", note)]
    if not detail.due:
        never = "Not before that is mended." if detail.row.faults else "Never again: a worker disables it."
        return [*lines, *wrapped(never, width, indent=1, style="bad")]
    told = [plain(due_words(at, rule.time_zone, at.astimezone(rule.zone))) for at in detail.due]
    widest = max(map(width_of, told))
    for at, there in zip(detail.due, told, strict=True):
        utc = "" if rule.time_zone == "UTC" else f"{at:%m-%d %H:%M}Z"
        words = (Part(f" {fit(there, widest)}  "), Part(f"{ahead(at, times.now):8}", "muted"), Part(utc))
        lines.append(fit_line(words, width))
    return lines


def _held_up(held_up: tuple[HeldUp, ...], times: Times, width: int, chosen: int | None) -> list[Line]:
    if not held_up:
        return []
    more = f"the first {SHOWN_BLOCKED}" if len(held_up) == SHOWN_BLOCKED else ""
    lines = [blank(), heading("Held up the last time", more)]
    name = max(16, width - 48)
    for held in held_up:
        lines.append(
            fit_line(
                (
                    Part(" > " if held.connection_id == chosen else "   ", "strong"),
                    Part(fit(plain(f"{held.tenant_name} / {held.connection_name}"), name) + " "),
                    Part(f"x {held.reason_code}", "bad"),
                    Part(f"  since {times.ago(held.since)}", "muted"),
                ),
                width,
            )
        )
    return lines


def _firings(detail: ScheduleDetail, times: Times, width: int) -> list[Line]:
    lines = [blank(), heading("Last times", "enter or l: its runs")]
    if detail.firings is None:
        text = "What became of all that it reaches is for who sees the whole workspace."
        return [*lines, *wrapped(text, width, indent=1, style="muted")]
    if not detail.firings:
        return [*lines, *wrapped("It was not due yet.", width, indent=1, style="muted")]
    for firing in detail.firings:
        lines += _firing(firing, times, width)
    return lines


def _firing(firing: Firing, times: Times, width: int) -> list[Line]:
    head = f" {times.moment(firing.due_at)} "
    by = Part(f"by {firing.by}  ", "info") if firing.by else Part("")
    state = Part("~ under way  ", "info") if firing.is_open else Part("")
    lines = [fit_line((Part(head), by, state, *_tally(firing.tally)), width)]
    if firing.tally.reasons:
        why = ", ".join(f"{number:,} {code}" for code, number in firing.tally.reasons.items())
        lines += wrapped(why, width, indent=len(head), style="bad")
    return lines


def _tally(tally: Tally) -> tuple[Part, ...]:
    if not tally.classes:
        return (Part(tally_words(tally), "muted"),)
    parts: list[Part] = []
    for became, number in tally.classes.items():
        style = "bad" if became is Became.BLOCKED else "muted" if became in SKIPPED else "ok"
        parts += [Part(", " if parts else ""), Part(f"{number:,} {became.value}", style)]
    return tuple(parts)
