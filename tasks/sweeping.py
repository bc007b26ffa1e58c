"""Looking after what nobody else does: dead workers' runs, waiting runs whose time has come, pending badge counts, due purges,
what ended syncs left staged, notifications that nobody needs any more, acknowledgements of what is solved or over,
the key this worker is shown with.

Promise: every worker sweeps and any number of them may; what is done is guarded in storage, so two sweeps never do one thing twice.
"""

from __future__ import annotations

from typing import Final

from storage import acknowledgement_sweep, inventory_staging, notifications, purging, reaping, rollups
from storage.database import Database
from tasks.counters import LEASES_REAPED
from tasks.held_runs import steady_clock
from tasks.key_watch import KeyWatch
from tasks.logs import Log
from tasks.timing import Timing

PURGE_EVERY: Final = 60.0
"""Seconds between looks for offboarded tenants whose purge is due; while there is something to delete, every sweep goes on."""


STAGING_EVERY: Final = 30.0
"""Seconds between looks for what ended inventory syncs have staged; while there is something to delete, every sweep goes on."""


NOTIFICATIONS_EVERY: Final = 3600.0
"""Seconds between looks for notifications that are old enough to go; while there is something to delete, every sweep goes on."""


ACKNOWLEDGEMENTS_EVERY: Final = 10.0
"""Seconds between looks whether acknowledged problems are solved; while there are more to look at, every sweep goes on."""


class Sweep:
    """Sweeps for this process.

    Args:
        db: the database.
        timing: how often.
        log: where it is written that runs were taken from the dead.
        key_watch: tells which key this process opens credentials with; None where it opens none.
    """

    def __init__(self, db: Database, timing: Timing, log: Log, key_watch: KeyWatch | None = None) -> None:
        self._db = db
        self._timing = timing
        self._log = log
        self._key_watch = key_watch
        self._purge_at = self._staging_at = self._notifications_at = self._acknowledgements_at = steady_clock()
        self._acknowledgement_id = 0

    def step(self) -> float:
        """Sweeps once; returns seconds until the next time.

        Raises:
            DatabaseError: the database is away.
        """
        reaped = reaping.reap(self._db)
        if reaped:
            LEASES_REAPED.add(count=reaped)
            self._log.warning("runs_reaped", count=reaped)
        reaping.promote_waiting(self._db)
        rollups.fold(self._db)
        self._purge()
        self._sweep_staging()
        self._prune_notifications()
        self._end_acknowledgements()
        if self._key_watch is not None:
            self._key_watch.step()
        return self._timing.sweep

    def _purge(self) -> None:
        if steady_clock() < self._purge_at:
            return
        purged = purging.purge_due(self._db)
        if purged.tenants:
            self._log.info("tenants_purged", count=len(purged.tenants))
        self._purge_at = steady_clock() + (0.0 if purged.rows else PURGE_EVERY)

    def _sweep_staging(self) -> None:
        if steady_clock() < self._staging_at:
            return
        deleted = inventory_staging.sweep(self._db)
        self._staging_at = steady_clock() + (0.0 if deleted else STAGING_EVERY)

    def _prune_notifications(self) -> None:
        if steady_clock() < self._notifications_at:
            return
        deleted = notifications.prune(self._db)
        self._notifications_at = steady_clock() + (0.0 if deleted else NOTIFICATIONS_EVERY)

    def _end_acknowledgements(self) -> None:
        if steady_clock() < self._acknowledgements_at:
            return
        self._acknowledgement_id = acknowledgement_sweep.sweep(self._db, self._acknowledgement_id).last_id
        self._acknowledgements_at = steady_clock() + (0.0 if self._acknowledgement_id else ACKNOWLEDGEMENTS_EVERY)
