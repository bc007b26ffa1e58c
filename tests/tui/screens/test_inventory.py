"""Inventories on the screen: the list of one tenant, what the last sync changed, an item's page, and empty ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.cells import width_of
from atlas_tui.links import View
from storage import finishing
from storage import inventory_staging as staging
from storage.finishing import RunResult
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import StagedItem
from storage.operations import INVENTORY_SYNC

CONTOSO = "Contoso Ltd"


def sync(fleet: Any, *items: tuple[str, str, str], at: str = CONTOSO) -> int:
    """A sync that found these items (id, name, platform); returns its run's number."""
    claim = fleet.begin(fleet.connection[at], INVENTORY_SYNC)
    fleet.clock.advance(minutes=1)
    found = [StagedItem(id, name, platform, fleet.clock.time) for id, name, platform in items]
    staging.put(fleet.db, claim.held, "mobile_apps", found)
    finishing.finish(fleet.db, claim.held, RunResult(collected=CollectedInventory(("mobile_apps",))))
    return int(claim.held.run_id)


@pytest.fixture
def synced(small_fleet: Any) -> Any:
    """Contoso was synced a day ago and now: one item came, one went; fabrikam once."""
    small_fleet.first = sync(small_fleet, ("t", "Teams", "windows"), ("g", "Gone [bold]app[/x]", "ios"))
    small_fleet.clock.advance(days=1)
    small_fleet.second = sync(small_fleet, ("t", "Teams", "windows"), ("n", "Newcomer", "macos"))
    return small_fleet


def fits(terminal: Any, columns: int = 80) -> bool:
    return all(width_of(line.rstrip()) <= columns for line in terminal.display())


async def open_typed(terminal: Any, line: str) -> None:
    terminal.app.everywhere.do_typed(line)
    await terminal.settle()


async def test_a_tenants_list_leads_to_what_changed_and_to_an_item_and_the_run(synced: Any, dashboard: Any) -> None:
    async with dashboard(synced) as terminal:
        await open_typed(terminal, ":tenants contoso")
        await terminal.press("enter", "]", "]")
        assert terminal.shows(">Compliance   Never collected.")
        assert terminal.shows("2 items, synced <1m ago")
        assert terminal.shows("1 added, 1 removed, 1 changed by the last sync")
        await terminal.press("j", "enter")
        assert terminal.shows("> inventory")
        assert terminal.shows("of Contoso Ltd")
        rows = [line for line in terminal.display() if " App " in line]
        assert [line[17:25].strip() for line in rows] == ["Newcomer", "Teams"], "what is gone is not in it"
        assert "~ new" in rows[0]
        assert fits(terminal)
        await terminal.press("equals_sign")
        assert terminal.shows(f"#{synced.second} against #{synced.first}: 1 added, 1 removed, 1 changed")
        assert terminal.shows("+ added   App           Newcomer")
        assert terminal.shows("x removed App           Gone [bold]app[/x]")
        assert fits(terminal)
        await terminal.press("j", "enter")
        assert terminal.shows("Removed      - 2026-03-02")
        await terminal.press("l")
        assert (terminal.app.seen.VIEW, terminal.app.seen.subject) == (View.RUN, synced.first)
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.INVENTORY_CHANGES


async def test_the_command_bar_filters_one_tenants_items_and_esc_keeps_to_the_tenant(
    synced: Any, dashboard: Any
) -> None:
    async with dashboard(synced) as terminal:
        await open_typed(terminal, ":inventory @contoso removed:yes")
        assert terminal.shows("Gone [bold]app[/x]")
        assert terminal.shows("- removed")
        await terminal.press("escape")
        assert terminal.shows("Teams")
        assert terminal.shows("of Contoso Ltd")
        await terminal.press("o")
        assert terminal.app.seen.table.sort is not None
        assert not terminal.shows("needs one tenant")
        await open_typed(terminal, ":inventory @nobody")
        assert terminal.shows("No tenant fits 'nobody'")
        await open_typed(terminal, ":inventory @contoso kind:toasters")
        assert terminal.shows("`kind:toasters` is not known")


async def test_the_workspaces_list_names_the_tenants(synced: Any, dashboard: Any) -> None:
    synced.add("Adventure Works")
    sync(synced, ("o", "Others", ""), at="Adventure Works")
    async with dashboard(synced) as terminal:
        await open_typed(terminal, ":inventory")
        rows = [line for line in terminal.display() if " App " in line]
        assert [line[3:14].strip() for line in rows] == ["Contoso Ltd", "Contoso Ltd", "Adventure W"]
        await terminal.press("at")
        assert not terminal.shows("Others")
        assert fits(terminal)


async def test_an_empty_list_says_why_and_the_next_step(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_tenant("Adventure Works")
    skipped = small_fleet.begin(small_fleet.connection[CONTOSO], INVENTORY_SYNC)
    finishing.finish(small_fleet.db, skipped.held, RunResult(reason_code="not_licensed_intune"))
    small_fleet.add("Blue Yonder")
    async with dashboard(small_fleet) as terminal:
        await open_typed(terminal, ":inventory @contoso")
        assert terminal.shows("skipped (not_licensed_intune)")
        assert terminal.shows("The tenant has no Intune licence.")
        await open_typed(terminal, ":inventory @blue")
        assert terminal.shows("Never collected.")
        assert terminal.shows("x, i starts an inventory sync.")
        await terminal.press("x", "i", "right", "enter")
        await terminal.wait_for(lambda: terminal.shows("is on its way."))
        await open_typed(terminal, ":inventory @adventure")
        assert terminal.shows("the tenant has no connection")
    async with dashboard(small_fleet, login="rita") as terminal:
        await open_typed(terminal, ":inventory @tailspin")
        assert terminal.shows("It cannot start now:")


async def test_the_difference_can_be_taken_away(synced: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(synced) as terminal:
        terminal.app._session = replace(terminal.app.session, state_directory=str(tmp_path))
        await open_typed(terminal, ":inventory @contoso")
        await terminal.press("equals_sign", "y")
        assert terminal.app.clipboard == "n"
        await terminal.press("E", "j")
        (written,) = (tmp_path / "exports").iterdir()
        lines = [json.loads(line) for line in written.read_text().splitlines()]
        assert [(line["change"], line["external_id"]) for line in lines] == [
            ("added", "n"),
            ("removed", "g"),
            ("changed", "t"),
        ]
