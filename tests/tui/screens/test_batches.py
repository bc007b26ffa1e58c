"""Bulk starts on the screen: the dry run before the yes, the live page, drilling, cancelling the rest, retrying the failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage import batch_ending, dispatching, leases
from storage.finishing import RunResult, finish
from storage.schema import provider_connections, run_batch_members
from storage.states import RunOutcome


async def _start_all(terminal: Any, letter: str = "s") -> None:
    """Marks everything, picks an operation, waits for the dry run, says yes."""
    await terminal.press("A", "x", letter)
    await terminal.wait_for(lambda: terminal.shows("start"))
    await terminal.press("right", "enter")
    await terminal.wait_for(lambda: terminal.shows("Batch #1 "))


async def test_a_dry_run_in_classes_comes_before_the_yes_and_the_page_tells_the_same(
    small_fleet: Any, dashboard: Any
) -> None:
    small_fleet.begin(small_fleet.connection["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        await terminal.press("A", "x", "s")
        await terminal.wait_for(lambda: terminal.shows("blocked, and left out:"))
        for words in (
            "Compliance snapshot: 5 connections?",
            "1  start",
            "1  wait for the run that is active",
            "3  blocked, and left out:",
            "1  provider_connection_disabled",
            "It changes nothing at Microsoft",
        ):
            assert terminal.shows(words), words
        assert all(len(line) <= 80 for line in terminal.display())
        # Enter is Cancel, and cancelling has started nothing.
        await terminal.press("enter")
        assert not terminal.shows("blocked, and left out:")
        assert terminal.shows("5 marked")
        await terminal.press("x", "s")
        await terminal.wait_for(lambda: terminal.shows("blocked, and left out:"))
        await terminal.press("tab")
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.shows("60 % (3/5)"))
        for words in (
            "Batch #1  Compliance snapshot of 5 connections",
            "+ started",
            "o waiting",
            "x blocked",
            "- (too soon",
        ):
            assert terminal.shows(words), words
        # A number is drilled into, and esc comes back to it.
        while not any(line.startswith(" >") and "blocked" in line for line in terminal.display()):
            await terminal.press("down")
        await terminal.press("enter")
        assert terminal.shows("/batch:1.blocked")
        assert terminal.shows("Fabrikam GmbH")
        assert not terminal.shows("Contoso Ltd")


async def test_the_rest_is_cancelled_and_the_failed_are_retried_from_the_page(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await _start_all(terminal)
        await terminal.wait_for(lambda: terminal.shows("~ queued"))
        await terminal.press("x")
        assert terminal.shows("Retry the failed  Nothing of it has failed.")
        await terminal.press("n")
        assert terminal.shows("Ended at once, since they wait or are queued: 2 runs.")
        await terminal.press("right", "enter")
        await terminal.wait_for(lambda: terminal.shows("cancelled            "))
        await terminal.press("x", "t")
        assert terminal.shows("as a batch of their own")
        await terminal.press("right", "enter")
        await terminal.wait_for(lambda: terminal.shows("Retry of     batch #1"))
        await terminal.press("colon")
        await terminal.type("batches")
        await terminal.press("enter")
        assert terminal.shows("#2")
        assert terminal.shows("- cancelled")


async def test_a_batch_goes_on_without_being_watched_and_its_end_is_said(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await _start_all(terminal)
        await terminal.press("escape")
        # The marks were for this start: the next action does not hit the same five.
        assert terminal.shows("Contoso Ltd")
        assert not terminal.shows("marked")
        runs = dispatching.dispatch(small_fleet.db, "w1", 8)
        for run_id in runs:
            claim = leases.claim(small_fleet.db, "w1", run_id)
            finish(small_fleet.db, claim.held, RunResult(RunOutcome.SUCCEEDED))
        assert runs
        assert batch_ending.go_on(small_fleet.db, 1)
        await terminal.wait_for(lambda: terminal.shows("Compliance snapshot of 5 connections:"))
        await terminal.press("l")
        assert terminal.shows("100 % (5/5)")


async def test_all_in_this_filter_is_what_the_list_shows_but_for_what_was_unmarked(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("slash")
        await terminal.type("!tailspin")
        await terminal.press("enter", "A", "space")  # all but the row under the cursor, Contoso
        await terminal.press("x", "c")
        await terminal.wait_for(lambda: terminal.shows("blocked, and left out:"))
        await terminal.press("right", "enter")
        await terminal.wait_for(lambda: terminal.shows("!tailspin (but for 1)"))
        with small_fleet.db.read() as tx:
            meant = set(tx.run(select(run_batch_members.c.connection_id)).scalars())
            everything = set(tx.run(select(provider_connections.c.id)).scalars())
        assert meant == everything - {
            small_fleet.connection["Contoso Ltd"],
            small_fleet.connection["Tailspin Toys"],
        }
