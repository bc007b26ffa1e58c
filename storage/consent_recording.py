"""Writing down that a customer consented: the one place that turns consent into `granted` because somebody said so.

Promise: consent becomes `granted` for the permission manifest of today, the generation changes, and a check is queued that proves it or
not. What was granted before stays in the reports, so that the difference can be told: consenting can also take permissions away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, update

from storage import connection_operations, operations
from storage.access import Principal
from storage.database import Transaction
from storage.gate import lock_connection
from storage.schema import connection_permissions, provider_connections
from storage.starting import AlreadyRunning, Origin, ScopeBusy, Started, start_in
from storage.states import ConsentStatus, RunCause, TenantLifecycle, VerificationStatus
from storage.verification import MANIFEST_VERSION

_MOST_NAMES: Final = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a consent did.

    Attributes:
        status_before: the consent badge as it was.
        roles_before: the permissions the last check saw granted.
        check_run_id: the check that will prove it; None when none may start (the connection is disabled, or has no credential yet).
    """

    status_before: str
    roles_before: tuple[str, ...]
    check_run_id: int | None


def grant_in(tx: Transaction, who: Principal, connection: Row[Any], *, ticket: str | None = None) -> Recorded:
    """Records a consent inside a transaction that holds the connection's lock; authority was asked, and the caller audits.

    A disabled connection, or one of an archived tenant, keeps its verification: it must not wait for a check that may not start.
    """
    now = tx.now()
    before = tuple(
        tx.run(
            select(connection_permissions.c.permission)
            .where(connection_permissions.c.connection_id == connection.id, connection_permissions.c.is_granted)
            .order_by(connection_permissions.c.permission)
            .limit(_MOST_NAMES)
        ).scalars()
    )
    changes: dict[str, Any] = {
        "consent_status": ConsentStatus.GRANTED.value,
        "consent_changed_at": now,
        "consent_granted_at": now,
        "consent_doubt_since": None,
        "consent_manifest_version": MANIFEST_VERSION,
        "generation": provider_connections.c.generation + 1,
        "updated_at": now,
    }
    if connection.is_enabled and connection.tenant_lifecycle != TenantLifecycle.ARCHIVED:
        changes |= {"verification_status": VerificationStatus.PENDING.value, "verification_changed_at": now}
    tx.run(update(provider_connections).where(provider_connections.c.id == connection.id).values(**changes))
    connection_operations.clear_solved(tx, connection.id)
    return Recorded(connection.consent_status, before, queue_check_in(tx, who, connection.id, ticket=ticket))


def queue_check_in(tx: Transaction, who: Principal, connection_id: int, *, ticket: str | None = None) -> int | None:
    """Queues a connection check, behind whatever is active, and returns its run; None when the gate does not let it start.

    The check knows how recent the consent is, and waits while Microsoft may still be spreading it.
    """
    connection = lock_connection(tx, connection_id)
    assert connection is not None, "the caller holds its lock"
    check = operations.find(operations.CONNECTION_CHECK)
    cause = RunCause.FOLLOW_UP if who.user_id is None else RunCause.PERSON
    result = start_in(tx, who, connection, check, Origin(cause, run_after=True, ticket=ticket))
    if isinstance(result, ScopeBusy):
        return None if result.waiting is None else result.waiting.id
    return result.run.id if isinstance(result, Started | AlreadyRunning) else None
