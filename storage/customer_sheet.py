"""The sheet that an offboarded customer is given: what is left of us in their tenant, and how they remove it.

Promise: it tells only what the customer may know: their own tenant's ids, our applications' names and client ids, and dates. No contact,
note or tag of ours, and nothing secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from storage.database import Transaction
from storage.schema import connection_permissions, platform_apps, provider_connections, workspaces
from storage.states import ConnectionType


@dataclass(frozen=True, slots=True)
class LeftApp:
    """An application of ours that the customer's tenant still trusts.

    Attributes:
        name: what it is called among the enterprise applications; None when we know only its id.
        client_id: its application (client) id; None when a connection never got one.
        is_theirs: the registration itself is in the customer's tenant too (a dedicated connection's).
        granted: the permissions it had when they were looked at last.
    """

    name: str | None
    client_id: str | None
    is_theirs: bool
    granted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerSheet:
    """What the customer is told.

    Attributes:
        from_whom: the workspace's name.
        purge_after: from when what we collected is deleted.
        lines: the same as text to be mailed.
    """

    tenant_id: int
    tenant_name: str
    entra_tenant_id: str
    primary_domain: str | None
    from_whom: str
    purge_after: datetime
    apps: tuple[LeftApp, ...]
    lines: tuple[str, ...]


def make_sheet(tx: Transaction, tenant: Row[Any], *, purge_after: datetime) -> CustomerSheet:
    """Makes a tenant's sheet. The caller has asked for authority."""
    workspace = tx.run(select(workspaces.c.name).where(workspaces.c.id == tenant.workspace_id)).scalar_one()
    rows = tx.run(
        select(
            provider_connections.c.id,
            provider_connections.c.connection_type,
            provider_connections.c.client_id,
            platform_apps.c.client_id.label("app_client_id"),
            platform_apps.c.display_name.label("app_name"),
        )
        .outerjoin(platform_apps, platform_apps.c.id == provider_connections.c.platform_app_id)
        .where(provider_connections.c.tenant_id == tenant.id)
        .order_by(provider_connections.c.id)
    ).all()
    granted: dict[int, list[str]] = {}
    for row in tx.run(
        select(connection_permissions.c.connection_id, connection_permissions.c.permission)
        .where(
            connection_permissions.c.connection_id.in_([row.id for row in rows]), connection_permissions.c.is_granted
        )
        .order_by(connection_permissions.c.permission)
    ).all():
        granted.setdefault(row.connection_id, []).append(row.permission)
    apps: dict[str | None, LeftApp] = {}
    for row in rows:
        client_id = row.app_client_id or row.client_id
        theirs = row.connection_type == ConnectionType.DEDICATED
        held = apps[client_id].granted if client_id in apps else ()
        permissions = tuple(sorted({*held, *granted.get(row.id, ())}))
        apps[client_id] = LeftApp(row.app_name, client_id, theirs, permissions)
    left = tuple(app for app in apps.values() if app.client_id is not None)
    return CustomerSheet(
        tenant.id,
        tenant.name,
        tenant.entra_tenant_id,
        tenant.primary_domain,
        workspace,
        purge_after,
        left,
        tuple(_lines(tenant, workspace, purge_after, left)),
    )


def _lines(tenant: Row[Any], workspace: str, purge_after: datetime, apps: tuple[LeftApp, ...]) -> list[str]:
    domain = f", {tenant.primary_domain}" if tenant.primary_domain else ""
    lines = [
        f"{workspace} has stopped looking after your tenant {tenant.name}{domain} (tenant id {tenant.entra_tenant_id}).",
        "We sign in no more, and the credentials that were ours for this tenant alone are destroyed.",
        f"What we collected about the tenant is deleted after {purge_after:%Y-%m-%d %H:%M} UTC; the record of who did what is kept.",
    ]
    if not apps:
        return [*lines, "No application of ours was connected to your tenant, so nothing is left for you to do."]
    lines += ["", "What only you can do: your consent still stands until you remove our application from your tenant."]
    for app in apps:
        name = f"{app.name}, " if app.name else ""
        lines += ["", f"Enterprise application: {name}application (client) id {app.client_id}"]
        if app.granted:
            lines.append(f"  It was granted: {', '.join(app.granted)}")
        lines += [
            "  Delete it: Entra admin center > Enterprise applications > search for the client id > Properties > Delete",
            f"  or with the Azure CLI: az ad sp delete --id {app.client_id}",
        ]
        if app.is_theirs:
            lines += [
                "  If its app registration is in your tenant, delete that too: App registrations > the same client id > Delete",
                f"  or with the Azure CLI: az ad app delete --id {app.client_id}",
            ]
    return lines
