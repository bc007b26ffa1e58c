"""Changing provider connections: create, enable, disable, set default.

Promise: each change is one transaction with its audit entry, asks for `provider.manage`, and bumps the generation when it makes a running
check's answer stale. Disabling keeps consent and verification as they are.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from storage import audit, operations
from storage.access import Principal, authority
from storage.cancelling import cancel_in
from storage.capabilities import Capability
from storage.connections import ConnectionRow, rows_by_id
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_guid, read_name
from storage.gate import lock_connection, unfinished_runs
from storage.schema import platform_apps, provider_connections, tenants
from storage.starting import Origin, start_in
from storage.states import ConnectionType, ConsentStatus, Provider, RunCause, RunStatus, Topic, VerificationStatus
from storage.tenants import sort_name


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
        tenant = tx.run(select(tenants).where(tenants.c.id == tenant_id)).first()
        if tenant is None:
            raise NotFound(f"Tenant {tenant_id} does not exist.")
        authority(tx, who).require(
            tx, Capability.PROVIDER_MANAGE, tenant.workspace_id, tenant_id, what=f"Tenant {tenant_id}"
        )
        app_id = tx.run(
            select(platform_apps.c.id).where(
                platform_apps.c.workspace_id == tenant.workspace_id, platform_apps.c.cloud == tenant.cloud
            )
        ).scalar_one_or_none()
        kind = connection_type or (
            ConnectionType.PLATFORM if app_id is not None and client_id is None else ConnectionType.DEDICATED
        )
        own_client = _client_id(kind, client_id)
        first = (
            tx.run(
                select(provider_connections.c.id).where(
                    provider_connections.c.tenant_id == tenant_id,
                    provider_connections.c.provider == Provider.MICROSOFT.value,
                )
            ).first()
            is None
        )
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
                platform_app_id=app_id if kind is ConnectionType.PLATFORM else None,
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
        _audit(
            tx,
            who,
            "connection.create",
            connection_id,
            tenant.workspace_id,
            ticket,
            {"name": display_name, "type": kind.value, "client_id": own_client, "default": first},
        )
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, "connection.create", work, target_kind="tenant", target_id=tenant_id)


def _client_id(kind: ConnectionType, client_id: str | None) -> str | None:
    if kind is ConnectionType.PLATFORM:
        if client_id is not None:
            raise InvalidInput("client id", "belongs to a dedicated connection", "Leave it out, or use type dedicated.")
        return None
    if client_id is None:
        raise InvalidInput("client id", "is needed for a dedicated connection", "Copy it from the app registration.")
    return read_guid("client id", client_id)


def set_enabled(
    db: Database, who: Principal, connection_id: int, enabled: bool, *, ticket: str | None = None
) -> ConnectionRow:
    """Enables or disables a connection.

    Disabling keeps consent and verification, cancels queued and waiting runs and asks the running one to stop. Enabling makes the
    verification unknown. Doing what is so already changes nothing.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    action = "connection.enable" if enabled else "connection.disable"

    def work(tx: Transaction) -> ConnectionRow:
        connection = _lock(tx, who, connection_id)
        if connection.is_enabled == enabled:
            return rows_by_id(tx, [connection_id])[0]
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
        if not enabled:
            # Waiting ones first, so that cancelling the active one promotes none of them.
            for run in sorted(unfinished_runs(tx, connection_id), key=lambda row: row.status != RunStatus.WAITING):
                cancel_in(tx, who, run.id, ticket)
        _audit(tx, who, action, connection_id, connection.workspace_id, ticket, {})
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, action, work, target_kind="connection", target_id=connection_id)


def set_default(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> ConnectionRow:
    """Makes a connection its tenant's default, in one transaction with the one that was.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> ConnectionRow:
        connection = _lock(tx, who, connection_id)
        if not connection.is_default:
            mates = (
                provider_connections.c.tenant_id == connection.tenant_id,
                provider_connections.c.provider == connection.provider,
            )
            tx.run(
                update(provider_connections).where(*mates, provider_connections.c.is_default).values(is_default=False)
            )
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == connection_id)
                .values(is_default=True, updated_at=tx.now())
            )
            _audit(tx, who, "connection.set_default", connection_id, connection.workspace_id, ticket, {})
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, "connection.set_default", work, target_kind="connection", target_id=connection_id)


def record_consent(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> ConnectionRow:
    """Writes down that the customer consented in the portal, and queues the check that proves it.

    Consent becomes `granted`, verification `pending`, and the generation changes.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: the connection is disabled.
    """

    def work(tx: Transaction) -> ConnectionRow:
        connection = _lock(tx, who, connection_id)
        if not connection.is_enabled:
            raise Conflict("The connection is disabled.", "Enable it first.")
        now = tx.now()
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.id == connection_id)
            .values(
                consent_status=ConsentStatus.GRANTED.value,
                consent_changed_at=now,
                consent_granted_at=now,
                consent_doubt_since=None,
                verification_status=VerificationStatus.PENDING.value,
                verification_changed_at=now,
                generation=provider_connections.c.generation + 1,
                updated_at=now,
            )
        )
        before: dict[str, audit.DetailValue] = {"consent_status_before": connection.consent_status}
        _audit(tx, who, "consent.record", connection_id, connection.workspace_id, ticket, before)
        changed = lock_connection(tx, connection_id)
        assert changed is not None
        check = operations.find(operations.CONNECTION_CHECK)
        start_in(tx, who, changed, check, Origin(RunCause.PERSON, run_after=True, ticket=ticket))
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(db, who, "consent.record", work, target_kind="connection", target_id=connection_id)


def _lock(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    connection = lock_connection(tx, connection_id)
    if connection is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_MANAGE,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=f"Connection {connection_id}",
    )
    return connection


def _audit(
    tx: Transaction,
    who: Principal,
    action: str,
    connection_id: int,
    workspace_id: int,
    ticket: str | None,
    detail: dict[str, audit.DetailValue],
) -> None:
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
