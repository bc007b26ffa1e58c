"""Schedules on the screen: the list, the page, the form with its live preview, the menu."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from atlas_tui.links import View
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import schedule_changes, schedule_detail, schedule_firing, schedule_running, schedules
from storage.operations import INVENTORY_SYNC
from storage.pages import Place
from storage.schedules import ScheduleQuery
from storage.schema import schedules as table


def names(fleet: Any) -> list[str]:
    query = ScheduleQuery(fleet.workspace)
    return [row.name for row in schedules.page(fleet.db, fleet.people["dana"], query, Place.first()).rows]


async def open_schedules(terminal: Any) -> None:
    terminal.app.everywhere.do_typed(":schedules")
    await terminal.settle()


async def test_the_list_and_the_page_say_what_is_started_when_and_what_became_of_it(
    small_fleet: Any, dashboard: Any
) -> None:
    row = schedule_changes.create(
        small_fleet.db, small_fleet.people["dana"], small_fleet.workspace, name="Nightly inventory",
        operation_type=INVENTORY_SYNC, rhythm="30 2 * * *", time_zone="Europe/Berlin", quiet="22:00-02:00",
    )  # fmt: skip
    schedule_running.run_now(small_fleet.db, small_fleet.people["dana"], row.id)
    held = schedule_firing.take(small_fleet.db, "w")
    assert held is not None
    schedule_firing.work_chunk(small_fleet.db, held)
    became = schedule_detail.get(small_fleet.db, small_fleet.people["dana"], row.id)
    assert became.held_up
    async with dashboard(small_fleet) as terminal:
        await open_schedules(terminal)
        assert terminal.app.seen.VIEW is View.SCHEDULES
        lines = terminal.display()
        assert all(len(line.rstrip()) <= 80 for line in lines)
        (line,) = [line for line in lines if "Nightly" in line]
        for word in ("+ on", "inventory", "30 2 * * *", f"x {len(became.held_up)} held"):
            assert word in line
        await terminal.press("down", "enter")
        assert terminal.shows("At 02:30 every day (30 2 * * *)")
        assert terminal.shows("Europe/Berlin")
        assert terminal.shows("by dana")
        assert terminal.shows(f"x {became.held_up[0].reason_code}")
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("j", "enter")
        assert terminal.app.seen.VIEW is View.CONNECTION
        assert terminal.app.seen.subject == became.held_up[0].connection_id
        await terminal.press("escape", "a")
        assert terminal.app.seen.VIEW is View.AUDIT
        await terminal.wait_for(lambda: terminal.shows("schedule told to run"))
        await open_schedules(terminal)
        await terminal.press("enter", "l")
        assert terminal.app.seen.VIEW is View.RUNS
        assert terminal.app.seen.filter.text == f"schedule:{row.id}"


async def test_the_form_says_when_it_will_be_due_while_it_is_typed(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await open_schedules(terminal)
        await terminal.press("N", *"Weekly", "down", "down", "down")
        await terminal.type("0 0 30 2 *")
        await terminal.wait_for(lambda: terminal.shows("or it never comes"))
        await terminal.press(*["backspace"] * 10)
        await terminal.type("0 7 * * mon")
        await terminal.wait_for(lambda: terminal.shows("At 07:00 on Monday."))
        assert terminal.shows("Due Mon 2026-03-02 07:00, Mon 2026-03-09 07:00")
        assert terminal.shows("Starts connection check on "), terminal.text()
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.SCHEDULE)
        await terminal.wait_for(lambda: terminal.shows("(0 7 * * MON)"))
        await terminal.press("e", "down", *["backspace"] * 11)
        await terminal.type("every 6h")
        await terminal.wait_for(lambda: terminal.shows("Every 6 h. Due "))
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.SCHEDULE)
        await terminal.wait_for(lambda: terminal.shows("Rhythm       Every 6 h"))
    assert names(small_fleet) == ["Daily check", "Weekly"]


async def test_the_menu_says_what_follows_asks_and_dims_what_the_role_may_not(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        await open_schedules(terminal)
        await terminal.press("x")
        assert terminal.shows("Your role may not. Ask dana (Owner)")
        await terminal.press("b")
        assert not isinstance(terminal.app.screen, ConfirmName), "what is dimmed does nothing"
    async with dashboard(small_fleet) as terminal:
        await open_schedules(terminal)
        await terminal.press("x", "b")
        assert terminal.shows("no longer starts by itself on 4")
        await terminal.press("enter")
        assert terminal.shows("+ on"), "Cancel had the focus"
        await terminal.press("x", "b", "right", "enter")
        await terminal.wait_for(lambda: terminal.shows("- off"))
        await terminal.press("x", "D")
        terminal.app.screen.query_one("#name").focus()
        await terminal.type("Daily check")
        await terminal.press("enter", "enter", "down", "enter")
        await terminal.wait_for(lambda: terminal.shows("Nothing is started by itself."))
    assert names(small_fleet) == []


async def test_one_that_cannot_be_read_stands_beside_the_others_and_is_mended_in_the_form(
    small_fleet: Any, dashboard: Any
) -> None:
    dana, workspace = small_fleet.people["dana"], small_fleet.workspace
    key = schedule_changes.create(
        small_fleet.db, dana, workspace, name="Broken", operation_type=INVENTORY_SYNC, rhythm="every 6h"
    ).id
    values = {"quiet_from": "late", "quiet_until": "early"}
    small_fleet.db.write(lambda tx: tx.run(update(table).where(table.c.id == key).values(**values)) and None)
    async with dashboard(small_fleet) as terminal:
        await open_schedules(terminal)
        assert any("Broken" in line and "x quiet hours" in line for line in terminal.display())
        assert terminal.shows("Daily check")
        await terminal.press("enter")
        assert terminal.shows("are not two times of day (late-early). Edit it")
        await terminal.press("e", "tab", "tab", "tab", "tab")
        assert terminal.shows("x Quiet hours     late-early")
        await terminal.press("ctrl+u")
        await terminal.type("22:00-06:00")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.shows("Broken is saved."))
    assert schedule_detail.get(small_fleet.db, dana, key).row.faults == ()
