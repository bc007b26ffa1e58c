"""Platform apps at the keyboard: registered, edited with what that does to their connections, verified, one shared problem, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from textual.widgets import Button

from atlas_tui.cells import width_of
from atlas_tui.links import Link, View, to_connection, to_platform_app
from atlas_tui.screens.connection import Section
from atlas_tui.screens.form import FormScreen
from atlas_tui.screens.handout import HandoutScreen
from storage import credentials, platform_apps
from storage.credential_material import from_secret
from storage.schema import platform_apps as table
from storage.schema import provider_connections
from storage.states import Cloud, CredentialOwner

HOME = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"
CLIENT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def app_fleet(small_fleet: Any) -> Any:
    """The small fleet with a platform app that six more tenants use, five of them with the same problem."""
    dana = small_fleet.people["dana"]
    app = platform_apps.register(
        small_fleet.db,
        dana,
        small_fleet.workspace,
        cloud=Cloud.GLOBAL,
        client_id=CLIENT,
        display_name="North Fleet",
        home_tenant_id=HOME,
    )
    credentials.store(
        small_fleet.db,
        dana,
        CredentialOwner.PLATFORM_APP,
        app.id,
        from_secret("a.platform~secret-0123456789-abcdef"),
        small_fleet.key.public_key().public_bytes_raw(),
        client_key_id="app-key-1",
    )
    for number in range(6):
        broken = {"last_reason_code": "secret_expired", "verification_status": "blocked"} if number else {}
        id = small_fleet.add(f"Customer {number}", secret=False, **broken)
        small_fleet.set(id, connection_type="platform", platform_app_id=app.id, client_id=None)
    small_fleet.app = app.id
    return small_fleet


@pytest.fixture
def unused_app(app_fleet: Any) -> Any:
    """The same, used by nobody."""
    mine = provider_connections.c.platform_app_id == app_fleet.app
    app_fleet.db.write(
        lambda tx: (
            tx.run(update(provider_connections).where(mine).values(connection_type="dedicated", platform_app_id=None))
            and None
        )
    )
    return app_fleet


async def open_app(terminal: Any, fleet: Any) -> None:
    terminal.app.navigation.go(to_platform_app(fleet.app))
    await terminal.settle()


async def paused(terminal: Any) -> None:
    screen = terminal.app.screen
    if isinstance(screen, FormScreen):
        await terminal.wait_for(lambda: not screen.is_waiting)
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


async def confirm(terminal: Any) -> None:
    terminal.app.screen.query_one("#confirm", Button).focus()
    await terminal.press("enter")


async def test_the_list_and_the_page_fit_and_say_what_the_app_is(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        await terminal.press("colon")
        await terminal.type("apps")
        await terminal.press("enter")
        assert terminal.shows("North Fleet")
        assert terminal.shows("o unknown end")
        await terminal.press("enter")
        text = terminal.text()
        assert CLIENT in text
        assert HOME in text
        assert "http://localhost/atlas-consent" in text
        assert all(width_of(line) <= 80 for line in terminal.display())
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.PLATFORM_APPS


async def test_one_reason_on_many_connections_is_one_problem_of_the_app(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        await open_app(terminal, app_fleet)
        assert terminal.shows("x secret_expired  one problem of 5 connections")


async def test_who_uses_it_is_a_link_to_its_connections(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        await open_app(terminal, app_fleet)
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.CONNECTIONS
        assert terminal.shows("Customer 3")
        assert not terminal.shows("Fabrikam")


async def test_a_connection_of_the_app_leads_to_it(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        terminal.app.navigation.go(to_connection(app_fleet.connection["Customer 0"]))
        await terminal.settle()
        terminal.app.screen.open_section(Section.CREDENTIAL)
        await terminal.settle()
        assert terminal.shows("enter opens the app")
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.PLATFORM_APP


async def test_another_client_id_says_what_it_does_to_every_connection(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        await open_app(terminal, app_fleet)
        await terminal.press("e")
        screen = terminal.app.screen
        assert isinstance(screen, FormScreen)
        screen.body.enter("client_id")
        await terminal.press(*["backspace"] * 4)
        await terminal.type("abcd")
        await paused(terminal)
        await terminal.press("ctrl+s")
        text = " ".join(terminal.text().split())
        assert "6 connections sign in with it" in text
        assert "every customer must consent again" in text
        await terminal.press("escape")
    assert platform_apps.get(app_fleet.db, app_fleet.people["dana"], app_fleet.app).app.client_id == CLIENT


async def test_verifying_starts_a_few_checks_and_tells_what_each_answered(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet) as terminal:
        await open_app(terminal, app_fleet)
        await terminal.press("x", "v")
        field = terminal.app.screen.query_one("#on")
        field.value = "Customer 0, Customer 1"
        await terminal.settle()
        await confirm(terminal)
        await terminal.wait_for(lambda: isinstance(terminal.app.screen, HandoutScreen))
        await terminal.settle()
        assert terminal.shows("Customer 0: queued #")
        assert terminal.shows("Customer 1: queued #")


async def test_an_app_in_use_is_not_deleted_and_an_unused_one_asks_for_its_name(
    unused_app: Any, dashboard: Any
) -> None:
    async with dashboard(unused_app) as terminal:
        await open_app(terminal, unused_app)
        await terminal.press("x", "D")
        assert terminal.shows("Its 1 credential here is destroyed")
        terminal.app.screen.query_one("#name").focus()
        await terminal.type("North Fleet")
        await confirm(terminal)
        assert terminal.shows("North Fleet is deleted here")
    with unused_app.db.read() as tx:
        assert tx.run(table.select()).all() == []


async def test_readers_see_the_menu_dimmed_with_whom_to_ask(app_fleet: Any, dashboard: Any) -> None:
    async with dashboard(app_fleet, login="rita") as terminal:
        await open_app(terminal, app_fleet)
        await terminal.press("x")
        assert terminal.shows("Your role may not. Ask ")
        await terminal.press("D")
        assert terminal.shows("Platform app North Fleet")
        await terminal.press("escape")
        await terminal.press("e")
        assert not isinstance(terminal.app.screen, FormScreen)


async def test_one_is_registered_in_a_form(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.navigation.go(Link(View.PLATFORM_APPS))
        await terminal.settle()
        assert terminal.shows("No platform app yet")
        await terminal.press("N")
        screen = terminal.app.screen
        for key, text in (("display_name", "North"), ("client_id", CLIENT), ("home_tenant_id", HOME)):
            screen.body.enter(key)
            await terminal.pilot.press(*("minus" if letter == "-" else letter for letter in text))
        await paused(terminal)
        await terminal.press("ctrl+s")
        await terminal.settle()
        assert terminal.shows("North is registered")
        assert terminal.app.seen.VIEW is View.PLATFORM_APP
    (app,) = platform_apps.of_workspace(small_fleet.db, small_fleet.people["dana"], small_fleet.workspace)
    assert (app.client_id, app.cloud) == (CLIENT, Cloud.GLOBAL)
