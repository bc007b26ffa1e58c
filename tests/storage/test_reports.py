"""Verification reports: each one is kept and found again, and what changed between two is told by facts."""

from __future__ import annotations

from typing import Any

import pytest

from storage import reports
from storage.errors import NotFound
from storage.report_difference import difference
from storage.states import StepStatus
from storage.verification import ReportStep


def test_reports_are_listed_newest_first_and_found_by_their_number(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    for _ in range(3):
        fleet.check(connection)
        fleet.clock.advance(minutes=1)
    found = reports.of_connection(fleet.db, fleet.dana, connection)
    assert [r.id for r in found] == sorted((r.id for r in found), reverse=True)
    assert len(found) == 3
    assert len(reports.of_connection(fleet.db, fleet.dana, connection, limit=2)) == 2
    oldest = reports.by_id(fleet.db, fleet.dana, connection, found[-1].id)
    assert (oldest.run_id, oldest.generation) == (found[-1].run_id, found[-1].generation)
    assert reports.before(fleet.db, fleet.dana, oldest) is None
    newest = reports.latest(fleet.db, fleet.dana, connection)
    assert newest is not None
    earlier = reports.before(fleet.db, fleet.dana, newest)
    assert earlier is not None
    assert earlier.id == found[1].id


def test_a_superseded_report_is_kept_and_is_nobodys_predecessor(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    claim = fleet.begin(connection)
    fleet.store_secret(connection, "another~secret")  # another generation
    fleet.finish(claim, fleet.good_report(claim))
    (claim,) = fleet.take()
    fleet.finish(claim, fleet.good_report(claim))
    third, second, first = reports.of_connection(fleet.db, fleet.dana, connection)
    assert [r.is_superseded for r in (first, second, third)] == [False, True, False]
    newest = reports.by_id(fleet.db, fleet.dana, connection, third.id)
    earlier = reports.before(fleet.db, fleet.dana, newest)
    assert earlier is not None
    assert earlier.id == first.id


def test_a_report_of_another_connection_is_not_found(fleet: Any) -> None:
    mine, other = fleet.connection["contoso"], fleet.connection["fabrikam"]
    fleet.check(other)
    (report,) = reports.of_connection(fleet.db, fleet.dana, other)
    with pytest.raises(NotFound):
        reports.by_id(fleet.db, fleet.dana, mine, report.id)
    for login in ("tina", "zoe", "pat"):
        who = fleet.people[login]
        with pytest.raises(NotFound):
            reports.by_id(fleet.db, who, other, report.id)
        with pytest.raises(NotFound):
            reports.of_connection(fleet.db, who, other)
        with pytest.raises(NotFound):
            reports.before(fleet.db, who, reports.by_id(fleet.db, fleet.dana, other, report.id))


def step(key: str, status: StepStatus, reason: str | None = None, sentence: str = "") -> ReportStep:
    return ReportStep(key, key.title(), status, reason, sentence)


def check_with(fleet: Any, *steps: ReportStep, granted: frozenset[str] | None = None) -> Any:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    fleet.finish(claim, fleet.good_report(claim, steps=steps, granted_permissions=granted))
    return reports.latest(fleet.db, fleet.dana, connection)


def test_the_difference_names_steps_and_permissions_that_changed(sqlite_fleet: Any) -> None:
    ok = StepStatus.PASS
    older = check_with(
        sqlite_fleet,
        step("token", ok),
        step("gone", ok),
        step("same", ok, sentence="one"),
        granted=frozenset({"A.Read.All", "B.Read.All"}),
    )
    newer = check_with(
        sqlite_fleet, step("token", StepStatus.WARN, "secret_expiring"), step("same", ok, sentence="two"), step("new", ok),
        granted=frozenset({"B.Read.All", "C.Read.All"}),
    )  # fmt: skip
    found = difference(older, newer)
    assert [(c.key, c.before, c.after, c.after_reason) for c in found.steps] == [
        ("token", ok, StepStatus.WARN, "secret_expiring"), ("new", None, ok, None), ("gone", ok, None, None),
    ]  # fmt: skip
    assert (found.gained, found.lost, found.against) == (("C.Read.All",), ("A.Read.All",), older.id)
    assert not found.is_empty
    assert difference(newer, newer).is_empty


def test_a_check_without_a_token_loses_no_permission(sqlite_fleet: Any) -> None:
    older = check_with(sqlite_fleet, step("token", StepStatus.PASS), granted=frozenset({"A.Read.All"}))
    newer = check_with(sqlite_fleet, step("token", StepStatus.PASS), granted=None)
    assert difference(older, newer).is_empty
