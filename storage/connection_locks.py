"""What every change of a connection begins and ends with: the lock, the authority, the line in the trail.

Promise: locks of several connections of one tenant are taken in the order of their ids, before any run's; who may not see the connection
reads that it does not exist. Must not know what the change is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Transaction
from storage.errors import Conflict, NotFound
from storage.gate import lock_connection
from storage.schema import provider_connections as pc
from storage.schema import tenants
from storage.states import TenantLifecycle, Topic


def lock_to_manage(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    """Locks a connection that the principal may manage and returns it as `gate.lock_connection` does.

    Raises:
        NotFound: it is not there, or not visible.
        Forbidden: it is visible, but changing it is not allowed.
    """
    connection = lock_connection(tx, connection_id)
    if connection is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    require_manage(tx, who, connection)
    return connection


def read_to_manage(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    """Reads a connection that the principal may manage, without locking it: for what only says what would happen.

    Raises:
        NotFound: it is not there, or not visible.
        Forbidden: it is visible, but changing it is not allowed.
    """
    connection = tx.run(select_with_tenant().where(pc.c.id == connection_id)).first()
    if connection is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    require_manage(tx, who, connection)
    return connection


def select_with_tenant() -> Select[Any]:
    """Makes the query for connections as the gate wants them: with their tenant's name, lifecycle, cloud and domain."""
    return select(
        pc,
        tenants.c.name.label("tenant_name"),
        tenants.c.lifecycle.label("tenant_lifecycle"),
        tenants.c.cloud,
        tenants.c.primary_domain,
    ).join(tenants, tenants.c.id == pc.c.tenant_id)


def title(verb: str, connection: Row[Any]) -> str:
    """Names a change of a connection in one line."""
    return f"{verb} connection {connection.id} {connection.display_name} of {connection.tenant_name}"


def require_manage(tx: Transaction, who: Principal, connection: Row[Any]) -> None:
    """Lets pass whoever may manage the connection.

    Raises:
        NotFound: it is not visible.
        Forbidden: it is visible, but changing it is not allowed.
    """
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_MANAGE,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=f"Connection {connection.id}",
    )


def lock_with_siblings(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    """As `lock_to_manage`, with all other connections of its tenant locked too: for what depends on which of them there are.

    Raises:
        NotFound: it is not there, or not visible.
        Forbidden: it is visible, but changing it is not allowed.
    """
    tenant_id = tx.run(select(pc.c.tenant_id).where(pc.c.id == connection_id)).scalar_one_or_none()
    if tenant_id is not None:
        lock_all(tx, pc.c.tenant_id == tenant_id)
    return lock_to_manage(tx, who, connection_id)


def lock_all(tx: Transaction, condition: ColumnElement[bool]) -> list[int]:
    """Locks the connections that fit, in the order of their ids, and returns those; SQLite has one lock for all."""
    statement = select(pc.c.id).where(condition).order_by(pc.c.id)
    return list(tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).scalars())


def refuse_archived(lifecycle: str) -> None:
    """Refuses a change that an archived tenant's connections must not get.

    Raises:
        Conflict: the tenant is archived.
    """
    if lifecycle == TenantLifecycle.ARCHIVED:
        raise Conflict("The tenant is archived.", "Restore the tenant first.")


def note(
    tx: Transaction,
    who: Principal,
    action: str,
    connection_id: int,
    workspace_id: int,
    ticket: str | None,
    detail: Mapping[str, audit.DetailValue],
) -> None:
    """Writes down a change of a connection and announces it."""
    audit.record(
        tx,
        who,
        action,
        target_kind="connection",
        target_id=connection_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.CONNECTIONS)
