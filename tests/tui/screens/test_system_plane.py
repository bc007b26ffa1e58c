"""The system plane on the screen: its own line 1, only to look at, for platform roles alone; and no way from it into a workspace."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from atlas_tui.app import AtlasApp
from atlas_tui.links import View, to_run, to_tenant
from atlas_tui.session import session_of
from storage import platform_grants
from storage.access import Principal
from storage.capabilities import PLATFORM_CAPABILITIES, Capability
from storage.errors import Forbidden
from storage.ownership import VIA
from storage.schema import users

OWNER = Principal(None, "root", via=VIA)
DIRECTORY, RUNS = Capability.PLATFORM_DIRECTORY_VIEW, Capability.PLATFORM_RUNS_VIEW


def staff(fleet: Any, *capabilities: Capability) -> None:
    """Makes `pat`, who is in no workspace, platform staff."""
    for capability in capabilities:
        platform_grants.grant(fleet.db, OWNER, "pat", capability)
    with fleet.db.read() as tx:
        fleet.people["pat"] = Principal(tx.run(select(users.c.id).where(users.c.login == "pat")).scalar_one(), "pat")


def seen(terminal: Any) -> View:
    """The view on the screen."""
    view: View = terminal.app.seen.VIEW
    return view


async def test_staff_begin_in_the_directory_and_see_on_line_one_that_they_only_look(
    small_fleet: Any, dashboard: Any
) -> None:
    run = small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    staff(small_fleet, DIRECTORY, RUNS)
    async with dashboard(small_fleet, login="pat") as terminal:
        assert seen(terminal) is View.SYSTEM
        assert "SYSTEM PLANE  pat/directory+runs" in terminal.display()[0]
        assert "[ Directory" in terminal.display()[1]
        (row,) = [line for line in terminal.display() if "Fabrikam" in line]
        assert "north-msp" in row
        assert "x revoked" in row
        assert "x blocked" in row
        await terminal.wait_for(lambda: terminal.shows("x blocked 1"))
        terminal.app.tick()
        await terminal.settle()
        assert terminal.app.notice is None, "nothing was asked of a workspace"
        assert terminal.shows("+ healthy 2")
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("enter")
        assert terminal.shows("Workspace    North MSP (north-msp)")
        assert terminal.shows(f"#{run}")
        await terminal.press("enter")
        assert seen(terminal) is View.SYSTEM_RUNS
        assert terminal.shows("of Contoso Ltd")
        await terminal.press("enter")
        assert seen(terminal) is View.SYSTEM_RUN
        assert terminal.shows("Started by   dana")
        await terminal.press("escape", "escape", "escape", "escape")
        assert seen(terminal) is View.SYSTEM
        await terminal.press("slash")
        await terminal.type("verification:blocked")
        await terminal.press("enter")
        assert terminal.shows("Fabrikam")
        assert not terminal.shows("Contoso")


async def test_both_lists_are_taken_into_files_without_anything_nested(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    staff(small_fleet, DIRECTORY, RUNS)
    app = AtlasApp(
        lambda: replace(small_fleet.session("pat"), state_directory=str(tmp_path)),
        clock=small_fleet.clock,
        theme_name="atlas-dark",
    )
    async with dashboard(small_fleet, app=app) as terminal:
        await terminal.press("E", "c", "right_square_bracket", "E", "c")
    tenants, runs = (list(csv.DictReader(path.open())) for path in sorted((tmp_path / "exports").iterdir()))
    assert [(row["name"], row["verification_status"]) for row in tenants][:2] == [
        ("Contoso Ltd", "healthy"),
        ("Fabrikam GmbH", "blocked"),
    ]
    assert [(row["workspace"], row["tenant_name"], row["outcome"]) for row in runs] == [
        ("north-msp", "Contoso Ltd", "succeeded")
    ]
    assert not any("{" in value for row in (*tenants, *runs) for value in row.values())


async def test_no_key_and_no_word_leads_staff_into_a_workspace(small_fleet: Any, dashboard: Any) -> None:
    run = small_fleet.start(small_fleet.connection["Contoso Ltd"]).run.id
    staff(small_fleet, DIRECTORY)
    async with dashboard(small_fleet, login="pat") as terminal:
        for key in ("2", "3", "4", "5", "6", "I", "x", "N", "e"):
            await terminal.press(key)
            assert seen(terminal) is View.SYSTEM, key
        assert not terminal.shows("Check now")
        for link in (to_run(run), to_tenant(small_fleet.tenant["Contoso Ltd"])):
            terminal.app.navigation.go(link)
            await terminal.settle()
            assert seen(terminal) is View.SYSTEM
        for word, says in (
            (":workspace north-msp", "You may enter: none."),
            (":members", "you are a member of none"),
            (":run 1", "you are a member of none"),
            (":conn Contoso", "does not exist"),
            (":check", "nothing here to do that with"),
            (":system-runs", "platform.runs.view"),
        ):
            terminal.app.everywhere.do_typed(word)
            await terminal.settle()
            assert terminal.shows(says) or "member of none" in terminal.text(), (word, terminal.text())
            assert seen(terminal) is View.SYSTEM, word


async def test_a_member_without_a_platform_role_is_told_who_gives_one(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        before = seen(terminal)
        terminal.app.everywhere.do_typed(":system")
        await terminal.settle()
        assert terminal.shows("On the host: atlas-tui platform grant dana platform.directory.view")
        assert seen(terminal) is before
        await terminal.press("2")
        platform_grants.grant(small_fleet.db, OWNER, "dana", DIRECTORY)
        await terminal.wait_for(lambda: terminal.app.session.platform == {DIRECTORY})
        terminal.app.everywhere.do_typed(":system verification:blocked")
        await terminal.settle()
        assert "SYSTEM PLANE  dana/directory" in terminal.display()[0]
        assert terminal.shows("Fabrikam")
        await terminal.press("x")
        assert not terminal.shows("Check now"), "a manager of the workspace has no menu here"
        platform_grants.revoke(small_fleet.db, OWNER, "dana", DIRECTORY)
        await terminal.wait_for(lambda: not terminal.app.session.platform)
        await terminal.wait_for(lambda: "north-msp" in terminal.display()[0])
        await terminal.settle()
        assert terminal.shows("You do not have platform.directory.view any more.")


async def test_a_dashboard_leaves_with_the_last_platform_role(small_fleet: Any, dashboard: Any) -> None:
    staff(small_fleet, *PLATFORM_CAPABILITIES)
    async with dashboard(small_fleet, login="pat") as terminal:
        platform_grants.revoke(small_fleet.db, OWNER, "pat", DIRECTORY)
        await terminal.wait_for(lambda: terminal.app.session.platform == {RUNS})
        assert terminal.app.is_running
        platform_grants.revoke(small_fleet.db, OWNER, "pat", RUNS)
        await terminal.wait_for(lambda: not terminal.app.is_running)
        assert terminal.app.return_code == 5
    with pytest.raises(Forbidden, match="not a member of any workspace"):
        session_of(small_fleet.db, small_fleet.people["pat"])
