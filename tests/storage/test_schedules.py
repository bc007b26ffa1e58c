"""Schedules: firing once however many workers there are, starting runs once whoever dies, and who may change one."""

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
    connections,
    edits,
    offboarding,
    schedule_changes,
    schedule_detail,
    schedule_firing,
    schedule_reach,
    schedules,
    tenant_changes,
)
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.database import open_database
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.pages import Place
from storage.schedule_targets import WHOLE_WORKSPACE, Target
from storage.schedules import Became, ScheduleQuery
from storage.schema import audit_entries, circuit_breakers, operation_runs, schedule_firings, tenants
from storage.schema import schedules as table
from storage.starting import start_each_in
from storage.states import BatchClass


def make(fleet: Any, name: str = "Hourly", *, by: str = "dana", target: Target = WHOLE_WORKSPACE, **more: Any) -> int:
    values = {"operation_type": CONNECTION_CHECK, "rhythm": "0 * * * *"} | more
    row = schedule_changes.create(fleet.db, fleet.people[by], fleet.north, name=name, target=target, **values)
    return row.id


def only(fleet: Any, schedule_id: int) -> None:
    """Leaves this schedule enabled alone."""
    fleet.write(update(table).where(table.c.id != schedule_id).values(is_enabled=False, next_due_at=None))


def row_of(fleet: Any, schedule_id: int) -> Any:
    return fleet.rows(select(table).where(table.c.id == schedule_id))[0]


def firings(fleet: Any, schedule_id: int) -> Any:
    return fleet.rows(
        select(schedule_firings).where(schedule_firings.c.schedule_id == schedule_id).order_by(schedule_firings.c.id)
    )


def work(fleet: Any, worker: str = "w1", chunk: int = 200) -> None:
    """What a worker's rounds do."""
    schedule_firing.fire_due(fleet.db)
    while held := schedule_firing.take(fleet.db, worker):
        while schedule_firing.work_chunk(fleet.db, held, chunk=chunk):
            pass


def classes(fleet: Any, schedule_id: int) -> dict[str, int]:
    return dict(firings(fleet, schedule_id)[-1].counts["classes"])


def runs_of(fleet: Any, schedule_id: int) -> Any:
    return fleet.rows(
        select(operation_runs).where(operation_runs.c.schedule_id == schedule_id).order_by(operation_runs.c.id)
    )


