"""How one moves in a list: the cursor and its row, pages, sort and filter."""

from __future__ import annotations

import threading
from typing import Any

from atlas_tui.widgets.pages import Direction, PageRequest, PageResult, Sort


async def test_never_more_than_a_few_pages_are_in_memory(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(20_000)
    shown = table(source)
    most = 0
    async with run(shown) as terminal:
        for _ in range(40):
            await terminal.press("pagedown")
            most = max(most, shown.rows_in_memory)
            shown.refresh_page()
            await terminal.settle()
            most = max(most, shown.rows_in_memory)
        for _ in range(15):
            await terminal.press("pageup")
            most = max(most, shown.rows_in_memory)
        assert shown.cursor_key == 1 + 25 * 23
    assert most <= 7 * 60
    assert all(request.limit <= 4 * 60 for request in source.requests)


async def test_the_source_is_never_asked_on_the_event_loop(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    async with run(table(source)) as terminal:
        await terminal.press("pagedown", "G", "g")
    assert threading.current_thread().name not in source.threads


async def test_walking_the_whole_list_shows_every_row_once_and_in_order(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(700))
    seen: list[int] = []
    async with run(shown) as terminal:
        for _ in range(700 // 23 + 2):
            seen.extend(row.id for row in shown.visible_rows if row.id not in seen)
            await terminal.press("pagedown")
        assert shown.position == shown.total == 700
    assert seen == list(range(1, 701))


async def test_moves_that_outrun_the_pages_are_made_up_for(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    shown = table(source)
    async with run(shown) as terminal:
        source.gate = threading.Event()
        for _ in range(5):
            await terminal.pilot.press("pagedown")
        held_up = shown.cursor_key
        source.gate.set()
        await terminal.settle()
        assert held_up < 1 + 5 * 23 == shown.cursor_key


async def test_first_and_last_take_one_query_however_long_the_list(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(50_000)
    shown = table(source)
    async with run(shown) as terminal:
        source.requests.clear()
        await terminal.press("G")
        assert (shown.cursor_key, shown.position) == (50_000, 50_000)
        assert [r.direction for r in source.requests] == [Direction.LAST]
        source.requests.clear()
        await terminal.press("g")
        assert (shown.cursor_key, shown.position) == (1, 1)
        assert [r.direction for r in source.requests] == [Direction.FIRST]


async def test_the_view_moves_by_half_a_page_when_the_cursor_leaves_it(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(1000))
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 22)
        assert shown.visible_rows[0].id == 1
        await terminal.press("j")
        assert (shown.cursor_key, shown.visible_rows[0].id) == (24, 12)
        await terminal.press(*["k"] * 13)
        assert (shown.cursor_key, shown.visible_rows[0].id) == (11, 1)


async def test_the_cursor_stays_on_its_row_when_others_come_and_go(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    shown = table(source)
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 9)
        source.remove(2, 3, 5)
        shown.refresh_page()
        await terminal.settle()
        assert (shown.cursor_key, shown.position) == (10, 7)
        assert terminal.display()[7].startswith(">  Tenant 0000010")


async def test_a_row_that_vanished_hands_the_cursor_to_its_neighbour(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    shown = table(source)
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 9)
        source.remove(10, 11)
        shown.refresh_page()
        await terminal.settle()
        assert shown.cursor_key == 12


async def test_the_last_row_vanishing_hands_the_cursor_upwards(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(500)
    shown = table(source)
    async with run(shown) as terminal:
        await terminal.press("G")
        source.remove(500, 499)
        shown.refresh_page()
        await terminal.settle()
        assert (shown.cursor_key, shown.position, shown.total) == (498, 498, 498)


async def test_a_row_that_sorts_elsewhere_after_a_refresh_takes_the_cursor_along(
    run: Any, table: Any, fleet: Any
) -> None:
    source = fleet(1000)
    shown = table(source, sort=Sort("tenant"))
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 4)
        source.change(5, tenant="Tenant 0000900 and a half")
        shown.refresh_page()
        await terminal.settle()
        assert shown.cursor_key == 5
        assert 901 in [row.id for row in shown.visible_rows]


async def test_the_cursor_follows_its_row_into_another_order_and_back(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(1000), sort=Sort("tenant"))
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 29, "O")
        assert shown.sort == Sort("tenant", True)
        assert shown.cursor_key == 30
        assert "TENANT v" in terminal.display()[0]
        await terminal.press("pageup", "pagedown", "O")
        assert shown.cursor_key == 30
        assert "TENANT ^" in terminal.display()[0]


async def test_the_cursor_follows_its_row_into_a_filter_else_goes_first(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(1000))
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 9)
        shown.set_query(sort=None, filter="10")
        await terminal.settle()
        assert shown.cursor_key == 10
        shown.set_query(sort=None, filter="77")
        await terminal.settle()
        assert (shown.cursor_key, shown.position) == (77, 1)


async def test_a_row_can_be_gone_to_by_its_key(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(10_000))
    async with run(shown) as terminal:
        shown.show_key(7_777)
        await terminal.settle()
        assert shown.cursor_key == 7_777
        await terminal.press("up")
        assert shown.cursor_key == 7_776


async def test_an_overtaken_answer_is_dropped(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    shown = table(source)
    async with run(shown) as terminal:
        source.gate = threading.Event()
        for word in ("1", "2", "3", "77"):
            shown.set_query(sort=None, filter=word)
        await terminal.wait_for(lambda: source.requests[-1].filter == "2")
        source.gate.set()
        await terminal.settle()
        assert [row.id for row in shown.visible_rows][:2] == [77, 177]
        assert [r.filter for r in source.requests][-3:] == ["1", "2", "77"], "typing fast must not pile up threads"


async def test_a_source_that_promises_rows_and_brings_none_is_not_asked_for_ever(run: Any, table: Any) -> None:
    class Barren:
        asked = 0

        def fetch(self, request: PageRequest) -> PageResult[Any]:
            self.asked += 1
            return PageResult((), None, "more", total=7)

    source = Barren()
    async with run(table(source)) as terminal:
        await terminal.press("down", "down")
        assert source.asked <= 3


async def test_positions_are_known_from_the_ends_and_from_a_source_that_counts(
    run: Any, table: Any, fleet: Any
) -> None:
    for source in (fleet(5000), fleet(5000, counts_positions=True)):
        shown = table(source)
        async with run(shown) as terminal:
            await terminal.press("G", "pageup", "pageup", "pageup", "pageup")
            assert shown.position == shown.cursor_key == 5000 - 4 * 23


async def test_quitting_while_a_page_is_read_does_not_hang(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    async with run(table(source)) as terminal:
        source.gate = threading.Event()
        await terminal.pilot.press("G")
        threading.Timer(0.2, source.gate.set).start()
