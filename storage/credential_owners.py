"""Who a sign-in credential belongs to: a dedicated connection, or the platform app of a workspace and cloud.

Promise: an owner that is to be changed comes locked and with the principal's right to change it asked; one that is only looked at comes
with the right to see it asked. Knows nothing of what a slot holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update

from storage import connection_operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.gate import lock_connection
from storage.schema import credentials, platform_apps, provider_connections, tenants
from storage.states import ConnectionType, CredentialOwner, TenantLifecycle, VerificationStatus


@dataclass(frozen=True, slots=True)
class Owner:
    """A credential's owner, as of this transaction.

    Attributes:
        kind: connection or platform app.
        id: its row.
        workspace_id: where it is.
        tenant_id: of a connection; None for an app.
        entra_tenant_id: what a dedicated connection's credential is bound to; empty for an app.
        label: what people call it.
    """

    kind: CredentialOwner
    id: int
    workspace_id: int
    tenant_id: int | None
    entra_tenant_id: str
    label: str

    @property
    def clause(self) -> ColumnElement[bool]:
        """The condition for its credentials."""
        column = (
            credentials.c.connection_id if self.kind is CredentialOwner.CONNECTION else credentials.c.platform_app_id
        )
        return column == self.id

    @property
    def columns(self) -> dict[str, int]:
        """The column that names it on a credential's row."""
        return {"connection_id" if self.kind is CredentialOwner.CONNECTION else "platform_app_id": self.id}


def lock(tx: Transaction, who: Principal, kind: CredentialOwner, owner_id: int) -> Owner:
    """Locks an owner whose credentials are about to change.

    Raises:
        InvalidInput: an alert channel holds no sign-in credential.
        Conflict: the connection signs in with its platform app's credential.
        NotFound, Forbidden: not visible, or not allowed.
    """
    if kind is CredentialOwner.CONNECTION:
        return _connection(tx, who, owner_id, Capability.PROVIDER_MANAGE, locked=True)
    if kind is CredentialOwner.PLATFORM_APP:
        return _app(tx, who, owner_id, Capability.PROVIDER_MANAGE, locked=True)
    raise InvalidInput("owner", "cannot hold a sign-in credential")


def see(tx: Transaction, who: Principal, kind: CredentialOwner, owner_id: int) -> Owner:
    """Returns an owner that is only looked at.

    Raises:
        InvalidInput, Conflict: as in `lock`.
        NotFound: not visible.
    """
    if kind is CredentialOwner.CONNECTION:
        return _connection(tx, who, owner_id, Capability.PROVIDER_VIEW, locked=False)
    if kind is CredentialOwner.PLATFORM_APP:
        return _app(tx, who, owner_id, Capability.PROVIDER_VIEW, locked=False)
    raise InvalidInput("owner", "cannot hold a sign-in credential")


def refuse_archived(tx: Transaction, owner: Owner) -> None:
    """Refuses a new credential for a connection of an archived tenant: offboarding promised that none of its is kept here.

    Raises:
        Conflict: the tenant is archived.
    """
    if owner.tenant_id is None:
        return
    lifecycle = tx.run(select(tenants.c.lifecycle).where(tenants.c.id == owner.tenant_id)).scalar_one()
    if lifecycle == TenantLifecycle.ARCHIVED:
        raise Conflict("The tenant is archived.", "Restore the tenant first.")


def _connection(tx: Transaction, who: Principal, connection_id: int, needed: Capability, *, locked: bool) -> Owner:
    if locked:
        row = lock_connection(tx, connection_id)
    else:
        row = tx.run(
            select(provider_connections, tenants.c.name.label("tenant_name"))
            .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
            .where(provider_connections.c.id == connection_id)
        ).first()
    if row is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    authority(tx, who).require(
        tx, needed, row.workspace_id, row.tenant_id, see=Capability.PROVIDER_VIEW, what=f"Connection {connection_id}"
    )
    if row.connection_type != ConnectionType.DEDICATED:
        raise Conflict(
            "This connection signs in with its platform app.", "Store the credential with the platform app instead."
        )
    return Owner(
        CredentialOwner.CONNECTION,
        connection_id,
        row.workspace_id,
        row.tenant_id,
        row.entra_tenant_id,
        row.tenant_name,
    )


def _app(tx: Transaction, who: Principal, app_id: int, needed: Capability, *, locked: bool) -> Owner:
    statement = select(platform_apps).where(platform_apps.c.id == app_id)
    if locked and not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True)
    app = tx.run(statement).first()
    if app is None:
        raise NotFound(f"Platform app {app_id} does not exist.")
    authority(tx, who).require(tx, needed, app.workspace_id, what=f"Platform app {app_id}")
    return Owner(CredentialOwner.PLATFORM_APP, app_id, app.workspace_id, None, "", app.display_name)


def note_change(tx: Transaction, owner: Owner, now: datetime, *, in_use: bool) -> None:
    """A credential change bumps the generation; one of what is used at once also makes the verification unknown.

    A platform app's rotation resets nobody: its connections' badges stay (product rule "Credential slots").

    Args:
        tx: the transaction of the change.
        owner: whose credential changed, locked.
        now: the database's clock.
        in_use: the active slot changed, so that the next sign-in differs.
    """
    if owner.kind is CredentialOwner.PLATFORM_APP:
        tx.run(
            update(platform_apps)
            .where(platform_apps.c.id == owner.id)
            .values(generation=platform_apps.c.generation + 1, credential_changed_at=now, updated_at=now)
        )
        return
    changes: dict[str, Any] = {
        "generation": provider_connections.c.generation + 1,
        "credential_changed_at": now,
        "updated_at": now,
    }
    if in_use:
        changes |= {
            "verification_status": VerificationStatus.UNKNOWN.value,
            "verification_changed_at": now,
            "last_reason_code": None,
            "last_reason_sentence": None,
        }
    tx.run(update(provider_connections).where(provider_connections.c.id == owner.id).values(**changes))
    connection_operations.clear_solved(tx, owner.id)
