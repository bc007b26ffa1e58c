"""The Report and Permissions tabs: every step with its next step, earlier reports, what changed, and taking it away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from atlas_tui.app import AtlasApp
from atlas_tui.cells import width_of
from atlas_tui.links import to_connection
from atlas_tui.screens.connection import Section
from storage.schema import connection_permissions, provider_connections, verification_reports

MANY = "Application.ReadWrite.All"


@pytest.fixture
def checked(small_fleet: Any) -> Any:
    """Contoso, checked twice: well at first, then with a failure."""
    contoso = small_fleet.connection["Contoso Ltd"]
    small_fleet.finish(small_fleet.begin(contoso))
    small_fleet.clock.advance(hours=1)
    small_fleet.finish(small_fleet.begin(contoso), ("Roles", "permission_missing"))
    return small_fleet


async def open_tab(terminal: Any, fleet: Any, section: Section) -> None:
    terminal.app.navigation.go(to_connection(fleet.connection["Contoso Ltd"]))
    await terminal.settle()
    terminal.app.screen.open_section(section)
    await terminal.settle()


def page(terminal: Any, width: int = 100) -> str:
    """The open tab whole, however long it is."""
    return "\n".join("".join(part.text for part in line) for line in terminal.app.screen.lines(width))


async def test_every_step_says_how_it_ended_and_what_to_do(checked: Any, dashboard: Any) -> None:
    async with dashboard(checked) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        text = page(terminal)
        assert "+ pass" in text
        assert "x fail" in text
        assert "permission_missing" in text
        assert "Next step" in text
        assert "Microsoft request id 5b7f3e7c" in text
        assert "Roles: not there > fail" in text
        assert all(width_of(line) <= 80 for line in terminal.display())


async def test_what_passed_is_one_line_until_it_is_unfolded(checked: Any, dashboard: Any) -> None:
    async with dashboard(checked) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        assert terminal.shows("2 pass, 1 fail")
        folded = page(terminal)
        assert "Roles did not work." in folded
        await terminal.press("f")
        assert terminal.shows("f folds what passed")


async def test_an_earlier_report_is_gone_to_and_stays_through_a_refresh(checked: Any, dashboard: Any) -> None:
    async with dashboard(checked) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        assert "1 of 2, newest" in page(terminal)
        await terminal.press("less_than_sign")
        assert "2 of 2" in page(terminal)
        assert "x fail" not in page(terminal)
        await terminal.press("ctrl+r")
        assert "2 of 2" in page(terminal)
        await terminal.press("less_than_sign")
        assert terminal.shows("There is no older report")
        await terminal.press("enter", "1")
        assert "1 of 2" in page(terminal)


async def test_a_superseded_report_says_so(checked: Any, dashboard: Any) -> None:
    checked.db.write(lambda tx: tx.run(update(verification_reports).values(is_superseded=True, verdict=None)) and None)
    async with dashboard(checked) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        assert "! Superseded" in page(terminal)
        await terminal.press("enter")
        assert terminal.shows("superseded")


async def test_a_report_is_copied_and_written_to_a_private_file(checked: Any, dashboard: Any, tmp_path: Path) -> None:
    app = AtlasApp(
        lambda: replace(checked.session(), state_directory=str(tmp_path)), clock=checked.clock, theme_name="atlas-dark"
    )
    async with dashboard(checked, app=app) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        await terminal.press("Y")
        copied = json.loads(terminal.app.clipboard)
        assert copied["reason_code"] == "permission_missing"
        await terminal.press("E", "m")
        await terminal.press("E", "j")
        assert terminal.shows("Written:")
    files = {path.suffix: path for path in (tmp_path / "exports").iterdir()}
    assert "Contoso Ltd" in files[".md"].read_text()
    assert json.loads(files[".json"].read_text())["id"] == copied["id"]
    assert files[".md"].stat().st_mode & 0o777 == 0o600


async def test_nothing_is_written_over_a_forced_command(checked: Any, dashboard: Any, tmp_path: Path) -> None:
    def session() -> Any:
        found = checked.session()
        return replace(found, who=replace(found.who, via="ssh"), state_directory=str(tmp_path))

    app = AtlasApp(session, clock=checked.clock, theme_name="atlas-dark")
    async with dashboard(checked, app=app) as terminal:
        await open_tab(terminal, checked, Section.REPORT)
        await terminal.press("E", "m")
        assert terminal.shows("Nothing is written to files")
    assert not (tmp_path / "exports").exists()


async def test_a_connection_that_was_never_checked_claims_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_tab(terminal, small_fleet, Section.REPORT)
        assert terminal.shows("No check has ended here yet")
        await open_tab(terminal, small_fleet, Section.PERMISSIONS)
        text = page(terminal)
        assert "Not known yet" in text
        assert "o unknown" in text
        assert "granted" not in text.replace("Nothing is granted", "")


async def test_permissions_stand_under_each_operation_and_what_is_too_much_comes_with_why(
    checked: Any, dashboard: Any
) -> None:
    contoso = checked.connection["Contoso Ltd"]

    def lose_one_and_gain_another(tx: Any) -> None:
        mine = connection_permissions.c.connection_id == contoso
        lost = connection_permissions.c.permission == "Organization.Read.All"
        tx.run(update(connection_permissions).where(mine, lost).values(is_granted=False))
        tx.run(
            update(provider_connections).where(provider_connections.c.id == contoso).values(consent_manifest_version=0)
        )
        tx.run(
            insert(connection_permissions).values(
                connection_id=contoso, permission=MANY, is_granted=True, checked_at=tx.now()
            )
        )
        tx.run(verification_reports.delete())

    checked.db.write(lose_one_and_gain_another)
    async with dashboard(checked) as terminal:
        await open_tab(terminal, checked, Section.PERMISSIONS)
        text = page(terminal)
        assert "x missing   Organization.Read.All  required" in text
        assert "Connection check" in text
        assert f"x takeover  {MANY}" in text
        assert "can add a secret to any application" in text
        assert "! Consent is for manifest 0" in text
        await terminal.press("Y")
        assert json.loads(terminal.app.clipboard)["consent_is_older"] is True
        assert all(width_of(line) <= 80 for line in terminal.display())