def test_a_new_workspace_has_a_daily_check_whose_due_time_a_worker_computes(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    row = fleet.rows(select(table).where(table.c.workspace_id == fleet.north))[0]
    assert (row.name, row.cron, row.time_zone, row.jitter_minutes) == ("Daily check", "0 2 * * *", "UTC", 240)
    assert row.is_enabled
    assert row.next_due_at is None
    assert schedule_firing.fire_due(fleet.db) == 0, "what was never computed is not due"
    assert row_of(fleet, row.id).next_due_at == datetime.fromisoformat("2026-03-02T02:00:00+00:00")
    assert fleet.count(schedule_firings) == 0


def test_a_due_time_is_fired_by_exactly_one_of_many_workers(fleet: Any) -> None:
    schedule = make(fleet)
    only(fleet, schedule)
    fleet.clock.advance(hours=1)
    others = [open_database(fleet.address, clock=fleet.clock) for _ in range(4)]
    start, fired = threading.Barrier(8), []

    def worker(db: Any, name: str) -> None:
        start.wait(20)
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
    (firing,) = firings(fleet, schedule)
    assert (firing.status, firing.counts["classes"]) == ("done", {"started": 3})
    assert sorted(run.connection_id for run in runs_of(fleet, schedule)) == sorted(fleet.connection.values())


def test_a_worker_killed_between_or_in_chunks_has_a_successor_that_makes_no_run_twice(
    fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        fleet.add_connection(f"c{number}")
    schedule = make(fleet)
    only(fleet, schedule)
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
    assert len(runs_of(fleet, schedule)) == 3, "what was begun in the torn transaction is not there"
    assert not schedule_firing.work_chunk(fleet.db, dead, chunk=3), "who lost the lease writes nothing"
    while schedule_firing.work_chunk(fleet.db, second, chunk=3):
        pass
    assert sorted(run.connection_id for run in runs_of(fleet, schedule)) == sorted(fleet.connection.values())
    assert classes(fleet, schedule) == {"started": 8}
    schedule_changes.run_now(fleet.db, fleet.dana, schedule)
    third = schedule_firing.take(fleet.db, "third")
    assert third is not None
    schedule_firing.release(fleet.db, third)
    assert schedule_firing.take(fleet.db, "fourth") is not None, "what was given back is taken at once"


def test_due_times_that_no_worker_saw_fire_once_together(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet)
    only(fleet, schedule)
    due = row_of(fleet, schedule).next_due_at
    fleet.clock.advance(hours=9, minutes=30)
    work(fleet)
    work(fleet)
    (firing,) = firings(fleet, schedule)
    row = row_of(fleet, schedule)
    assert (firing.due_at, row.last_due_at, row.next_due_at) == (due, due, due + timedelta(hours=9))
    assert len(runs_of(fleet, schedule)) == 3
    entries = fleet.rows(select(audit_entries).where(audit_entries.c.action == "schedule.fire"))
    assert [(entry.actor, entry.target_id) for entry in entries] == [("system:worker", str(schedule))]
    assert fleet.count(audit_entries, audit_entries.c.action == "run.start") == 0, "one entry a firing, not one a run"
    fleet.write(update(table).where(table.c.id == schedule).values(next_due_at=due))
    assert schedule_firing.fire_due(fleet.db) == 0, "a clock that is set back brings no due time a second time"
    assert row_of(fleet, schedule).next_due_at == due + timedelta(hours=9)


def test_a_due_time_that_nobody_saw_before_the_quiet_hours_waits_for_their_end(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet, rhythm="0 20 * * *", quiet="22:00-06:00")
    only(fleet, schedule)
    fleet.clock.advance(hours=9)  # 23:00
    work(fleet)
    assert firings(fleet, schedule) == []
    assert f"{row_of(fleet, schedule).next_due_at:%d %H:%M}" == "02 06:00"
    fleet.clock.advance(hours=7)
    work(fleet)
    assert classes(fleet, schedule) == {"started": 3}
    assert f"{row_of(fleet, schedule).next_due_at:%d %H:%M}" == "02 20:00"


def test_what_runs_is_attached_to_what_is_busy_waited_for_and_what_is_blocked_noted(fleet: Any) -> None:
    contoso, fabrikam, wingtip = (fleet.connection[name] for name in ("contoso", "fabrikam", "wingtip"))
    for name, lifecycle in (("old", "archived"), ("new", "draft"), ("off", None), ("broken", None)):
        key = fleet.add_connection(name)
        if lifecycle:
            fleet.write(update(tenants).where(tenants.c.id == fleet.tenant[name]).values(lifecycle=lifecycle))
        if name == "off":
            connection_changes.set_enabled(fleet.db, fleet.dana, key, False)
        if name == "broken":
            fleet.set_connection(key, consent_status="revoked")
    schedule = make(fleet, operation_type=INVENTORY_SYNC)
    only(fleet, schedule)
    same, other = fleet.start(contoso, INVENTORY_SYNC), fleet.start(fabrikam)
    later = fleet.clock.time + timedelta(hours=5)
    fleet.write(
        insert(circuit_breakers).values(
            connection_id=wingtip, workspace_id=fleet.north, failures=5, reason_code="secret_expired",
            opened_at=fleet.clock.time, open_until=later, updated_at=fleet.clock.time,
        )
    )  # fmt: skip
    fleet.clock.advance(hours=1)
    work(fleet)
    assert classes(fleet, schedule) == {
        "attached": 1, "waiting": 1, "blocked": 2, "archived": 1, "draft": 1, "disabled": 1,
    }  # fmt: skip
    (waiting,) = runs_of(fleet, schedule)
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
    work(fleet)
    detail = schedule_detail.get(fleet.db, fleet.dana, schedule)
    assert [(held.tenant_name, held.since) for held in detail.held_up] == [("Wingtip", since["breaker_open"])]
    assert classes(fleet, schedule)["attached"] == 2, "a run that still waits is attached to, nothing piles up"
    assert other.run.id in {run.id for run in fleet.unfinished(fabrikam)}


def test_jitter_spreads_the_runs_and_each_begins_when_its_moment_has_come(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet, jitter="60")
    only(fleet, schedule)
    fleet.clock.advance(hours=1)
    work(fleet)
    runs = runs_of(fleet, schedule)
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
    schedule_changes.run_now(fleet.db, fleet.dana, schedule)
    work(fleet)
    assert classes(fleet, schedule) == {"attached": 3}


def test_a_bulk_start_does_not_wait_hours_for_the_jitter_of_what_it_attaches_to(fleet: Any) -> None:
    schedule = make(fleet, jitter="60")
    only(fleet, schedule)
    fleet.clock.advance(hours=1)
    work(fleet)
    assert {run.status for run in runs_of(fleet, schedule)} == {"waiting"}
    batch = batch_starting.create(fleet.db, fleet.dana, CONNECTION_CHECK, Selection.found(ConnectionQuery(fleet.north)))
    assert batch_starting.advance(fleet.db, batch) == 3
    tally = batches.status(fleet.db, fleet.dana, batch).row.tally
    assert tally.classes == {BatchClass.ATTACHED: 3}
    fleet.sweep()
    assert {(run.status, run.cause, run.batch_id) for run in runs_of(fleet, schedule)} == {("queued", "schedule", None)}


def test_running_now_starts_all_at_once_and_twice_is_once(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet, jitter="4h", quiet="00:00-23:59")
    schedule_changes.set_enabled(fleet.db, fleet.dana, schedule, False)
    due = row_of(fleet, schedule).next_due_at
    first = schedule_changes.run_now(fleet.db, fleet.people["omar"], schedule, ticket="INC-7")
    again = schedule_changes.run_now(fleet.db, fleet.dana, schedule)
    assert first.is_new
    assert again == schedule_changes.RunningNow(first.firing_id, is_new=False)
    work(fleet)
    assert {run.status for run in runs_of(fleet, schedule)} == {"queued"}
    detail = schedule_detail.get(fleet.db, fleet.dana, schedule)
    assert detail.firings is not None
    assert detail.firings[0].by == "omar"
    assert row_of(fleet, schedule).next_due_at == due is None
    assert detail.row.last is not None
    assert detail.row.last.classes == {Became.STARTED: 3}
    for _ in range(schedule_firing.KEPT + 2):
        fleet.clock.advance(seconds=1)
        schedule_changes.run_now(fleet.db, fleet.dana, schedule)
        work(fleet)
    assert len(firings(fleet, schedule)) == schedule_firing.KEPT


def test_a_schedule_reaches_what_it_was_made_for_and_tags_as_they_are_then(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    gold = make(fleet, "Gold", target=Target(tag="gold"))
    tenant = make(fleet, "Tenant", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    one = make(fleet, "One", target=Target(connection_id=fleet.connection["wingtip"]))
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["fabrikam"], changes={"tags": ("gold", "new")})
    for schedule, wanted in ((gold, {"contoso", "fabrikam"}), (tenant, {"fabrikam"}), (one, {"wingtip"})):
        schedule_changes.run_now(fleet.db, fleet.dana, schedule)
        work(fleet)
        assert classes(fleet, schedule) == {"started": len(wanted)}
        assert {run.connection_id for run in runs_of(fleet, schedule)} == {fleet.connection[name] for name in wanted}
        for claim in fleet.take():
            fleet.finish(claim)
    soonest = schedule_reach.next_for_tenant(fleet.db, fleet.dana, fleet.tenant["wingtip"])
    assert [(due.schedule_name, due.label) for due in soonest] == [("One", "Connection check")]
    standing = connections.get(fleet.db, fleet.dana, fleet.connection["wingtip"]).operations
    assert [one.next_due_at for one in standing] == [soonest[0].at]
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, fleet.tenant["contoso"])[0].schedule_id == gold
    with pytest.raises(InvalidInput, match="tag: no tenant of this workspace has it"):
        make(fleet, "None", target=Target(tag="silver"))
    with pytest.raises(InvalidInput, match="reach"):
        make(fleet, "Both", target=Target(tag="gold", tenant_id=fleet.tenant["contoso"]))
    run = runs_of(fleet, one)[0]
    assert schedule_changes.remove(fleet.db, fleet.dana, one) == "One"
    assert fleet.run_row(run.id).schedule_id is None
    assert firings(fleet, one) == []


def test_two_people_who_edit_a_schedule_lose_nothing(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet)
    seen = schedule_changes.current_values(schedule_detail.get(fleet.db, fleet.dana, schedule).row)
    schedule_changes.edit(
        fleet.db, fleet.people["mona"], schedule, changes={"rhythm": "0 4 * * *", "jitter_minutes": "30"}, seen=seen
    )
    after = schedule_changes.edit(
        fleet.db, fleet.dana, schedule, changes={"name": "Nightly", "quiet": "06:00-20:00"}, seen=seen
    )
    assert (after.name, str(after.rule.rhythm), after.jitter_minutes) == ("Nightly", "0 4 * * *", 30)
    assert f"{after.next_due_at:%d %H:%M}" == "02 04:00"
    with pytest.raises(edits.EditConflict) as caught:
        schedule_changes.edit(fleet.db, fleet.dana, schedule, changes={"rhythm": "every 2h"}, seen=seen)
    assert [str(value) for value in caught.value.theirs["rhythm"]] == ["0 * * * *", "0 4 * * *"]
    with pytest.raises(Conflict, match="has a schedule Daily check already"):
        schedule_changes.edit(fleet.db, fleet.dana, schedule, changes={"name": "Daily check"})
    told = fleet.rows(select(audit_entries.c.action).where(audit_entries.c.target_kind == "schedule"))
    assert [entry.action for entry in told] == ["schedule.create", "schedule.edit", "schedule.edit"]


def test_a_schedule_takes_authority_over_all_that_it_reaches_and_totals_are_for_who_sees_all(
    sqlite_fleet: Any,
) -> None:
    fleet = sqlite_fleet
    gina, fred = fleet.people["gina"], fleet.people["fred"]
    mine = make(fleet, "Mine", by="fred", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    with pytest.raises(Forbidden, match="gina may not"):
        make(fleet, "All", by="gina")
    with pytest.raises(Forbidden):
        make(fleet, "Tag", by="gina", target=Target(tag="gold"))
    with pytest.raises(NotFound):
        make(fleet, "Theirs", by="gina", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    with pytest.raises(NotFound):
        make(fleet, "Elsewhere", target=Target(connection_id=10**6))
    gold = make(fleet, "Gold", target=Target(tag="gold"))
    schedule_changes.run_now(fleet.db, fleet.dana, gold)
    work(fleet)

    def names(who: Any, text: str = "") -> list[str]:
        query = ScheduleQuery(fleet.north, text)
        return [row.name for row in schedules.page(fleet.db, who, query, Place.first()).rows]

    assert names(fleet.dana) == ["Daily check", "Gold", "Mine"]
    assert names(gina) == ["Daily check", "Gold"]
    assert names(fred) == ["Daily check", "Mine"]
    assert names(fleet.dana, "tag:gold") == ["Gold"] == names(fleet.dana, "gold")
    assert names(fleet.dana, "!enabled:no tenant:fabri scope:tenant") == ["Mine"]
    seen = schedule_detail.get(fleet.db, gina, gold)
    assert (seen.row.last, seen.firings, seen.connections) == (None, None, None)
    assert not seen.may_manage
    assert seen.who_may_manage.startswith("Ask ")
    whole = schedule_detail.get(fleet.db, fleet.people["rita"], gold)
    assert whole.firings is not None
    assert whole.connections == 1
    for refused in (gold, schedules.find_by_name(fleet.db, fred, fleet.north, "daily CHECK")):
        with pytest.raises(NotFound if refused == gold else Forbidden):
            schedule_changes.remove(fleet.db, fred, refused)
    schedule_changes.set_enabled(fleet.db, fred, mine, False)


def test_offboarding_stops_a_tenants_schedules_and_only_a_person_starts_them_again(fleet: Any) -> None:
    tenant = fleet.tenant["contoso"]
    own = make(fleet, "Own", target=Target(tenant_id=tenant))
    one = make(fleet, "One", target=Target(connection_id=fleet.connection["contoso"]))
    everybody = make(fleet, "All")
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 3
    assert offboarding.preview(fleet.db, fleet.dana, tenant).schedules == 2
    offboarding.offboard(fleet.db, fleet.dana, tenant)
    assert [row_of(fleet, key).is_enabled for key in (own, one, everybody)] == [False, False, True]
    work(fleet)  # what had been fired already starts nothing on it
    assert classes(fleet, own) == classes(fleet, one) == {}
    assert classes(fleet, everybody) == {"started": 2, "archived": 1}
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, tenant) == ()
    with pytest.raises(Conflict, match="is archived"):
        schedule_changes.set_enabled(fleet.db, fleet.dana, own, True)
    assert offboarding.restore(fleet.db, fleet.dana, tenant).schedules_stopped == 2
    assert schedule_changes.set_enabled(fleet.db, fleet.dana, own, True).next_due_at is not None


def test_a_schedule_that_can_never_be_due_is_disabled_and_holds_up_no_other(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    broken, good = make(fleet, "Broken"), make(fleet, "Good")
    worse = make(fleet, "Worse")
    fleet.write(update(table).where(table.c.id == broken).values(time_zone="Mars/Olympus"))
    fleet.write(update(table).where(table.c.id == worse).values(cron="every now and then"))
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 1
    assert [row_of(fleet, key).is_enabled for key in (broken, worse, good)] == [False, False, True]
    assert len(firings(fleet, good)) == 1
    told = fleet.rows(select(audit_entries.c.canonical).where(audit_entries.c.action == "schedule.disable"))
    assert [b"not known here" in bytes(told[0].canonical), b"cron cannot read it" in bytes(told[1].canonical)] == [
        True
    ] * 2
    for key in (broken, worse):
        assert schedule_detail.get(fleet.db, fleet.dana, key).due == ()
    assert schedule_detail.get(fleet.db, fleet.dana, worse).row.rule.rhythm.words == "every now and then"


def test_an_interval_or_quiet_hours_that_another_program_stored_badly_hold_up_no_worker(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    stored: tuple[dict[str, Any], ...] = (
        {"cron": None, "interval_minutes": -5},  # backwards: the next due time would be looked for for ever
        {"cron": None, "interval_minutes": 2**40},
        {"quiet_from": "late", "quiet_until": "early"},
    )
    broken = [make(fleet, f"Broken {number}") for number in range(len(stored))]
    good = make(fleet, "Good")
    for key, values in zip(broken, stored, strict=True):
        fleet.write(update(table).where(table.c.id == key).values(**values))
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 1
    assert [row_of(fleet, key).is_enabled for key in (*broken, good)] == [False, False, False, True]


def test_another_workspaces_schedules_are_its_own(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    schedule = make(fleet)
    with pytest.raises(NotFound):
        schedule_detail.get(fleet.db, fleet.people["zoe"], schedule)
    (south,) = fleet.rows(select(table).where(table.c.workspace_id == fleet.south))
    schedule_changes.run_now(fleet.db, fleet.people["zoe"], south.id)
    work(fleet)
    assert classes(fleet, south.id) == {}
