"""A dashboard that is open notices another role, another reach, and that it must leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from atlas_tui import keyboard, staying
from atlas_tui.app import AtlasApp
from storage import leaving, member_changes, members, sessions
from storage.capabilities import Role


def membership(fleet: Any, login: str) -> int:
    (row,) = members.of_login(fleet.db, fleet.people["dana"], fleet.workspace, login)
    return row.id


def kept(fleet: Any, login: str) -> AtlasApp:
    """A dashboard whose session has a row, as `open_session` makes it."""

    def opener() -> Any:
        session = fleet.session(login)
        return replace(session, id=sessions.begin(fleet.db, session.who, "host"))

    return AtlasApp(opener, clock=fleet.clock, theme_name="atlas-dark")


async def test_another_role_is_on_line_one_and_in_what_is_dimmed(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        assert terminal.shows("omar/operator")
        dana = small_fleet.people["dana"]
        member_changes.change_role(
            small_fleet.db, dana, small_fleet.workspace, membership(small_fleet, "omar"), Role.READONLY
        )
        await terminal.wait_for(lambda: terminal.shows("omar/readonly"))
        await terminal.wait_for(lambda: terminal.shows("Your role in North MSP is readonly now."))


async def test_what_may_not_be_read_any_more_leaves_the_screen(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        await terminal.press("5", "enter")
        assert terminal.shows("Entry #")
        dana = small_fleet.people["dana"]
        member_changes.change_role(
            small_fleet.db, dana, small_fleet.workspace, membership(small_fleet, "omar"), Role.READONLY
        )
        await terminal.wait_for(lambda: terminal.shows("omar/readonly"))
        await terminal.press("ctrl+r")
        await terminal.wait_for(lambda: not terminal.shows("Entry #"))
        assert terminal.shows("omar may not do this (audit.view)")
        await terminal.press("escape")
        await terminal.wait_for(lambda: not terminal.shows("STALE"))
        assert not terminal.shows("member role changed")


async def test_an_ended_session_leaves_with_a_sentence(small_fleet: Any, dashboard: Any, capfd: Any) -> None:
    app = kept(small_fleet, "omar")
    async with dashboard(small_fleet, login="omar", app=app) as terminal:
        dana = small_fleet.people["dana"]
        sessions.end(small_fleet.db, dana, small_fleet.workspace, app.session.id)
        await terminal.wait_for(lambda: app.return_code is not None)
    assert app.return_code == staying.LEFT
    assert "This session was ended (ended by dana)." in capfd.readouterr().err


async def test_who_left_is_shut_out_of_what_is_open(small_fleet: Any, dashboard: Any, capfd: Any) -> None:
    app = kept(small_fleet, "omar")
    async with dashboard(small_fleet, login="omar", app=app) as terminal:
        leaving.leave(small_fleet.db, small_fleet.people["dana"], small_fleet.workspace, "omar")
        await terminal.wait_for(lambda: app.return_code is not None)
    assert app.return_code == staying.LEFT
    assert "The account omar was closed." in capfd.readouterr().err


async def test_a_session_that_is_quit_is_finished(small_fleet: Any, dashboard: Any) -> None:
    app = kept(small_fleet, "omar")
    async with dashboard(small_fleet, login="omar", app=app):
        pass
    staying.finish(app)
    dana = small_fleet.people["dana"]
    (row,) = sessions.of_workspace(small_fleet.db, dana, small_fleet.workspace, ended=True)
    assert (row.login, row.end_reason) == ("omar", "quit")


async def test_there_is_no_shell_behind_a_forced_command(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        with keyboard.with_key(1):
            await terminal.press("ctrl+z")
            await terminal.wait_for(lambda: terminal.shows("There is no shell to go back to"))


async def test_nothing_is_suspended_that_no_shell_would_bring_back(
    small_fleet: Any, dashboard: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("os.getpgrp", lambda: 7)
    monkeypatch.setattr("os.getsid", lambda pid: 7)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("ctrl+z")
        assert terminal.shows("No shell waits for this program")


def test_a_role_that_ends_by_the_clock_is_looked_for_once_a_minute() -> None:
    attendance = staying.Attendance()
    due = [attendance.is_due() for _ in range(2 * staying.TICKS)]
    assert due.count(True) == 2
