"""What a bulk start's page says.

Promise: what became of the runs, then the same classes as in the dry run; an end is only foretold once there is a pace to tell it
from, and never for a time that is gone.

Must not know: widgets, queries.
"""

from __future__ import annotations

from atlas_tui.badges import badge
from atlas_tui.batch_words import Count, end, gate_counts, progress, run_counts, state
from atlas_tui.cells import Line, Part, fit, fit_line
from atlas_tui.screens.prose import Times, blank, field, heading
from storage.batches import BatchRow, BatchStatus
from storage.consequences import count as in_words

_WORDS = 36
_STATE_WIDTH = 20


def counts_of(row: BatchRow) -> list[Count]:
    """Every number of the page, in its order."""
    return [*run_counts(row), *gate_counts(row)]


def batch_lines(read: BatchStatus, chosen: Count | None, times: Times, width: int) -> list[Line]:
    """The whole page; the number under the cursor is marked."""
    row = read.row
    title = f" Batch #{row.id}  {row.label} of {in_words(row.member_count, 'connection')}"
    lines: list[Line] = [(Part(title, "title"),)]
    lines += field("State", badge(*state(row), width=_STATE_WIDTH), width)
    lines += field("Progress", progress(row), width)
    lines += field("Ends", _end(read, times), width)
    lines += field("Started by", f"{row.initiator}, {times.since(row.created_at)}", width)
    if row.cancel_requested_at is not None:
        lines += field("Cancelled by", f"{row.cancel_requested_by}, {times.since(row.cancel_requested_at)}", width)
    if row.filter_text:
        lines += field("Filter", row.filter_text, width)
    if row.of_batch_id is not None:
        lines += field("Retry of", f"batch #{row.of_batch_id}", width)
    if row.ticket:
        lines += field("Ticket", row.ticket, width)
    for text, counts in (("The runs", list(run_counts(row))), ("What the gate said", list(gate_counts(row)))):
        if counts:
            lines += [blank(), heading(text), *(_count_line(count, count == chosen, width) for count in counts)]
    return lines


def _count_line(count: Count, is_chosen: bool, width: int) -> Line:
    marker = " > " if is_chosen else "   "
    named: tuple[Part, ...]
    if not count.glyph:
        named = (Part(f"{marker}    "), Part(fit(count.words, _WORDS - 2), "muted"))
    else:
        named = (Part(marker), *badge(count.glyph, count.words, width=_WORDS + 2).parts)
    return fit_line((*named, Part(f"{count.number:>8,}  ", "strong"), Part(count.note, "muted")), width)


def _end(read: BatchStatus, times: Times) -> str:
    row = read.row
    if row.completed_at is not None:
        return f"ended {times.since(row.completed_at)}"
    return end(read, times.now, times.of_day)
