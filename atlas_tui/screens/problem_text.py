"""Problems in words: how many, how bad, since when, and what to do next.

Promise: every line is at most as wide as asked; the glyph and the words say everything the colour says.

Must not know: widgets, queries.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from atlas_tui import rough_counts
from atlas_tui.badges import fix_by
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell, width_of
from atlas_tui.screens.prose import Times, blank, field, heading
from atlas_tui.widgets.columns import Column
from storage import reasons
from storage.acknowledgements import Acknowledgement
from storage.attention import Overview, Problem, Severity
from storage.attention_members import Affected
from storage.attention_sources import COUNTED

_GLYPHS: Final = {Severity.HARD: ("x", "bad"), Severity.WARNING: ("!", "warn"), Severity.PASSING: ("~", "info")}


def glyph(problem: Problem) -> Part:
    """How bad it is, in one sign."""
    sign, style = _GLYPHS[problem.severity]
    return Part(f"{sign} ", style)


def whose(problem: Problem) -> str:
    """The one it concerns, when it is one: `app:NMSP`, or the tenant."""
    if problem.platform_app_id is not None or problem.client_id is not None:
        return f"app:{problem.name}"
    return problem.name


def _reason(problem: Problem, now: datetime) -> Cell:
    named = whose(problem)
    return Cell((glyph(problem), Part(problem.reason_code), Part(f"  {named}" if named else "", "muted")))


def _fix_by(problem: Problem, now: datetime) -> Cell:
    return fix_by(problem.fix_by.value)


def _since(problem: Problem, now: datetime) -> Cell:
    return cell("-" if problem.since is None else age_bucket(now - problem.since))


def columns(*, acknowledged: bool, marks_new: bool, step_width: int) -> tuple[Column[Problem], ...]:
    """The columns of the list.

    Args:
        acknowledged: It counts what somebody has acknowledged.
        marks_new: Something in it is new: there is a column for the mark.
        step_width: Cells of the longest next step; what it leaves is the reason's.
    """

    def count(problem: Problem, now: datetime) -> Cell:
        if problem.is_of_installation:
            return cell("all")
        return cell(rough_counts.short(problem.acknowledged if acknowledged else problem.connections, problem.is_exact))

    def new(problem: Problem, now: datetime) -> Cell:
        return cell("*" if problem.new else "", "strong")

    def step(problem: Problem, now: datetime) -> Cell:
        return cell(problem.next_step.words, "" if problem.next_step.is_mine else "muted")

    return (
        Column("reason", "REASON", _reason, 24, share=1),
        Column("fix_by", "FIX BY", _fix_by, 9),
        Column("connections", "ACKED" if acknowledged else "CONNS", count, 7, align="right"),
        Column("since", "SINCE", _since, 5, align="right", age_of=lambda problem: problem.since),
        *((Column("new", "", new, 1),) if marks_new else ()),
        Column("step", "NEXT STEP", step, step_width),
    )


def summary(found: Overview) -> str:
    """All of it in one line: `4 reasons, 17 connections, 2 new since you looked`."""
    if not found.problems:
        return "nothing needs you"
    reasons_, connections = len({problem.reason_code for problem in found.problems}), found.connections
    rough = [problem.connections for problem in found.problems if not problem.is_exact]
    number = rough_counts.in_words(connections, not rough, is_least=any(many >= COUNTED for many in rough))
    words = [_many(reasons_, "reason"), f"{number} connection{'' if connections == 1 else 's'}"]
    new = f", {found.new:,} new since you looked" if found.new else ""
    return ", ".join(words) + new


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def problem_lines(problem: Problem, times: Times, width: int) -> list[Line]:
    """What a problem is: why, whom it concerns, since when, and the next step of this reader."""
    reason = reasons.find(problem.reason_code)
    named = whose(problem)
    title = Part(problem.reason_code, "title")
    lines: list[Line] = [(Part(" "), glyph(problem), title, Part(f"  {named}" if named else ""))]
    lines += field("Why", problem.sentence, width)
    lines += field("Fix by", fix_by(problem.fix_by.value), width)
    if not problem.is_of_installation:
        acked = f", {problem.acknowledged:,} acknowledged" if problem.acknowledged else ""
        why = "" if problem.is_exact else "; of so many only a part was looked at"
        number = rough_counts.in_words(problem.connections, problem.is_exact)
        lines += field("Concerns", f"{number} open{acked}{why}", width)
    if problem.since is not None:
        lines += field("Since", times.since(problem.since), width)
    lines += field("Next step", problem.next_step.sentence, width, style="strong")
    return lines + (field("Read", reason.link, width, style="muted") if reason.link else [])


def head_lines(problem: Problem, times: Times, width: int) -> list[Line]:
    """The same in few lines, to stand above its connections; since when and who mends it are never what is cut."""
    named = whose(problem)
    head: Line = (Part(" "), glyph(problem), Part(problem.reason_code, "title"), Part(f"  {named}" if named else ""))
    since = "" if problem.since is None else f"{times.moment(problem.since)} ({times.ago(problem.since)})"
    rest = Part(f"{f'  since {since}' if since else ''}  fix by {problem.fix_by.value}", "muted")
    fits = sum(width_of(part.text) for part in (*head, rest)) <= width
    lines: list[Line] = [(*head, rest) if fits else head]
    if not fits:
        lines += field("Since", f"{since or '-'}, fix by {problem.fix_by.value}", width)
    lines += field("Why", problem.sentence, width)
    return lines + field("Next step", problem.next_step.sentence, width, style="strong")


def members_lines(rows: tuple[Affected, ...], more: bool, times: Times, width: int) -> list[Line]:
    """The first connections of a problem."""
    if not rows:
        return []
    lines: list[Line] = [blank(), heading("Connections")]
    lines += [
        (Part(f" {row.connection.tenant_name}  "), Part(f"{times.ago(row.since)}  {row.shows}{_owned(row)}", "muted"))
        for row in rows
    ]
    return [*lines, (Part(" ...", "muted"),)] if more else lines


def _owned(row: Affected) -> str:
    return "" if row.acknowledgement is None else f"  {row.acknowledgement.owner}"


def acknowledgement_words(held: Acknowledgement | None, is_of_app: bool, times: Times) -> str:
    """Whose it is, and until when; without a time it is until it is solved."""
    if held is None:
        return ""
    until = "" if held.until is None else f" till {times.moment(held.until)[5:16]}"
    return f"{held.owner}{until}{' (app)' if is_of_app else ''}"
