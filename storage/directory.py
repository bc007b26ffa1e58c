"""What tenants' directories hold: users, guests, groups, devices, domains, sync by sync.

Promise: newest first; a number that could not be counted is None, never zero. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from storage import tenants as tenant_reads
from storage.access import Principal
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.schema import directory_counts

MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class DirectoryCounts:
    """What one sync counted.

    Attributes:
        is_complete: every number could be counted.
    """

    run_id: int
    connection_id: int
    taken_at: datetime
    is_complete: bool
    users: int | None
    guests: int | None
    groups: int | None
    devices: int | None
    domains: int | None


def history(db: Database, who: Principal, tenant_id: int, *, limit: int = 100) -> tuple[DirectoryCounts, ...]:
    """Returns what syncs of a tenant counted, newest first.

    Args:
        db: the database.
        who: who asks.
        tenant_id: which tenant.
        limit: syncs at most.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return history_in(tx, tenant_id, limit=limit)


def history_in(
    tx: Transaction, tenant_id: int, connection_id: int | None = None, *, limit: int
) -> tuple[DirectoryCounts, ...]:
    """Does what `history` does, for a caller that has asked for authority.

    Args:
        tx: an open transaction.
        tenant_id: which tenant.
        connection_id: only what this connection counted.
        limit: syncs at most.
    """
    counted = directory_counts.c
    statement = select(directory_counts).where(counted.tenant_id == tenant_id)
    if connection_id is not None:
        statement = statement.where(counted.connection_id == connection_id)
    newest = statement.order_by(counted.taken_at.desc(), counted.id.desc())
    return tuple(
        DirectoryCounts(
            row.run_id,
            row.connection_id,
            row.taken_at,
            row.is_complete,
            row.users,
            row.guests,
            row.groups,
            row.devices,
            row.domains,
        )
        for row in tx.run(newest.limit(max(1, min(limit, MOST)))).all()
    )
