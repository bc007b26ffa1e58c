"""Compliance over time: what is kept of a snapshot, what is a point of a trend, and what is not believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import compliance
from storage.compliance_publishing import STATES, CollectedSnapshot
from storage.errors import InvalidInput
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import COMPLIANCE_SNAPSHOT
from storage.pages import Place
from storage.schema import compliance_snapshots
from storage.states import RunOutcome
from storage.tenants import TenantQuery


def take(
    fleet: Any, compliant: int, noncompliant: int = 0, *, at: str = "contoso", complete: bool = True, **result: Any
) -> Any:
    """A whole snapshot run; returns the run's row."""
    found = {"compliant": compliant, "noncompliant": noncompliant}
    snapshot = CollectedSnapshot({"windows": {key: n for key, n in found.items() if n}}, complete)
    if not complete:
        result = {
            "outcome": RunOutcome.PARTIALLY_SUCCEEDED, "reason_code": "page_token_expired",
            "failures": [failure("page_token_expired")], **result,
        }  # fmt: skip
    claim = fleet.begin(fleet.connection[at], COMPLIANCE_SNAPSHOT)
    return fleet.finish(claim, RunResult(summary_counts=snapshot.summary_counts, collected=snapshot, **result))


def known(fleet: Any, at: str = "contoso") -> compliance.Compliance:
    return compliance.latest(fleet.db, fleet.dana, fleet.tenant[at])


def totals(fleet: Any, **options: Any) -> list[int]:
    return [point.total for point in compliance.trend(fleet.db, fleet.dana, fleet.tenant["contoso"], **options)]


def test_a_snapshot_is_kept_with_its_run(fleet: Any) -> None:
    run = take(fleet, 8, 2)
    snapshot = known(fleet).snapshot
    assert snapshot is not None
    assert (run.outcome, snapshot.run_id, snapshot.total, snapshot.is_complete) == ("succeeded", run.id, 10, True)
    assert list(snapshot.counts) == list(STATES)
    assert snapshot.by_platform == {"windows": {"compliant": 8, "noncompliant": 2}}
    assert run.summary_counts == {"total": 10, **snapshot.counts}
    assert compliance.of_run(fleet.db, fleet.dana, fleet.tenant["contoso"], run.id) == snapshot


def test_a_run_of_another_tenant_has_no_snapshot_here(fleet: Any) -> None:
    run = take(fleet, 8, at="fabrikam")
    assert compliance.of_run(fleet.db, fleet.dana, fleet.tenant["contoso"], run.id) is None


def test_the_difference_is_taken_to_the_whole_one_before(fleet: Any) -> None:
    assert known(fleet).difference is None
    take(fleet, 8, 2)
    assert known(fleet).difference is None
    fleet.clock.advance(days=1)
    take(fleet, 3, complete=False)
    fleet.clock.advance(days=1)
    take(fleet, 9, 4)
    difference = known(fleet).difference
    assert difference is not None
    assert (difference["total"], difference["compliant"], difference["noncompliant"]) == (3, 1, 2)


def test_a_partial_snapshot_is_shown_beside_and_never_in_a_trend(fleet: Any) -> None:
    take(fleet, 8)
    fleet.clock.advance(days=1)
    run = take(fleet, 3, complete=False)
    found = known(fleet)
    assert found.snapshot is not None
    assert found.partial is not None
    assert (found.snapshot.total, found.partial.total, found.partial.is_complete) == (8, 3, False)
    assert (run.outcome, run.reason_code) == ("partially_succeeded", "page_token_expired")
    assert totals(fleet) == [8]


def test_a_trend_has_one_point_a_day_the_days_last(fleet: Any) -> None:
    for day, count in enumerate((5, 6, 7)):
        take(fleet, 100 + count)
        fleet.clock.advance(hours=2)
        take(fleet, count)
        fleet.clock.advance(hours=1 + day)
        take(fleet, 1, complete=False)
        fleet.clock.advance(hours=21 - day)
    assert totals(fleet) == [5, 6, 7]
    assert totals(fleet, days=2) == [7]
    days = [point.day for point in compliance.trend(fleet.db, fleet.dana, fleet.tenant["contoso"])]
    assert days == sorted(set(days))


def test_days_are_utc_days(fleet: Any) -> None:
    fleet.clock.time = fleet.clock.time.replace(hour=23, minute=59, second=59)
    take(fleet, 1)
    fleet.clock.advance(seconds=1)
    take(fleet, 2)
    assert totals(fleet) == [1, 2]


@pytest.mark.parametrize("days", [0, -1, compliance.LONGEST_TREND + 1])
def test_a_trend_of_no_days_is_refused(sqlite_fleet: Any, days: int) -> None:
    with pytest.raises(InvalidInput):
        totals(sqlite_fleet, days=days)


