"""Bulk starts in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from atlas_tui.batch_words import dry_run_lines, dry_run_sentences, end
from storage.batch_previews import DryRun
from storage.batch_tallies import Tally
from storage.batches import BatchRow, BatchStatus
from storage.states import BatchClass, RunOutcome

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


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


def test_an_end_that_was_foretold_and_did_not_come_is_never_said_to_lie_in_the_past() -> None:
    tally = Tally(running=2, outcomes={RunOutcome.SUCCEEDED: 8}, done_lately=8, first_started_at=NOON)
    row = BatchRow(1, 1, "inventory.sync", "dana", "", None, NOON, None, None, 10, None, None, tally)
    read = BatchStatus(row, NOON, NOON + timedelta(seconds=30), may_cancel=True, may_retry=False, why_not="")

    def said(batch: BatchStatus, **later: float) -> str:
        return end(batch, NOON + timedelta(**later), lambda at: f"{at:%H:%M:%S}")

    assert said(read) == "about 12:00:30, at the pace of the last minutes"
    # Nothing has changed since it was read, so nothing was read again.
    assert said(read, seconds=30) == said(read, hours=3) == "any moment"
    assert said(replace(read, row=replace(row, cancel_requested_at=NOON))) == "when the last run of it has stopped"
    silent = replace(read, ends_at=None, row=replace(row, tally=replace(tally, done_lately=0)))
    assert said(silent) == "- (no run has ended in the last 10 minutes)"
    assert said(replace(read, ends_at=None, row=replace(row, tally=replace(tally, running=0)))) == "any moment"
