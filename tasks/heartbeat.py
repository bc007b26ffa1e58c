"""Keeping hold of runs: one thread extends every lease, and learns which runs were lost or shall be cancelled.

Promise: one statement for all runs of this process. A run that does not come back is told before its next outside call. When beats do
not get through for as long as a lease lasts, each run stops by itself (`tasks.held_runs`), whatever happens here.
"""

from __future__ import annotations

from storage import leases, workers
from storage.database import Database
from tasks.held_runs import Clock, HeldRuns, Stop, steady_clock
from tasks.timing import Timing


class Heartbeat:
    """Beats for this process.

    Args:
        db: the database.
        worker_id: this process.
        held: its runs.
        timing: how often.
        clock: ours.
    """

    def __init__(
        self,
        db: Database,
        worker_id: str,
        held: HeldRuns,
        timing: Timing,
        clock: Clock = steady_clock,
    ) -> None:
        self._db = db
        self._worker_id = worker_id
        self._held = held
        self._timing = timing
        self._clock = clock
        self._beat_at = clock() - timing.beat
        self._said_alive_at = clock() - timing.beat
        self._news = False

    def hear_news(self) -> None:
        """Notes that some run changed: it may be a cancel, so the next beat comes early. The caller wakes the loop."""
        self._news = self._news or len(self._held) > 0

    def is_heard(self) -> bool:
        """Says whether the database has lately been told that this worker is alive."""
        return self._clock() - self._said_alive_at <= self._timing.beat * 4

    def step(self) -> float:
        """Beats when it is time; returns seconds until it is time again.

        Raises:
            DatabaseError: the beat did not get through.
        """
        wait = self._until_next()
        if wait > 0:
            return wait
        self._news = False
        self._beat_runs()
        if self._clock() - self._said_alive_at >= self._timing.beat * 0.9:
            workers.beat(self._db, self._worker_id, busy=len(self._held))
            self._said_alive_at = self._clock()
        return max(0.0, self._until_next())

    def _until_next(self) -> float:
        interval = self._timing.early_beat if self._news and len(self._held) else self._timing.beat
        return self._beat_at + interval - self._clock()

    def _beat_runs(self) -> None:
        runs = self._held.all()
        sent_at = self._clock()
        answer = leases.beat(self._db, [run.held for run in runs])
        self._beat_at = sent_at
        for run in runs:
            run_id = run.held.run_id
            if run_id not in answer.alive:
                run.ask_to_stop(Stop.LEASE_LOST)
                continue
            run.confirm(sent_at)
            if run_id in answer.cancel_requested:
                run.ask_to_stop(Stop.CANCELLED)
