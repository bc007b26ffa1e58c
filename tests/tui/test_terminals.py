"""What the tests of the dashboard look through: it shows what a terminal shows, and it is quiet only when nothing is to come."""

from __future__ import annotations

from typing import Any

import pyte
import pytest
from terminals import QuickScreen


@pytest.mark.parametrize(
    "sent",
    [
        "plain \x1b[31mred\x1b[0m\x1b[3;70Hover the edge of the line, and on",
        "\x1b[2;5H日本語 e\u0301 \u202e\x1b[7mreverse\x1b[Hover it",
        "\x1b[4hinserted\x1b[H12\x1b[4lreplaced",
        "\x1b(0lqqk\x1b(B and back\r\n\x0e\x0f\ttab",
    ],
)
def test_the_quick_screen_is_what_pyte_shows(sent: str) -> None:
    screens = pyte.Screen(80, 4), QuickScreen(80, 4)
    for screen in screens:
        pyte.Stream(screen).feed(sent)
    known, quick = screens
    assert quick.display == known.display
    assert (quick.cursor.x, quick.cursor.y) == (known.cursor.x, known.cursor.y)
    for line in range(4):
        assert [quick.buffer[line][column] for column in range(80)] == [
            known.buffer[line][column] for column in range(80)
        ]


async def test_what_the_feed_has_to_tell_is_on_the_screen_when_it_is_quiet(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        for status, word in (("degraded", "! degraded"), ("blocked", "x blocked"), ("healthy", "+ healthy")):
            small_fleet.set(small_fleet.connection["Contoso Ltd"], verification_status=status)
            await terminal.settle()
            assert word in next(line for line in terminal.display() if "Contoso" in line)
