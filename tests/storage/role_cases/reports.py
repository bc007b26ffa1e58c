"""Role table: verification reports and permissions."""

from __future__ import annotations

from typing import Any

from storage import permissions, reports

VIEW = "provider.view"


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _report(fleet: Any) -> Any:
    fleet.check(_contoso(fleet))
    return reports.latest(fleet.db, fleet.dana, _contoso(fleet))


CASES = {
    "permissions.of_connection": (
        VIEW, "contoso", lambda f, who, _: permissions.of_connection(f.db, who, _contoso(f))
    ),
    "reports.before": (VIEW, "contoso", lambda f, who, report: reports.before(f.db, who, report), _report),
    "reports.by_id": (
        VIEW, "contoso", lambda f, who, report: reports.by_id(f.db, who, _contoso(f), report.id), _report
    ),
    "reports.of_connection": (VIEW, "contoso", lambda f, who, _: reports.of_connection(f.db, who, _contoso(f))),
}  # fmt: skip

OWN = {
    "allowance.allowance": "answers with what is allowed instead of refusing: tests/storage/test_allowance.py",
    "allowance.allowance_somewhere": "answers with what is allowed instead of refusing: tests/storage/test_allowance.py",
}
