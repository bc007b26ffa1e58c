"""From run rows to threads: takes runs that are ready, for free threads only, and gives the queue a hint about each.

Promise: the run's row is the queue of record; a hint is a number and may be lost. Ready runs are looked for when the change feed says
that runs changed, when a thread becomes free, and once in a while without news, because a run's time can come without a write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from storage import dispatching
from storage.database import Database
from storage.feed import ChangeFeed
from storage.states import Topic
from tasks.held_runs import Clock, steady_clock
from tasks.logs import Log
from tasks.timing import Timing


class Slots:
    """How many threads are free: not working on a run, and with no hint on its way to them. Thread-safe.

    Args:
        total: threads there are.
        hint_seconds: how long a hint counts as being on its way; one that is lost blocks no thread for longer.
        clock: ours.
    """

    def __init__(self, total: int, hint_seconds: float, clock: Clock = steady_clock) -> None:
        self.total = total
        self._hint_seconds = hint_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._hinted: dict[int, float] = {}
        self._busy = 0

    def hint(self, run_id: int) -> None:
        """Notes that a hint was given."""
        with self._lock:
            self._hinted[run_id] = self._clock()

    def begin(self, run_id: int) -> None:
        """Notes that a thread took a hint."""
        with self._lock:
            self._hinted.pop(run_id, None)
            self._busy += 1

    def end(self) -> None:
        """Notes that a thread is free again."""
        with self._lock:
            self._busy -= 1

    def free(self) -> int:
        """Returns how many threads could begin a run now."""
        with self._lock:
            oldest = self._clock() - self._hint_seconds
            self._hinted = {run: at for run, at in self._hinted.items() if at > oldest}
            return self.total - self._busy - len(self._hinted)


class Dispatcher:
    """Takes ready runs for this process.

    Args:
        db: the database.
        worker_id: this process.
        slots: its threads.
        give_hint: puts a run's number into the queue.
        on_runs_changed: told when the change feed says that runs changed.
        timing: how often.
        log: where trouble with the queue is written.
        clock: ours.
    """

    def __init__(
        self,
        db: Database,
        worker_id: str,
        slots: Slots,
        give_hint: Callable[[int], None],
        on_runs_changed: Callable[[], None],
        timing: Timing,
        log: Log,
        clock: Clock = steady_clock,
    ) -> None:
        self._db = db
        self._worker_id = worker_id
        self._slots = slots
        self._give_hint = give_hint
        self._on_runs_changed = on_runs_changed
        self._timing = timing
        self._log = log
        self._clock = clock
        self._feed = ChangeFeed(db)
        self._look = True
        self._looked_at = clock()

    def look_soon(self) -> None:
        """Notes that a thread became free. The caller wakes the loop."""
        self._look = True

    def step(self) -> float:
        """Asks the feed, takes what is ready, and returns seconds until it should be asked again.

        Raises:
            DatabaseError: the database is away; nothing is forgotten.
        """
        if Topic.RUNS in self._feed.poll():
            self._look = True
            self._on_runs_changed()
        now = self._clock()
        if self._look or now - self._looked_at >= self._timing.look_anyway:
            free = self._slots.free()
            self._look = False
            try:
                ready = dispatching.dispatch(self._db, self._worker_id, free)
            except BaseException:
                self._look = True
                raise
            self._looked_at = now
            for run_id in ready:
                self._hint(run_id)
        return self._timing.feed

    def _hint(self, run_id: int) -> None:
        self._slots.hint(run_id)
        try:
            self._give_hint(run_id)
        except Exception as error:  # whatever the queue's storage raises: the run is dispatched again in five seconds
            self._log.failure("hint_lost", error, run=run_id)

    def close(self) -> None:
        """Gives the feed's connection back. Call when the loop has ended."""
        self._feed.close()
