"""What the actions menu changes on a connection: every consequence is said first, and what can't be undone asks for the name."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.links import View
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import audit_trail, connections


def read(fleet: Any, id: int) -> Any:
    return connections.get(fleet.db, fleet.people["dana"], id)


async def test_disabling_says_what_happens_and_stays_undone_when_enter_comes_too_early(
    small_fleet: Any, dashboard: Any
) -> None:
    id = small_fleet.connection["Contoso Ltd"]
    small_fleet.start(id)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "x", "b")
        assert terminal.shows("it is cancelled")
        assert terminal.shows("the customer's consent still stands")
        await terminal.press("enter")
        assert read(small_fleet, id).row.is_enabled
        await terminal.press("x", "b", "up")
        assert isinstance(terminal.app.screen, ConfirmName)
        await terminal.pilot.press(*"INC-42")
        await terminal.press("down", "right", "enter")
        await terminal.wait_for(lambda: not read(small_fleet, id).row.is_enabled)
    assert not read(small_fleet, id).row.is_enabled
    page = audit_trail.of_connection(small_fleet.db, small_fleet.people["dana"], id)
    assert page[0].action == "connection.disable"
    assert page[0].ticket == "INC-42"


async def test_revoking_says_what_it_cannot_do(small_fleet: Any, dashboard: Any) -> None:
    id = small_fleet.connection["Contoso Ltd"]
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "x", "v")
        assert terminal.shows("still stands at Microsoft")
        await terminal.press("right", "enter")
        assert terminal.shows("is revoked here")
    assert read(small_fleet, id).row.consent_status == "revoked"


async def test_another_connection_becomes_the_default(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "slash")
        await terminal.type("intune")
        await terminal.press("enter", "x", "f")
        assert terminal.shows("Make Intune the default of Northwind?")
        await terminal.press("right", "enter")
        assert terminal.shows("Intune is the default of Northwind")
    assert not read(small_fleet, small_fleet.connection["Northwind"]).row.is_default


async def test_deleting_asks_for_the_name_and_leaves_the_page_of_what_is_gone(small_fleet: Any, dashboard: Any) -> None:
    id = small_fleet.add("Wingtip", last_checked_at=None, last_good_at=None)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "G", "enter", "x", "D")
        assert terminal.shows("Type Microsoft to confirm")
        await terminal.press("right", "enter")
        assert isinstance(terminal.app.screen, ConfirmName), "the button does not work without the name"
        terminal.app.screen.query_one("#name").focus()
        await terminal.pilot.press(*"Microsoft")
        await terminal.press("enter", "enter", "down", "enter")
        assert terminal.shows("Wingtip is deleted")
        assert terminal.app.seen.VIEW is View.CONNECTIONS
    with pytest.raises(Exception, match="does not exist"):
        read(small_fleet, id)


async def test_what_is_not_possible_is_dimmed_with_the_reason(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "x")
        assert terminal.shows("It is the default.")
        assert terminal.shows("It has been checked: disable it.")
    async with dashboard(small_fleet, login="omar") as terminal:
        await terminal.press("2", "x", "v")
        assert terminal.shows("Your role may not. Ask dana (Owner), mona (Manager).")
