"""The worker that goes with a dashboard: started, stopped, ended with it, and replaced when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import launch
from atlas_tui.app import TICK_SECONDS, AtlasApp
from atlas_tui.worker_process import MOST_RESTARTS, WorkerProcess, worker_command
from storage.errors import AtlasError

FAKE_WORKER = """
import os, signal, sys
def stop(*_):
    print("stopping", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("hello", flush=True)
sys.stdin.buffer.read()
print("parent is gone", flush=True)
"""


def wait_for(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def fake_worker(tmp_path: Path, source: str = FAKE_WORKER) -> WorkerProcess:
    worker = WorkerProcess([sys.executable, "-c", source], tmp_path / "state")
    worker.start()
    wait_for(lambda: "hello" in worker.log_file.read_text())
    return worker


def test_the_command_line_of_the_worker_is_the_contract() -> None:
    command = worker_command(Path("/etc/atlas.toml"))
    assert command[1:] == ["-m", "tasks", "worker", "--config", "/etc/atlas.toml", "--exit-with-parent"]
    assert worker_command(None)[1:] == ["-m", "tasks", "worker", "--exit-with-parent"]


def test_the_worker_is_asked_to_stop_and_writes_to_a_private_log(tmp_path: Path) -> None:
    worker = fake_worker(tmp_path)
    assert worker.log_file.stat().st_mode & 0o777 == 0o600
    assert os.getsid(worker.pid or 0) == worker.pid
    assert worker.stop()
    assert "stopping" in worker.log_file.read_text()


def test_a_worker_that_does_not_stop_is_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('hello', flush=True)\n"
        "while True: time.sleep(1)"
    )
    worker = fake_worker(tmp_path, stubborn)
    pid = worker.pid
    assert pid is not None
    assert not worker.stop(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_worker_ends_when_the_dashboard_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
                import time
                from pathlib import Path
                import sys
                from atlas_tui.worker_process import WorkerProcess
                worker = WorkerProcess([sys.executable, "-c", {FAKE_WORKER!r}], Path({str(tmp_path)!r}))
                worker.start()
                print(worker.pid, flush=True)
                time.sleep(1000)
                """
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    log = tmp_path / "worker.log"
    wait_for(lambda: "hello" in log.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: "parent is gone" in log.read_text())
    assert pid


def test_a_worker_that_cannot_be_started_is_told_in_words(tmp_path: Path) -> None:
    worker = WorkerProcess([str(tmp_path / "no-such-program")], tmp_path)
    with pytest.raises(AtlasError, match="The worker could not be started"):
        worker.start_or_explain()


async def test_a_worker_that_ended_by_itself_is_said_on_line_one(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    small_fleet.clock.advance(minutes=1)
    worker = WorkerProcess([sys.executable, "-c", "raise SystemExit(8)"], tmp_path)
    async with dashboard(small_fleet, worker=worker) as terminal:
        await terminal.wait_for(lambda: worker.exit_code() is not None)
        terminal.app.tick()
        await terminal.wait_for(lambda: terminal.shows("worker stopped (8)"))
    worker.stop()


async def test_that_it_ended_is_noticed_by_itself(
    small_fleet: Any, dashboard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tests say themselves when time has passed; here it passes, twenty times as fast."""
    set_interval = AtlasApp.set_interval

    def sooner(self: AtlasApp, seconds: float, call: Any = None, **named: Any) -> Any:
        return set_interval(self, 0.25 if call == self.tick else seconds, call, **named)

    monkeypatch.setattr(AtlasApp, "set_interval", sooner)
    small_fleet.clock.advance(minutes=1)
    release = tmp_path / "release"
    waiting = f"import os, time\nwhile not os.path.exists({str(release)!r}): time.sleep(0.01)\nraise SystemExit(8)"
    worker = WorkerProcess([sys.executable, "-c", waiting], tmp_path)
    async with dashboard(small_fleet, worker=worker) as terminal:
        assert not terminal.shows("worker stopped")
        release.touch()
        await terminal.wait_for(lambda: terminal.shows("worker stopped (8)"))
    worker.stop()
    assert TICK_SECONDS <= 5


async def test_a_worker_that_was_killed_is_replaced_a_few_times(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    worker = WorkerProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], tmp_path)
    async with dashboard(small_fleet, worker=worker) as terminal:
        for _ in range(MOST_RESTARTS):
            await terminal.wait_for(lambda: worker.pid is not None and worker.exit_code() is None)
            killed = worker.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await terminal.wait_for(lambda: worker.exit_code() == -signal.SIGKILL)
            terminal.app.tick()
            await terminal.wait_for(lambda killed=killed: worker.pid not in (None, killed))
            await terminal.wait_for(lambda: terminal.shows("another one was started"))
        os.kill(worker.pid or 0, signal.SIGKILL)
        await terminal.wait_for(lambda: worker.exit_code() == -signal.SIGKILL)
        assert not worker.may_start_again()
    worker.stop()


def test_stopping_says_what_ends_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launch.stop_worker(fake_worker(tmp_path))
    assert "stopping worker... (schedules end with it)" in capsys.readouterr().err
