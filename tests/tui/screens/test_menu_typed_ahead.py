"""The letter that arrives together with the key of the menu, as over a slow line, is the menu's."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events


@pytest.mark.parametrize(
    ("view", "letter", "opens"), [("2", "b", "Disable connection"), ("4", "e", "Edit Contoso Ltd")]
)
async def test_a_letter_right_behind_the_menus_key_picks_from_the_menu(
    small_fleet: Any, dashboard: Any, view: str, letter: str, opens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_tui.typing_ahead._MENU_WITHIN", 60)
    async with dashboard(small_fleet) as terminal:
        await terminal.press(view)
        for key in ("x", letter):
            terminal.app.post_message(events.Key(key, key))
        await terminal.wait_for(lambda: terminal.shows(opens))


async def test_what_is_behind_a_menu_that_does_not_open_is_done_all_the_same(north: Any, dashboard: Any) -> None:
    async with dashboard(north) as terminal:
        await terminal.press("3")
        await terminal.wait_for(lambda: terminal.shows("No run"))
        for key in "x4":
            terminal.app.post_message(events.Key(key, key))
        await terminal.wait_for(lambda: terminal.shows("No tenant"))
