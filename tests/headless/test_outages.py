"""`atlas-tui outages`, and what `connection show` tells of breakers and operations."""

from __future__ import annotations

from typing import Any

from storage import finishing, leases
from storage.breaker_rules import OPENS_AFTER
from storage.database import open_database
from storage.states import StepStatus
from storage.verification import CheckReport, ReportStep


def fail(atlas: Any, connection: int, reason: str) -> None:
    """A check, worked on by hand, that one step stopped."""
    run = atlas("check", str(connection), "--no-wait", "--json").json["run"]["id"]
    db = open_database(str(atlas.database))
    claim = leases.claim(db, "w1", run)
    assert claim is not None
    step = ReportStep("token", "Token", StepStatus.FAIL, reason, "No.", needed_by=(claim.operation_type,))
    finishing.finish(db, claim.held, finishing.RunResult(check=CheckReport(steps=(step,))))
    db.close()


def test_outages_are_told_and_are_no_failure_of_the_command(atlas: Any) -> None:
    said = atlas("outages")
    assert said.out.startswith("No outage")
    assert atlas("outages", "--json").json == []
    for number in range(5):
        fail(atlas, atlas.connection(f"Tenant {number}"), "service_unavailable")
    (found,) = atlas("outages", "--json").json
    assert {"kind": "microsoft", "reason_code": "service_unavailable", "tenants_affected": 5}.items() <= found.items()
    said = atlas("outages")
    assert said.out.startswith("Probable Microsoft problem: all 5 tenants got server errors.")
    assert "last good      -" in said.out


def test_a_connections_breaker_and_operations_are_shown(atlas: Any) -> None:
    connection = atlas.connection()
    assert atlas("connection", "show", str(connection), "--json").json["breaker"] is None
    for _ in range(OPENS_AFTER):
        fail(atlas, connection, "secret_expired")
    shown = atlas("connection", "show", str(connection), "--json").json
    assert (shown["breaker"]["failures"], shown["breaker"]["reason_code"]) == (OPENS_AFTER, "secret_expired")
    (operation,) = (one for one in shown["operations"] if one["last_outcome"])
    assert (operation["last_outcome"], operation["consecutive_failures"]) == ("blocked", OPENS_AFTER)
    said = atlas("connection", "show", str(connection)).out
    assert f"after {OPENS_AFTER} sign-in failures: atlas-tui check {connection}" in said
    assert f"blocked x{OPENS_AFTER}" in said
