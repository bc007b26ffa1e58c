"""What operations collected of a tenant, or through one of its connections, at a glance: for the pages that lead on to each of them.

Promise: read at one moment, in a few bounded questions. What a tenant's connections collected is told of the tenant; what is told of one
connection is its own alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from storage import compliance, directory, inventory_difference, last_runs, roles
from storage import tenants as tenant_reads
from storage.access import Principal
from storage.capabilities import Capability
from storage.compliance import Compliance, TrendPoint
from storage.database import Database, Transaction
from storage.directory import DirectoryCounts
from storage.inventory_difference import InventoryChanges
from storage.last_runs import LastRun
from storage.roles import LatestRoles
from storage.schema import inventory_items, provider_connections
from storage.states import Provider

MOST_COUNTED: Final = 10_000
"""Items are counted up to here."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was collected.

    Attributes:
        connection_id: the connection it is told of; None when it is the whole tenant.
        items: inventory items that are there, counted up to `MOST_COUNTED`.
        inventory: what the last sync found changed, of the connection or else of the tenant's default one; None without a connection.
        compliance: devices now, before, and a newer count that is not whole.
        points: the trend of the last two weeks, of the tenant.
        roles: the last reports of administrator roles.
        directory: the last two counts, newest first.
        last_runs: the last run of each operation, by its type.
    """

    tenant_id: int
    connection_id: int | None
    items: int
    inventory: InventoryChanges | None
    compliance: Compliance
    points: tuple[TrendPoint, ...]
    roles: LatestRoles
    directory: tuple[DirectoryCounts, ...]
    last_runs: Mapping[str, LastRun]


def summary(db: Database, who: Principal, tenant_id: int, connection_id: int | None = None) -> Summary:
    """Returns what was collected of a tenant.

    Args:
        db: the database.
        who: who asks.
        tenant_id: which tenant.
        connection_id: only what was collected through this connection of it.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return Summary(
            tenant_id,
            connection_id,
            _items(tx, tenant_id, connection_id),
            _changes(tx, tenant_id, connection_id),
            compliance.latest_in(tx, tenant_id, connection_id),
            compliance.points_in(tx, [tenant_id])[tenant_id],
            roles.latest_in(tx, tenant_id, connection_id),
            directory.history_in(tx, tenant_id, connection_id, limit=2),
            last_runs.of_tenant(tx, tenant_id, connection_id),
        )


def last_runs_of(db: Database, who: Principal, tenant_id: int) -> Mapping[str, LastRun]:
    """Returns the last run of each operation on a tenant, by its type.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return last_runs.of_tenant(tx, tenant_id)


def _items(tx: Transaction, tenant_id: int, connection_id: int | None) -> int:
    item = inventory_items.c
    some = select(item.id).where(item.tenant_id == tenant_id, item.removed_at.is_(None))
    if connection_id is not None:
        some = some.where(item.connection_id == connection_id)
    return int(tx.run(select(func.count()).select_from(some.limit(MOST_COUNTED).subquery())).scalar_one())


def _changes(tx: Transaction, tenant_id: int, connection_id: int | None) -> InventoryChanges | None:
    pc = provider_connections.c
    one = select(pc.id, pc.workspace_id, pc.tenant_id).where(pc.tenant_id == tenant_id)
    if connection_id is None:
        home = tx.run(one.where(pc.is_default, pc.provider == Provider.MICROSOFT.value)).first()
    else:
        home = tx.run(one.where(pc.id == connection_id)).first()
    return None if home is None else inventory_difference.counts_in(tx, home)
