"""Members on the screen: who is here, and giving and taking roles, keys and sessions."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atlas_tui.links import View
from atlas_tui.screens.member_text import role_in_short, role_in_words
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import members, sessions, ssh_keys
from storage.capabilities import Role


def held(fleet: Any, login: str) -> list[tuple[str, str]]:
    found = members.of_login(fleet.db, fleet.people["dana"], fleet.workspace, login)
    return [(row.role.value, row.scope) for row in found]


async def open_members(terminal: Any, login: str = "") -> None:
    terminal.app.everywhere.do_typed(f":members {login}")
    await terminal.settle()


async def test_the_list_says_who_may_what_with_which_reach_and_until_when(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_member("nora", Role.OPERATOR, tenant_id=small_fleet.tenant["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal)
        assert terminal.app.seen.VIEW is View.MEMBERS
        rows = {line[3:10].strip(): line for line in terminal.display()}
        assert "owner" in rows["dana"]
        assert "for good" in rows["dana"]
        assert "tenant Contoso" in rows["nora"]
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("enter")
        assert terminal.shows("May          see tenants, connections and runs;")
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.MEMBERS


async def test_a_role_is_given_in_a_form_that_says_what_it_allows(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal)
        await terminal.press("N", *"nora", "down", "down")
        assert terminal.shows("readonly")
        await terminal.press("o", "o")
        assert terminal.shows("< operator >")
        assert terminal.shows("sees, runs, audit")
        await terminal.press("down", "right", "down")
        await terminal.type("nosuch")
        await terminal.wait_for(lambda: terminal.shows("tenant: none fits"))
        await terminal.press(*["backspace"] * 6)
        await terminal.type("contoso ltd")
        await terminal.press("down")
        await terminal.type("2026-02-01")
        await terminal.press("ctrl+s")
        assert terminal.shows("until: is in the past"), terminal.text()
        assert held(small_fleet, "nora") == []
        await terminal.press(*["backspace"] * 10)
        await terminal.type("2026-04-01")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.MEMBERS)
        await terminal.wait_for(lambda: terminal.shows("2026-04-01 00:00Z"))
    assert held(small_fleet, "nora") == [("operator", "tenant Contoso Ltd")]


async def test_the_last_owner_stays_and_the_screen_says_why(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal, "dana")
        await terminal.press("x", "m")
        assert terminal.shows("It is the only role of dana in North MSP.")
        await terminal.press("right", "enter")
        assert terminal.shows("dana is the last Owner of North MSP. Make somebody else Owner first")
        await terminal.press("e", "m", "ctrl+s")
        assert terminal.shows("is the last Owner")
    assert held(small_fleet, "dana") == [("owner", "workspace")]


async def test_another_role_and_end_are_given(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal, "omar")
        await terminal.press("enter", "e", "m", "down")
        await terminal.type("2026-03-02")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.MEMBER)
        await terminal.wait_for(lambda: terminal.shows("Until        2026-03-02 00:00:00Z"))
        assert terminal.shows("manager")
    assert held(small_fleet, "omar") == [("manager", "workspace")]


async def test_leaving_is_spelled_out_and_takes_the_login(small_fleet: Any, dashboard: Any) -> None:
    sessions.begin(small_fleet.db, small_fleet.people["omar"], "host-b")
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal, "omar")
        await terminal.press("enter", "x", "l")
        assert terminal.shows("Ends every role in North MSP: operator on workspace.")
        assert terminal.shows("1 dashboard")
        await terminal.press("right", "enter")
        assert isinstance(terminal.app.screen, ConfirmName), "the button does not work without the login"
        terminal.app.screen.query_one("#name").focus()
        await terminal.press(*"omar", "enter", "enter", "down", "enter")
        assert terminal.shows("omar left: 1 role, 1 session and 0 keys ended")
        assert terminal.app.seen.VIEW is View.MEMBERS
    assert held(small_fleet, "omar") == []


async def test_a_key_is_revoked_and_a_session_ended_where_the_cursor_is(small_fleet: Any, dashboard: Any) -> None:
    dana = small_fleet.people["dana"]
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    ssh_keys.add(small_fleet.db, dana, small_fleet.workspace, "omar", f"{public} laptop", label="laptop")
    sessions.begin(small_fleet.db, small_fleet.people["omar"], "host-b")
    async with dashboard(small_fleet) as terminal:
        await open_members(terminal, "omar")
        await terminal.press("enter")
        assert terminal.shows(">laptop")
        assert terminal.shows("SHA256:")
        await terminal.press("x", "s")
        assert terminal.shows("The cursor is on no session.")
        await terminal.press("k", "right", "enter")
        assert terminal.shows("Key laptop of omar may not log in any more")
        await terminal.wait_for(lambda: terminal.shows(">host-b"))
        await terminal.press("x", "s", "right", "enter")
        assert terminal.shows("The session of omar from host-b ends")
    assert all(key.revoked_at for key in ssh_keys.of_workspace(small_fleet.db, dana, small_fleet.workspace, "omar"))
    assert sessions.of_workspace(small_fleet.db, dana, small_fleet.workspace) == ()


async def test_who_may_not_manage_members_sees_it_dimmed_and_who_may_not_read_them_is_told(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet, login="mona") as terminal:
        await open_members(terminal, "omar")
        await terminal.press("enter")
        assert terminal.shows("Only who manages members sees them.")
        await terminal.press("x", "l")
        assert terminal.shows("Your role may not do this. Ask dana (Owner).")
        await terminal.press("escape", "e")
        assert terminal.shows("Your role may not do this. Ask dana (Owner).")
    async with dashboard(small_fleet, login="rita") as terminal:
        await open_members(terminal)
        assert terminal.shows("rita may not do this (audit.view).")
        assert terminal.app.seen.table.cursor_row is None


@pytest.mark.parametrize("role", Role)
def test_every_role_is_explained_by_what_it_holds(role: Role) -> None:
    assert role_in_short(role).startswith("sees")
    assert ("members" in role_in_short(role)) is (role is Role.OWNER)
    assert ("give and take roles" in role_in_words(role)) is (role is Role.OWNER)
