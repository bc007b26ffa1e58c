"""The handover of a shift in words: as lines for the screen, and as Markdown to take away.

Promise: both say the same, part by part; text from outside is data: in Markdown nothing of it is markup, and no byte of it moves a cursor.

Must not know: widgets, queries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from atlas_tui import rough_counts
from atlas_tui.cells import plain
from storage.handover import ENDING_WITHIN, BadgeChange, Handover

MARKED: Final = re.compile(r"([\\`*_\[\]<|~])")
"""What is markup inside a line. Nothing from outside begins one, so signs that mean something only there (`- + # >`) stay as they are:
a handover is also read as it was written, in a terminal or a chat."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a handover.

    Attributes:
        title: what it is about.
        rows: what there is, a line each: a word in front, and the rest.
        nothing: what is said when there is none.
        more: how many lines were left out.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    nothing: str
    more: int = 0


def parts(found: Handover) -> tuple[Part, ...]:
    """The handover, part by part, the most urgent first."""
    return tuple(_parts(found, lambda at: f"{at.astimezone(UTC):%m-%d %H:%M}Z"))


def _parts(found: Handover, moment: Callable[[datetime], str]) -> Iterator[Part]:
    more = found.more
    yield Part(
        "Open problems",
        tuple(
            (
                problem.reason_code,
                f"{problem.name + ', ' if problem.name and not problem.is_of_installation else ''}"
                f"{_on(problem.connections, problem.is_exact) if not problem.is_of_installation else 'all of them'}"
                f"{f', {problem.new:,} new' if problem.new else ''}"
                f"{'' if problem.since is None else f', since {moment(problem.since)}'}; fix by "
                f"{problem.fix_by.value}: {problem.next_step.words}",
            )
            for problem in found.problems
        ),
        "Nothing needs anybody.",
        more.get("problems", 0),
    )
    yield Part(
        "Badges that changed",
        tuple((badge.tenant_name, f"{_badges(badge)}  {moment(badge.at)}") for badge in found.badges),
        "No badge changed.",
        more.get("badges", 0),
    )
    yield Part(
        "Acknowledged problems that ended",
        tuple((entry.target_name, f"{entry.sentence}  {moment(entry.at)}") for entry in found.solved),
        "None.",
        more.get("solved", 0),
    )
    yield Part(
        "Runs that ended badly",
        tuple(
            (
                trouble.operation,
                f"{trouble.outcome.value} {trouble.reason_code or ''}: {trouble.runs:,} on "
                f"{_on(trouble.connections, True)}, last #{trouble.last_run_id} {moment(trouble.last_at)}",
            )
            for trouble in found.runs
        ),
        "None.",
        more.get("runs", 0),
    )
    yield Part(
        f"Acknowledged and snoozed ({found.ending_soon} end within {ENDING_WITHIN.total_seconds() / 3600:.0f}h)",
        tuple(
            (
                held.name,
                f"{held.reason_code}: {held.owner}, "
                f"{'until it is solved' if held.until is None else f'until {moment(held.until)}'}"
                f"{f', {held.ticket}' if held.ticket else ''}{f': {held.note}' if held.note else ''}",
            )
            for held in found.acknowledged
        ),
        "Nothing is acknowledged.",
    )
    yield Part(
        "Credentials that are over or end within a week",
        tuple(
            (
                row.name,
                f"{row.kind.value} ({row.slot.value}), {_left(row.days_left)}",
            )
            for row in found.expiring
        ),
        "None.",
    )
    if found.people is not None:
        yield Part(
            "What people did",
            tuple(
                (
                    entry.actor,
                    f"{entry.sentence}{f' ({entry.target_name})' if entry.target_name else ''}  {moment(entry.at)}",
                )
                for entry in found.people
            ),
            "Nobody changed anything.",
            more.get("people", 0),
        )


def _on(number: int, is_exact: bool) -> str:
    return f"{rough_counts.in_words(number, is_exact)} connection{'' if number == 1 else 's'}"


def _left(days: int | None) -> str:
    if days is None:
        return "nobody knows its end"
    return f"{days}d left" if days >= 0 else f"over for {-days}d"


def _badges(badge: BadgeChange) -> str:
    changes = [
        f"{name} {change[0]} -> {change[1]}"
        for name, change in (("consent", badge.consent), ("verification", badge.verification))
        if change is not None
    ]
    return ", ".join(changes) + (f" ({badge.reason_code})" if badge.reason_code else "")


def span_words(found: Handover) -> str:
    """From when to when: `8h, 2026-03-01 04:00Z to 12:00Z`."""
    begin, end = found.since.astimezone(UTC), found.until.astimezone(UTC)
    hours = (found.until - found.since).total_seconds() / 3600
    return f"{hours:g}h, {begin:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z"


def markdown(found: Handover) -> str:
    """The handover as Markdown, for a ticket or a chat."""
    lines = [f"# Handover of {literal(found.workspace)}", "", f"{span_words(found)}."]
    for part in parts(found):
        lines += ["", f"## {part.title}", ""]
        lines += [f"- **{literal(head)}** {literal(rest)}" for head, rest in part.rows] or [part.nothing]
        if part.more:
            lines.append(f"- and {part.more:,} more")
    return "\n".join(lines) + "\n"


def literal(text: str) -> str:
    """Text from outside so that Markdown shows it as it is."""
    return MARKED.sub(r"\\\1", plain(text))
