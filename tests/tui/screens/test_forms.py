"""Forms at the keyboard: how they look, what is said while somebody types, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.cells import line_text, width_of
from atlas_tui.links import View
from atlas_tui.screens.form import FormScreen
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.tenant_form import EditTenant
from atlas_tui.widgets.lines import PaintedLines
from storage import tenant_archive, tenants
from storage.states import Cloud

GUID = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"


FORMS = (("4", "N"), ("4", "e"), ("2", "e"), ("2", "N"))


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_form_fits_its_terminal(small_fleet: Any, dashboard: Any, size: tuple[int, int]) -> None:
    async with dashboard(small_fleet, size=size) as terminal:
        for keys in FORMS:
            await terminal.press(*keys)
            assert isinstance(terminal.app.screen, FormScreen), keys
            for widget in terminal.app.screen.query("*"):
                if widget.display and widget.region.area and widget.is_on_screen:
                    assert widget.region.right <= size[0], (keys, widget)
            for painted in terminal.app.screen.query(PaintedLines):
                for line in painted.lines:
                    assert width_of(line_text(line)) == painted.size.width, (keys, line_text(line))
            assert terminal.shows("Save   Leave   More")
            assert terminal.shows("ctrl+s save")
            await terminal.press("escape")


async def test_the_last_field_is_scrolled_to_on_a_small_screen(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, size=(60, 18)) as terminal:
        await terminal.press("4", "N")
        assert not terminal.shows("Ticket")
        await terminal.press(*["tab"] * 8)
        assert terminal.shows("Ticket")


async def test_the_three_badges_stand_above_a_connections_form_and_cannot_be_typed_into(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "j", "e")
        text = terminal.text()
        assert "+ enabled" in text
        assert "x revoked" in text
        assert "x blocked" in text
        labels = [field.label for field in terminal.app.screen.state.fields]
        assert labels == ["Name", "Type", "Client id", "Ticket"]


async def test_an_open_form_that_nobody_types_into_writes_nothing(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await forms.paused(terminal)
        terminal.bytes_written()
        terminal.app.screen.show_ages()
        await terminal.settle()
        assert terminal.bytes_written() == 0


async def test_a_tenant_is_added_by_keys_alone_and_its_page_opens(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await forms.write(terminal, "Quarx: J & k, 2x")
        await terminal.press("enter")
        await forms.write(terminal, GUID.upper())
        await terminal.press("tab")
        await forms.write(terminal, "quarx.example")
        await terminal.press("down", "right", "left", "down")
        await forms.write(terminal, "vip, Gold")
        await forms.saved(terminal)
        assert terminal.app.seen.VIEW is View.TENANT
        assert terminal.shows("is added")
    (row,) = forms.tenants(small_fleet, "quarx")
    assert (row.name, row.entra_tenant_id, row.primary_domain, row.cloud) == (
        "Quarx: J & k, 2x",
        GUID,
        "quarx.example",
        Cloud.GLOBAL,
    )
    assert row.tags == ("gold", "vip")
    assert forms.drafts(small_fleet) == ()


async def test_what_is_wrong_is_said_while_it_is_typed_and_gets_the_focus_on_save(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N", "tab")
        await forms.write(terminal, "8a3c")
        assert terminal.shows("tenant id: is not a GUID")
        assert terminal.shows("x Tenant id")
        await terminal.press("ctrl+s")
        assert terminal.app.screen.body.current.key == "name"
        assert terminal.shows("Name: is needed")
        assert terminal.shows("2 fields are marked x")
        await forms.write(terminal, "Woodgrove")
        await terminal.press("tab")
        await terminal.press("home", *["delete"] * 4)
        await forms.write(terminal, "8a3c1f0e-1b2c-4d5e-8f90-123456789abc")
        assert not terminal.shows("marked x"), "nothing is, any more"
    assert len(forms.tenants(small_fleet)) == 4


async def test_a_tenant_id_that_is_here_already_is_said_after_a_pause(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    contoso = tenants.get(small_fleet.db, small_fleet.people["dana"], small_fleet.tenant["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N", "tab")
        await forms.write(terminal, contoso.entra_tenant_id)
        assert terminal.shows("this workspace has it already, as Contoso Ltd")


async def test_what_is_pasted_loses_its_control_bytes(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    from textual import events

    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        terminal.app.screen.focused.post_message(events.Paste("Con\x1b[31mtoso\x07"))
        await forms.paused(terminal)
        assert terminal.app.screen.state.text("name") == "Con[31mtoso"


async def test_who_may_not_is_told_whom_to_ask_before_anything_is_typed(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        for keys in FORMS:
            await terminal.press(*keys)
            assert not isinstance(terminal.app.screen, FormScreen)
            assert terminal.shows("Your role may not do this. Ask dana (Owner), mona (Manager).")
            terminal.app.clear_notice()
        hints = {hint.does: hint.allowed for hint in terminal.app.seen.hints()}
        assert (hints["edit"], hints["new"], hints["help"]) == (False, False, True)


async def test_only_keys_that_work_where_the_focus_is_are_offered(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        assert not terminal.shows("x actions")
        assert terminal.shows("F1 help")
        await terminal.press("shift+tab")
        assert terminal.shows("x actions")


async def test_of_an_archived_tenant_only_contact_and_note_can_be_typed_into(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    id = small_fleet.add_tenant("Wingtip")
    tenant_archive.archive(small_fleet.db, small_fleet.people["dana"], id)
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, EditTenant(id))
        await terminal.settle()
        await terminal.settle()
        assert [field.key for field in terminal.app.screen.state.fields if not field.fixed] == [
            "contact",
            "note",
            "ticket",
        ]
        assert terminal.shows("archived: restore it first")
        await forms.write(terminal, "Ada, +49 30 123")
        await forms.saved(terminal)
        assert terminal.shows("is saved")
    assert forms.tenants(small_fleet, "wingtip archived:yes")[0].contact == "Ada, +49 30 123"
