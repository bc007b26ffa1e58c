"""Schedules: what they reach, who may change one, running one now."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from storage import (
    connections,
    edits,
    offboarding,
    schedule_changes,
    schedule_detail,
    schedule_firing,
    schedule_reach,
    schedule_running,
    schedules,
    tenant_changes,
)
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.schedule_targets import Target
from storage.schedules import Became, ScheduleQuery
from storage.schema import audit_entries
from storage.schema import schedules as table


def test_running_now_starts_all_at_once_and_twice_is_once(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet, jitter="4h", quiet="00:00-23:59")
    schedule_changes.set_enabled(fleet.db, fleet.dana, schedule, False)
    due = plan.row_of(fleet, schedule).next_due_at
    first = schedule_running.run_now(fleet.db, fleet.people["omar"], schedule, ticket="INC-7")
    again = schedule_running.run_now(fleet.db, fleet.dana, schedule)
    assert first.is_new
    assert again == schedule_running.RunningNow(first.firing_id, is_new=False)
    plan.work(fleet)
    assert {run.status for run in plan.runs_of(fleet, schedule)} == {"queued"}
    detail = schedule_detail.get(fleet.db, fleet.dana, schedule)
    assert detail.firings is not None
    assert detail.firings[0].by == "omar"
    assert plan.row_of(fleet, schedule).next_due_at == due is None
    assert detail.row.last is not None
    assert detail.row.last.classes == {Became.STARTED: 3}
    for _ in range(schedule_firing.KEPT + 2):
        fleet.clock.advance(seconds=1)
        schedule_running.run_now(fleet.db, fleet.dana, schedule)
        plan.work(fleet)
    assert len(plan.firings(fleet, schedule)) == schedule_firing.KEPT


def test_a_schedule_reaches_what_it_was_made_for_and_tags_as_they_are_then(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    gold = plan.make(fleet, "Gold", target=Target(tag="gold"))
    tenant = plan.make(fleet, "Tenant", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    one = plan.make(fleet, "One", target=Target(connection_id=fleet.connection["wingtip"]))
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["fabrikam"], changes={"tags": ("gold", "new")})
    for schedule, wanted in ((gold, {"contoso", "fabrikam"}), (tenant, {"fabrikam"}), (one, {"wingtip"})):
        schedule_running.run_now(fleet.db, fleet.dana, schedule)
        plan.work(fleet)
        assert plan.classes(fleet, schedule) == {"started": len(wanted)}
        assert {run.connection_id for run in plan.runs_of(fleet, schedule)} == {
            fleet.connection[name] for name in wanted
        }
        for claim in fleet.take():
            fleet.finish(claim)
    soonest = schedule_reach.next_for_tenant(fleet.db, fleet.dana, fleet.tenant["wingtip"])
    assert [(due.schedule_name, due.label) for due in soonest] == [("One", "Connection check")]
    standing = connections.get(fleet.db, fleet.dana, fleet.connection["wingtip"]).operations
    assert [one.next_due_at for one in standing] == [soonest[0].at]
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, fleet.tenant["contoso"])[0].schedule_id == gold
    with pytest.raises(InvalidInput, match="tag: no tenant of this workspace has it"):
        plan.make(fleet, "None", target=Target(tag="silver"))
    with pytest.raises(InvalidInput, match="reach"):
        plan.make(fleet, "Both", target=Target(tag="gold", tenant_id=fleet.tenant["contoso"]))
    run = plan.runs_of(fleet, one)[0]
    assert schedule_changes.remove(fleet.db, fleet.dana, one) == "One"
    assert fleet.run_row(run.id).schedule_id is None
    assert plan.firings(fleet, one) == []


def test_two_people_who_edit_a_schedule_lose_nothing(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet)
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
    plan: Any,
) -> None:
    fleet = sqlite_fleet
    gina, fred = fleet.people["gina"], fleet.people["fred"]
    mine = plan.make(fleet, "Mine", by="fred", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    with pytest.raises(Forbidden, match="gina may not"):
        plan.make(fleet, "All", by="gina")
    with pytest.raises(Forbidden):
        plan.make(fleet, "Tag", by="gina", target=Target(tag="gold"))
    with pytest.raises(NotFound):
        plan.make(fleet, "Theirs", by="gina", target=Target(tenant_id=fleet.tenant["fabrikam"]))
    with pytest.raises(NotFound):
        plan.make(fleet, "Elsewhere", target=Target(connection_id=10**6))
    gold = plan.make(fleet, "Gold", target=Target(tag="gold"))
    schedule_running.run_now(fleet.db, fleet.dana, gold)
    plan.work(fleet)

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


def test_offboarding_stops_a_tenants_schedules_and_only_a_person_starts_them_again(fleet: Any, plan: Any) -> None:
    tenant = fleet.tenant["contoso"]
    own = plan.make(fleet, "Own", target=Target(tenant_id=tenant))
    one = plan.make(fleet, "One", target=Target(connection_id=fleet.connection["contoso"]))
    everybody = plan.make(fleet, "All")
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 3
    assert offboarding.preview(fleet.db, fleet.dana, tenant).schedules == 2
    offboarding.offboard(fleet.db, fleet.dana, tenant)
    assert [plan.row_of(fleet, key).is_enabled for key in (own, one, everybody)] == [False, False, True]
    plan.work(fleet)  # what had been fired already starts nothing on it
    assert plan.classes(fleet, own) == plan.classes(fleet, one) == {}
    assert plan.classes(fleet, everybody) == {"started": 2, "archived": 1}
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, tenant) == ()
    with pytest.raises(Conflict, match="is archived"):
        schedule_changes.set_enabled(fleet.db, fleet.dana, own, True)
    assert offboarding.restore(fleet.db, fleet.dana, tenant).schedules_stopped == 2
    assert schedule_changes.set_enabled(fleet.db, fleet.dana, own, True).next_due_at is not None


def test_another_workspaces_schedules_are_its_own(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    schedule = plan.make(fleet)
    with pytest.raises(NotFound):
        schedule_detail.get(fleet.db, fleet.people["zoe"], schedule)
    (south,) = fleet.rows(select(table).where(table.c.workspace_id == fleet.south))
    schedule_running.run_now(fleet.db, fleet.people["zoe"], south.id)
    plan.work(fleet)
    assert plan.classes(fleet, south.id) == {}
