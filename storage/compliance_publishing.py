"""Publishing a compliance snapshot: device counts become a row, in the transaction that ends the run.

Promise: numbers only: no device, no user, no name comes this far. A snapshot that is not whole, or that is suddenly empty, is kept as
incomplete, so that no trend and no difference is ever drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, insert, select

from storage.database import Transaction
from storage.failures import failure
from storage.finishing import Published
from storage.schema import compliance_snapshots

STATES: Final = (
    "compliant",
    "noncompliant",
    "unknown",
    "in_grace_period",
    "conflict",
    "error",
    "config_manager",
    "other",
)
"""Every state a device is counted under, in the order people read them; `other` is whatever Microsoft calls by a name not known here."""

PLATFORMS: Final = ("windows", "macos", "ios", "android", "linux", "chromeos", "other")
"""Every platform a device is counted under, in the order people read them."""

SUSPICIOUS_FROM: Final = 10
"""A tenant that had this many devices and now has none is not believed until it says so a second time."""


@dataclass(frozen=True, slots=True)
class CollectedSnapshot:
    """What a compliance snapshot brings home. Implements `storage.finishing.Collected`.

    Attributes:
        by_platform: devices by platform and state; only names of `PLATFORMS` and `STATES`, only numbers above zero.
        is_complete: every page was read, and every device had a state.
    """

    by_platform: Mapping[str, Mapping[str, int]]
    is_complete: bool

    @property
    def counts(self) -> dict[str, int]:
        """Devices by state, every state named."""
        return {state: sum(found.get(state, 0) for found in self.by_platform.values()) for state in STATES}

    @property
    def total(self) -> int:
        """All devices."""
        return sum(self.counts.values())

    @property
    def summary_counts(self) -> dict[str, int]:
        """The run's summary counts."""
        return {"total": self.total, **self.counts}

    def publish(self, tx: Transaction, run: Row[Any]) -> Published:
        """Writes the snapshot.

        Args:
            tx: the finish's transaction.
            run: the run's row.

        Returns:
            `suspicious_empty` when there are suddenly no devices; the snapshot is kept as incomplete then.
        """
        suspicious = self.is_complete and self.total == 0 and _is_sudden(tx, run)
        tx.run(
            insert(compliance_snapshots).values(
                workspace_id=run.workspace_id,
                tenant_id=run.tenant_id,
                connection_id=run.connection_id,
                run_id=run.id,
                taken_at=tx.now(),
                is_complete=self.is_complete and not suspicious,
                total=self.total,
                counts=self.counts,
                by_platform={platform: dict(found) for platform, found in self.by_platform.items()},
            )
        )
        return Published(failures=(failure("suspicious_empty"),)) if suspicious else Published()


def _is_sudden(tx: Transaction, run: Row[Any]) -> bool:
    """The last whole snapshot held many devices, and the last one of all was not empty already."""
    s = compliance_snapshots.c
    newest = select(s.total).where(s.tenant_id == run.tenant_id).order_by(s.taken_at.desc(), s.id.desc()).limit(1)
    believed = tx.run(newest.where(s.is_complete)).scalar_one_or_none() or 0
    return believed >= SUSPICIOUS_FROM and tx.run(newest).scalar_one() > 0
