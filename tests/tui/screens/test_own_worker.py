"""While this dashboard's own worker starts, no screen calls it a problem that none works; later each does, without being asked."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.links import Link, View
from atlas_tui.own_worker import STARTS_WITHIN
from atlas_tui.worker_process import WorkerProcess


@pytest.mark.parametrize(
    ("view", "calm", "said"),
    [
        (View.ATTENTION, "Nothing", "no_worker_running"),
        (View.HEALTH, "The worker of this dashboard is starting", "No worker is running"),
    ],
)
async def test_a_worker_has_half_a_minute_to_start(
    north: Any, dashboard: Any, tmp_path: Path, view: View, calm: str, said: str
) -> None:
    worker = WorkerProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], tmp_path)
    async with dashboard(north, worker=worker) as terminal:
        terminal.app.navigation.go(Link(view))
        await terminal.wait_for(lambda: terminal.shows("starting worker...") and terminal.shows(calm))
        assert not terminal.shows(said)
        north.clock.advance(seconds=STARTS_WITHIN / timedelta(seconds=1))
        terminal.app.tick()
        await terminal.wait_for(lambda: terminal.shows("no worker running") and terminal.shows(said))
        assert not terminal.shows("starting")
    worker.stop()


async def test_a_worker_that_cannot_start_is_a_problem_at_once(north: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(north, worker=WorkerProcess([str(tmp_path / "none")], tmp_path)) as terminal:
        terminal.app.navigation.go(Link(View.ATTENTION))
        await terminal.wait_for(lambda: terminal.shows("no_worker_running") and terminal.shows("no worker running"))
