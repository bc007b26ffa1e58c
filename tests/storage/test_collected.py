"""What was collected, at a glance and tenant by tenant: the lists and the summary that lead to the pages."""

from __future__ import annotations

from typing import Any

import pytest

from storage import collected, compliance, figure_order, role_overview, tenant_lines
from storage import inventory_staging as staging
from storage.compliance import ComplianceOrder
from storage.compliance_publishing import CollectedSnapshot
from storage.directory_counting import CollectedCounts
from storage.errors import InvalidInput
from storage.failures import failure
from storage.finishing import RunResult
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import StagedItem
from storage.operations import ADMIN_ROLES_SCAN, COMPLIANCE_SNAPSHOT, DIRECTORY_SYNC, INVENTORY_SYNC
from storage.pages import Place
from storage.role_overview import RolesOrder, RolesQuery
from storage.roles_publishing import CollectedRoles, RoleFinding
from storage.states import RunOutcome
from storage.tenants import TenantQuery


def run(fleet: Any, name: str, operation: str, result: RunResult) -> Any:
    fleet.clock.advance(hours=1)
    return fleet.finish(fleet.begin(fleet.connection[name], operation), result)


def snapshot(fleet: Any, name: str, compliant: int, *, complete: bool = True) -> Any:
    counted = CollectedSnapshot({"windows": {"compliant": compliant}}, complete)
    if complete:
        return run(fleet, name, COMPLIANCE_SNAPSHOT, RunResult(collected=counted))
    broken = RunResult(
        RunOutcome.PARTIALLY_SUCCEEDED,
        "page_token_expired",
        collected=counted,
        failures=[failure("page_token_expired")],
    )
    return run(fleet, name, COMPLIANCE_SNAPSHOT, broken)


def scan(fleet: Any, name: str, *codes: str) -> Any:
    findings = [RoleFinding(code, f"subject{at}", "Somebody.") for at, code in enumerate(codes)]
    return run(
        fleet, name, ADMIN_ROLES_SCAN, RunResult(collected=CollectedRoles((), findings, {"assignments": 7}, True))
    )


def unlicensed(fleet: Any, name: str, operation: str) -> Any:
    return run(fleet, name, operation, RunResult(reason_code="not_licensed_intune", summary_counts={}))


@pytest.fixture
def collecting(fleet: Any) -> Any:
    """Contoso was counted twice, then broken off; fabrikam has no licence; wingtip was never asked."""
    snapshot(fleet, "contoso", 8)
    fleet.clock.advance(days=1)
    snapshot(fleet, "contoso", 9)
    snapshot(fleet, "contoso", 3, complete=False)
    unlicensed(fleet, "fabrikam", COMPLIANCE_SNAPSHOT)
    return fleet


def test_the_list_marks_what_is_not_whole_and_says_why_there_is_nothing(collecting: Any) -> None:
    query = TenantQuery(collecting.north)
    rows = compliance.of_workspace(collecting.db, collecting.dana, query, Place.first()).rows
    contoso, fabrikam, wingtip = (next(row for row in rows if row.tenant_name.lower() == name) for name in NAMES)
    assert contoso.now.snapshot is not None
    assert contoso.now.partial is not None
    assert (contoso.now.snapshot.total, contoso.now.partial.total) == (9, 3)
    assert [point.total for point in contoso.points] == [8, 9]
    assert contoso.last_run is None, "there is a snapshot"
    assert fabrikam.last_run is not None
    assert fabrikam.last_run.is_skipped
    assert (fabrikam.now.snapshot, fabrikam.last_run.reason_code) == (None, "not_licensed_intune")
    assert (wingtip.now.snapshot, wingtip.last_run) == (None, None)


NAMES = ("contoso", "fabrikam", "wingtip")


def test_a_list_of_tenants_has_trends_only_when_they_are_asked_for(collecting: Any) -> None:
    query = TenantQuery(collecting.north, "contoso")
    (plain,) = tenant_lines.page(collecting.db, collecting.dana, query, Place.first()).rows
    (wide,) = tenant_lines.page(collecting.db, collecting.dana, query, Place.first(), with_trend=True).rows
    assert plain.points == ()
    assert [point.total for point in wide.points] == [8, 9]


def test_a_summary_tells_of_the_tenant_or_of_one_connection(collecting: Any) -> None:
    tenant, connection = collecting.tenant["contoso"], collecting.connection["contoso"]
    claim = collecting.begin(connection, INVENTORY_SYNC)
    staging.put(collecting.db, claim.held, "mobile_apps", [StagedItem("t", "Teams"), StagedItem("x", "Excel")])
    collecting.finish(claim, RunResult(collected=CollectedInventory(("mobile_apps",))))
    for users in (10, 12, 13):
        run(collecting, "contoso", DIRECTORY_SYNC, RunResult(collected=CollectedCounts({"users": users})))
    run(collecting, "contoso", ADMIN_ROLES_SCAN, RunResult(RunOutcome.FAILED, "service_unavailable"))
    found = collected.summary(collecting.db, collecting.dana, tenant)
    assert found.inventory is not None
    assert (found.items, found.inventory.added) == (2, 2)
    assert found.compliance.difference is not None
    assert found.compliance.difference["compliant"] == 1
    assert [counts.users for counts in found.directory] == [13, 12]
    assert found.roles.report is None
    assert found.last_runs[ADMIN_ROLES_SCAN].reason_code == "service_unavailable"
    assert not found.last_runs[ADMIN_ROLES_SCAN].is_skipped
    other = collecting.add_connection("contoso")
    mine = collected.summary(collecting.db, collecting.dana, tenant, other)
    assert (mine.items, mine.compliance.snapshot, mine.directory, dict(mine.last_runs)) == (0, None, (), {})
    assert collected.summary(collecting.db, collecting.dana, tenant, connection).items == 2
    assert collected.last_runs_of(collecting.db, collecting.dana, tenant) == found.last_runs


