"""An import on the screen: nothing is written before it is confirmed, and then all of it or nothing."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from atlas_tui import keyboard
from atlas_tui.links import View
from atlas_tui.screens.fleet_import import FleetImportScreen
from atlas_tui.screens.fleet_import_rows import ImportRows
from atlas_tui.widgets.ask_lines import AskLines
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import fleet_import, tenant_changes, tenants
from storage.fleet_import import RowClass
from storage.pages import Place
from storage.tenants import TenantQuery


def guid(number: int) -> str:
    return str(uuid.UUID(int=0x11111111_0000_4000_8000_000000000000 + number))


@pytest.fixture
def file(small_fleet: Any, tmp_path: Path) -> Path:
    """One of each class; `[/]` in a name, since others write the file."""
    dana = small_fleet.people["dana"]
    fabrikam = tenants.get(small_fleet.db, dana, small_fleet.tenant["Fabrikam GmbH"])
    contoso = tenants.get(small_fleet.db, dana, small_fleet.tenant["Contoso Ltd"])
    path = tmp_path / "fleet.csv"
    path.write_text(
        "Company name;Microsoft ID;Primary domain name;Partner\n"
        f"Woodgrove [/] Bank;{guid(1)};woodgrove.example;x\n"
        f"{contoso.name};{contoso.entra_tenant_id};contoso.example;x\n"
        f"Fabrikam AG;{fabrikam.entra_tenant_id};fabrikam.example;x\n"
        "Nobody;not-a-guid;nobody.example;x\n",
        "utf-8-sig",
    )
    return path


def names(fleet: Any) -> list[str]:
    query = TenantQuery(fleet.workspace)
    return [row.name for row in tenants.page(fleet.db, fleet.people["dana"], query, Place.first(), 100).rows]


async def preview(terminal: Any, path: Path) -> None:
    terminal.app.everywhere.do_typed(f":import {path}")
    await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.FLEET_IMPORT)
    await terminal.settle()


async def test_the_preview_says_what_each_row_does_and_why_not(small_fleet: Any, dashboard: Any, file: Path) -> None:
    async with dashboard(small_fleet) as terminal:
        await preview(terminal, file)
        assert terminal.shows(" All 4  Create 1  Update 1  Unchanged 1  Refused 1 ")
        assert terminal.shows("+ create    Woodgrove [/] Bank")
        assert terminal.shows("name Fabrikam GmbH -> Fabrikam AG")
        assert terminal.shows("tenant id: ")
        assert terminal.shows("ignored columns: Partner")
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("[")
        assert terminal.shows("x refused")
        assert not terminal.shows("Woodgrove")
        await terminal.press("enter")
        assert terminal.shows("Why          tenant id: is not a GUID.")
        await terminal.press("enter")
        assert isinstance(terminal.app.seen, FleetImportScreen), "there is no tenant to go to"
        await terminal.press("]", "]", "]", "enter")
        assert terminal.shows("Name         Fabrikam GmbH -> Fabrikam AG")
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.TENANT
    assert "Woodgrove [/] Bank" not in names(small_fleet)


async def test_refused_rows_hold_up_the_file_until_they_are_left_out_by_choice(
    small_fleet: Any, dashboard: Any, file: Path
) -> None:
    async with dashboard(small_fleet) as terminal:
        await preview(terminal, file)
        await terminal.press("x", "i")
        assert terminal.shows("1 row refused: mend the file, or leave them out.")
        await terminal.press("s")
        assert isinstance(terminal.app.screen, ConfirmName)
        assert terminal.shows("Leaves out 1 refused row.")
        assert terminal.shows("Creates 1 tenant and updates 1 in North MSP; 1 row changes nothing.")
        await terminal.press("enter")
        assert "Fabrikam AG" not in names(small_fleet), "Cancel has the focus"
        await terminal.press("x", "s", "right", "enter")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANTS)
        assert terminal.shows("1 created, 1 updated, 1 unchanged, 1 left out")
    assert {"Woodgrove [/] Bank", "Fabrikam AG"} <= set(names(small_fleet))


async def test_what_changed_meanwhile_writes_nothing_and_shows_a_new_preview(
    small_fleet: Any, dashboard: Any, file: Path
) -> None:
    async with dashboard(small_fleet) as terminal:
        await preview(terminal, file)
        await terminal.press("x", "s")
        tenant_changes.edit(
            small_fleet.db,
            small_fleet.people["mona"],
            small_fleet.tenant["Fabrikam GmbH"],
            changes={"name": "Fabrikam AG"},
        )
        await terminal.press("right", "enter")
        assert terminal.shows("Nothing was written: tenants of the file changed. This is the new preview.")
        assert terminal.shows("Update 0")
    assert "Woodgrove [/] Bank" not in names(small_fleet)


async def test_an_extra_tag_is_previewed_and_given(small_fleet: Any, dashboard: Any, file: Path) -> None:
    async with dashboard(small_fleet) as terminal:
        await preview(terminal, file)
        await terminal.press("x", "t", *"batch-7", "enter", "enter")
        assert terminal.shows("tag batch-7")
        assert terminal.shows("Update 2"), "a tenant that was as it is stored gets the tag"
        assert terminal.shows("tags +batch-7")


async def test_it_asks_for_a_file_and_says_what_is_wrong_with_one(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "x", "i")
        assert isinstance(terminal.app.screen, AskLines)
        terminal.app.screen.query_one("#path", Input).value = str(tmp_path / "none.csv")
        await terminal.press("enter", "enter", "enter")
        assert terminal.shows("file: cannot be read (No such file or directory)")
        assert terminal.app.seen.VIEW is View.TENANTS
        assert terminal.app.screen.query_one("#path", Input).value == str(tmp_path / "none.csv"), (
            "it is mended, not typed again"
        )
        await terminal.press("escape")
        (tmp_path / "latin.csv").write_bytes(b"nothing,that,means,a tenant\n1,2,3,4\n")
        terminal.app.everywhere.do_typed(f":import {tmp_path / 'latin.csv'}")
        await terminal.settle()
        assert terminal.shows("has no column with tenant ids")
        await terminal.press("escape")
        terminal.app.everywhere.do_typed(":import /dev/zero")
        await terminal.settle()
        assert terminal.shows("is no ordinary file")


async def test_it_is_refused_by_role_and_over_a_forced_command(small_fleet: Any, dashboard: Any, file: Path) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        await terminal.press("4", "x")
        assert terminal.shows("Your role may not. Ask dana (Owner), mona (Manager).")
        await terminal.press("escape")
        terminal.app.everywhere.do_typed(f":import {file}")
        await terminal.settle()
        assert terminal.shows("Your role may not do this. Ask dana (Owner), mona (Manager).")
    async with dashboard(small_fleet) as terminal:
        with keyboard.with_key(1):
            terminal.app.everywhere.do_typed(f":import {file}")
            await terminal.settle()
            assert terminal.shows("cannot be read from a file over this connection")


def test_pages_of_a_hundred_thousand_rows_are_read_from_both_ends(small_fleet: Any) -> None:
    lines = "\n".join(f"Tenant {number},{guid(number)}" for number in range(100_000))
    sheet = fleet_import.read(f"name,tenant_id\n{lines}\n".encode())
    plan = fleet_import.preview(small_fleet.db, small_fleet.people["dana"], small_fleet.workspace, sheet)
    rows = ImportRows(plan)
    last = rows.page("", Place.last(), 60)
    assert [last.rows[-1].name, last.total, last.has_after, last.position] == ["Tenant 99999", 100_000, False, 99_940]
    before = rows.page("", Place.before(last.cursors[0]), 60)
    assert before.rows[-1].line == last.rows[0].line - 1
    after = rows.page("", Place.after(before.cursors[-1]), 60)
    assert after.rows == last.rows
    at = rows.page("", Place("at", None, 50_002), 60)
    assert at.rows[0].line == 50_002
    found = rows.page("class:create 99998", Place.first(), 60)
    assert [row.name for row in found.rows] == ["Tenant 99998"]
    assert plan.totals[RowClass.CREATE] == 100_000


async def test_a_button_that_cannot_be_pressed_yet_is_read_where_colours_are_the_terminals(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet, theme_name="atlas-ansi") as terminal:
        terminal.app.everywhere.do_typed(":import")
        await terminal.wait_for(lambda: terminal.shows("Import tenants from a file"))
        assert terminal.shows("Preview"), terminal.text()
