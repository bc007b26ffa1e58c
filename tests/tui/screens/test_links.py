"""`l` goes along what belongs together: a connection and its runs, a run and its connection."""

from __future__ import annotations

from typing import Any


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
