"""How a list looks: what it says when it has nothing to show or could not read, columns, ages, text from outside."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from atlas_tui.cells import cell, width_of
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.table_messages import (
    ListTexts,
    PageFailed,
)
from storage.errors import AtlasError, Forbidden

SIZES = [(80, 24), (160, 48)]


@pytest.mark.parametrize("size", SIZES)
async def test_every_line_is_as_wide_as_the_widget(run: Any, table: Any, fleet: Any, size: tuple[int, int]) -> None:
    shown = table(fleet(300))
    async with run(shown, size=size) as terminal:
        assert len(shown.lines) == size[1]
        assert {sum(width_of(part.text) for part in line) for line in shown.lines} == {size[0]}
        assert "Tenant 0000001" in terminal.display()[1]


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


async def test_a_failed_refresh_keeps_the_rows_and_calls_them_stale(
    run: Any, table: Any, fleet: Any, listen: Any
) -> None:
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
