"""How a list behaves: the cursor and its row, pages, marks, sort and filter, what it says when it has nothing to show."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from textual.events import MouseScrollDown

from atlas_tui.cells import cell, width_of
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import Direction, PageRequest, PageResult, Sort
from atlas_tui.widgets.table_messages import (
    ListTexts,
    MarksChanged,
    PageFailed,
    PageShown,
    RangeRefused,
    RowHighlighted,
    RowOpened,
)
from atlas_tui.widgets.virtual_table import VirtualTable
from storage.errors import AtlasError, Forbidden
from storage.states import ConsentStatus

SIZES = [(80, 24), (160, 48)]


def listen(table: VirtualTable[Any], *kinds: type[Any]) -> list[Any]:
    """The messages of these kinds that a list posts from now on."""
    heard: list[Any] = []
    post = table.post_message

    def posted(message: Any) -> bool:
        if isinstance(message, kinds):
            heard.append(message)
        return post(message)

    table.post_message = posted  # type: ignore[method-assign]
    return heard


@pytest.mark.parametrize("size", SIZES)
async def test_every_line_is_as_wide_as_the_widget(run: Any, table: Any, fleet: Any, size: tuple[int, int]) -> None:
    shown = table(fleet(300))
    async with run(shown, size=size) as terminal:
        assert len(shown.lines) == size[1]
        assert {sum(width_of(part.text) for part in line) for line in shown.lines} == {size[0]}
        assert "Tenant 0000001" in terminal.display()[1]


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


async def test_marks_are_by_key_and_survive_a_refresh(run: Any, table: Any, fleet: Any) -> None:
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


async def test_a_range_goes_from_the_last_mark_to_the_cursor(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(100))
    async with run(shown) as terminal:
        refused = listen(shown, RangeRefused)
        await terminal.press("v")
        assert len(refused) == 1
        await terminal.press("down", "space", "down", "down", "v")
        assert shown.selection.keys == {2, 3, 4, 5}


async def test_a_range_that_begins_out_of_memory_is_refused_with_a_reason(run: Any, table: Any, fleet: Any) -> None:
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


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_list_says_so_and_what_to_do(run: Any, table: Any, fleet: Any, size: tuple[int, int]) -> None:
    shown = table(fleet(0), texts=ListTexts(empty="No connections.", empty_hint="N makes one."))
    async with run(shown, size=size) as terminal:
        assert "No connections." in terminal.display()[1]
        assert "N makes one." in terminal.display()[2]
        await terminal.press("down", "up", "pagedown", "pageup", "G", "g", "space", "v", "enter", "o", "O")
        assert (shown.cursor_key, shown.cursor_row, shown.position) == (None, None, None)


async def test_the_loading_text_stands_still_until_the_first_answer(run: Any, table: Any, fleet: Any) -> None:
    shown = table(None, texts=ListTexts(loading="Reading the connections"))
    async with run(shown) as terminal:
        assert "Reading the connections" in terminal.display()[1]
        terminal.bytes_written()
        await terminal.pilot.pause()
        assert terminal.bytes_written() == 0
        shown.set_source(fleet(3))
        await terminal.settle()
        assert "Tenant 0000001" in terminal.display()[1]


async def test_a_failed_refresh_keeps_the_rows_and_calls_them_stale(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(100)
    shown = table(source)
    async with run(shown) as terminal:
        heard = listen(shown, PageFailed)
        source.error = AtlasError("The database cannot be reached.", "Is the server up? ctrl+r tries again.")
        shown.refresh_page()
        await terminal.settle()
        assert shown.is_stale
        assert [message.error for message in heard] == [source.error]
        assert "Tenant 0000001" in terminal.display()[1]
        assert "STALE The database cannot be reached. Is the server up?" in terminal.display()[-1]
        await terminal.press(*["down"] * 22)
        assert "> " in "".join(line[:2] for line in terminal.display()[1:-1]), "the cursor hides behind no message"
        source.error = None
        shown.refresh_page()
        await terminal.settle()
        assert not shown.is_stale
        assert "STALE" not in "".join(terminal.display())


async def test_rows_that_may_not_be_read_any_more_leave_the_screen(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(100)
    shown = table(source)
    async with run(shown) as terminal:
        await terminal.press(*["down"] * 30)
        source.error = Forbidden("Your role may not do this.", "Ask dana (Owner).")
        shown.refresh_page()
        await terminal.settle()
        assert "Your role may not do this." in terminal.display()[1]
        assert "Tenant 00000" not in "".join(terminal.display())
        assert shown.cursor_key is None
        source.error = None
        shown.refresh_page()
        await terminal.settle()
        assert "Tenant 0000001" in terminal.display()[1]


async def test_an_unexpected_error_is_named_but_its_text_is_not_shown(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(100)
    source.error = RuntimeError("password=hunter2 [/x]")
    async with run(table(source)) as terminal:
        screen = "".join(terminal.display())
        assert "The list could not be read." in screen
        assert "RuntimeError" in screen
        assert "hunter2" not in screen


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


async def test_the_screen_hears_about_row_place_and_opening(run: Any, table: Any, fleet: Any) -> None:
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


async def test_positions_are_known_from_the_ends_and_from_a_source_that_counts(
    run: Any, table: Any, fleet: Any
) -> None:
    for source in (fleet(5000), fleet(5000, counts_positions=True)):
        shown = table(source)
        async with run(shown) as terminal:
            await terminal.press("G", "pageup", "pageup", "pageup", "pageup")
            assert shown.position == shown.cursor_key == 5000 - 4 * 23


async def test_a_click_selects_a_double_click_opens_the_wheel_scrolls(run: Any, table: Any, fleet: Any) -> None:
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


NASTY = {
    "markup": "[/x] [bold]not markup[/] [@click=app.quit]quit[/]",
    "escapes": "\x1b[31mred\x1b[2J\x1b]0;title\x07 bell\x07 \x9b31m",
    "line-breaks": "line\nbreak\ttab\rreturn\x0bfeed",
    "bidi": "\u202egnp.exe\u202c \u2066isolate\u2069 \u200fmark",
    "cjk": "日本語のテナント名 株式会社コントソ" * 3,
    "emoji": "👩‍👩‍👧‍👦 family 🇩🇪 flag ❤️ 1️⃣ 👍🏽",
    "zalgo": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "long": "x" * 10_240,
    "long-wide": "日" * 10_240,
    "surrogates": "\ud800 surrogate \ue000 private \U000e0041 tag",
    "empty": "",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
async def test_text_from_outside_cannot_hurt_the_screen(
    run: Any, table: Any, fleet: Any, name: str, size: tuple[int, int]
) -> None:
    source = fleet(30)
    source.change(2, tenant=name, reason=name)
    shown = table(source)
    async with run(shown, size=size) as terminal:
        await terminal.press("down", "up")
        assert {sum(width_of(part.text) for part in line) for line in shown.lines} == {size[0]}
        # Textual itself sets the shape of the mouse pointer (OSC 22); everything else is ours.
        sent = re.sub("\x1b]22;[a-z]+\x07", "", "".join(terminal.driver.sent))
        sent.encode()
        for forbidden in ("\x1b[2J\x1b]0", "\x1b]0;", "\x07", "\x9b", "\u202e", "\u200f", "\u200d"):
            assert forbidden not in sent
        display = terminal.display()
        assert "Tenant 0000001" in display[1]
        assert "Tenant 0000003" in display[3], "the row below is where it was"
        assert "+ granted" in display[2]


async def test_ages_are_repainted_only_when_their_word_changes(run: Any, table: Any, fleet: Any, noon: Any) -> None:
    source = fleet(10)
    for row in list(source.rows):
        source.change(row.id, checked_at=noon - timedelta(seconds=30 + 97 * row.id))
    shown = table(source)
    async with run(shown) as terminal:
        terminal.bytes_written()
        due = shown.next_age_change(noon)
        assert due is not None
        assert shown.refresh_ages(due - timedelta(milliseconds=1)) == 0
        await terminal.pilot.pause()
        assert terminal.bytes_written() == 0
        assert shown.refresh_ages(due) == 1
        await terminal.pilot.pause()
        assert 0 < terminal.bytes_written() < 300


async def test_the_row_keeps_its_place_without_reverse_while_keys_go_elsewhere(
    run: Any, table: Any, fleet: Any
) -> None:
    shown = table(fleet(10))
    async with run(shown) as terminal:
        assert all(character.reverse for character in terminal.styles()[1])
        terminal.app.set_focus(None)
        await terminal.settle()
        assert not any(character.reverse for character in terminal.styles()[1])
        assert terminal.display()[1].startswith(">")


async def test_wide_lists_show_more_columns_and_narrow_ones_drop_the_least_important(
    run: Any, table: Any, fleet: Any
) -> None:
    for width, present, absent in ((160, "REASON", "-"), (60, "VERIFICATION", "REASON"), (30, "TENANT", "LIFECYCLE")):
        async with run(table(fleet(10)), size=(width, 24)) as terminal:
            header = terminal.display()[0]
            assert present in header
            assert absent not in header


async def test_columns_can_be_changed_while_it_runs(run: Any, table: Any, fleet: Any) -> None:
    shown = table(fleet(10))
    async with run(shown) as terminal:
        shown.set_columns([Column("id", "NUMBER", lambda row, now: cell(row.id), 8, align="right")])
        await terminal.settle()
        assert terminal.display()[0].startswith("     NUMBER")
        assert terminal.display()[1].startswith(">         1 ")


async def test_quitting_while_a_page_is_read_does_not_hang(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(1000)
    async with run(table(source)) as terminal:
        source.gate = threading.Event()
        await terminal.pilot.press("G")
        threading.Timer(0.2, source.gate.set).start()


def test_every_action_exists_and_has_words() -> None:
    for action in VirtualTable.ACTIONS:
        assert callable(getattr(VirtualTable, f"action_{action.id}"))
        assert action.help
