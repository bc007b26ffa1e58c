"""The start gate's questions: may this operation start on this connection, as it is now?

Promise: one matrix (product rule "May it start?"), asked by the start, by the preview on a screen, by follow-ups and again when a
worker claims the run. Whoever asks in order to write holds the connection's row lock first; locks go connection, then run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, select, union_all

from storage import operations, reasons
from storage.database import Transaction
from storage.operations import Operation
from storage.reasons import Reason
from storage.schema import (
    ACTIVE_RUN,
    WAITING_RUN,
    connection_permissions,
    credentials,
    operation_runs,
    provider_connections,
    tenants,
)
from storage.states import ConnectionType, ConsentStatus, CredentialSlot, RunStatus, TenantLifecycle, VerificationStatus

CONSENT_REASONS: Final = {
    ConsentStatus.UNKNOWN: "provider_consent_missing",
    ConsentStatus.REQUIRED: "provider_consent_missing",
    ConsentStatus.FAILED: "provider_consent_failed",
    ConsentStatus.REVOKED: "provider_consent_revoked",
}
"""Why consent that is not granted holds everything but a check back."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an operation may not start.

    Attributes:
        reason: the reason code's entry.
        sentence: what is in the way, with names where there are any.
    """

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate asks about a connection beside its own row.

    Attributes:
        has_credential: an active or staged credential exists for what it signs in with.
        refused: permissions that a check looked for and did not find.
    """

    has_credential: bool
    refused: frozenset[str]


def lock_connection(tx: Transaction, connection_id: int, *, skip_locked: bool = False) -> Row[Any] | None:
    """Locks a connection's row and returns it with its tenant's name and lifecycle, or None when there is none.

    On PostgreSQL FOR NO KEY UPDATE, since FOR UPDATE deadlocks with foreign keys; on SQLite the transaction holds the write lock.

    Args:
        tx: a write transaction.
        connection_id: which.
        skip_locked: return None as well when somebody else holds it.
    """
    statement = _select_with_tenant().where(provider_connections.c.id == connection_id)
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True, of=provider_connections, skip_locked=skip_locked)
    return tx.run(statement).first()


def lock_connections(tx: Transaction, connection_ids: Sequence[int], *, skip_locked: bool = True) -> list[Row[Any]]:
    """Locks several connections in the order of their ids, as `lock_connection`.

    Args:
        tx: a write transaction.
        connection_ids: which; few enough for one statement.
        skip_locked: leave out those that somebody else holds, instead of waiting for them.
    """
    statement = (
        _select_with_tenant()
        .where(provider_connections.c.id.in_(list(connection_ids)))
        .order_by(provider_connections.c.id)
    )
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True, of=provider_connections, skip_locked=skip_locked)
    return list(tx.run(statement).all())


def _select_with_tenant() -> Select[Any]:
    return select(
        provider_connections,
        tenants.c.name.label("tenant_name"),
        tenants.c.lifecycle.label("tenant_lifecycle"),
        tenants.c.cloud,
        tenants.c.primary_domain,
    ).join(tenants, tenants.c.id == provider_connections.c.tenant_id)


def read_facts(tx: Transaction, connections: Sequence[Row[Any]]) -> dict[int, Facts]:
    """Reads what the gate asks about connections beside their rows; the same few queries however many there are.

    Args:
        tx: a transaction.
        connections: their rows, with id, connection type and platform app.
    """
    ids = [row.id for row in connections]
    apps = {row.platform_app_id for row in connections} - {None}
    usable = credentials.c.slot.in_([CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value])
    own = set(tx.run(select(credentials.c.connection_id).where(credentials.c.connection_id.in_(ids), usable)).scalars())
    of_apps = (
        set(
            tx.run(
                select(credentials.c.platform_app_id).where(credentials.c.platform_app_id.in_(sorted(apps)), usable)
            ).scalars()
        )
        if apps
        else set()
    )
    refused: dict[int, set[str]] = {}
    for row in tx.run(
        select(connection_permissions.c.connection_id, connection_permissions.c.permission).where(
            connection_permissions.c.connection_id.in_(ids), ~connection_permissions.c.is_granted
        )
    ):
        refused.setdefault(row.connection_id, set()).add(row.permission)
    return {
        row.id: Facts(
            row.platform_app_id in of_apps if row.connection_type == ConnectionType.PLATFORM else row.id in own,
            frozenset(refused.get(row.id, ())),
        )
        for row in connections
    }


