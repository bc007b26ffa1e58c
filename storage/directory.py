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
from storage.database import Database
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
    counted = directory_counts.c
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        rows = tx.run(
            select(directory_counts)
            .where(counted.tenant_id == tenant_id)
            .order_by(counted.taken_at.desc(), counted.id.desc())
            .limit(max(1, min(limit, MOST)))
        ).all()
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
        for row in rows
    )
