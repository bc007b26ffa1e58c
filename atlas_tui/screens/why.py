"""Beside every problem: why, since when, who can fix it, and the next step the reader may take.

Promise: what the reader may not do is never offered as their own step; it names who may. The words come from the catalog of reasons.

Must not know: widgets, where the reason comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from atlas_tui.badges import fix_by
from atlas_tui.cells import Line, Part
from atlas_tui.screens.prose import Times, field
from storage import reasons
from storage.reasons import FixBy, Reason


@dataclass(frozen=True, slots=True)
class Reader:
    """What the person at the keyboard may do about it.

    Attributes:
        may_run: Start, cancel and retry runs here.
        may_manage: Change the connection, its credential and consent.
        who_may_run: Whom to ask when they may not: "Ask dana (Manager)."
        who_may_manage: The same for changes.
    """

    may_run: bool
    may_manage: bool
    who_may_run: str = ""
    who_may_manage: str = ""


def explain(
    code: str, sentence: str | None, since: datetime | None, reader: Reader, times: Times, width: int
) -> list[Line]:
    """The lines about one problem.

    Args:
        code: The reason code.
        sentence: The sentence stored with it; the catalog's when None.
        since: When it began; None when that is not known.
        reader: Who reads it.
        times: How moments are shown.
        width: Cells.
    """
    reason = reasons.find(code)
    lines = field("Why", (Part(code, "bad"), Part("  fix by ", "muted"), *fix_by(reason.fix_by.value).parts), width)
    lines += field("", sentence or reason.sentence, width)
    if since is not None:
        lines += field("Since", times.since(since), width)
    lines += field("Next step", next_step(reason, reader), width, style="strong")
    return lines


def further_reading(code: str | None, width: int) -> list[Line]:
    """Where the reason is explained at length: its runbook here, and a page if there is one."""
    if not code:
        return []
    lines = field("Runbook", "? tells causes, steps and commands", width, style="muted")
    link = reasons.find(code).link
    return [*lines, *field("Read", link, width, style="muted")] if link else lines


def next_step(reason: Reason, reader: Reader) -> str:
    """What this reader can do next.

    Args:
        reason: What is wrong.
        reader: What they may do.
    """
    if reason.fix_by in (FixBy.WAIT, FixBy.MICROSOFT):
        return reason.next_step
    if not reason.needs_management:
        return reason.next_step if reader.may_run else f"{reader.who_may_run} {reason.next_step}".strip()
    return reason.next_step if reader.may_manage else f"{reader.who_may_manage} {reason.next_step}".strip()
