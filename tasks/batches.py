"""Bulk starts going on in a worker: the members that nobody has started yet, the rest that shall be cancelled, the end.

Promise: whoever asked for a batch may be gone; any number of workers take part and each step is guarded in storage. Between two steps
others get the database: a step takes a twentieth of a second of SQLite's one write lock, and the pause after it is as long.
"""

from __future__ import annotations

from typing import Final

from storage import batch_ending
from storage.database import Database
from tasks.held_runs import steady_clock
from tasks.timing import Timing

SHORTEST_PAUSE: Final = 0.01


class Batches:
    """Looks after open batches for this process.

    Args:
        db: the database.
        timing: how often it is looked whether there is anything to do.
    """

    def __init__(self, db: Database, timing: Timing) -> None:
        self._db = db
        self._timing = timing
        self._open: list[int] = []

    def step(self) -> float:
        """Does one step of the next open batch that has one; returns seconds until the next time.

        Raises:
            DatabaseError: the database is away.
        """
        if not self._open:
            self._open = batch_ending.open_batches(self._db)
        while self._open:
            # Taken out first: one that cannot go on, whatever the reason, must not hold up the others.
            batch_id, began = self._open.pop(0), steady_clock()
            if batch_ending.go_on(self._db, batch_id):
                # Each in its turn, so that a large one does not hold up a small one.
                self._open.append(batch_id)
                return max(SHORTEST_PAUSE, steady_clock() - began)
        return self._timing.sweep