def test_suddenly_no_devices_is_not_believed_the_first_time(fleet: Any) -> None:
    take(fleet, 40)
    fleet.clock.advance(days=1)
    run = take(fleet, 0)
    assert (run.outcome, run.reason_code) == ("partially_succeeded", "suspicious_empty")
    assert [one["reason_code"] for one in run.failures] == ["suspicious_empty"]
    assert totals(fleet) == [40]
    fleet.clock.advance(days=1)
    assert take(fleet, 0).outcome == "succeeded"
    assert totals(fleet) == [40, 0]


@pytest.mark.parametrize("before", [0, 9])
def test_few_devices_may_go(fleet: Any, before: int) -> None:
    take(fleet, before)
    fleet.clock.advance(days=1)
    assert take(fleet, 0).outcome == "succeeded"


def test_another_tenants_devices_make_nothing_suspicious(sqlite_fleet: Any) -> None:
    take(sqlite_fleet, 40, at="fabrikam")
    assert take(sqlite_fleet, 0).outcome == "succeeded"


def test_nothing_is_kept_when_the_connection_became_another_one(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], COMPLIANCE_SNAPSHOT)
    generation = fleet.truth(fleet.connection["contoso"]).generation
    fleet.set_connection(fleet.connection["contoso"], generation=generation + 1)
    snapshot = CollectedSnapshot({"windows": {"compliant": 3}}, True)
    run = fleet.finish(claim, RunResult(summary_counts=snapshot.summary_counts, collected=snapshot))
    assert run.reason_code == "superseded"
    assert fleet.count(compliance_snapshots) == 0


def test_a_run_that_skipped_keeps_nothing_and_succeeds(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], COMPLIANCE_SNAPSHOT)
    run = fleet.finish(claim, RunResult(reason_code="not_licensed_intune", summary_counts={"total": 0}))
    assert (run.outcome, run.reason_code) == ("succeeded", "not_licensed_intune")
    assert fleet.unfinished(fleet.connection["contoso"]) == []
    assert fleet.count(compliance_snapshots) == 0


def test_a_workspaces_list_has_each_tenants_latest_and_a_sparkline(fleet: Any) -> None:
    take(fleet, 5)
    fleet.clock.advance(days=30)
    take(fleet, 6, 2)
    take(fleet, 9, at="fabrikam")
    fleet.clock.advance(days=1)
    take(fleet, 7, 2)
    page = compliance.of_workspace(fleet.db, fleet.dana, TenantQuery(fleet.north), Place.first())
    rows = {row.tenant_name: row for row in page.rows}
    contoso, fabrikam, wingtip = rows["Contoso"], rows["Fabrikam"], rows["Wingtip"]
    assert [point.total for point in contoso.points] == [8, 9]
    assert contoso.points[0].share == 0.75
    assert contoso.now.difference is not None
    assert contoso.now.difference["compliant"] == 1
    assert fabrikam.now.difference is None
    assert fabrikam.now.snapshot is not None
    assert (wingtip.now.snapshot, wingtip.points) == (None, ())


def test_the_list_is_a_page_and_takes_a_filter(fleet: Any) -> None:
    take(fleet, 5)
    first = compliance.of_workspace(fleet.db, fleet.dana, TenantQuery(fleet.north), Place.first(), 1)
    assert (len(first.rows), first.has_after) == (1, True)
    after = compliance.of_workspace(fleet.db, fleet.dana, TenantQuery(fleet.north), Place.after(first.cursors[0]), 1)
    assert after.rows[0].tenant_id != first.rows[0].tenant_id
    found = compliance.of_workspace(fleet.db, fleet.dana, TenantQuery(fleet.north, "contoso"), Place.first())
    assert [row.tenant_name for row in found.rows] == ["Contoso"]


def test_a_member_of_one_tenant_sees_that_ones_only(fleet: Any) -> None:
    take(fleet, 5)
    page = compliance.of_workspace(fleet.db, fleet.people["tina"], TenantQuery(fleet.north), Place.first())
    assert [row.tenant_name for row in page.rows] == ["Contoso"]


def test_an_old_snapshot_is_still_the_latest(fleet: Any) -> None:
    take(fleet, 5)
    fleet.clock.advance(days=400)
    (row,) = compliance.of_workspace(fleet.db, fleet.dana, TenantQuery(fleet.north, "contoso"), Place.first()).rows
    assert row.now.snapshot is not None
    assert (row.now.snapshot.total, row.points) == (5, ())
    assert totals(fleet) == []
    assert known(fleet).snapshot.taken_at < fleet.clock.time - timedelta(days=399)  # type: ignore[union-attr]
