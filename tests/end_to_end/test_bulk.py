"""A bulk snapshot, shown: throttled, unlicensed, broken and hanging tenants among healthy ones; a worker process; HTTPS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import access, batches

NAMES = (
    "Contoso Ltd",
    "Adventure Works",
    "Wingtip Toys",  # throttled
    "Alpine Ski House",  # no Intune licence
    "Litware Inc",  # sign-in answers 503
    "Humongous Insurance",  # hangs
    "Northwind Traders",  # the permission was never granted: the gate knows
    "Tailspin Toys",  # its secret has expired: the gate knows
)
DEVICES = {"where": "graph", "path": "/devicemanagement/manageddevices*"}


@pytest.mark.timeout(300)  # it waits for what hangs
def test_a_snapshot_of_all_tenants_at_once_with_every_kind_of_trouble_among_them(
    make_estate: Callable[..., Any], microsoft: Any, until: Callable[..., Any]
) -> None:
    estate = make_estate(*NAMES)
    microsoft.script("Wingtip Toys", DEVICES, [{"status": 429, "retry_after": "1"}])
    microsoft.scenarios("Humongous Insurance", {"name": "hanging", "seconds": 20})
    dry = estate("bulk", "start", "compliance", "--all", "--dry-run", "--json", check=0).json
    # The platform apps' home tenants are there too, and well.
    assert dry["classes"] == {"started": 8, "blocked": 2}
    assert dry["blocked_by"] == {"provider_permission_missing": 1, "secret_expired": 1}
    # The worker goes on with what somebody began who is gone by now.
    estate.start_worker()
    number = estate("bulk", "start", "compliance", "--all", "--yes", "--json", check=0).json["batch"]["id"]

    who = access.local_principal(estate.db)

    def stands() -> Any:
        return batches.status(estate.db, who, number).row

    until(lambda: stands().tally.running == 1 and stands().tally.settled == 9, "all but the one that hangs", 100)
    tally = estate("bulk", "show", str(number), "--json").json["batch"]["tally"]
    assert tally["classes"] == dry["classes"]
    assert tally["outcomes"] == {"succeeded": 6, "failed": 1}
    assert sorted(map(tuple, tally["reasons"])) == [
        ("failed", "identity_service_unavailable", 1),
        ("succeeded", "not_licensed_intune", 1),
    ]
    throttled = [entry for entry in microsoft.requests("Wingtip Toys", "graph") if entry["status"] == 429]
    assert throttled, "Microsoft did throttle, and nobody else waited for it"

    estate("bulk", "cancel", str(number), "--yes")
    until(lambda: stands().result == "cancelled", "the end of the one that hung", 100)
    assert stands().tally.outcomes == {"succeeded": 6, "failed": 1, "cancelled": 1}
    told = estate.sql("SELECT kind, batch_id FROM notifications")
    assert [tuple(row) for row in told] == [("batch_completed", number)]

    microsoft.scenarios("Humongous Insurance")
    microsoft.scenarios("Litware Inc")
    again = estate("bulk", "retry", str(number), "--wait", "--json", check=0).json
    assert (again["batch"]["member_count"], again["result"]) == (2, "succeeded")
    microsoft.scenarios("Litware Inc", "outage")
