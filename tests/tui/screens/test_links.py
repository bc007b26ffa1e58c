"""`l` goes along what belongs together: a connection and its runs, a run and its connection, what was collected and the run that did."""

from __future__ import annotations

from typing import Any

from atlas_tui.links import Link, View, to_connection, to_run, to_tenant
from storage import finishing
from storage.finishing import RunResult
from storage.operations import COMPLIANCE_SNAPSHOT


async def test_l_leads_from_a_connection_to_its_runs_and_from_a_run_to_its_connection(
    small_fleet: Any, dashboard: Any
) -> None:
    run = small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"], by="omar"))
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Fabrikam GmbH"], by="omar"))
    async with dashboard(small_fleet) as terminal:
        await terminal.press("enter", "l")
        assert terminal.shows("of Contoso Ltd")
        assert terminal.shows("Contoso Ltd")
        assert not terminal.shows("Fabrikam GmbH")
        await terminal.press("enter")
        assert terminal.shows(f"#{run}")
        await terminal.press("l")
        assert terminal.shows("> Contoso Ltd")
        assert terminal.shows("Verification")


async def test_on_the_collected_tab_the_cursor_goes_to_both_ends_in_sight_and_l_opens_the_run_that_collected(
    small_fleet: Any, dashboard: Any
) -> None:
    connection = small_fleet.connection["Fabrikam GmbH"]  # its top is high: little of the tab fits below it
    small_fleet.set(connection, consent_status="granted", verification_status="healthy")
    claim = small_fleet.begin(connection, COMPLIANCE_SNAPSHOT)
    finishing.finish(small_fleet.db, claim.held, RunResult(reason_code="not_licensed_intune"))
    async with dashboard(small_fleet) as terminal:
        for page in (to_connection(connection), to_tenant(small_fleet.tenant["Fabrikam GmbH"])):
            terminal.app.navigation.go(page)
            await terminal.settle()
            while terminal.app.seen.section.value != "Collected":
                await terminal.press("]")
            await terminal.press("G")
            assert terminal.shows(">Directory")
            assert terminal.shows("x, d counts the directory."), "and what is said of it"
            await terminal.press("g")
            assert terminal.shows(">Compliance")
            await terminal.press("l")
            assert terminal.app.seen.link() == to_run(claim.held.run_id)


async def test_a_message_about_the_page_that_is_open_does_not_say_how_to_open_it(
    small_fleet: Any, dashboard: Any
) -> None:
    claim = small_fleet.begin(small_fleet.connection["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        terminal.app.navigation.go(to_run(claim.held.run_id))
        await terminal.settle()
        small_fleet.finish(claim)
        await terminal.wait_for(lambda: terminal.shows("Connection check of Contoso Ltd: succeeded"))
        assert not terminal.shows("opens it"), terminal.text()
        await terminal.wait_for(lambda: terminal.app.mailbox.inbox.unread == 0)
        terminal.app.flash("queued", "ok", to_run(claim.held.run_id))
        await terminal.settle()
        assert not terminal.shows("opens it")
        await terminal.press("l")
        assert terminal.app.seen.VIEW is View.CONNECTION, "the page's own link"
        assert terminal.shows("queued: l opens it"), "which is not that page"
        terminal.app.navigation.go(Link(View.RUNS))
        await terminal.press("l")
        assert terminal.app.seen.link() == to_run(claim.held.run_id)