def test_roles_of_a_workspace_are_a_line_a_tenant_with_what_its_last_whole_report_found(collecting: Any) -> None:
    scan(collecting, "contoso", "guest_privileged")
    scan(collecting, "contoso", "disabled_privileged", "global_administrators_too_many", "disabled_privileged")
    unlicensed(collecting, "fabrikam", ADMIN_ROLES_SCAN)

    def names(text: str = "", **more: Any) -> list[str]:
        query = RolesQuery(collecting.north, text, **more)
        return [
            row.tenant_name.lower()
            for row in role_overview.page(collecting.db, collecting.dana, query, Place.first()).rows
        ]

    assert set(names()) >= set(NAMES)
    assert names(findings_only=True) == ["contoso"] == names("finding:disabled_privileged")
    assert names("finding:guest_privileged") == [], "the report before is over"
    assert "contoso" not in names("!finding:disabled_privileged")
    assert names(tenant_id=collecting.tenant["fabrikam"]) == ["fabrikam"]
    with pytest.raises(InvalidInput):
        names("finding:toasters")
    query = RolesQuery(collecting.north, "contoso")
    (line,) = role_overview.page(collecting.db, collecting.dana, query, Place.first()).rows
    assert list(line.findings.items()) == [("global_administrators_too_many", 1), ("disabled_privileged", 2)]
    assert (line.counts["assignments"], line.added, line.last_run) == (7, 0, None)
    query = RolesQuery(collecting.north, "fabrikam")
    (line,) = role_overview.page(collecting.db, collecting.dana, query, Place.first()).rows
    assert line.last_run is not None
    assert (line.report_id, line.last_run.is_skipped) == (None, True)


def test_tenants_are_put_in_order_of_their_figures_page_by_page_and_those_without_one_are_last(
    collecting: Any, monkeypatch: Any
) -> None:
    db, dana, north = collecting.db, collecting.dana, collecting.north
    counted = CollectedSnapshot({"windows": {"compliant": 2, "noncompliant": 6}}, True)
    run(collecting, "wingtip", COMPLIANCE_SNAPSHOT, RunResult(collected=counted))
    for name, codes in (("contoso", ("guest_privileged",)), ("fabrikam", ("guest_privileged", "disabled_privileged"))):
        findings = [RoleFinding(code, "somebody", "Somebody.") for code in codes]
        report = CollectedRoles((), findings, {"findings": len(findings)}, True)
        run(collecting, name, ADMIN_ROLES_SCAN, RunResult(collected=report))

    def names(page: Any) -> list[str]:
        return [row.tenant_name.lower() for row in page.rows if row.tenant_name.lower() in NAMES]

    def by(order: str, *, descending: bool = False) -> list[str]:
        query = TenantQuery(north, descending=descending)
        return names(compliance.of_workspace(db, dana, query, Place.first(), order=ComplianceOrder(order)))

    assert by("noncompliant", descending=True)[:2] == ["wingtip", "contoso"]
    assert by("share") == [
        "wingtip",
        "contoso",
        *[name for name in sorted(NAMES) if name not in ("wingtip", "contoso")],
    ]
    assert by("share", descending=True)[:2] == ["contoso", "wingtip"], "and who was never counted is last again"
    assert by("devices")[:2] == ["wingtip", "contoso"]
    assert by("age")[:2] == ["contoso", "wingtip"]
    assert by("change", descending=True)[0] == "contoso", "wingtip was counted once"

    query = RolesQuery(north, descending=True, order=RolesOrder.FINDINGS)
    first = role_overview.page(db, dana, query, Place.first(), 1)
    rest = role_overview.page(db, dana, query, Place.after(first.cursors[0]))
    assert [*names(first), *names(rest)][:2] == ["fabrikam", "contoso"]
    assert names(role_overview.page(db, dana, query, Place.before(rest.cursors[0]), 1)) == ["fabrikam"]
    aged = RolesQuery(north, order=RolesOrder.AGE)
    assert names(role_overview.page(db, dana, aged, Place.first()))[:2] == ["contoso", "fabrikam"]

    monkeypatch.setattr(figure_order, "MOST", 2)
    with pytest.raises(InvalidInput, match="only 2 tenants are put in this order"):
        role_overview.page(db, dana, query, Place.first())
    assert names(role_overview.page(db, dana, RolesQuery(north, "contoso", order=RolesOrder.AGE), Place.first()))
