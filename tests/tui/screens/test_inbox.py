"""The inbox on the screen: what is counted on line 1, what is said when it arrives, and reading it."""

from __future__ import annotations

from typing import Any

from atlas_tui.links import View
from storage import notifications, workspaces
from storage.operations import CONNECTION_CHECK
from storage.pages import Place
from storage.schema import notifications as stored
from storage.schema import run_batches


def unread(fleet: Any, login: str = "dana") -> int:
    return notifications.look(fleet.db, fleet.people[login]).unread


async def test_a_toast_says_what_ended_and_l_opens_it_and_counts_it_as_read(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    async with dashboard(small_fleet) as terminal:
        await terminal.wait_for(lambda: terminal.shows("unread 1"))
        assert not terminal.shows("succeeded"), "what waited is counted, not said"
        run = small_fleet.finish(
            small_fleet.begin(small_fleet.connection["Fabrikam GmbH"]), ("Token", "secret_expired")
        )
        await terminal.wait_for(lambda: terminal.shows("unread 2"))
        assert terminal.shows("x Connection check of Fabrikam GmbH: blocked (secret_expired): l opens it")
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("l")
        assert terminal.app.seen.VIEW is View.RUN
        assert terminal.app.seen.subject == run
        await terminal.wait_for(lambda: terminal.shows("unread 1"))
    assert unread(small_fleet) == 1


async def test_good_news_goes_along_to_one_screen_and_leaves_l_to_the_pages_after_it(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
        await terminal.wait_for(lambda: terminal.shows("succeeded: l opens it"))
        await terminal.press("3")
        assert terminal.shows("succeeded: l opens it")
        await terminal.press("4")
        assert not terminal.shows("l opens it"), "\n".join(terminal.display())
        assert terminal.shows("unread 1"), "the inbox keeps it"


async def test_the_inbox_lists_what_is_mine_and_enter_reads_it(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Tailspin Toys"], by="omar"))
    async with dashboard(small_fleet) as terminal:
        await terminal.press("I")
        assert terminal.shows("> inbox")
        (row,) = [line for line in terminal.display() if "Connection check of" in line]
        assert "*" in row
        assert "+ succeeded" in row
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.RUN
        await terminal.press("escape")
        await terminal.wait_for(lambda: not terminal.shows("unread"))
        assert not any("*" in line for line in terminal.display() if "Connection check of" in line)
    assert (unread(small_fleet), unread(small_fleet, "omar")) == (0, 1)


async def test_marking_is_in_the_menu_and_all_is_asked_for(small_fleet: Any, dashboard: Any) -> None:
    for name in ("Contoso Ltd", "Fabrikam GmbH", "Tailspin Toys"):
        small_fleet.finish(small_fleet.begin(small_fleet.connection[name]))
    async with dashboard(small_fleet) as terminal:
        await terminal.press("I", "x", "m")
        assert terminal.shows("1 notification marked as read.")
        assert unread(small_fleet) == 2
        await terminal.wait_for(lambda: not any("*" in line for line in terminal.display() if "Tailspin" in line))
        await terminal.press("x", "m")
        assert terminal.shows("It is read already."), terminal.text()
        await terminal.press("escape", "x", "a")
        assert terminal.shows("Every unread notification in your inbox")
        await terminal.press("enter")
        assert unread(small_fleet) == 2, "Cancel has the focus"
        await terminal.press("x", "a", "right", "enter")
        assert terminal.shows("2 notifications marked as read.")
        await terminal.wait_for(lambda: not terminal.shows("unread"))
        await terminal.press("x", "a")
        assert terminal.shows("Nothing is unread.")
        await terminal.press("escape")
        terminal.app.everywhere.do_typed(":inbox unread:yes")
        await terminal.settle()
        assert terminal.shows("Nothing fits.")
    assert unread(small_fleet) == 0


async def test_a_bulk_start_is_told_as_a_whole_and_opens_its_page(small_fleet: Any, dashboard: Any) -> None:
    now, dana = small_fleet.clock.time, small_fleet.people["dana"]
    of = {"workspace_id": small_fleet.workspace, "created_at": now}
    small_fleet.insert(run_batches, id=7, type=CONNECTION_CHECK, initiator="dana", classes={}, completed_at=now, **of)
    small_fleet.insert(
        stored,
        user_id=dana.user_id,
        kind="batch_completed",
        batch_id=7,
        title="Connection check of 3 connections",
        **of,
    )
    async with dashboard(small_fleet) as terminal:
        await terminal.press("I")
        assert terminal.shows("~ bulk      Connection check of 3 connections")
        await terminal.press("enter")
        assert (terminal.app.seen.VIEW, terminal.app.seen.subject) == (View.BATCH, 7)
    assert unread(small_fleet) == 0


async def test_one_of_another_workspace_is_opened_there(small_fleet: Any, dashboard: Any) -> None:
    dana = workspaces.initialize(small_fleet.db, login="dana", display_name="Dana", slug="south", name="South")
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    async with dashboard(small_fleet) as terminal:
        terminal.app.enter_workspace("south")
        await terminal.settle()
        await terminal.press("I")
        assert terminal.shows("north-msp")
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.RUN)
        assert terminal.app.session.workspace.slug == "north-msp"
    assert notifications.page(small_fleet.db, dana, "unread:yes", Place.first()).rows == ()
