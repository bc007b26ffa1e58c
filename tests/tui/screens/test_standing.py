"""Them or us on the screen: the banner of an outage, the breaker with its probe, the app that is the problem, last good beside each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from atlas_tui.cells import width_of
from atlas_tui.links import Link, View, to_connection, to_run
from atlas_tui.outage_banner import banner
from atlas_tui.screens.prose import Times
from storage.breaker_rules import OPENS_AFTER
from storage.outages import Outage, OutageKind
from storage.schema import provider_connections
from storage.shared_problems import SHARED_FROM

NAMES = tuple(f"Tenant {letter}" for letter in "ABCDE")


def checked(fleet: Any, connection: int, *failing: tuple[str, str], by: str = "omar") -> int:
    return int(fleet.finish(fleet.begin(connection, by=by), *failing))


def broken(fleet: Any, *failing: tuple[str, str]) -> list[int]:
    """Five tenants that were well until half past ten, and were checked a minute ago."""
    connections = [fleet.add(name) for name in NAMES]
    fleet.worker()
    for connection in connections:
        checked(fleet, connection)
    fleet.clock.advance(minutes=90)
    runs = [checked(fleet, connection, *failing) for connection in connections]
    fleet.clock.advance(minutes=1)
    return runs


async def test_an_outage_is_one_calm_line_on_every_screen_until_tenants_answer(north: Any, dashboard: Any) -> None:
    runs = broken(north, ("Token", "identity_service_unavailable"))
    connection = north.connection[NAMES[0]]
    async with dashboard(north) as terminal:
        terminal.app.ask_standing()
        said = "! Probable Microsoft problem: 5/5 tenants since 13:30Z, last good 12:00Z"
        await terminal.wait_for(lambda: terminal.shows(said))
        assert terminal.shows("+ healthy"), "no badge moved"
        assert not terminal.shows("outage")
        terminal.app.flash("something else")
        terminal.app.show_status()
        await terminal.settle()
        assert not terminal.shows("Probable")
        assert "outage" in terminal.display()[0]
        terminal.app.clear_notice()
        for view in (View.RUNS, View.AUDIT):
            terminal.app.navigation.go(Link(view))
            await terminal.settle()
            assert terminal.shows(said)
        terminal.app.navigation.go(to_connection(connection))
        await terminal.settle()
        assert terminal.shows("part of an outage since 13:30Z; here last good 12:00Z. Probable")
        assert terminal.shows("Connection check    x failed       1m    1h   -    identity_service_unavailable")
        terminal.app.navigation.go(to_run(runs[0]))
        await terminal.settle()
        assert terminal.shows("part of an outage since 13:30:00Z: Probable Microsoft problem")
        terminal.app.everywhere.do_typed(":outages")
        await terminal.settle()
        assert terminal.shows("Tenants      5 of the 5 that ran meanwhile")
        assert terminal.shows("Last good    2026-03-01 12:00:00Z (1h ago)"), "whole, where the banner has no room"
        await terminal.press("r")
        assert terminal.shows("/reason:identity_service_unavailable since:1d")
        checked(north, connection, by="omar")
        terminal.app.ask_standing()
        await terminal.wait_for(lambda: terminal.shows("problem: 4/5"))
        for name in NAMES[1:3]:
            checked(north, north.connection[name], by="omar")
        terminal.app.ask_standing()
        await terminal.wait_for(lambda: not terminal.shows("Probable"))
        assert "outage" not in terminal.display()[0]
        terminal.app.everywhere.do_typed(":outages")
        await terminal.settle()
        assert terminal.shows("No outage: ")


@pytest.mark.parametrize("width", [30, 60, 77, 120, 300])
def test_the_banner_fits_and_keeps_its_times_as_long_as_it_can(clock: Any, width: int) -> None:
    since = clock.time - timedelta(hours=1)
    outage = Outage(
        OutageKind.NETWORK, "network_dns", since, 1187, 1203, since - timedelta(minutes=2), "Probable local network problem",
        "names are not resolved for 1,187 of 1,203 tenants", "Look at the worker host's DNS.",
    )  # fmt: skip
    text = banner(outage, Times(clock.time), width)
    assert width_of(text) <= width
    assert text.startswith("Probable local network problem"[: width - 1])
    assert ("last good 10:58Z" in text) is (width >= 77)
    earlier = banner(replace(outage, last_good_at=since - timedelta(hours=18)), Times(clock.time), 300)
    assert "since 11:00Z, last good 02-28 17:00Z: names" in earlier, "two times are two times, not a time and an age"


async def test_an_open_breaker_says_until_when_and_is_probed_from_the_menu(north: Any, dashboard: Any) -> None:
    connection = north.add("Contoso Ltd")
    north.worker()
    async with dashboard(north) as terminal:
        await terminal.press("x", "p")
        assert terminal.shows("The breaker is closed: nothing is held back."), "dimmed, not hidden"
        await terminal.press("escape")
        for _ in range(OPENS_AFTER):
            checked(north, connection, ("Token", "secret_expired"))
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.shows("open until 12:15Z after 5 sign-in failures. x, p: probe now"))
        assert terminal.shows("x blocked   x5")
        await terminal.press("x", "p")
        assert terminal.shows("A worker signs in to the tenant")
        await terminal.press("right", "enter")
        assert terminal.shows("queued #6 Connection check of Contoso Ltd")
        await terminal.wait_for(lambda: terminal.shows("open after 5 sign-in failures; run #6 probes it"))


async def test_a_problem_of_the_app_is_told_on_each_of_its_connections_and_leads_there(
    north: Any, dashboard: Any
) -> None:
    shared = north.guid()
    connections = [north.add(f"Tenant {n}") for n in range(SHARED_FROM)]
    north.db.write(lambda tx: tx.run(update(provider_connections).values(client_id=shared)) and None)
    for connection in connections:
        checked(north, connection, ("Token", "secret_expired"))
    async with dashboard(north) as terminal:
        await terminal.press("enter")
        assert terminal.shows(f"4 others with {shared}")
        assert terminal.shows("it is the app")
