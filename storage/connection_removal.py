"""Taking something away from a connection: deleting one that never ran, and revoking consent on our side.

Promise: what ever ran stays, with its history; deleting destroys the credentials with the row. Revoking says what it cannot do: the
customer's consent still stands at Microsoft until the customer removes it there, and a later check may find it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, func, select, update

from storage import audit
from storage.access import Principal
from storage.connection_edits import discard_own_credentials
from storage.connection_locks import lock_to_manage, lock_with_siblings, note, read_to_manage, title
from storage.connections import ConnectionRow, rows_by_id
from storage.consent_withdrawals import DELETED, answerable_links, withdraw
from storage.consequences import Consequences, count
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.gate import unfinished_runs
from storage.schema import consent_requests, credentials, operation_runs, provider_connections, schedules
from storage.states import ConsentStatus, Topic


def delete_draft(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> None:
    """Deletes a connection that never ran, with its credentials.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: it has run, or it is the default while its tenant has others.
    """

    def work(tx: Transaction) -> None:
        connection = lock_with_siblings(tx, who, connection_id)
        _refuse_kept(tx, connection)
        withdraw(tx, who, consent_requests.c.connection_id == connection_id, DELETED, ticket=ticket)
        destroyed = discard_own_credentials(tx, who, connection, ticket)
        note(
            tx,
            who,
            "connection.delete",
            connection_id,
            connection.workspace_id,
            ticket,
            {
                "name": connection.display_name,
                "type": connection.connection_type,
                "client_id": connection.client_id,
                "credentials_destroyed": destroyed,
            },
        )
        tx.run(delete(provider_connections).where(provider_connections.c.id == connection_id))
        tx.touch(Topic.TENANTS)

    audit.attempt(db, who, "connection.delete", work, target_kind="connection", target_id=connection_id, ticket=ticket)


def preview_delete(db: Database, who: Principal, connection_id: int) -> Consequences:
    """Says what deleting a connection would destroy.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: it cannot be deleted, and why.
    """
    with db.read(wanting="connection.delete") as tx:
        connection = read_to_manage(tx, who, connection_id)
        _refuse_kept(tx, connection)
        sentences = ["The connection is gone for good; the audit trail keeps that it was there."]
        held = _count(tx, credentials.c.connection_id == connection_id, credentials)
        if held:
            sentences.insert(
                0,
                f"Its {count(held, 'credential')} here is destroyed; at Microsoft it stays valid until removed there.",
            )
        links = _open_links(tx, connection_id)
        if links:
            sentences.append(f"{count(links, 'open admin-consent link')} will no longer be accepted.")
        planned = _count(tx, schedules.c.connection_id == connection_id, schedules)
        if planned:
            sentences.append(f"{count(planned, 'schedule')} of this connection alone is deleted with it.")
        return Consequences(title("Delete", connection), tuple(sentences), hurts=True)


def _refuse_kept(tx: Transaction, connection: Row[Any]) -> None:
    has_run = connection.first_run_at is not None or (
        tx.run(select(operation_runs.c.id).where(operation_runs.c.connection_id == connection.id).limit(1)).first()
        is not None
    )
    if has_run:
        raise Conflict(
            "The connection has run, so its history stays.", "Disable it; offboarding its tenant removes what it knows."
        )
    if connection.is_default:
        other = tx.run(
            select(provider_connections.c.display_name)
            .where(
                provider_connections.c.tenant_id == connection.tenant_id,
                provider_connections.c.provider == connection.provider,
                provider_connections.c.id != connection.id,
            )
            .limit(1)
        ).first()
        if other is not None:
            raise Conflict(
                "The connection is its tenant's default, and the tenant has others.",
                "Make another one the default first.",
            )


def revoke_consent(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> ConnectionRow:
    """Marks the consent as revoked on our side, so that every operation but the check is held back. Revoking twice changes nothing.

    Lifecycle and verification stay as they are. The customer's consent still stands at Microsoft; a check that finds it there
    writes `granted` again.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> ConnectionRow:
        connection = lock_to_manage(tx, who, connection_id)
        if connection.consent_status != ConsentStatus.REVOKED:
            now = tx.now()
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == connection_id)
                .values(
                    consent_status=ConsentStatus.REVOKED.value,
                    consent_changed_at=now,
                    consent_doubt_since=None,
                    generation=provider_connections.c.generation + 1,
                    updated_at=now,
                )
            )
            detail: dict[str, audit.DetailValue] = {
                "consent_status_before": connection.consent_status,
                "consent_status": ConsentStatus.REVOKED.value,
                "at_microsoft": "still stands",
            }
            note(tx, who, "consent.revoke", connection_id, connection.workspace_id, ticket, detail)
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(
        db, who, "consent.revoke", work, target_kind="connection", target_id=connection_id, ticket=ticket
    )


def preview_revoke(db: Database, who: Principal, connection_id: int) -> Consequences:
    """Says what revoking consent on our side does, and what it cannot do.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="consent.revoke") as tx:
        connection = read_to_manage(tx, who, connection_id)
        held_back = [row for row in unfinished_runs(tx, connection_id) if row.status != "running"]
        sentences = [
            "Every operation but the connection check is held back until consent is granted again.",
            "The customer's consent still stands at Microsoft: only the customer can remove it there "
            "(Entra admin center, Enterprise applications).",
            "A later check that still finds the permissions writes consent granted again; disable the connection to prevent that.",
        ]
        if held_back:
            sentences.append(f"{count(len(held_back), 'queued or waiting run')} will be blocked when its turn comes.")
        links = _open_links(tx, connection_id)
        if links:
            sentences.append(f"{count(links, 'open admin-consent link')} can still be answered.")
        return Consequences(title("Revoke the consent of", connection), tuple(sentences), hurts=True)


def _open_links(tx: Transaction, connection_id: int) -> int:
    mine = consent_requests.c.connection_id == connection_id
    return _count(tx, mine & answerable_links(tx), consent_requests)


def _count(tx: Transaction, condition: Any, table: Any) -> int:
    return int(tx.run(select(func.count()).select_from(table).where(condition)).scalar_one())
