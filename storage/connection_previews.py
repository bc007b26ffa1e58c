"""What enabling or disabling a connection would do, spelled out before it is confirmed.

Promise: asks for the same authority as the change and writes nothing. The change itself is in `connection_changes.py`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from storage import operations
from storage.access import Principal
from storage.connection_locks import read_to_manage, refuse_archived, title
from storage.consequences import Consequences, count
from storage.database import Database, Transaction
from storage.gate import unfinished_runs
from storage.schedule_reach import reaches_connection
from storage.schema import provider_connections, schedules
from storage.states import RunStatus


def preview_disable(db: Database, who: Principal, connection_id: int) -> Consequences:
    """Says what disabling a connection would do.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="connection.disable") as tx:
        connection = read_to_manage(tx, who, connection_id)
        if not connection.is_enabled:
            return Consequences(
                title("Disable", connection), ("It is disabled already; nothing changes.",), hurts=False
            )
        sentences = [_fate(run) for run in unfinished_runs(tx, connection_id)]
        sentences.append("No operation can start on it until it is enabled again.")
        planned = _schedules(tx, connection)
        if planned:
            sentences.append(f"{count(planned, 'schedule')} will pause for this connection; none is deleted.")
        if connection.is_default:
            sentences.append(_default_sentence(tx, connection))
        sentences.append(
            f"The badges stay as they are: consent {connection.consent_status}, "
            f"verification {connection.verification_status}."
        )
        sentences.append("Its credential is kept, and the customer's consent still stands at Microsoft.")
        return Consequences(title("Disable", connection), tuple(sentences), hurts=True)


def preview_enable(db: Database, who: Principal, connection_id: int) -> Consequences:
    """Says what enabling a connection would do.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: its tenant is archived.
    """
    with db.read(wanting="connection.enable") as tx:
        connection = read_to_manage(tx, who, connection_id)
        if connection.is_enabled:
            return Consequences(title("Enable", connection), ("It is enabled already; nothing changes.",), hurts=False)
        refuse_archived(connection.tenant_lifecycle)
        sentences = [
            f"Verification becomes unknown (it is {connection.verification_status}) until a check has looked.",
            f"Consent stays {connection.consent_status}.",
        ]
        planned = _schedules(tx, connection)
        if planned:
            sentences.append(f"{count(planned, 'schedule')} will start operations on it again.")
        return Consequences(title("Enable", connection), tuple(sentences), hurts=False)


def _fate(run: Row[Any]) -> str:
    label = f"{operations.find(run.type).label} #{run.id} by {run.initiator}"
    if run.status == RunStatus.RUNNING:
        return f"{label} is running: it is asked to stop at its next safe point, and its verdict will not count."
    return f"{label} is {run.status}: it is cancelled."


def _default_sentence(tx: Transaction, connection: Row[Any]) -> str:
    others = tx.run(
        select(func.count())
        .select_from(provider_connections)
        .where(provider_connections.c.tenant_id == connection.tenant_id, provider_connections.c.id != connection.id)
    ).scalar_one()
    if others:
        return (
            "It stays its tenant's default, so operations on the tenant are blocked; "
            f"{count(others, 'other connection')} could become the default instead."
        )
    return "It is its tenant's only connection, so operations on the tenant are blocked."


def _schedules(tx: Transaction, connection: Row[Any]) -> int:
    """Counts the active schedules that reach a connection: its own, its tenant's, its tags' and the whole workspace's."""
    mine = (reaches_connection(connection), schedules.c.is_enabled)
    return int(tx.run(select(func.count()).select_from(schedules).where(*mine)).scalar_one())
