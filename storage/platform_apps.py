"""Platform apps: the multi-tenant app registration of a workspace, one for each cloud.

Promise: connections of type `platform` sign in with it; its credential is stored with it, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row, func, insert, select

from storage import audit, credentials
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_guid, read_name
from storage.schema import credentials as credential_table
from storage.schema import platform_apps, provider_connections
from storage.states import Cloud, Topic


@dataclass(frozen=True, slots=True)
class PlatformApp:
    """A platform app.

    Attributes:
        home_tenant_id: the tenant in which it is registered.
        connections: how many connections sign in with it.
        credentials: what is known about its credentials.
    """

    id: int
    workspace_id: int
    cloud: Cloud
    client_id: str
    display_name: str
    home_tenant_id: str
    redirect_uri: str
    connections: int
    credentials: tuple[credentials.CredentialInfo, ...]


def register(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    cloud: Cloud,
    client_id: str,
    display_name: str,
    home_tenant_id: str,
    redirect_uri: str = "http://localhost/atlas-consent",
) -> PlatformApp:
    """Registers the workspace's platform app of a cloud.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the workspace has one for this cloud.
        NotFound, Forbidden: no member, or not allowed.
    """
    client_id, home = read_guid("client id", client_id), read_guid("home tenant id", home_tenant_id)
    display_name = read_name("display name", display_name)
    parts = urlsplit(redirect_uri)
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "localhost")) or parts.fragment:
        raise InvalidInput(
            "redirect URI", "must be https, or http://localhost", "Such as http://localhost/atlas-consent."
        )

    def work(tx: Transaction) -> PlatformApp:
        authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        taken = tx.run(
            select(platform_apps.c.display_name).where(
                platform_apps.c.workspace_id == workspace_id, platform_apps.c.cloud == cloud.value
            )
        ).scalar_one_or_none()
        if taken is not None:
            raise Conflict(
                f"This workspace has a platform app for {cloud.value}: {taken}.", "Store a new credential with it."
            )
        now = tx.now()
        row = tx.run(
            insert(platform_apps)
            .values(
                workspace_id=workspace_id,
                cloud=cloud.value,
                client_id=client_id,
                display_name=display_name,
                home_tenant_id=home,
                redirect_uri=redirect_uri,
                created_at=now,
                updated_at=now,
            )
            .returning(*platform_apps.c)
        ).one()
        audit.record(
            tx,
            who,
            "platform_app.register",
            target_kind="platform_app",
            target_id=row.id,
            workspace_id=workspace_id,
            detail={"client_id": client_id, "cloud": cloud.value},
        )
        tx.touch(Topic.CONNECTIONS)
        return _app(tx, row)

    return audit.attempt(db, who, "platform_app.register", work, target_kind="workspace", target_id=workspace_id)


def of_workspace(db: Database, who: Principal, workspace_id: int) -> tuple[PlatformApp, ...]:
    """Returns a workspace's platform apps.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        rights.require(tx, Capability.PROVIDER_VIEW, workspace_id, what="The list of platform apps")
        rows = tx.run(
            select(platform_apps).where(platform_apps.c.workspace_id == workspace_id).order_by(platform_apps.c.cloud)
        ).all()
        return tuple(_app(tx, row) for row in rows)


def _app(tx: Transaction, row: Row[Any]) -> PlatformApp:
    used = tx.run(
        select(func.count()).select_from(provider_connections).where(provider_connections.c.platform_app_id == row.id)
    ).scalar_one()
    return PlatformApp(
        row.id,
        row.workspace_id,
        Cloud(row.cloud),
        row.client_id,
        row.display_name,
        row.home_tenant_id,
        row.redirect_uri,
        used,
        credentials.infos(tx, credential_table.c.platform_app_id == row.id),
    )
