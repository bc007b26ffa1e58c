"""The stage of one run: where an operation puts what it has read until the run ends.

Promise: what is put is in the database when the call returns, in a transaction that found the run still ours; otherwise the run stops.
While the database is away it is tried again, as every other write of a run is. Knows no provider.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from storage import inventory_staging
from storage.database import Database
from storage.inventory_staging import StagedItem
from tasks.held_runs import HeldRun, Stop
from tasks.providers.base import RunStopped

T = TypeVar("T")


class Insist(Protocol):
    """Writes until the database takes it; None when the run was lost meanwhile."""

    def __call__(self, write: Callable[[], T], /) -> T | None:
        """Writes."""


class RunStage:
    """The stage of one run. Implements `tasks.providers.base.InventoryStage`.

    Args:
        db: the database.
        run: the held run.
        insist: how the run writes.
    """

    def __init__(self, db: Database, run: HeldRun, insist: Insist) -> None:
        self._db = db
        self._run = run
        self._insist = insist

    def put(self, kind: str, items: Sequence[StagedItem]) -> None:
        """Keeps items of a kind.

        Raises:
            RunStopped: the run is not ours any more.
        """
        self._check(self._insist(lambda: inventory_staging.put(self._db, self._run.held, kind, items)))

    def discard(self, kind: str) -> None:
        """Drops what was kept of a kind.

        Raises:
            RunStopped: the run is not ours any more.
        """
        self._check(self._insist(lambda: inventory_staging.discard(self._db, self._run.held, kind)))

    def is_doubtful(self, kind: str) -> bool:
        """Says whether a listing should not be believed.

        Raises:
            RunStopped: the run is not ours any more.
        """
        doubtful = self._insist(lambda: inventory_staging.is_doubtful(self._db, self._run.held, kind))
        self._check(doubtful is not None)
        return bool(doubtful)

    def _check(self, still_ours: bool | None) -> None:
        if not still_ours:
            self._run.ask_to_stop(Stop.LEASE_LOST)
            raise RunStopped("lease_lost")
