"""Starting, watching, cancelling and retrying runs from the screen: every answer of the gate, and who may."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from storage import leases, runs
from storage.operations import DIRECTORY_SYNC
from storage.schema import operation_runs
from storage.states import RunOutcome, RunStatus


def count_runs(fleet: Any) -> int:
    with fleet.db.read() as tx:
        return int(tx.run(select(func.count()).select_from(operation_runs)).scalar_one())


async def test_a_check_is_asked_for_says_what_a_worker_will_do_and_is_queued_on_yes(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c")
        assert terminal.shows("A worker signs in to the tenant with the stored credential")
        assert terminal.shows("It changes nothing there")
        assert count_runs(small_fleet) == 0
        await terminal.press("right", "enter")
        assert terminal.shows("queued #1 Connection check of Contoso Ltd: l opens it")
        assert count_runs(small_fleet) == 1
        await terminal.wait_for(lambda: terminal.shows("~ check queued"))


async def test_cancel_has_the_focus_so_enter_alone_starts_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "enter", "enter")
        assert count_runs(small_fleet) == 0


async def test_a_double_enter_starts_once(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right")
        await terminal.pilot.press("enter", "enter")
        await terminal.settle()
        assert count_runs(small_fleet) == 1


async def test_l_opens_the_run_that_was_queued(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right", "enter", "l")
        assert terminal.shows("Run #1  Connection check")
        assert terminal.shows("~ queued")
        await terminal.press("escape")
        assert any(line.startswith(">") and "Contoso" in line for line in terminal.display())


async def test_a_second_press_opens_the_run_that_runs(small_fleet: Any, dashboard: Any) -> None:
    claim = small_fleet.begin(small_fleet.connection["Contoso Ltd"], by="omar")
    leases.report_progress(small_fleet.db, claim.held, done=3, total=8, phase="token")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right", "enter")
        assert terminal.shows("already on its way: #1, started 12:00:00Z by omar, 37 %")
        assert terminal.shows("Run #1  Connection check")
        assert count_runs(small_fleet) == 1


async def test_a_busy_connection_offers_to_open_to_wait_and_to_cancel(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.begin(small_fleet.connection["Contoso Ltd"], DIRECTORY_SYNC, by="omar")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right", "enter")
        assert terminal.shows("Contoso Ltd is busy: Directory sync #1")
        assert terminal.shows("o  Open #1")
        assert terminal.shows("n  Cancel #1")
        await terminal.press("a")
        assert terminal.shows("#2 waits for #1: l opens it")
        await terminal.press("l")
        assert terminal.shows("o waiting")


async def test_a_blocked_start_says_why_and_the_next_step(small_fleet: Any, dashboard: Any) -> None:
    tenant = small_fleet.add("Adventure Works", secret=False)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x")
        assert terminal.shows("c  Check now")
        assert terminal.shows("The connection has no credential.")
        await terminal.press("c")
        assert not terminal.shows("A worker signs in")
        await terminal.press("escape")
        # The menu was right when it was read; meanwhile the credential went. The gate says so.
        await terminal.press("colon")
        await terminal.type("check")
        await terminal.press("enter", "right", "enter")
        assert terminal.shows("Adventure Works is blocked:")
        assert terminal.shows("Store a client secret or a certificate.")
        assert count_runs(small_fleet) == 0
        await terminal.press("right", "enter")
        assert terminal.shows("> Adventure Works")
    assert tenant


async def test_who_may_not_start_sees_it_dimmed_with_whom_to_ask(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="rita", size=(120, 30)) as terminal:
        await terminal.press("x")
        assert terminal.shows("Check now            Your role may not. Ask dana (Owner)")
        await terminal.press("up", "up")
        assert terminal.shows("Your role may not. Ask dana (Owner), mona (Manager), omar (Operator).")
        await terminal.press("c")
        assert not terminal.shows("A worker signs in")
        await terminal.press("escape", "colon")
        await terminal.type("check")
        await terminal.press("enter", "right", "enter")
        assert terminal.shows("rita may not do this (provider.run).")
        assert count_runs(small_fleet) == 0


async def test_a_run_is_watched_while_it_goes_on(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right", "enter", "l")
        claim = leases.claim(small_fleet.db, "w1", 1)
        assert claim is not None
        await terminal.wait_for(lambda: terminal.shows("~ running"))
        leases.report_progress(small_fleet.db, claim.held, done=4, total=8, phase="organization")
        await terminal.wait_for(lambda: terminal.shows("[##########..........] 50 % (4/8) organization"))
        small_fleet.clock.advance(seconds=4)
        small_fleet.finish(claim, ("Token", "secret_expired"))
        await terminal.wait_for(lambda: terminal.shows("x blocked"))
        await terminal.wait_for(lambda: terminal.shows("secret_expired  fix by us") and terminal.shows("took 4.0s"))


async def test_the_one_who_asked_is_told_once_when_it_ended(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("x", "c", "right", "enter")
        claim = leases.claim(small_fleet.db, "w1", 1)
        assert claim is not None
        small_fleet.finish(claim)
        await terminal.wait_for(lambda: terminal.shows("Connection check of Contoso Ltd"))
        await terminal.wait_for(lambda: terminal.shows("succeeded"))
        await terminal.press("l")
        assert terminal.shows("+ succeeded")
    async with dashboard(small_fleet) as again:
        assert not again.shows("succeeded")


async def test_a_queued_run_is_cancelled_after_asking(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.start(small_fleet.connection["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        await terminal.press("3", "enter", "x", "n")
        assert terminal.shows("Cancel run #1?")
        await terminal.press("right", "enter")
        await terminal.wait_for(lambda: terminal.shows("- cancelled"))
    row = runs.get(small_fleet.db, small_fleet.people["dana"], 1).row
    assert (row.status, row.outcome) == (RunStatus.COMPLETED, RunOutcome.CANCELLED)


async def test_a_failed_run_is_retried_as_a_new_one_that_remembers_it(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]), ("Token", "secret_expired"))
    async with dashboard(small_fleet) as terminal:
        await terminal.press("3", "enter", "x", "t", "right", "enter", "l")
        assert terminal.shows("Retry of     #1")


async def test_without_a_worker_the_question_says_that_it_stays_queued(north: Any, dashboard: Any) -> None:
    north.add("Contoso Ltd")
    async with dashboard(north) as terminal:
        await terminal.wait_for(lambda: terminal.shows("no worker running"))
        await terminal.press("x", "c")
        assert terminal.shows("No worker is running")
