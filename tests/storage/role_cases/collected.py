"""Role table: what compliance snapshots and scans of administrator roles collected."""

from __future__ import annotations

from typing import Any

from storage import collected, compliance, role_overview, roles, tenant_search
from storage.compliance_publishing import CollectedSnapshot
from storage.finishing import RunResult
from storage.operations import ADMIN_ROLES_SCAN, COMPLIANCE_SNAPSHOT
from storage.pages import Place
from storage.role_overview import RolesQuery
from storage.roles_publishing import CollectedRoles
from storage.tenants import TenantQuery

VIEW = "provider.view"


def _tenant(fleet: Any) -> int:
    return int(fleet.tenant["contoso"])


def _snapshot(fleet: Any) -> Any:
    claim = fleet.begin(int(fleet.connection["contoso"]), COMPLIANCE_SNAPSHOT)
    return fleet.finish(claim, RunResult(collected=CollectedSnapshot({"windows": {"compliant": 3}}, True)))


def _report(fleet: Any) -> Any:
    claim = fleet.begin(int(fleet.connection["contoso"]), ADMIN_ROLES_SCAN)
    fleet.finish(claim, RunResult(collected=CollectedRoles((), (), {"assignments": 0}, True)))
    return roles.latest(fleet.db, fleet.dana, _tenant(fleet)).report


CASES = {
    "collected.summary": (VIEW, "contoso", lambda f, who, _: collected.summary(f.db, who, _tenant(f)), _snapshot),
    "collected.last_runs_of": (VIEW, "contoso", lambda f, who, _: collected.last_runs_of(f.db, who, _tenant(f)), _snapshot),
    "tenant_search.find_by_name": (
        "tenant.view", "contoso", lambda f, who, _: tenant_search.find_by_name(f.db, who, f.north, "contoso")
    ),
    "role_overview.page": (
        VIEW, "entrance", lambda f, who, _: role_overview.page(f.db, who, RolesQuery(f.north), Place.first())
    ),
    "compliance.latest": (VIEW, "contoso", lambda f, who, _: compliance.latest(f.db, who, _tenant(f)), _snapshot),
    "compliance.of_run": (
        VIEW, "contoso", lambda f, who, run: compliance.of_run(f.db, who, _tenant(f), run.id), _snapshot
    ),
    "compliance.trend": (VIEW, "contoso", lambda f, who, _: compliance.trend(f.db, who, _tenant(f)), _snapshot),
    "compliance.of_workspace": (
        VIEW, "entrance", lambda f, who, _: compliance.of_workspace(f.db, who, TenantQuery(f.north), Place.first())
    ),
    "roles.latest": (VIEW, "contoso", lambda f, who, _: roles.latest(f.db, who, _tenant(f)), _report),
    "roles.report": (VIEW, "contoso", lambda f, who, report: roles.report(f.db, who, report.id), _report),
    "roles.of_run": (
        VIEW, "contoso", lambda f, who, report: roles.of_run(f.db, who, _tenant(f), report.run_id), _report
    ),
    "roles.assignments": (
        VIEW, "contoso", lambda f, who, report: roles.assignments(f.db, who, report.id, Place.first()), _report
    ),
    "roles.findings_of_workspace": (
        VIEW, "entrance", lambda f, who, _: roles.findings_of_workspace(f.db, who, f.north, Place.first())
    ),
}  # fmt: skip
