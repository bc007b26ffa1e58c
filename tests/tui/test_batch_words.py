"""Bulk starts in words."""

from __future__ import annotations

from atlas_tui.batch_words import dry_run_lines, dry_run_sentences
from storage.batch_previews import DryRun
from storage.states import BatchClass


def test_many_reasons_are_summed_up_where_there_is_no_room_and_nothing_is_lost() -> None:
    reasons = {f"reason_{n}": 10 - n for n in range(8)}
    blocked = sum(reasons.values())
    run = DryRun(
        "x", blocked + 2_000, blocked + 1_500, {BatchClass.STARTED: 1_500, BatchClass.BLOCKED: blocked}, reasons
    )
    shown = dry_run_lines(run, 6)
    assert shown == [
        "  1,500  start",
        "     52  blocked, and left out:",
        *(f"{10 - n:>13}  reason_{n}" for n in range(5)),
        "           12  for 3 other reasons",
        "    500  still to be looked at",
    ]
    assert len(dry_run_lines(run)) == len(shown) + 2
    assert "reason_7" in dry_run_sentences(run)[1]
