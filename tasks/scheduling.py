"""The worker's part in schedules: firing what is due, and starting the runs of what was fired, one small transaction at a time.

Promise: every worker does it and any number of them may; what is done is guarded in storage. A round is short, so that a worker that is
told to stop does, and gives back what it was at. Between two rounds others get the database: SQLite's one write lock goes to whoever asks
at the right moment, and without a pause that is always who has just let go of it.
"""

from __future__ import annotations

from storage import schedule_firing
from storage.database import Database
from storage.schedule_firing import HeldFiring
from tasks.batches import SHORTEST_PAUSE
from tasks.counters import SCHEDULES_FIRED
from tasks.held_runs import steady_clock
from tasks.logs import Log
from tasks.timing import Timing


class Scheduling:
    """Fires and works off for this process.

    Args:
        db: the database.
        worker_id: this process.
        timing: how often it is looked.
        log: where it is written that schedules were due.
    """

    def __init__(self, db: Database, worker_id: str, timing: Timing, log: Log) -> None:
        self._db = db
        self._worker_id = worker_id
        self._timing = timing
        self._log = log
        self._held: HeldFiring | None = None

    def step(self) -> float:
        """Does one round; returns seconds until the next: while there is more to do as long as this one took, so that others get a turn.

        Raises:
            DatabaseError: the database is away; what is held is gone on with afterwards, or taken up by others.
        """
        fired = schedule_firing.fire_due(self._db)
        if fired:
            SCHEDULES_FIRED.add(count=fired)
            self._log.info("schedules_fired", count=fired)
        if self._held is None:
            self._held = schedule_firing.take(self._db, self._worker_id)
        if self._held is None:
            return self._timing.sweep
        began = steady_clock()
        if not schedule_firing.work_chunk(self._db, self._held):
            self._held = None
        return max(SHORTEST_PAUSE, steady_clock() - began)

    def give_back(self) -> None:
        """Lets others go on at once with what this worker was at. Called when its rounds have ended.

        Raises:
            DatabaseError: the database is away; the lease ends by itself.
        """
        held, self._held = self._held, None
        if held is not None:
            schedule_firing.release(self._db, held)