def find_obstacle(tx: Transaction, connection: Row[Any], operation: Operation) -> Obstacle | None:
    """Returns what stops an operation on a connection (as `lock_connection` returned it), or None when it may start."""
    return judge(connection, read_facts(tx, [connection])[connection.id], operation)


def judge(connection: Row[Any], facts: Facts, operation: Operation) -> Obstacle | None:
    """Returns what stops an operation on a connection, or None when it may start: the matrix itself, without asking anybody.

    Args:
        connection: its row, with its tenant's lifecycle.
        facts: what `read_facts` found about it in the same transaction.
        operation: what shall start.
    """
    unready = _find_unready(connection, facts)
    if unready is not None or operation.type == operations.CONNECTION_CHECK:
        return unready
    if connection.verification_status in (VerificationStatus.HEALTHY.value, VerificationStatus.DEGRADED.value):
        return _find_distrust(connection) or _missing_permissions(facts, operation)
    return _find_distrust(connection)


def find_unusable(tx: Transaction, connection: Row[Any]) -> Obstacle | None:
    """Returns what stops every operation but the connection check, or None when the connection can be used.

    The resolver asks this, so that it and the start agree. In this order: the tenant is archived, the connection is disabled, its
    platform app is missing, its credential is missing, consent is not granted, the last check blocked it.
    """
    facts = read_facts(tx, [connection])[connection.id]
    return _find_unready(connection, facts) or _find_distrust(connection)


def _find_unready(connection: Row[Any], facts: Facts) -> Obstacle | None:
    if connection.tenant_lifecycle == TenantLifecycle.ARCHIVED:
        return _plain("tenant_archived")
    if not connection.is_enabled:
        return _plain("provider_connection_disabled")
    if connection.connection_type == ConnectionType.PLATFORM and connection.platform_app_id is None:
        return _plain("platform_app_missing")
    if not facts.has_credential:
        return _plain("provider_credential_missing")
    return None


def _find_distrust(connection: Row[Any]) -> Obstacle | None:
    consent = ConsentStatus(connection.consent_status)
    if consent is not ConsentStatus.GRANTED:
        return _plain(CONSENT_REASONS[consent])
    if connection.verification_status == VerificationStatus.BLOCKED:
        reason = reasons.find(connection.last_reason_code or "provider_verification_blocked")
        return Obstacle(reason, connection.last_reason_sentence or reason.sentence)
    return None


def _missing_permissions(facts: Facts, operation: Operation) -> Obstacle | None:
    """Known to be missing: a check looked for it and it was not there. What no check has looked for yet holds nothing back."""
    missing = [name for name in operation.required_permissions if name in facts.refused]
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
    return unfinished_runs_of(tx, [connection_id]).get(connection_id, [])


def unfinished_runs_of(tx: Transaction, connection_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Returns what `unfinished_runs` does for each of several connections; those without any are not in it.

    Asked in two halves with the words of the two partial indexes, so that years of completed runs cost nothing.
    """
    mine = operation_runs.c.connection_id.in_(list(connection_ids))
    rows = tx.run(
        union_all(
            select(operation_runs).where(mine, ACTIVE_RUN),
            select(operation_runs).where(mine, WAITING_RUN),
        )
    ).all()
    found: dict[int, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: (row.status == RunStatus.WAITING, row.id)):
        found.setdefault(row.connection_id, []).append(row)
    return found
