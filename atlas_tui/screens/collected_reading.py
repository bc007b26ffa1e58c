"""Whoever collects for a tenant, read beside what was collected: which connection, whether it may start, how its last runs ended.

Must not know: widgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import collected, connections, tenant_detail
from storage.connections import ConnectionDetail
from storage.last_runs import LastRun
from storage.tenant_detail import CallToCreate
from storage.tenants import TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session


@dataclass(frozen=True, slots=True)
class Collector:
    """Who collects for a tenant.

    Attributes:
        connection: The connection that would; None when the tenant has none.
        call_to_create: What to do about that.
        last_runs: How the last run of each operation ended, by its type.
    """

    tenant: TenantRow
    connection: ConnectionDetail | None
    call_to_create: CallToCreate | None
    last_runs: Mapping[str, LastRun]

    @property
    def connection_id(self) -> int | None:
        """The connection's id."""
        return None if self.connection is None else self.connection.row.id


def read_collector(session: Session, tenant_id: int, connection_id: int | None = None) -> Collector:
    """Read who collects for a tenant. Blocks; not for the event loop.

    Args:
        session: Who asks.
        tenant_id: For which tenant.
        connection_id: This connection of it; its default one when None.

    Raises:
        NotFound: The tenant, or the connection, is not visible.
    """
    detail = tenant_detail.get(session.db, session.who, tenant_id)
    wanted = connection_id or (None if detail.provider is None else detail.provider.id)
    return Collector(
        detail.tenant,
        None if wanted is None else connections.get(session.db, session.who, wanted),
        detail.call_to_create,
        collected.last_runs_of(session.db, session.who, tenant_id),
    )
