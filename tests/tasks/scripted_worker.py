"""A real worker whose provider does what a test wrote down: the process that tests start, kill and freeze.

A connection's script is `<stage>/<connection id>.json`, a list of actions; what the provider did is appended to `<stage>/calls`, one line a
call, so that a test sees it from another process. Run as a script it is a worker process; imported, it gives the same provider to a worker
in the test's own process.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage import configuration, operations
from storage.states import StepStatus
from storage.verification import CheckReport, ConsentFact, ReportStep
from tasks import logs
from tasks.keyring import Keyring
from tasks.opening import ProviderShelf
from tasks.providers.base import OperationResult, ProviderFailure, Reporter, RunDeferred, Target
from tasks.providers.registry import OpenProvider
from tasks.timing import Timing
from tasks.worker import open_worker, stop_on_signals, stop_with_parent

QUICK = Timing(beat=0.5, early_beat=0.1, sweep=0.1, look_anyway=0.2, progress=0.05, last_words=0.3)
EVERY_PERMISSION = frozenset(p for o in operations.CATALOG.values() for p in o.required_permissions)


class ScriptedProvider:
    """Does what the connection's script says."""

    def __init__(self, stage: Path, keyring: Keyring) -> None:
        self._stage = stage
        self._keyring = keyring
        self._tick = threading.Event()

    def check(self, target: Target, reporter: Reporter) -> CheckReport:
        """Plays the script, then reports that all is well."""
        self._play(target, reporter)
        steps = (
            ReportStep(
                "token", "Sign in", StepStatus.PASS, sentence="Signed in.", needed_by=(operations.CONNECTION_CHECK,)
            ),
        )
        for step in steps:
            reporter.end_step(step)
        return CheckReport(
            steps=steps, consent_fact=ConsentFact.ROLES_PRESENT, granted_permissions=EVERY_PERMISSION, token_passed=True
        )

    def collect_compliance(self, target: Target, reporter: Reporter) -> OperationResult:
        """Plays the script, then reports three devices."""
        self._play(target, reporter)
        extra = {arguments[0]: 1 for name, *arguments in self._script(target) if name == "count"}
        return OperationResult(summary_counts={"total": 3, "compliant": 3, **extra})

    def _play(self, target: Target, reporter: Reporter) -> None:
        self._note(target, "began")
        for name, *arguments in self._script(target):
            reporter.check_running()
            self._act(name, arguments, target, reporter)
        self._note(target, "ended")

    def _script(self, target: Target) -> list[list[Any]]:
        place = self._stage / f"{target.connection_id}.json"
        return json.loads(place.read_text()) if place.exists() else []  # type: ignore[no-any-return]

    def _act(self, name: str, arguments: list[Any], target: Target, reporter: Reporter) -> None:
        if name == "hold":  # a long operation with many safe points, until a file appears
            self._until(arguments[0], target, reporter.check_running)
        elif name == "hang":  # one outside call that does not come back until a file appears
            self._until(arguments[0], target, lambda: None)
        elif name == "step":
            reporter.begin_step(arguments[0], arguments[1])
        elif name == "progress":
            reporter.progress(arguments[0], arguments[1], arguments[2])
        elif name == "wait":
            reporter.wait(arguments[0], "throttled", "waiting for Microsoft")
        elif name == "defer" and target.deferrals < arguments[0]:
            raise RunDeferred(arguments[1], "throttled", "waiting for Microsoft")
        elif name == "die" and target.attempt <= arguments[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        elif name == "fail":
            raise ProviderFailure(arguments[0], "It did not work.", provider_code="AADSTS1", request_id="r-1")
        elif name == "raise":
            raise RuntimeError(arguments[0])
        elif name == "open":
            self._note(target, str(len(self._keyring.open(target.credentials[0]).secret)))

    def _until(self, name: str, target: Target, safe_point: Callable[[], None]) -> None:
        """Waits for the file, or for one that is for this attempt only."""
        files = (self._stage / name, self._stage / f"{name}-{target.attempt}")
        while not any(file.exists() for file in files):
            safe_point()
            self._tick.wait(0.01)

    def _note(self, target: Target, what: str) -> None:
        line = f"{target.run_id} {target.attempt} {os.getpid()} {what}\n"
        with (self._stage / "calls").open("a") as file:
            file.write(line)


def shelf_for(stage: Path) -> Callable[[configuration.Settings, Keyring], ProviderShelf]:
    """Makes a shelf whose only provider is the scripted one."""

    class Shelf(ProviderShelf):
        def __init__(self, settings: configuration.Settings, keyring: Keyring) -> None:
            super().__init__(settings, keyring)
            self._scripted = ScriptedProvider(stage, keyring)

        def open(self, name: str) -> OpenProvider:
            return OpenProvider(health_check=self._scripted, close=lambda: None, compliance=self._scripted)

    return Shelf


def main(arguments: Sequence[str] | None = None) -> int:
    """Works until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--stage", type=Path, required=True)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--grace", type=float, default=0.5)
    parser.add_argument("--long-wait", type=float, default=QUICK.long_wait)
    parser.add_argument("--real-timing", action="store_true")
    parser.add_argument("--exit-with-parent", action="store_true")
    chosen = parser.parse_args(arguments)
    logs.configure()
    timing = replace(Timing() if chosen.real_timing else QUICK, grace=chosen.grace, long_wait=chosen.long_wait)
    worker = open_worker(
        configuration.load(chosen.config), slots=chosen.slots, timing=timing, make_shelf=shelf_for(chosen.stage)
    )
    stop_on_signals(worker)
    if chosen.exit_with_parent:
        stop_with_parent(worker)
    worker.run()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
