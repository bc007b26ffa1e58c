"""Finding a tenant wherever one may be: `:find`."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.links import View
from atlas_tui.screens.search import Search
from storage import tenant_search, tenants, workspaces
from storage.ownership import database_owner


async def found(terminal: Any, text: str) -> None:
    """Type into the search, and wait for the answer to all of it."""
    await terminal.type(text)
    screen = terminal.app.screen
    await terminal.wait_for(lambda: screen._asked_for == screen.query_one("Input").value.strip())
    await terminal.settle()


@pytest.fixture
def two_workspaces(small_fleet: Any) -> Any:
    """A second workspace that dana may enter and omar may not."""
    owner = database_owner(small_fleet.db)
    workspaces.create(small_fleet.db, owner, slug="south", name="South MSP", login="dana", display_name="Dana")
    south = workspaces.find_workspace(small_fleet.db, small_fleet.people["dana"], "south")
    tenants.create(
        small_fleet.db,
        small_fleet.people["dana"],
        south,
        entra_tenant_id=small_fleet.guid(),
        name="Southridge Video",
        primary_domain="southridge.example",
    )
    return small_fleet


async def test_a_tenant_of_another_workspace_is_found_and_its_page_opened_there(
    two_workspaces: Any, dashboard: Any
) -> None:
    async with dashboard(two_workspaces) as terminal:
        await terminal.press("colon")
        await terminal.type("find")
        await terminal.press("enter")
        assert isinstance(terminal.app.screen, Search)
        await found(terminal, "ridge")
        assert any("Southridge Video" in line and "south" in line for line in terminal.display())
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANT)
        await terminal.settle()
        assert terminal.app.session.workspace.slug == "south"
        assert terminal.shows("southridge.example")
    async with dashboard(two_workspaces, login="omar") as terminal:
        terminal.app.everywhere.command_find()
        await terminal.settle()
        await found(terminal, "ridge")
        assert terminal.shows("No tenant fits.")


async def test_connections_are_not_found_and_a_bad_filter_says_why(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.everywhere.command_find()
        await terminal.settle()
        await found(terminal, "intune")
        assert terminal.shows("No tenant fits.")
        await terminal.press("home", "ctrl+k")
        await found(terminal, "consent:revoked")
        assert terminal.shows("`consent:` is not known here")
        await terminal.press("escape")
        assert not isinstance(terminal.app.screen, Search)


async def test_enter_before_the_answer_opens_the_first_that_is_found(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.everywhere.command_find("tails")
        await terminal.settle()
        await terminal.pilot.press("p", "i", "n", "enter")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANT)
        await terminal.settle()
        assert terminal.shows("tailspin.example")


async def test_letters_typed_in_one_go_are_one_question(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = tenant_search.search

    def counted(db: Any, who: Any, text: str, **more: Any) -> Any:
        asked.append(text)
        return real(db, who, text, **more)

    monkeypatch.setattr(tenant_search, "search", counted)
    monkeypatch.setattr("atlas_tui.screens.search.PAUSE", 3600)
    async with dashboard(small_fleet) as terminal:
        terminal.app.everywhere.command_find()
        await terminal.settle()
        await terminal.type("contoso")
        assert asked == []
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANT)
    assert asked == ["contoso"]
