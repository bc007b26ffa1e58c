"""The runs this process holds, and what each must know: may it go on, and if not, why.

Promise: whoever asks gets the truth as this process can know it. A run whose lease was not confirmed for as long as a lease lasts counts
as lost by our own clock, whatever the database may say later. Knows neither the database nor what a run does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from storage.leases import Held

Clock = Callable[[], float]


def steady_clock() -> float:
    """Returns seconds that pass also while the process is frozen, and on Linux while the machine sleeps."""
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Stop(IntEnum):
    """Why a run must stop; the higher one wins."""

    WORKER_STOPS = 1
    CANCELLED = 2
    LEASE_LOST = 3


class HeldRun:
    """One run in work.

    Args:
        held: the proof.
        confirmed_at: our clock just before the claim was sent; the lease cannot end sooner than its length after that.
        lease: seconds.
        clock: ours.
    """

    def __init__(self, held: Held, confirmed_at: float, lease: float, clock: Clock = steady_clock) -> None:
        self.held: Final = held
        self._lease = lease
        self._clock = clock
        self._confirmed_at = confirmed_at
        self._stop: Stop | None = None
        self._stop_by: float | None = None
        self._changed = threading.Condition()

    @property
    def confirmed_at(self) -> float:
        """Our clock just before the last beat that the database confirmed was sent."""
        return self._confirmed_at

    def confirm(self, sent_at: float) -> None:
        """Notes that a beat sent at this time was confirmed."""
        self._confirmed_at = max(self._confirmed_at, sent_at)

    def ask_to_stop(self, why: Stop) -> None:
        """Tells the run to stop at its next safe point; waits end at once."""
        with self._changed:
            self._stop = why if self._stop is None else max(self._stop, why)
            self._changed.notify_all()

    def finish_by(self, moment: float) -> None:
        """Tells the run that the worker will stop at this moment; a wait that cannot end before it ends at once."""
        with self._changed:
            self._stop_by = moment
            self._changed.notify_all()

    def why_stop(self) -> Stop | None:
        """Returns why the run must stop now, or None when it may go on."""
        now = self._clock()
        if now - self._confirmed_at >= self._lease:
            return Stop.LEASE_LOST
        if self._stop is None and self._stop_by is not None and now >= self._stop_by:
            return Stop.WORKER_STOPS
        return self._stop

    def wait(self, seconds: float) -> Stop | None:
        """Waits, but not longer than the run may go on. Returns why it must stop, or None when the time has passed."""
        until = self._clock() + seconds
        with self._changed:
            while True:
                why = self.why_stop()
                if why is None and self._stop_by is not None and until > self._stop_by:
                    why = Stop.WORKER_STOPS
                    self._stop = why
                now = self._clock()
                if why is not None or now >= until:
                    return why
                self._changed.wait(min(until - now, self._confirmed_at + self._lease - now))


class HeldRuns:
    """All runs in work in this process. Thread-safe."""

    def __init__(self) -> None:
        self._runs: dict[int, HeldRun] = {}
        self._changed = threading.Condition()
        self._stop_by: float | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: HeldRun) -> None:
        """Takes a run in."""
        with self._changed:
            self._runs[run.held.run_id] = run
            if self._stop_by is not None:
                run.finish_by(self._stop_by)

    def remove(self, run: HeldRun) -> None:
        """Lets a run go."""
        with self._changed:
            if self._runs.get(run.held.run_id) is run:
                del self._runs[run.held.run_id]
            self._changed.notify_all()

    def all(self) -> list[HeldRun]:
        """Returns the runs held at this moment."""
        with self._changed:
            return list(self._runs.values())

    def finish_by(self, moment: float) -> None:
        """Tells every run, and every one still to come, that the worker stops at this moment."""
        with self._changed:
            self._stop_by = moment
            for run in self._runs.values():
                run.finish_by(moment)

    def wait_until_none(self, seconds: float) -> bool:
        """Waits until no run is held, at most so long. Returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs, max(0.0, seconds))
