"""How a running operation tells what it does, and learns that it must stop.

Promise: telling is cheap: what an operation says is kept here and written by another thread, a few times a second at most, so an
operation never waits for the database. Stopping is learned before every outside call and in the middle of a wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from storage import leases
from storage.database import Database
from storage.leases import StepProgress
from storage.states import StepStatus
from storage.verification import ReportStep
from tasks.held_runs import Clock, HeldRun, Stop, steady_clock
from tasks.loops import Loop
from tasks.providers.base import RunDeferred, RunStopped


def utc_now() -> datetime:
    """Returns our own clock's time, for times that people read; the database's clock decides everything else."""
    return datetime.now(UTC)


@dataclass
class _Said:
    """What the operation has said, as far as it is to be shown."""

    done: int | None = None
    total: int | None = None
    phase: str | None = None
    waiting_until: datetime | None = None
    steps: dict[str, StepProgress] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)


class RunReporter:
    """The reporter of one run. Implements `tasks.providers.base.Reporter`.

    Args:
        db: the database.
        run: the held run.
        writer: has what was said written soon.
        long_wait: seconds; a longer wait gives the thread back.
        now: the time people read.
    """

    def __init__(
        self,
        db: Database,
        run: HeldRun,
        writer: ProgressWriter,
        *,
        long_wait: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._db = db
        self._run = run
        self._writer = writer
        self._long_wait = long_wait
        self._now = now
        self._said = _Said()
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def check_running(self) -> None:
        """Raises `RunStopped` when the run may not go on."""
        why = self._run.why_stop()
        if why is not None:
            raise RunStopped(why.name.lower())

    def begin_step(self, key: str, label: str) -> None:
        """Shows that a step has begun."""
        with self._lock:
            self._put(StepProgress(key, self._position(key), label, StepStatus.RUNNING, self._now()))
            self._said.phase = label
        self._writer.soon(self)

    def end_step(self, step: ReportStep) -> None:
        """Shows how a step ended."""
        with self._lock:
            begun = self._said.steps.get(step.key)
            now = self._now()
            started_at = step.started_at or (begun.started_at if begun else now)
            self._put(
                StepProgress(
                    step.key,
                    self._position(step.key),
                    step.label,
                    step.status,
                    started_at,
                    now,
                    step.reason_code,
                    step.sentence,
                )
            )
        self._writer.soon(self)

    def progress(self, done: int, total: int | None, phase: str) -> None:
        """Shows how far the operation is."""
        with self._lock:
            self._said.done, self._said.total, self._said.phase = done, total, phase
        self._writer.soon(self)

    def wait(self, seconds: float, reason_code: str, phase: str) -> None:
        """Waits, showing until when.

        Raises:
            RunStopped: the run must stop.
            RunDeferred: the wait is too long to hold a thread.
        """
        self.check_running()
        if seconds > self._long_wait:
            raise RunDeferred(seconds, reason_code, phase)
        with self._lock:
            before = self._said.phase
            self._said.phase = phase
            self._said.waiting_until = self._now() + timedelta(seconds=max(0.0, seconds))
        self._writer.soon(self)
        why = self._run.wait(max(0.0, seconds))
        with self._lock:
            self._said.phase, self._said.waiting_until = before, None
        self._writer.soon(self)
        if why is not None:
            raise RunStopped(why.name.lower())

    def end_open_steps(self, reason_code: str) -> None:
        """Marks steps that began and will not end, because the run ends before they do."""
        with self._lock:
            for step in list(self._said.steps.values()):
                if step.status is StepStatus.RUNNING:
                    self._put(replace(step, status=StepStatus.SKIP, ended_at=self._now(), reason_code=reason_code))

    def write(self) -> None:
        """Writes what was said and is not written yet.

        Raises:
            DatabaseError: nothing was written; it is kept for the next time.
        """
        with self._writing:
            with self._lock:
                said = replace(self._said, unwritten=set())
                steps = [
                    said.steps[key] for key in sorted(self._said.unwritten, key=lambda key: said.steps[key].position)
                ]
                self._said.unwritten.clear()
            try:
                still_held = leases.report_progress(
                    self._db,
                    self._run.held,
                    done=said.done,
                    total=said.total,
                    phase=said.phase,
                    waiting_until=said.waiting_until,
                    steps=steps,
                )
            except BaseException:
                with self._lock:
                    self._said.unwritten.update(step.key for step in steps)
                raise
        if not still_held:
            self._run.ask_to_stop(Stop.LEASE_LOST)

    def close(self) -> None:
        """Has nothing more written: the run has left this worker's hands."""
        self._writer.forget(self)

    def _position(self, key: str) -> int:
        known = self._said.steps.get(key)
        return known.position if known else len(self._said.steps)

    def _put(self, step: StepProgress) -> None:
        self._said.steps[step.key] = step
        self._said.unwritten.add(step.key)


class ProgressWriter:
    """Writes what reporters were told, each at most once per interval: at once when it was quiet, else when the interval is over.

    Args:
        interval: seconds between two writes of one run.
        make_loop: makes the thread around `step`.
        clock: ours.
    """

    def __init__(
        self, interval: float, make_loop: Callable[[Callable[[], float]], Loop], clock: Clock = steady_clock
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[RunReporter, float] = {}
        self._written: dict[RunReporter, float] = {}
        self.loop = make_loop(self.step)

    def soon(self, reporter: RunReporter) -> None:
        """Has a reporter written as soon as its interval allows."""
        with self._lock:
            if reporter in self._due:
                return
            earliest = self._written.get(reporter, -self._interval) + self._interval
            self._due[reporter] = max(self._clock(), earliest)
        self.loop.wake()

    def forget(self, reporter: RunReporter) -> None:
        """Drops a reporter."""
        with self._lock:
            self._due.pop(reporter, None)
            self._written.pop(reporter, None)

    def step(self) -> float:
        """Writes what is due; returns seconds until the next is.

        Raises:
            DatabaseError: what was not written stays due.
        """
        with self._lock:
            now = self._clock()
            ready = [reporter for reporter, due in self._due.items() if due <= now]
        for reporter in ready:
            with self._lock:
                if self._due.pop(reporter, None) is None:
                    continue
                self._written[reporter] = self._clock()
            try:
                reporter.write()
            except BaseException:
                with self._lock:
                    self._due[reporter] = self._clock()
                raise
        with self._lock:
            return max(0.0, min(self._due.values(), default=now + 60.0) - self._clock())
