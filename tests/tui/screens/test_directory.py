"""Directory counts on the screen: now, before, and every count there is."""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import width_of
from atlas_tui.links import View
from storage import finishing
from storage.directory_counting import CollectedCounts
from storage.finishing import RunResult
from storage.operations import DIRECTORY_SYNC

CONTOSO = "Contoso Ltd"


def count(fleet: Any, **counts: int) -> int:
    fleet.clock.advance(hours=1)
    claim = fleet.begin(fleet.connection[CONTOSO], DIRECTORY_SYNC)
    finishing.finish(fleet.db, claim.held, RunResult(collected=CollectedCounts(counts)))
    return int(claim.held.run_id)


async def test_a_number_is_shown_beside_the_one_before_and_an_unknown_one_is_no_zero(
    small_fleet: Any, dashboard: Any
) -> None:
    count(small_fleet, users=1200, guests=4, groups=7, devices=90, domains=2)
    last = count(small_fleet, users=1203, guests=4, groups=7, domains=2)
    async with dashboard(small_fleet) as terminal:
        terminal.app.everywhere.do_typed(":tenants contoso")
        await terminal.settle()
        await terminal.press("enter", "]", "]")
        assert terminal.shows("1,203 users (+3), 4 guests, 7 groups, - devices, 2 domains")
        terminal.app.everywhere.do_typed(":directory")
        await terminal.settle()
        assert terminal.app.seen.VIEW is View.TENANT_DIRECTORY, "of the tenant that was on the screen"
        lines = {line.split()[0]: line.split()[1:] for line in terminal.display() if line.strip()}
        assert lines["users"] == ["1,203", "1,200", "+3"]
        assert lines["devices"] == ["-", "90"]
        assert lines["guests"] == ["4", "4"]
        assert terminal.shows("! partial: not everything could be counted.")
        assert all(width_of(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("Y")
        assert '"users": 1203' in terminal.app.clipboard
        await terminal.press("l")
        assert terminal.app.seen.subject == last


async def test_without_a_tenant_it_is_asked_for(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.everywhere.do_typed(":directory")
        await terminal.settle()
        assert terminal.shows("Of which tenant? :directory @contoso")
        terminal.app.everywhere.do_typed(":directory @contoso")
        await terminal.settle()
        assert terminal.shows("x, d counts the directory.")
