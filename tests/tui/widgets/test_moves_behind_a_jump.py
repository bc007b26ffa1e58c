"""What is pressed while the end of a list is still on its way begins there, as if one had waited for it."""

from __future__ import annotations

import threading
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("G", "pageup", "pageup"), 5000 - 2 * 23),
        (("G", "k", "k", "k"), 5000 - 3),
        (("G", "k", "G"), 5000),
        (("G", "g", "j"), 2),
    ],
)
async def test_moves_made_before_the_last_page_has_come_are_made_from_the_last_row(
    run: Any, table: Any, fleet: Any, keys: tuple[str, ...], place: int
) -> None:
    source = fleet(5000)
    shown = table(source)
    async with run(shown) as terminal:
        source.gate = threading.Event()
        for key in keys:
            await terminal.pilot.press(key)
        source.gate.set()
        await terminal.settle()
        assert shown.cursor_key == place


async def test_a_row_that_is_asked_for_overtakes_a_jump(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(5000)
    shown = table(source)
    async with run(shown) as terminal:
        source.gate = threading.Event()
        await terminal.pilot.press("G")
        shown.show_key(7)
        source.gate.set()
        await terminal.settle()
        assert shown.cursor_key == 7


async def test_a_jump_that_fails_takes_the_moves_behind_it_along(run: Any, table: Any, fleet: Any) -> None:
    source = fleet(5000)
    shown = table(source)
    async with run(shown) as terminal:
        source.error = RuntimeError("gone")
        await terminal.press("G")
        source.error = None
        await terminal.press("j")
        assert shown.cursor_key == 2
