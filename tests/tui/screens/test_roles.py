"""Administrator roles on the screen: findings first, the difference, the assignments, and all tenants in a list."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.cells import width_of
from atlas_tui.links import View
from storage import finishing
from storage.finishing import RunResult
from storage.operations import ADMIN_ROLES_SCAN
from storage.role_finding_codes import CODES
from storage.roles_publishing import CollectedRoles, RoleAssignment, RoleFinding

CONTOSO = "Contoso Ltd"


def held(name: str, assignment: str = "active", *, via: str | None = None, kind: str = "user") -> RoleAssignment:
    return RoleAssignment(name.lower(), name, kind, "ga", "Global Administrator", True, assignment, via)


def scan(fleet: Any, *rows: RoleAssignment | RoleFinding, at: str = CONTOSO) -> int:
    """A whole scan; returns its run's number."""
    assignments = [row for row in rows if isinstance(row, RoleAssignment)]
    findings = [row for row in rows if isinstance(row, RoleFinding)]
    counts = {"assignments": len(assignments), "principals": 2, "privileged": len(assignments), "eligible": 1}
    fleet.clock.advance(hours=1)
    claim = fleet.begin(fleet.connection[at], ADMIN_ROLES_SCAN)
    finishing.finish(fleet.db, claim.held, RunResult(collected=CollectedRoles(assignments, findings, counts, True)))
    return int(claim.held.run_id)


@pytest.fixture
def scanned(small_fleet: Any) -> Any:
    """Contoso was scanned twice: Bob went, Eve the guest came, and was found."""
    small_fleet.first = scan(small_fleet, held("Ada"), held("Bob"))
    small_fleet.second = scan(
        small_fleet,
        held("Ada"),
        held("Eve", kind="guest"),
        held("Mia", "eligible", via="group-1"),
        RoleFinding("guest_privileged", "eve", "Eve is a guest and holds Global Administrator."),
    )
    return small_fleet


def fits(terminal: Any, columns: int = 80) -> bool:
    return all(width_of(line.rstrip()) <= columns for line in terminal.display())


async def open_typed(terminal: Any, line: str) -> None:
    terminal.app.everywhere.do_typed(line)
    await terminal.settle()


async def test_a_tenants_page_has_findings_then_the_difference_then_who_holds_what(
    scanned: Any, dashboard: Any, tmp_path: Path
) -> None:
    async with dashboard(scanned) as terminal:
        terminal.app._session = replace(terminal.app.session, state_directory=str(tmp_path))
        await open_typed(terminal, ":roles @contoso")
        assert terminal.shows(" Findings 1  Difference  Assignments 3 ")
        assert terminal.shows("! Guest in a privileged role")
        assert terminal.shows("Eve is a guest and holds Global Administrator.")
        assert terminal.shows("Give the person an account of this tenant")
        assert terminal.shows("role-based-access-control/"), "an address is broken behind a slash"
        assert fits(terminal)
        await terminal.press("y", "2")
        assert terminal.app.clipboard == CODES["guest_privileged"].link
        await terminal.press("1", "escape")
        assert terminal.app.clipboard == "8a3c1f0e-0000-4000-8000-000000000001"
        await terminal.press("]")
        assert terminal.shows("+ Global Administrator  Eve (guest, active)")
        assert terminal.shows("+ Global Administrator  Mia (user, eligible) through a group")
        assert terminal.shows("- Global Administrator  Bob (user, active)")
        await terminal.press("]")
        rows = [line for line in terminal.display() if "Global Administ" in line]
        assert ["+ active" in rows[0], "o eligible  group" in rows[2]] == [True, True]
        assert fits(terminal)
        await terminal.press("E", "c")
        (written,) = (tmp_path / "exports").iterdir()
        taken = list(csv.DictReader(io.StringIO(written.read_text())))
        assert [row["principal_name"] for row in taken] == ["Ada", "Eve", "Mia"]
        await terminal.press("l")
        assert (terminal.app.seen.VIEW, terminal.app.seen.subject) == (View.RUN, scanned.second)


async def test_a_runs_page_leads_to_its_own_report(scanned: Any, dashboard: Any) -> None:
    async with dashboard(scanned) as terminal:
        await open_typed(terminal, f":run {scanned.first}")
        await terminal.press("enter")
        assert terminal.shows("Nothing was found that needs a look.")
        assert terminal.shows("An earlier report")
        await terminal.press("]")
        assert terminal.shows("compared with nothing: it is the first")
        await terminal.press("]")
        assert terminal.shows("Bob")


async def test_all_tenants_are_in_a_list_and_those_with_findings_alone_on_demand(scanned: Any, dashboard: Any) -> None:
    async with dashboard(scanned) as terminal:
        await open_typed(terminal, ":roles")
        rows = {line[3:18].strip(): line for line in terminal.display()}
        assert "! Guest in a privileged role" in rows[CONTOSO]
        assert "+2 -1" in rows[CONTOSO]
        assert "o never scanned" in rows["Tailspin Toys"]
        assert fits(terminal)
        await terminal.press("exclamation_mark")
        assert not terminal.shows("Tailspin Toys")
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.TENANT_ROLES


async def test_a_page_without_a_report_says_what_starts_one_or_who_may(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_typed(terminal, ":roles @contoso")
        assert terminal.shows("Never collected.")
        assert terminal.shows("x, r scans the administrator roles.")
    async with dashboard(small_fleet, login="rita") as terminal:
        await open_typed(terminal, ":roles @contoso")
        assert terminal.shows("Your role may not start it. Ask dana (Owner), mona (Manager), omar")
