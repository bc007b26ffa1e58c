"""Few pictures of whole screens, with a clock that stands still; what matters on them is asserted as text in the tests beside this."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.app import AtlasApp

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
    pictured: Any, watched: Any, snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = AtlasApp(lambda: pictured.session(), clock=pictured.clock, theme_name="atlas-dark")
    terminal_of = watched(app)

    async def look(pilot: Any) -> None:
        terminal = terminal_of(pilot, size)
        await terminal.wait_for(lambda: app.is_open and app.seen is not None)
        await terminal.settle()
        await terminal.press(*(_NAMES.get(key, key) for key in keys))
        app.clear_notice()
        await terminal.settle()

    assert snap_compare(app, terminal_size=size, run_before=look)
