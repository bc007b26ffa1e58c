"""Schedules that another program stored badly: shown as what they are, never due, and no other's trouble."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from storage import schedule_changes, schedule_detail, schedule_firing, schedule_running, schedules
from storage.errors import InvalidInput
from storage.pages import Place
from storage.schedules import ScheduleQuery
from storage.schema import audit_entries
from storage.schema import schedules as table


def test_a_schedule_that_can_never_be_due_is_disabled_and_holds_up_no_other(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    broken, good = plan.make(fleet, "Broken"), plan.make(fleet, "Good")
    worse = plan.make(fleet, "Worse")
    fleet.write(update(table).where(table.c.id == broken).values(time_zone="Mars/Olympus"))
    fleet.write(update(table).where(table.c.id == worse).values(cron="every now and then"))
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 1
    assert [plan.row_of(fleet, key).is_enabled for key in (broken, worse, good)] == [False, False, True]
    assert len(plan.firings(fleet, good)) == 1
    told = fleet.rows(select(audit_entries.c.canonical).where(audit_entries.c.action == "schedule.disable"))
    assert [b"not known here" in bytes(told[0].canonical), b"cron cannot read it" in bytes(told[1].canonical)] == [
        True
    ] * 2
    for key in (broken, worse):
        assert schedule_detail.get(fleet.db, fleet.dana, key).due == ()
    assert schedule_detail.get(fleet.db, fleet.dana, worse).row.rule.rhythm.words == "every now and then"


def test_an_interval_or_quiet_hours_that_another_program_stored_badly_hold_up_no_worker(
    sqlite_fleet: Any, plan: Any
) -> None:
    fleet = sqlite_fleet
    stored: tuple[dict[str, Any], ...] = (
        {"cron": None, "interval_minutes": -5},  # backwards: the next due time would be looked for for ever
        {"cron": None, "interval_minutes": 2**40},
        {"quiet_from": "late", "quiet_until": "early"},
        {"jitter_minutes": 2**30},  # two thousand years
    )
    broken = [plan.make(fleet, f"Broken {number}") for number in range(len(stored))]
    good = plan.make(fleet, "Good")
    for key, values in zip(broken, stored, strict=True):
        fleet.write(update(table).where(table.c.id == key).values(**values))
    fleet.clock.advance(hours=1)
    assert schedule_firing.fire_due(fleet.db) == 1
    assert [plan.row_of(fleet, key).is_enabled for key in (*broken, good)] == [False] * len(broken) + [True]


def test_what_cannot_be_read_is_shown_with_its_field_and_what_stands_there_beside_the_others(
    sqlite_fleet: Any, plan: Any
) -> None:
    fleet = sqlite_fleet
    stored: dict[str, dict[str, Any]] = {
        "rhythm: every now and then": {"cron": "every now and then"},
        "rhythm: every -5m": {"cron": None, "interval_minutes": -5},
        "time_zone: Mars/Olympus": {"time_zone": "Mars/Olympus"},
        "time_zone: Europe": {"time_zone": "Europe"},  # a directory of zones
        "jitter_minutes: 1000000000": {"jitter_minutes": 10**9},  # two thousand years
        "quiet: late-early": {"quiet_from": "late", "quiet_until": "early"},
        "quiet: 22:00-": {"quiet_from": "22:00"},
        "quiet: -": {"quiet_from": "", "quiet_until": ""},
        "quiet: 22:00-22:00": {"quiet_from": "22:00", "quiet_until": "22:00"},  # would be quiet for ever
    }
    for name, values in stored.items():
        key = plan.make(fleet, name)
        fleet.write(update(table).where(table.c.id == key).values(**values))
    found = schedules.page(fleet.db, fleet.dana, ScheduleQuery(fleet.north), Place.first()).rows
    faults = {row.name: [f"{fault.field}: {fault.stored}" for fault in row.faults] for row in found}
    assert faults == {name: [name] for name in stored} | {"Daily check": []}
    for row in found:
        assert row.next_due_at is None if row.faults else row.name == "Daily check"
        assert (schedule_detail.get(fleet.db, fleet.dana, row.id).due == ()) == bool(row.faults)
        assert schedule_running.run_now(fleet.db, fleet.dana, row.id).is_new


def test_one_that_cannot_be_read_is_mended_by_an_edit_that_saw_what_stood_there(sqlite_fleet: Any, plan: Any) -> None:
    fleet = sqlite_fleet
    key = plan.make(fleet)
    fleet.write(update(table).where(table.c.id == key).values(quiet_from="late", quiet_until="early", time_zone="Mars"))
    fleet.clock.advance(hours=1)
    schedule_firing.fire_due(fleet.db)
    with pytest.raises(InvalidInput, match="time zone: is not known here"):
        schedule_changes.set_enabled(fleet.db, fleet.dana, key, True)
    seen = schedule_changes.current_values(schedule_detail.get(fleet.db, fleet.dana, key).row)
    assert (seen["quiet"], seen["time_zone"]) == ("late-early", "Mars")
    schedule_changes.edit(fleet.db, fleet.dana, key, changes={"time_zone": "UTC"}, seen=seen)
    with pytest.raises(InvalidInput, match="quiet hours: are not two times of day"):
        schedule_changes.set_enabled(fleet.db, fleet.dana, key, True)
    mended = schedule_changes.edit(fleet.db, fleet.dana, key, changes={"quiet": "22:00-06:00"}, seen=seen)
    assert mended.faults == ()
    assert schedule_changes.set_enabled(fleet.db, fleet.dana, key, True).next_due_at is not None
    # One that is on cannot be given another rhythm while the rest cannot be read; its name it can.
    fleet.write(update(table).where(table.c.id == key).values(quiet_from="late"))
    schedule_changes.edit(fleet.db, fleet.dana, key, changes={"name": "Other"})
    with pytest.raises(InvalidInput, match="quiet hours"):
        schedule_changes.set_enabled(fleet.db, fleet.dana, key, True)
    with pytest.raises(InvalidInput, match="quiet hours"):
        schedule_changes.edit(fleet.db, fleet.dana, key, changes={"rhythm": "every 6h"})
    assert schedule_changes.edit(fleet.db, fleet.dana, key, changes={"quiet": ""}).next_due_at is not None
