"""Looking after what nobody else does: dead workers' runs, waiting runs whose time has come, pending badge counts.

Promise: every worker sweeps and any number of them may; what is done is guarded in storage, so two sweeps never do one thing twice.
"""

from __future__ import annotations

from storage import reaping, rollups
from storage.database import Database
from tasks.logs import Log
from tasks.timing import Timing


class Sweep:
    """Sweeps for this process.

    Args:
        db: the database.
        timing: how often.
        log: where it is written that runs were taken from the dead.
    """

    def __init__(self, db: Database, timing: Timing, log: Log) -> None:
        self._db = db
        self._timing = timing
        self._log = log

    def step(self) -> float:
        """Sweeps once; returns seconds until the next time.

        Raises:
            DatabaseError: the database is away.
        """
        reaped = reaping.reap(self._db)
        if reaped:
            self._log.warning("runs_reaped", count=reaped)
        reaping.promote_waiting(self._db)
        rollups.fold(self._db)
        return self._timing.sweep
