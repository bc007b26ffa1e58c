"""Changing provider connections: create, enable, disable, set default, write down a consent.

Promise: each change is one transaction with its audit entry, asks for `provider.manage`, and bumps the generation when it makes a running
check's answer stale. Disabling keeps consent and verification as they are.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, insert, select, update

from storage import audit, connection_operations
from storage.access import Principal
from storage.cancelling import cancel_in
from storage.capabilities import Capability
from storage.connection_locks import lock_all, lock_to_manage, lock_with_siblings, note, refuse_archived
from storage.connections import ConnectionRow, rows_by_id
from storage.consent_recording import grant_in
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput
from storage.fields import read_guid, read_name
from storage.gate import unfinished_runs
from storage.schema import platform_apps, provider_connections
from storage.states import ConnectionType, ConsentStatus, Provider, RunStatus, VerificationStatus
from storage.tenants import hold, require, sort_name


def create(
    db: Database,
    who: Principal,
    tenant_id: int,
    *,
    display_name: str = "Microsoft",
    connection_type: ConnectionType | None = None,
    client_id: str | None = None,
    ticket: str | None = None,
) -> ConnectionRow:
    """Creates a connection; the first of a tenant becomes its default.

    Args:
        db: the database.
        who: who does it.
        tenant_id: of which tenant.
        display_name: what we call it.
        connection_type: whose app registration; `platform` when the workspace has a platform app for the tenant's cloud and None is given.
        client_id: the app registration of a dedicated connection.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        NotFound, Forbidden: the tenant is not visible, or it is not allowed.
    """
    display_name = read_name("connection name", display_name)

    def work(tx: Transaction) -> ConnectionRow:
        require(tx, who, tenant_id, Capability.PROVIDER_MANAGE)
        first = not lock_all(
            tx,
            and_(
                provider_connections.c.tenant_id == tenant_id,
                provider_connections.c.provider == Provider.MICROSOFT.value,
            ),
        )
        tenant = hold(tx, tenant_id)
        refuse_archived(tenant.lifecycle)
        app = tx.run(
            select(platform_apps.c.id, platform_apps.c.client_id).where(
                platform_apps.c.workspace_id == tenant.workspace_id, platform_apps.c.cloud == tenant.cloud
            )
        ).first()
        kind = connection_type or (
            ConnectionType.PLATFORM if app is not None and client_id is None else ConnectionType.DEDICATED
        )
        own_client = read_client_id(kind, client_id, None if app is None else app.client_id)
        now = tx.now()
        connection_id = tx.run(
            insert(provider_connections)
            .values(
                workspace_id=tenant.workspace_id,
                tenant_id=tenant_id,
                entra_tenant_id=tenant.entra_tenant_id,
                provider=Provider.MICROSOFT.value,
                display_name=display_name,
                sort_name=sort_name(tenant.name, display_name, tenant.primary_domain),
                connection_type=kind.value,
                platform_app_id=app.id if app is not None and kind is ConnectionType.PLATFORM else None,
                client_id=own_client,
                is_default=first,
                is_enabled=True,
                consent_status=ConsentStatus.UNKNOWN.value,
                verification_status=VerificationStatus.UNKNOWN.value,
                lifecycle_changed_at=now,
                lifecycle_changed_by_id=who.user_id,
                created_at=now,
                updated_at=now,
            )
            .returning(provider_connections.c.id)
        ).scalar_one()
        note(
            tx,
            who,
            "connection.create",
            connection_id,
            tenant.workspace_id,
            ticket,
            {"name": display_name, "type": kind.value, "client_id": own_client, "default": first},
        )
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, "connection.create", work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def read_client_id(kind: ConnectionType, client_id: str | None, platform_client_id: str | None) -> str | None:
    """Reads the client id that a connection of a type has of its own: a dedicated one's app registration, a platform one none.

    Args:
        kind: whose app registration.
        client_id: what was given.
        platform_client_id: the client id of the workspace's platform app for the tenant's cloud, when there is one.

    Raises:
        InvalidInput: it is missing, no GUID, not wanted, or the platform app's own.
    """
    if kind is ConnectionType.PLATFORM:
        if client_id is not None:
            raise InvalidInput("client id", "belongs to a dedicated connection", "Leave it out, or use type dedicated.")
        return None
    if client_id is None:
        raise InvalidInput("client id", "is needed for a dedicated connection", "Copy it from the app registration.")
    own = read_guid("client id", client_id)
    if own == platform_client_id:
        raise InvalidInput("client id", "is the platform app's", "Use type platform, which signs in with that app.")
    return own


def set_enabled(
    db: Database, who: Principal, connection_id: int, enabled: bool, *, ticket: str | None = None
) -> ConnectionRow:
    """Enables or disables a connection.

    Disabling keeps consent and verification, cancels queued and waiting runs and asks the running one to stop. Enabling makes the
    verification unknown. Doing what is so already changes nothing.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: it would be enabled, and its tenant is archived.
    """
    action = "connection.enable" if enabled else "connection.disable"

    def work(tx: Transaction) -> ConnectionRow:
        connection = lock_to_manage(tx, who, connection_id)
        if connection.is_enabled == enabled:
            return rows_by_id(tx, [connection_id])[0]
        if enabled:
            refuse_archived(connection.tenant_lifecycle)
        now = tx.now()
        changes: dict[str, Any] = {
            "is_enabled": enabled,
            "lifecycle_changed_at": now,
            "lifecycle_changed_by_id": who.user_id,
            "generation": provider_connections.c.generation + 1,
            "updated_at": now,
        }
        if enabled:
            changes |= {
                "verification_status": VerificationStatus.UNKNOWN.value,
                "verification_changed_at": now,
                "last_reason_code": None,
                "last_reason_sentence": None,
            }
        tx.run(update(provider_connections).where(provider_connections.c.id == connection_id).values(**changes))
        if enabled:
            connection_operations.clear_solved(tx, connection_id)
        stopped = [] if enabled else unfinished_runs(tx, connection_id)
        # Waiting ones first, so that cancelling the active one promotes none of them.
        for run in sorted(stopped, key=lambda row: row.status != RunStatus.WAITING):
            cancel_in(tx, who, run.id, ticket)
        detail: dict[str, audit.DetailValue] = {"is_enabled_before": connection.is_enabled, "is_enabled": enabled}
        if stopped:
            detail["runs_cancelled"] = [f"#{run.id}" for run in stopped]
        note(tx, who, action, connection_id, connection.workspace_id, ticket, detail)
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, action, work, target_kind="connection", target_id=connection_id, ticket=ticket)


def set_default(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> ConnectionRow:
    """Makes a connection its tenant's default, in one transaction with the one that was, all of the tenant's being locked.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> ConnectionRow:
        connection = lock_with_siblings(tx, who, connection_id)
        if not connection.is_default:
            mates = (
                provider_connections.c.tenant_id == connection.tenant_id,
                provider_connections.c.provider == connection.provider,
            )
            before = tx.run(
                update(provider_connections)
                .where(*mates, provider_connections.c.is_default)
                .values(is_default=False, updated_at=tx.now())
                .returning(provider_connections.c.id)
            ).scalar_one_or_none()
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == connection_id)
                .values(is_default=True, updated_at=tx.now())
            )
            note(
                tx,
                who,
                "connection.set_default",
                connection_id,
                connection.workspace_id,
                ticket,
                {"default_before": before},
            )
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(
        db, who, "connection.set_default", work, target_kind="connection", target_id=connection_id, ticket=ticket
    )


def record_consent(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> ConnectionRow:
    """Writes down that the customer consented in the portal, and queues the check that proves it.

    Consent becomes `granted` to what the permission manifest asks for today, verification `pending`, and the generation changes.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: the connection is disabled.
    """

    def work(tx: Transaction) -> ConnectionRow:
        connection = lock_to_manage(tx, who, connection_id)
        if not connection.is_enabled:
            raise Conflict("The connection is disabled.", "Enable it first.")
        before: dict[str, audit.DetailValue] = {"consent_status_before": connection.consent_status}
        note(tx, who, "consent.record", connection_id, connection.workspace_id, ticket, before)
        grant_in(tx, who, connection, ticket=ticket)
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(
        db, who, "consent.record", work, target_kind="connection", target_id=connection_id, ticket=ticket
    )
