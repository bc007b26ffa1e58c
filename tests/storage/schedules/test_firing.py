"""Schedules: firing once however many workers there are, and starting runs once whoever dies."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from storage import (
    batch_starting,
    batches,
    breakers,
    connection_changes,
    schedule_detail,
    schedule_firing,
    schedule_running,
)
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.database import open_database
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import audit_entries, circuit_breakers, schedule_firings, tenants
from storage.schema import schedules as table
from storage.starting import start_each_in
from storage.states import BatchClass


def test_a_new_workspace_has_a_daily_check_whose_due_time_a_worker_computes(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    row = fleet.rows(select(table).where(table.c.workspace_id == fleet.north))[0]
    assert (row.name, row.cron, row.time_zone, row.jitter_minutes) == ("Daily check", "0 2 * * *", "UTC", 240)
    assert row.is_enabled
    assert row.next_due_at is None
    assert schedule_firing.fire_due(fleet.db) == 0, "what was never computed is not due"
    assert plan.row_of(fleet, row.id).next_due_at == datetime.fromisoformat("2026-03-02T02:00:00+00:00")
    assert fleet.count(schedule_firings) == 0


def test_a_due_time_is_fired_by_exactly_one_of_many_workers(fleet: Any, plan: Any) -> None:
    schedule = plan.make(fleet)
    plan.only(fleet, schedule)
    fleet.clock.advance(hours=1)
    others = [open_database(fleet.address, clock=fleet.clock) for _ in range(4)]
    start, fired = threading.Barrier(8), []

    def worker(db: Any, name: str) -> None:
        start.wait(60)
        fired.append(schedule_firing.fire_due(db))
        while held := schedule_firing.take(db, name):
            while schedule_firing.work_chunk(db, held, chunk=1):
                pass

    threads = [threading.Thread(target=worker, args=(others[n % 4], f"w{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for db in others:
        db.close()
    assert sorted(fired) == [0] * 7 + [1]
    (firing,) = plan.firings(fleet, schedule)
    assert (firing.status, firing.counts["classes"]) == ("done", {"started": 3})
    assert sorted(run.connection_id for run in plan.runs_of(fleet, schedule)) == sorted(fleet.connection.values())


def test_a_worker_killed_between_or_in_chunks_has_a_successor_that_makes_no_run_twice(
    fleet: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        fleet.add_connection(f"c{number}")
    schedule = plan.make(fleet)
    plan.only(fleet, schedule)
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 1
    dead = schedule_firing.take(fleet.db, "dead")
    assert dead is not None
    assert schedule_firing.work_chunk(fleet.db, dead, chunk=3)
    for claim in fleet.take(slots=20):
        fleet.finish(claim)  # so that nothing would be attached to: a second start would be a second run
    assert schedule_firing.take(fleet.db, "other") is None, "its lease is not over"
    fleet.clock.advance(seconds=16)
    second = schedule_firing.take(fleet.db, "second")
    assert second is not None
    assert second.fence == dead.fence + 1

    def torn(*given: Any) -> Any:
        start_each_in(*given)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(schedule_firing, "start_each_in", torn)
        with pytest.raises(RuntimeError):
            schedule_firing.work_chunk(fleet.db, second, chunk=3)
    assert len(plan.runs_of(fleet, schedule)) == 3, "what was begun in the torn transaction is not there"
    assert not schedule_firing.work_chunk(fleet.db, dead, chunk=3), "who lost the lease writes nothing"
    while schedule_firing.work_chunk(fleet.db, second, chunk=3):
        pass
    assert sorted(run.connection_id for run in plan.runs_of(fleet, schedule)) == sorted(fleet.connection.values())
    assert plan.classes(fleet, schedule) == {"started": 8}
    schedule_running.run_now(fleet.db, fleet.dana, schedule)
    third = schedule_firing.take(fleet.db, "third")
    assert third is not None
    schedule_firing.release(fleet.db, third)
    assert schedule_firing.take(fleet.db, "fourth") is not None, "what was given back is taken at once"


def test_due_times_that_no_worker_saw_fire_once_together(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet)
    plan.only(fleet, schedule)
    due = plan.row_of(fleet, schedule).next_due_at
    fleet.clock.advance(hours=9, minutes=30)
    plan.work(fleet)
    plan.work(fleet)
    (firing,) = plan.firings(fleet, schedule)
    row = plan.row_of(fleet, schedule)
    assert (firing.due_at, row.last_due_at, row.next_due_at) == (due, due, due + timedelta(hours=9))
    assert len(plan.runs_of(fleet, schedule)) == 3
    entries = fleet.rows(select(audit_entries).where(audit_entries.c.action == "schedule.fire"))
    assert [(entry.actor, entry.target_id) for entry in entries] == [("system:worker", str(schedule))]
    assert fleet.count(audit_entries, audit_entries.c.action == "run.start") == 0, "one entry a firing, not one a run"
    fleet.write(update(table).where(table.c.id == schedule).values(next_due_at=due))
    assert schedule_firing.fire_due(fleet.db) == 0, "a clock that is set back brings no due time a second time"
    assert plan.row_of(fleet, schedule).next_due_at == due + timedelta(hours=9)


def test_a_due_time_that_nobody_saw_before_the_quiet_hours_waits_for_their_end(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet, rhythm="0 20 * * *", quiet="22:00-06:00")
    plan.only(fleet, schedule)
    fleet.clock.advance(hours=9)  # 23:00
    plan.work(fleet)
    assert plan.firings(fleet, schedule) == []
    assert f"{plan.row_of(fleet, schedule).next_due_at:%d %H:%M}" == "02 06:00"
    fleet.clock.advance(hours=7)
    plan.work(fleet)
    assert plan.classes(fleet, schedule) == {"started": 3}
    assert f"{plan.row_of(fleet, schedule).next_due_at:%d %H:%M}" == "02 20:00"


def test_what_runs_is_attached_to_what_is_busy_waited_for_and_what_is_blocked_noted(fleet: Any, plan: Any) -> None:
    contoso, fabrikam, wingtip = (fleet.connection[name] for name in ("contoso", "fabrikam", "wingtip"))
    for name, lifecycle in (("old", "archived"), ("new", "draft"), ("off", None), ("broken", None)):
        key = fleet.add_connection(name)
        if lifecycle:
            fleet.write(update(tenants).where(tenants.c.id == fleet.tenant[name]).values(lifecycle=lifecycle))
        if name == "off":
            connection_changes.set_enabled(fleet.db, fleet.dana, key, False)
        if name == "broken":
            fleet.set_connection(key, consent_status="revoked")
    schedule = plan.make(fleet, operation_type=INVENTORY_SYNC)
    plan.only(fleet, schedule)
    same, other = fleet.start(contoso, INVENTORY_SYNC), fleet.start(fabrikam)
    later = fleet.clock.time + timedelta(hours=5)
    fleet.write(
        insert(circuit_breakers).values(
            connection_id=wingtip, workspace_id=fleet.north, failures=5, reason_code="secret_expired",
            opened_at=fleet.clock.time, open_until=later, updated_at=fleet.clock.time,
        )
    )  # fmt: skip
    fleet.clock.advance(hours=1)
    plan.work(fleet)
    assert plan.classes(fleet, schedule) == {
        "attached": 1, "waiting": 1, "blocked": 2, "archived": 1, "draft": 1, "disabled": 1,
    }  # fmt: skip
    (waiting,) = plan.runs_of(fleet, schedule)
    assert (waiting.connection_id, waiting.status, waiting.priority) == (fabrikam, "waiting", 30)
    assert {run.id for run in fleet.unfinished(contoso)} == {same.run.id}
    detail = schedule_detail.get(fleet.db, fleet.dana, schedule)
    assert {(held.tenant_name, held.reason_code) for held in detail.held_up} == {
        ("Broken", "provider_consent_revoked"), ("Wingtip", breakers.BREAKER_OPEN),
    }  # fmt: skip
    assert detail.firings is not None
    assert detail.firings[0].tally.reasons == {
        "breaker_open": 1,
        "provider_consent_revoked": 1,
    }
    since = {held.reason_code: held.since for held in detail.held_up}

    fleet.set_connection(fleet.connection["broken"], consent_status="granted")
    fleet.clock.advance(hours=1)
    plan.work(fleet)
    detail = schedule_detail.get(fleet.db, fleet.dana, schedule)
    assert [(held.tenant_name, held.since) for held in detail.held_up] == [("Wingtip", since["breaker_open"])]
    assert plan.classes(fleet, schedule)["attached"] == 2, "a run that still waits is attached to, nothing piles up"
    assert other.run.id in {run.id for run in fleet.unfinished(fabrikam)}


def test_jitter_spreads_the_runs_and_each_begins_when_its_moment_has_come(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet, jitter="60")
    plan.only(fleet, schedule)
    fleet.clock.advance(hours=1)
    plan.work(fleet)
    runs = plan.runs_of(fleet, schedule)
    begins = {run.not_before for run in runs}
    assert len(begins) == 3
    assert {run.status for run in runs} == {"waiting"}
    assert all(timedelta(0) <= at - fleet.clock.time <= timedelta(hours=1) for at in begins)
    fleet.sweep()
    assert fleet.take() == []
    fleet.clock.time = min(begins)
    fleet.sweep()
    assert len(fleet.take()) == 1
    check = fleet.start(runs[-1].connection_id)
    assert check.run.id == runs[-1].id, "a person who asks for the same does not wait for the moment"
    schedule_running.run_now(fleet.db, fleet.dana, schedule)
    plan.work(fleet)
    assert plan.classes(fleet, schedule) == {"attached": 3}
    fleet.sweep()
    assert {run.status for run in plan.runs_of(fleet, schedule)} == {"running", "queued"}, (
        "nor does one who runs it now"
    )


def test_a_bulk_start_does_not_wait_hours_for_the_jitter_of_what_it_attaches_to(fleet: Any, plan: Any) -> None:
    schedule = plan.make(fleet, jitter="60")
    plan.only(fleet, schedule)
    fleet.clock.advance(hours=1)
    plan.work(fleet)
    assert {run.status for run in plan.runs_of(fleet, schedule)} == {"waiting"}
    batch = batch_starting.create(fleet.db, fleet.dana, CONNECTION_CHECK, Selection.found(ConnectionQuery(fleet.north)))
    assert batch_starting.advance(fleet.db, batch) == 3
    tally = batches.status(fleet.db, fleet.dana, batch).row.tally
    assert tally.classes == {BatchClass.ATTACHED: 3}
    fleet.sweep()
    assert {(run.status, run.cause, run.batch_id) for run in plan.runs_of(fleet, schedule)} == {
        ("queued", "schedule", None)
    }
