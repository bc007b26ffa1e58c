"""Saving a form: once, what was typed until then, and never at somebody else's cost."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.links import View
from atlas_tui.screens.form_definition import Filled
from atlas_tui.screens.tenant_form import EditTenant
from storage import platform_apps, tenants
from storage.states import Cloud

GUID = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"


async def test_saving_twice_saves_once(
    small_fleet: Any, dashboard: Any, forms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    real = tenants.create

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return real(*args, **named)

    monkeypatch.setattr(tenants, "create", counted)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await forms.write(terminal, "Twice")
        await terminal.press("tab")
        await forms.write(terminal, GUID)
        await terminal.pilot.press("ctrl+s", "ctrl+s", "ctrl+s")
        await forms.saved(terminal)
    assert len(calls) == 1
    assert len(forms.tenants(small_fleet, "twice")) == 1


async def test_what_is_typed_while_the_save_asks_the_database_is_saved_too(
    small_fleet: Any, dashboard: Any, forms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, asked, real = threading.Event(), threading.Event(), EditTenant.look_up

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        if filled.changes.get("name") == "Contoso Ltd A":
            asked.set()
            goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "look_up", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s")
        await terminal.wait_for(asked.is_set)
        await terminal.pilot.press("B")
        goes_on.set()
        await terminal.wait_for(lambda: terminal.shows("is saved"))
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd AB"


async def test_leaving_while_the_save_asks_the_database_saves_nothing_and_keeps_the_draft(
    small_fleet: Any, dashboard: Any, forms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, real = threading.Event(), EditTenant.look_up

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        if filled.changes:
            goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "look_up", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s", "escape")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANTS)
        goes_on.set()
        await forms.paused(terminal)
        assert terminal.shows("Draft kept")
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd"
    assert forms.drafts(small_fleet)[0].document["name"] == "Contoso Ltd A"


async def test_leaving_while_it_is_being_saved_is_told_where_the_person_is_by_then(
    small_fleet: Any, dashboard: Any, forms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, begun, real = threading.Event(), threading.Event(), EditTenant.save

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        begun.set()
        goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "save", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s")
        await terminal.wait_for(begun.is_set)
        await terminal.pilot.press("escape")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANTS)
        goes_on.set()
        await terminal.wait_for(lambda: terminal.shows("Contoso Ltd A is saved"))
        await forms.paused(terminal)
        assert terminal.app.seen.VIEW is View.TENANTS
    assert forms.drafts(small_fleet) == ()


async def test_w_in_the_command_bar_saves(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await forms.write(terminal, "!")
        await terminal.press("up", "colon", "w", "enter")
        await forms.paused(terminal)
        assert terminal.shows("is saved")
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd!"


async def test_saving_without_a_change_writes_nothing(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        assert terminal.shows("Nothing has been changed yet.")
        await forms.saved(terminal)
        assert terminal.shows("nothing to save")
        await terminal.press("shift+tab", "shift+tab", "shift+tab", "shift+tab")
        assert terminal.app.screen.body.current.key == "ticket"
        await forms.write(terminal, "INC-7")
        await forms.saved(terminal)
        assert terminal.shows("nothing to save"), "a ticket alone is no change"


async def test_a_connection_is_platform_where_there_is_an_app_and_asks_for_a_client_id_where_it_is_not(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    platform_apps.register(
        small_fleet.db,
        small_fleet.people["dana"],
        small_fleet.workspace,
        cloud=Cloud.GLOBAL,
        client_id=GUID,
        display_name="North app",
        home_tenant_id=small_fleet.guid(),
    )
    tenant_id = small_fleet.add_tenant("Wide World")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "G", "enter", "N")
        assert terminal.shows("< platform >  app North app")
        assert not terminal.shows("Client id")
        await terminal.press("tab", "d")
        assert terminal.shows("Client id")
        await terminal.press("p")
        await forms.paused(terminal)
        assert terminal.shows("It becomes the default of Wide World")
        await forms.saved(terminal)
        assert terminal.app.seen.VIEW is View.CONNECTION
        assert terminal.shows("is added")
        assert terminal.shows("platform app North app")
    assert tenants.get(small_fleet.db, small_fleet.people["dana"], tenant_id).connections == 1


async def test_another_app_registration_says_what_it_costs_and_asks_before_it_is_saved(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    from storage import connections

    id = small_fleet.connection["Contoso Ltd"]

    def stored() -> Any:
        return connections.get(small_fleet.db, small_fleet.people["dana"], id)

    before = stored()
    async with dashboard(small_fleet, size=(100, 30)) as terminal:
        await terminal.press("2", "e", "tab")
        await terminal.press(*["backspace"] * 36)
        await forms.write(terminal, GUID)
        assert terminal.shows("is destroyed")
        await forms.saved(terminal)
        assert terminal.shows("Verification becomes unknown (it is healthy).")
        await terminal.press("enter")
        assert stored() == before
        assert terminal.app.screen.state.text("client_id") == GUID
        await forms.saved(terminal)
        await terminal.press("right", "enter")
        await forms.paused(terminal)
        assert terminal.shows("is saved")
    after = stored()
    assert (after.client_id, after.row.verification_status.value, after.credentials) == (GUID, "unknown", ())
