"""Bulk starts in words: the classes of a dry run, what a batch comes to, how far it is. The dashboard and the command line say the same.

Must not know: widgets, printing, the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.batch_filters import word
from storage.batch_pace import ENOUGH_DONE, LATELY
from storage.batch_previews import DryRun
from storage.batch_tallies import Tally
from storage.batches import BatchRow, BatchStatus
from storage.consequences import count as in_words
from storage.states import BatchClass, RunOutcome

BAR_WIDTH: Final = 20

_WOULD: Final = {
    BatchClass.STARTED: "start",
    BatchClass.ATTACHED: "attach: the same operation is on its way there already",
    BatchClass.WAITING: "wait for the run that is active on their connection",
    BatchClass.BLOCKED: "blocked, and left out:",
    BatchClass.NOT_PERMITTED: "not permitted to you, and left out.",
    BatchClass.GONE: "not there, or not yours to see",
}
_SAID: Final = {
    BatchClass.STARTED: ("+", "started"),
    BatchClass.ATTACHED: ("+", "attached"),
    BatchClass.WAITING: ("o", "waiting"),
    BatchClass.BLOCKED: ("x", "blocked"),
    BatchClass.NOT_PERMITTED: ("-", "not permitted"),
    BatchClass.GONE: ("-", "gone"),
    BatchClass.CANCELLED: ("-", "never tried"),
}
_ENDED: Final = {
    RunOutcome.SUCCEEDED: "+",
    RunOutcome.PARTIALLY_SUCCEEDED: "!",
    RunOutcome.FAILED: "x",
    RunOutcome.BLOCKED: "x",
    RunOutcome.CANCELLED: "-",
    RunOutcome.LOST: "~",
}


@dataclass(frozen=True, slots=True)
class Count:
    """One number of a batch.

    Attributes:
        words: what it counts.
        number: how many.
        glyph: one of `+ ! x ~ o -`; empty for a part of the number above it.
        note: what there is to know about it.
        filter: the filter line that shows them in a list; empty when no list does.
        in_connections: whether that is the list of connections, instead of runs.
    """

    words: str
    number: int
    glyph: str
    note: str = ""
    filter: str = ""
    in_connections: bool = False


def dry_run_lines(run: DryRun, most: int | None = None) -> list[str]:
    """What a bulk start would meet, a line for each class.

    Args:
        run: the dry run, complete or not.
        most: reasons that have a line of their own; the rest are summed up. None for all of them.
    """
    lines = []
    for name, words in _WOULD.items():
        number = run.classes.get(name, 0)
        if not number:
            continue
        ask = f" {run.who_may}" if name is BatchClass.NOT_PERMITTED else ""
        lines.append(f"{number:>7,}  {words}{ask}")
        if name is BatchClass.BLOCKED:
            reasons = list(run.blocked_by.items())
            shown = len(reasons) if most is None or len(reasons) <= most else most - 1
            lines += [f"{n:>13,}  {code}" for code, n in reasons[:shown]]
            if reasons[shown:]:
                lines.append(f"{sum(n for _, n in reasons[shown:]):>13,}  for {len(reasons) - shown} other reasons")
    if not run.is_complete:
        lines.append(f"{run.total - run.seen:>7,}  still to be looked at")
    return lines


def dry_run_sentences(run: DryRun) -> list[str]:
    """The same as sentences, one for each class."""
    found = []
    for name, words in _WOULD.items():
        number = run.classes.get(name, 0)
        if number:
            reasons = ", ".join(f"{n:,} {code}" for code, n in run.blocked_by.items())
            more = {BatchClass.BLOCKED: f" {reasons}", BatchClass.NOT_PERMITTED: f" {run.who_may}"}.get(name, "")
            found.append(f"{number:,} {words}{more}")
    return found


def gate_counts(row: BatchRow) -> Iterator[Count]:
    """What the gate said to the connections of a batch."""
    tally, id = row.tally, row.id
    if tally.untried:
        note = "will not be started: the rest was cancelled" if row.cancel_requested_at is not None else "next"
        yield Count("not tried yet", tally.untried, "o", note, word(id, "untried"), in_connections=True)
    notes = {
        BatchClass.ATTACHED: "it was on its way there already",
        BatchClass.WAITING: "behind another run there",
        BatchClass.NOT_PERMITTED: f"to {row.initiator}",
        BatchClass.GONE: "deleted, or not theirs to see",
        BatchClass.CANCELLED: "the rest was cancelled",
    }
    with_runs = (BatchClass.STARTED, BatchClass.ATTACHED, BatchClass.WAITING)
    for name, (glyph, words) in _SAID.items():
        number = tally.classes.get(name, 0)
        if not number:
            continue
        filter = "" if name is BatchClass.GONE else word(id, name.value)
        yield Count(words, number, glyph, notes.get(name, ""), filter, name not in with_runs)
        if name is BatchClass.BLOCKED:
            for code, n in tally.blocked_by.items():
                yield Count(code, n, "", "", word(id, code), in_connections=True)


def run_counts(row: BatchRow) -> Iterator[Count]:
    """What became of the runs of a batch."""
    tally, mine = row.tally, word(row.id)
    for words, number, glyph, status, note in (
        ("waiting", tally.waiting, "o", "waiting", "for their turn"),
        ("queued", tally.queued, "~", "queued", "for a worker"),
        ("running", tally.running, "~", "running", ""),
    ):
        if number:
            yield Count(words, number, glyph, note, f"{mine} status:{status}")
    if tally.waiting_for_microsoft:
        yield Count("wait for Microsoft", tally.waiting_for_microsoft, "", "", f"{mine} status:queued,running")
    for outcome, number in tally.outcomes.items():
        shown = f"{mine} outcome:{outcome.value}"
        yield Count(outcome.value.replace("_", " "), number, _ENDED[outcome], "", shown)
        for of, code, n in tally.reasons:
            if of is outcome and code != outcome.value:
                yield Count(code, n, "", "", f"{shown} reason:{code}")


def progress(row: BatchRow) -> str:
    """How far it is: `[########............] 42 % (20/48)`; full once nothing more will happen."""
    done, total = row.tally.settled, max(1, row.member_count)
    filled = min(BAR_WIDTH, done * BAR_WIDTH // total)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done * 100 // total} % ({done:,}/{row.member_count:,})"


def state(row: BatchRow) -> tuple[str, str]:
    """Where it is as a whole: a glyph and a word."""
    if row.result is not None:
        return _ENDED[row.result], row.result.value.replace("_", " ")
    if row.cancel_requested_at is not None:
        return "-", "being cancelled"
    return ("~", "starting") if row.tally.untried else ("~", "going on")


def cancel_sentences(tally: Tally) -> tuple[str, ...]:
    """What cancelling the rest would do."""
    at_once = tally.waiting + tally.queued
    said = (
        (tally.untried, f"Never tried: {in_words(tally.untried, 'connection')}."),
        (at_once, f"Ended at once, since they wait or are queued: {in_words(at_once, 'run')}."),
        (tally.running, f"Stopped at its next safe point: {in_words(tally.running, 'run')}."),
    )
    others = "Runs that were there before the batch are left alone; what has ended stays as it is."
    return (*(sentence for number, sentence in said if number), others)


def end(batch: BatchStatus, now: datetime, moment: Callable[[datetime], str]) -> str:
    """When a batch that goes on will be over, if that can be said: never a time that is gone.

    Args:
        batch: how it stood when it was read.
        now: the present, which may be later than that.
        moment: how a moment is written.
    """
    tally = batch.row.tally
    if batch.row.cancel_requested_at is not None:
        return "when the last run of it has stopped"
    if batch.ends_at is None and tally.untried + tally.unfinished:
        if tally.done < ENOUGH_DONE or tally.done_lately:
            return "- (too soon to say)"
        return f"- (no run has ended in the last {LATELY.seconds // 60} minutes)"
    if batch.ends_at is None or batch.ends_at <= now:
        return "any moment"
    return f"about {moment(batch.ends_at)}, at the pace of the last minutes"
