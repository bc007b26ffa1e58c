"""The start gate's questions: may this operation start on this connection, as it is now?

Promise: one matrix (product rule "May it start?"), asked by the start, by the preview on a screen, by follow-ups and again when a
worker claims the run. Whoever asks in order to write holds the connection's row lock first; locks go connection, then run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, or_, select

from storage import operations, reasons
from storage.database import Transaction
from storage.operations import Operation
from storage.reasons import Reason
from storage.schema import connection_permissions, credentials, operation_runs, provider_connections, tenants
from storage.states import ConnectionType, ConsentStatus, CredentialSlot, RunStatus, TenantLifecycle, VerificationStatus

_CONSENT_REASONS: Final = {
    ConsentStatus.UNKNOWN: "provider_consent_missing",
    ConsentStatus.REQUIRED: "provider_consent_missing",
    ConsentStatus.FAILED: "provider_consent_failed",
    ConsentStatus.REVOKED: "provider_consent_revoked",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an operation may not start.

    Attributes:
        reason: the reason code's entry.
        sentence: what is in the way, with names where there are any.
    """

    reason: Reason
    sentence: str


def lock_connection(tx: Transaction, connection_id: int, *, skip_locked: bool = False) -> Row[Any] | None:
    """Locks a connection's row and returns it with its tenant's name and lifecycle, or None when there is none.

    On PostgreSQL FOR NO KEY UPDATE, since FOR UPDATE deadlocks with foreign keys; on SQLite the transaction holds the write lock.

    Args:
        tx: a write transaction.
        connection_id: which.
        skip_locked: return None as well when somebody else holds it.
    """
    statement = (
        select(
            provider_connections,
            tenants.c.name.label("tenant_name"),
            tenants.c.lifecycle.label("tenant_lifecycle"),
            tenants.c.cloud,
            tenants.c.primary_domain,
        )
        .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
        .where(provider_connections.c.id == connection_id)
    )
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True, of=provider_connections, skip_locked=skip_locked)
    return tx.run(statement).first()


def has_credential(tx: Transaction, connection: Row[Any]) -> bool:
    """Says whether an active or staged credential exists for what the connection signs in with."""
    if connection.connection_type == ConnectionType.PLATFORM:
        owner = credentials.c.platform_app_id == connection.platform_app_id
    else:
        owner = credentials.c.connection_id == connection.id
    return (
        tx.run(
            select(credentials.c.id)
            .where(owner, credentials.c.slot.in_([CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value]))
            .limit(1)
        ).first()
        is not None
    )


def find_obstacle(tx: Transaction, connection: Row[Any], operation: Operation) -> Obstacle | None:
    """Returns what stops an operation on a connection (as `lock_connection` returned it), or None when it may start."""
    unready = _find_unready(tx, connection)
    if unready is not None or operation.type == operations.CONNECTION_CHECK:
        return unready
    if connection.verification_status in (VerificationStatus.HEALTHY.value, VerificationStatus.DEGRADED.value):
        return _find_distrust(connection) or _missing_permissions(tx, connection.id, operation)
    return _find_distrust(connection)


def find_unusable(tx: Transaction, connection: Row[Any]) -> Obstacle | None:
    """Returns what stops every operation but the connection check, or None when the connection can be used.

    The resolver asks this, so that it and the start agree. In this order: the tenant is archived, the connection is disabled, its
    platform app is missing, its credential is missing, consent is not granted, the last check blocked it.
    """
    return _find_unready(tx, connection) or _find_distrust(connection)


def _find_unready(tx: Transaction, connection: Row[Any]) -> Obstacle | None:
    if connection.tenant_lifecycle == TenantLifecycle.ARCHIVED:
        return _plain("tenant_archived")
    if not connection.is_enabled:
        return _plain("provider_connection_disabled")
    if connection.connection_type == ConnectionType.PLATFORM and connection.platform_app_id is None:
        return _plain("platform_app_missing")
    if not has_credential(tx, connection):
        return _plain("provider_credential_missing")
    return None


def _find_distrust(connection: Row[Any]) -> Obstacle | None:
    consent = ConsentStatus(connection.consent_status)
    if consent is not ConsentStatus.GRANTED:
        return _plain(_CONSENT_REASONS[consent])
    if connection.verification_status == VerificationStatus.BLOCKED:
        reason = reasons.find(connection.last_reason_code or "provider_verification_blocked")
        return Obstacle(reason, connection.last_reason_sentence or reason.sentence)
    return None


def _missing_permissions(tx: Transaction, connection_id: int, operation: Operation) -> Obstacle | None:
    """Known to be missing: a check looked for it and it was not there. What no check has looked for yet holds nothing back."""
    refused = set(
        tx.run(
            select(connection_permissions.c.permission).where(
                connection_permissions.c.connection_id == connection_id, ~connection_permissions.c.is_granted
            )
        ).scalars()
    )
    missing = [name for name in operation.required_permissions if name in refused]
    if not missing:
        return None
    reason = reasons.find("provider_permission_missing")
    return Obstacle(reason, f"{operation.label} needs {', '.join(missing)}, which was not granted.")


def _plain(code: str) -> Obstacle:
    """An obstacle that has nothing to add to its reason."""
    reason = reasons.find(code)
    return Obstacle(reason, reason.sentence)


def unfinished_runs(tx: Transaction, connection_id: int) -> list[Row[Any]]:
    """Returns the connection's active run and its waiting ones, the active one first, then by age."""
    rows = tx.run(
        select(operation_runs)
        .where(
            operation_runs.c.connection_id == connection_id,
            or_(
                operation_runs.c.status.in_([RunStatus.QUEUED.value, RunStatus.RUNNING.value]),
                operation_runs.c.status == RunStatus.WAITING.value,
            ),
        )
        .order_by(operation_runs.c.id)
    ).all()
    return sorted(rows, key=lambda row: (row.status == RunStatus.WAITING, row.id))
