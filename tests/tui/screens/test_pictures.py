"""Few pictures of whole screens, with a clock that stands still; what matters on them is asserted as text in the tests beside this."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.app import AtlasApp
from atlas_tui.threads import Asks
from atlas_tui.widgets.virtual_table import VirtualTable

_NAMES = {"]": "right_square_bracket"}


@pytest.fixture
def pictured(small_fleet: Any) -> Any:
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Fabrikam GmbH"]), ("Token", "secret_expired"))
    return small_fleet


@pytest.mark.parametrize(
    ("size", "keys"),
    [
        pytest.param((80, 24), (), id="attention-80x24"),
        pytest.param((80, 24), ("2",), id="connections-80x24"),
        pytest.param((160, 48), ("2", "j"), id="connections-160x48"),
        pytest.param((80, 24), ("2", "j", "enter", "]"), id="connection-80x24"),
        pytest.param((80, 24), ("3", "enter"), id="run-80x24"),
        pytest.param((80, 24), ("2", "j", "e"), id="connection-form-80x24"),
    ],
)
def test_the_screen_looks_as_it_did(
    pictured: Any, snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = AtlasApp(lambda: pictured.session(), clock=pictured.clock, theme_name="atlas-dark")

    async def look(pilot: Any) -> None:
        async def settle() -> None:
            for _ in range(3):
                await pilot.pause()
                while not app.is_open or app.seen is None or any(is_busy(app)):
                    await pilot.pause(0.01)

        await settle()
        for key in keys:
            await pilot.press(_NAMES.get(key, key))
            await settle()
        app.clear_notice()
        await settle()

    assert snap_compare(app, terminal_size=size, run_before=look)


def is_busy(app: AtlasApp) -> list[bool]:
    asking = [screen.is_asking for screen in (app, *app.screen_stack) if isinstance(screen, Asks)]
    return asking + [table.is_busy for screen in app.screen_stack for table in screen.query(VirtualTable)]
