"""What a directory sync brings home, and what it counts.

Promise: one row a run; a number that could not be counted is NULL, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, insert

from storage.database import Transaction
from storage.finishing import Published
from storage.schema import directory_counts

COUNTED: Final = ("users", "guests", "groups", "devices", "domains")
"""What is counted, in the order in which people read it; the columns of the table bear these names."""


@dataclass(frozen=True, slots=True)
class CollectedCounts:
    """Counts of one sync. Implements `storage.finishing.Collected`.

    Attributes:
        counts: what could be counted, by the names of `COUNTED`.
    """

    counts: Mapping[str, int]

    def publish(self, tx: Transaction, run: Row[Any]) -> Published:
        """Writes the counts as the run's.

        Args:
            tx: the finish's transaction.
            run: the run's row.

        Returns:
            Nothing that the run does not know already.
        """
        numbers = {what: self.counts.get(what) for what in COUNTED}
        tx.run(
            insert(directory_counts).values(
                workspace_id=run.workspace_id,
                tenant_id=run.tenant_id,
                connection_id=run.connection_id,
                run_id=run.id,
                taken_at=tx.now(),
                is_complete=all(number is not None for number in numbers.values()),
                **numbers,
            )
        )
        return Published()
