"""What a list is told and tells: marks, clicks, and what the screen hears of its rows."""

from __future__ import annotations

from typing import Any

from textual.events import MouseScrollDown

from atlas_tui.widgets.pages import Sort
from atlas_tui.widgets.table_messages import (
    MarksChanged,
    PageShown,
    RangeRefused,
    RowHighlighted,
    RowOpened,
)
from atlas_tui.widgets.virtual_table import VirtualTable
from storage.states import ConsentStatus


async def test_marks_are_by_key_and_survive_a_refresh(run: Any, table: Any, fleet: Any, listen: Any) -> None:
    source = fleet(100)
    shown = table(source)
    async with run(shown) as terminal:
        heard = listen(shown, MarksChanged)
        await terminal.press("space", "down", "space")
        assert (shown.selection.keys, shown.selection.count) == ({1, 3}, 2)
        source.remove(2)
        shown.refresh_page()
        await terminal.settle()
        assert [line[:3] for line in terminal.display()[1:4]] == [" * ", " * ", ">  "]
        assert [message.count for message in heard] == [1, 2]


async def test_a_range_goes_from_the_last_mark_to_the_cursor(run: Any, table: Any, fleet: Any, listen: Any) -> None:
    shown = table(fleet(100))
    async with run(shown) as terminal:
        refused = listen(shown, RangeRefused)
        await terminal.press("v")
        assert len(refused) == 1
        await terminal.press("down", "space", "down", "down", "v")
        assert shown.selection.keys == {2, 3, 4, 5}


async def test_a_range_that_begins_out_of_memory_is_refused_with_a_reason(
    run: Any, table: Any, fleet: Any, listen: Any
) -> None:
    shown = table(fleet(5000))
    async with run(shown) as terminal:
        refused = listen(shown, RangeRefused)
        await terminal.press("space", "G", "v")
        assert shown.selection.keys == {1}
        assert "too far away" in refused[0].reason


async def test_marking_all_costs_no_row_and_knows_its_exceptions(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(50_000))
    async with run(shown) as terminal:
        await terminal.press("A", "space")
        assert (shown.selection.all_in_filter, shown.selection.keys, shown.selection.count) == (True, {1}, 49_999)
        await terminal.press("G")
        assert terminal.display()[-1].startswith(">* ")
        shown.set_query(sort=None, filter="77")
        await terminal.settle()
        assert shown.selection.count == 0, "all in one filter is not all in another"


async def test_the_screen_hears_about_row_place_and_opening(run: Any, table: Any, fleet: Any, listen: Any) -> None:
    source = fleet(100)
    shown = table(source)
    heard = listen(shown, RowHighlighted, PageShown, RowOpened)
    async with run(shown) as terminal:
        assert [(type(m).__name__, getattr(m, "key", None) or (m.position, m.total)) for m in heard] == [
            ("RowHighlighted", 1),
            ("PageShown", (1, 100)),
        ]
        heard.clear()
        await terminal.press("down", "enter")
        assert [type(m) for m in heard] == [RowHighlighted, PageShown, RowOpened]
        assert heard[-1].row.tenant == "Tenant 0000002"
        heard.clear()
        source.change(2, consent=ConsentStatus.REVOKED)
        shown.refresh_page()
        await terminal.settle()
        assert [type(m) for m in heard] == [RowHighlighted], "a detail panel must see the row's new state"


async def test_a_click_selects_a_double_click_opens_the_wheel_scrolls(
    run: Any, table: Any, fleet: Any, listen: Any
) -> None:
    shown = table(fleet(1000))
    async with run(shown) as terminal:
        opened = listen(shown, RowOpened)
        await terminal.pilot.click(shown, offset=(20, 5))
        assert (shown.cursor_key, opened) == (5, [])
        await terminal.pilot.click(shown, offset=(20, 7), times=2)
        await terminal.settle()
        assert [message.key for message in opened] == [7]
        await terminal.pilot._post_mouse_events([MouseScrollDown], shown, offset=(20, 5), button=0)
        await terminal.settle()
        assert shown.visible_rows[0].id == 4
        assert shown.cursor_key == 7


async def test_a_click_on_a_title_sorts_by_it(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(1000))
    async with run(shown) as terminal:
        await terminal.pilot.click(shown, offset=(5, 0))
        await terminal.settle()
        assert shown.sort == Sort("tenant")
        await terminal.pilot.click(shown, offset=(5, 0))
        await terminal.settle()
        assert shown.sort == Sort("tenant", True)


def test_every_action_exists_and_has_words() -> None:
    for action in VirtualTable.ACTIONS:
        assert callable(getattr(VirtualTable, f"action_{action.id}"))
        assert action.help
