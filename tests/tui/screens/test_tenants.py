"""Tenants on the screen: the list with its default badges, the page in tabs, and what its menu does."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.links import View
from atlas_tui.screens.tenant_text import Section
from atlas_tui.widgets.ask_lines import AskLines
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import offboarding, tenant_archive, tenant_detail, tenants
from storage.states import TenantLifecycle


def tenant(fleet: Any, name: str) -> Any:
    return tenants.get(fleet.db, fleet.people["dana"], fleet.tenant[name])


def fits(terminal: Any) -> bool:
    return all(len(line.rstrip()) <= 80 for line in terminal.display())


async def go_to(terminal: Any, name: str) -> None:
    terminal.app.everywhere.do_typed(f":tenants {name}")
    await terminal.settle()
    await terminal.press("enter")


async def test_the_list_shows_the_badges_of_the_default_connection_and_who_has_none(
    small_fleet: Any, dashboard: Any
) -> None:
    small_fleet.add_tenant("Adventure Works")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4")
        rows = {line[3:20].strip(): line for line in terminal.display()}
        assert "- none" in rows["Adventure Works"]
        assert "no connection yet" in rows["Adventure Works"]
        assert "+ enabled  + granted  + healthy" in rows["Contoso Ltd"]
        assert "x revoked  x blocked" in rows["Fabrikam GmbH"]
        assert "provider_consent" in rows["Fabrikam GmbH"]
        assert "- disabled" in rows["Northwind"]
        assert fits(terminal)
        await terminal.press("o", "O")
        assert terminal.app.seen.table.cursor_row is not None
        await terminal.press("g")
        assert terminal.app.seen.table.cursor_row.tenant.name == "Tailspin Toys"


async def test_a_wide_list_has_domain_and_tags(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_tenant("Adventure Works", tag_names=("gold",))
    async with dashboard(small_fleet, size=(160, 48)) as terminal:
        await terminal.press("4", "d")
        assert terminal.shows("adventure.example")
        assert any("Adventure Works" in line and "gold" in line for line in terminal.display())


async def test_the_page_has_tabs_with_runs_and_the_trail(small_fleet: Any, dashboard: Any) -> None:
    run = small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]), ("Token", "secret_expired"))
    async with dashboard(small_fleet) as terminal:
        await go_to(terminal, "contoso")
        assert terminal.shows(" Overview  Connections 1  Collected  Runs  Audit ")
        assert terminal.shows("secret_expired")
        assert terminal.shows("Tenant id    8a3c1f0e")
        assert fits(terminal)
        await terminal.press("]")
        assert terminal.shows("dedicated, #")
        await terminal.press("]")
        assert terminal.shows(">Compliance   Never collected.")
        await terminal.press("]")
        assert terminal.shows(f"#{run}")
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.RUN
        await terminal.press("escape", "]")
        assert terminal.shows("dana: tenant added")
        await terminal.press("]")
        assert terminal.app.seen.section is Section.OVERVIEW, "no sheet of a tenant that was not offboarded"


async def test_enter_on_a_tenant_without_a_connection_opens_the_form_for_one(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_tenant("Adventure Works")
    async with dashboard(small_fleet) as terminal:
        await go_to(terminal, "adventure")
        await terminal.press("enter")
        assert terminal.shows("New connection of Adventure Works")
    async with dashboard(small_fleet, login="rita") as terminal:
        await go_to(terminal, "adventure")
        assert terminal.shows("Ask dana (Owner), mona (Manager).")
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.TENANT


async def test_missing_permissions_are_named(small_fleet: Any, dashboard: Any) -> None:
    from storage.schema import connection_permissions

    small_fleet.insert(
        connection_permissions,
        connection_id=small_fleet.connection["Contoso Ltd"],
        permission="DeviceManagementManagedDevices.Read.All",
        is_granted=False,
        checked_at=small_fleet.clock.time,
    )
    async with dashboard(small_fleet) as terminal:
        await go_to(terminal, "contoso")
        assert terminal.shows("Missing      required: DeviceManagementManagedDevices.Read.All")


async def test_what_a_reader_may_not_is_dimmed_with_whom_to_ask(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="rita") as terminal:
        await go_to(terminal, "contoso")
        await terminal.press("x", "f")
        assert terminal.shows("Your role may not. Ask dana (Owner), mona (Manager).")
        assert not isinstance(terminal.app.screen, AskLines)


async def test_archiving_asks_first_and_unarchiving_brings_it_back(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_tenant("Adventure Works")
    async with dashboard(small_fleet) as terminal:
        await go_to(terminal, "contoso")
        await terminal.press("x")
        assert terminal.shows("Disable its connections first, or offboard.")
        await terminal.press("escape")
        await go_to(terminal, "adventure")
        await terminal.press("x", "a", "enter")
        assert tenant(small_fleet, "Adventure Works").lifecycle is TenantLifecycle.ACTIVE, "Cancel has the focus"
        await terminal.press("x", "a", "right", "enter")
        assert terminal.shows("is archived"), terminal.text()
        assert tenant(small_fleet, "Adventure Works").lifecycle is TenantLifecycle.ARCHIVED
        await terminal.press("x", "u", "right", "enter")
    assert tenant(small_fleet, "Adventure Works").lifecycle is TenantLifecycle.ACTIVE


async def test_offboarding_is_spelled_out_takes_the_name_and_leaves_a_sheet_and_can_be_undone(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await go_to(terminal, "contoso")
        await terminal.press("x", "f")
        assert isinstance(terminal.app.screen, AskLines)
        await terminal.press("backspace", "backspace", *"99999")
        assert terminal.shows("must be a number from 0 to 3650")
        await terminal.press(*["backspace"] * 5, "7", "enter", "enter")
        assert isinstance(terminal.app.screen, ConfirmName)
        assert terminal.shows("Destroys 1 credential, for good.")
        assert terminal.shows("Disables the connection Microsoft.")
        assert terminal.shows("2026-03-08 12:00:00Z")
        await terminal.press("right", "enter")
        assert isinstance(terminal.app.screen, ConfirmName), "the button does not work without the name"
        terminal.app.screen.query_one("#name").focus()
        await terminal.pilot.press(*"Contoso", "space", *"Ltd")
        await terminal.press("enter", "enter", "down", "enter")
        assert terminal.app.seen.section is Section.SHEET
        assert terminal.shows("North MSP has stopped looking after your tenant Contoso Ltd")
        assert fits(terminal)
        await terminal.press("x", "s")
        assert "az ad sp delete" in terminal.app.clipboard
        await terminal.press("]")
        assert terminal.shows("What was collected is deleted in 7 days, after 2026-03-08")
        await terminal.press("x", "r", "right", "enter")
        assert terminal.shows("Contoso Ltd is active again.")
        await terminal.wait_for(lambda: not terminal.shows("Offboarded"))
    detail = tenant_detail.get(small_fleet.db, small_fleet.people["dana"], small_fleet.tenant["Contoso Ltd"])
    assert detail.goodbye is None
    assert not detail.connections[0].is_enabled


async def test_the_sheet_is_written_to_a_file_and_to_none_over_a_forced_command(
    small_fleet: Any, dashboard: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from atlas_tui import keyboard

    offboarding.offboard(small_fleet.db, small_fleet.people["dana"], small_fleet.tenant["Contoso Ltd"])
    session = small_fleet.session
    monkeypatch.setattr(small_fleet, "session", lambda login: replace(session(login), state_directory=str(tmp_path)))
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "slash")
        await terminal.type("archived:yes contoso")
        await terminal.press("enter", "x", "E")
        (written,) = (tmp_path / "exports").glob("sheet-contoso-ltd-*.txt")
        assert "delete" in written.read_text("utf-8")
        with keyboard.with_key(1):
            await terminal.press("x", "E")
            assert terminal.shows("Not over this connection")


async def test_tags_come_and_go_on_all_that_are_marked(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "space", "space", "x", "t")
        assert terminal.shows("Tags of 2 tenants")
        await terminal.press(*"gold", "enter", "enter", "enter", "enter")
        assert terminal.shows("Tags of 2 tenants: 2 tagged")
    assert [tenant(small_fleet, name).tags for name in ("Contoso Ltd", "Fabrikam GmbH", "Northwind")] == [
        ("gold",),
        ("gold",),
        (),
    ]
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "x", "t")
        assert terminal.shows("Tags it has: gold")
        await terminal.press("down", *"gold", "up", *"gold")
        assert terminal.shows("gold is to be added and removed")
        await terminal.press(*["backspace"] * 4, "down", "enter", "enter", "enter")
        assert terminal.shows("Tags of Contoso Ltd: none")


async def test_an_archived_tenant_is_in_the_list_only_when_asked_for(small_fleet: Any, dashboard: Any) -> None:
    id = small_fleet.add_tenant("Adventure Works")
    tenant_archive.archive(small_fleet.db, small_fleet.people["dana"], id)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4")
        assert not terminal.shows("Adventure Works")
        await terminal.press("slash")
        await terminal.type("archived:yes")
        await terminal.press("enter")
        assert any("Adventure Works" in line and "archived" in line for line in terminal.display())


async def test_names_of_others_are_data_on_the_page(north: Any, dashboard: Any) -> None:
    north.add_tenant("[bold]Evil[/x] \u202e Ltd", note="[/]\nsecond", contact="[red]", primary_domain=None)
    async with dashboard(north) as terminal:
        await terminal.press("4", "enter")
        assert terminal.shows("[bold]Evil[/x]")
        assert terminal.shows("Contact      [red]")
        await terminal.press("x", "f", "enter", "enter")
        assert terminal.shows("Offboard [bold]Evil[/x]")
