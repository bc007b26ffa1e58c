"""Platform apps: the multi-tenant app registration of a workspace, one for each cloud.

Promise: connections of type `platform` sign in with it; its credential is stored with it, once. The same reason on many of them is one
problem, the app's. Changing and verifying it is in `platform_app_changes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, select, update

from storage import audit, credentials, shared_problems
from storage.access import Principal, authority, who_may
from storage.capabilities import Capability
from storage.connection_edits import forget_identity
from storage.connection_locks import lock_all
from storage.credential_owners import see
from storage.database import Database, Transaction, chunks
from storage.errors import Conflict, NotFound
from storage.fields import read_guid, read_name, read_redirect_uri
from storage.retired_keys import Reminder, open_reminders
from storage.schema import credentials as credential_table
from storage.schema import platform_apps, provider_connections, tenants
from storage.shared_problems import AppProblem
from storage.states import Cloud, ConnectionType, CredentialOwner, CredentialSlot, Topic


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


@dataclass(frozen=True, slots=True)
class PlatformAppDetail:
    """Everything about one platform app that a person may see. Its connections: `connections.page` with `platform_app_id`.

    Attributes:
        app: as in the list.
        generation: changes with every credential or identity change.
        credential_changed_at: when a credential of it was stored or moved last.
        expires_at: when the credential in use ends; None when unknown or there is none.
        home_connection_id: the workspace's own connection of the app's home tenant, on which it is verified; None when there is none.
        shared_problems: reasons that several of its connections have, the most frequent first.
        reminders: old keys that Microsoft may still accept: remove them there.
        may_manage: whether the principal may change it.
        who_may_manage: who could, when the principal may not; empty otherwise.
    """

    app: PlatformApp
    generation: int
    credential_changed_at: datetime | None
    expires_at: datetime | None
    home_connection_id: int | None
    shared_problems: tuple[AppProblem, ...]
    reminders: tuple[Reminder, ...]
    may_manage: bool
    who_may_manage: str


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
    ticket: str | None = None,
) -> PlatformApp:
    """Registers the workspace's platform app of a cloud. Connections of type platform that waited for one sign in with it from now on.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the workspace has one for this cloud.
        NotFound, Forbidden: no member, or not allowed.
    """
    client_id, home = read_guid("client id", client_id), read_guid("home tenant id", home_tenant_id)
    display_name = read_name("display name", display_name)
    redirect_uri = read_redirect_uri("redirect URI", redirect_uri)

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
        adopted = _adopt(tx, who, row, ticket)
        audit.record(
            tx,
            who,
            "platform_app.register",
            target_kind="platform_app",
            target_id=row.id,
            workspace_id=workspace_id,
            ticket=ticket,
            detail={"client_id": client_id, "cloud": cloud.value, "connections_adopted": adopted},
        )
        tx.touch(Topic.CONNECTIONS)
        return app_of(tx, row)

    return audit.attempt(
        db, who, "platform_app.register", work, target_kind="workspace", target_id=workspace_id, ticket=ticket
    )


def _adopt(tx: Transaction, who: Principal, app: Row[Any], ticket: str | None) -> int:
    """Gives the app to the connections of its cloud that are of type platform and have none. Returns how many."""
    of_cloud = select(tenants.c.id).where(tenants.c.workspace_id == app.workspace_id, tenants.c.cloud == app.cloud)
    orphans = lock_all(
        tx,
        and_(
            provider_connections.c.workspace_id == app.workspace_id,
            provider_connections.c.connection_type == ConnectionType.PLATFORM.value,
            provider_connections.c.platform_app_id.is_(None),
            provider_connections.c.tenant_id.in_(of_cloud),
        ),
    )
    for part in chunks(orphans):
        chosen = provider_connections.c.id.in_(part)
        tx.run(update(provider_connections).where(chosen).values(platform_app_id=app.id))
        forget_identity(tx, who, chosen, ticket=ticket)
    return len(orphans)


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
        return tuple(app_of(tx, row) for row in rows)


def get(db: Database, who: Principal, app_id: int) -> PlatformAppDetail:
    """Returns everything about one platform app.

    Raises:
        NotFound: the principal is no member of its workspace.
        Forbidden: the principal sees only some of the workspace's tenants.
    """
    with db.read() as tx:
        row = require_app(tx, who, app_id, Capability.PROVIDER_VIEW)
        manage = Capability.PROVIDER_MANAGE
        may_manage = authority(tx, who).may(tx, manage, row.workspace_id)
        app = app_of(tx, row)
        in_use = [info for info in app.credentials if info.slot is CredentialSlot.ACTIVE]
        return PlatformAppDetail(
            app=app,
            generation=row.generation,
            credential_changed_at=row.credential_changed_at,
            expires_at=in_use[0].expires_at if in_use else None,
            home_connection_id=home_connection(tx, row),
            shared_problems=shared_problems.of_app(tx, app_id),
            reminders=open_reminders(tx, see(tx, who, CredentialOwner.PLATFORM_APP, app_id)),
            may_manage=may_manage,
            who_may_manage="" if may_manage else who_may(tx, manage, row.workspace_id),
        )


def require_app(
    tx: Transaction,
    who: Principal,
    app_id: int,
    capability: Capability = Capability.PROVIDER_MANAGE,
    *,
    locked: bool = False,
) -> Row[Any]:
    """Returns an app's row to whoever has a capability for its workspace.

    Locked, it is locked whole: a connection that is being made with the app then waits until the change is done.

    Raises:
        NotFound: it is not there, or the principal is no member of its workspace.
        Forbidden: it is visible, but this is not allowed.
    """
    statement = select(platform_apps).where(platform_apps.c.id == app_id)
    app = tx.run(statement.with_for_update() if locked and not tx.is_sqlite else statement).first()
    if app is None:
        raise NotFound(f"Platform app {app_id} does not exist.")
    authority(tx, who).require(tx, capability, app.workspace_id, what=f"Platform app {app_id}")
    return app


def home_connection(tx: Transaction, app: Row[Any]) -> int | None:
    """Returns the app's connection of its own home tenant, the default one first; None when the workspace has none."""
    return tx.run(
        select(provider_connections.c.id)
        .where(
            provider_connections.c.platform_app_id == app.id,
            provider_connections.c.entra_tenant_id == app.home_tenant_id,
        )
        .order_by(provider_connections.c.is_default.desc(), provider_connections.c.id)
        .limit(1)
    ).scalar_one_or_none()


def app_of(tx: Transaction, row: Row[Any]) -> PlatformApp:
    """Makes the list's entry of an app's row. The caller has asked for authority."""
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
