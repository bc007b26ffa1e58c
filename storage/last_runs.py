"""The last run of an operation on a tenant, whichever of its connections it ran on: why there is nothing, or nothing newer, to show.

Promise: read from what is written down when a run ends, so a page of tenants costs one question. Functions here ask for no authority:
their callers have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from storage import reasons
from storage.database import Transaction
from storage.reasons import Category
from storage.schema import connection_operations, operation_runs, provider_connections
from storage.states import RunOutcome


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run of an operation ended; one that was cancelled does not count.

    Attributes:
        reason_code: why it did not do all of its job; None when it did.
        reason_sentence: its sentence.
    """

    type: str
    tenant_id: int
    connection_id: int
    run_id: int
    at: datetime
    outcome: RunOutcome
    reason_code: str | None
    reason_sentence: str | None

    @property
    def is_skipped(self) -> bool:
        """Whether the tenant has no licence for it: nothing is wrong, and nothing will come."""
        return self.reason_code is not None and reasons.find(self.reason_code).category is Category.LICENCE


def of_tenant(tx: Transaction, tenant_id: int, connection_id: int | None = None) -> Mapping[str, LastRun]:
    """Returns the last run of each operation on a tenant, by its type; what never ran is not in it.

    Args:
        tx: an open transaction.
        tenant_id: which tenant.
        connection_id: only runs on this connection.
    """
    found = _select(tx, [tenant_id])
    newest: dict[str, LastRun] = {}
    for row in found:
        if connection_id is None or row.connection_id == connection_id:
            newest[row.type] = _last_run(row)
    return newest


def of_tenants(tx: Transaction, tenant_ids: Sequence[int], operation_type: str) -> Mapping[int, LastRun]:
    """Returns the last run of one operation on each of some tenants; a tenant without one is not in it."""
    return {row.tenant_id: _last_run(row) for row in _select(tx, tenant_ids) if row.type == operation_type}


def _select(tx: Transaction, tenant_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Oldest first, so that in a mapping the newest stays."""
    if not tenant_ids:
        return ()
    known, runs, pc = connection_operations.c, operation_runs.c, provider_connections.c
    statement = (
        select(
            known.type,
            known.tenant_id,
            known.connection_id,
            known.last_run_id,
            known.last_completed_at,
            runs.outcome,
            runs.reason_code,
            runs.reason_sentence,
        )
        .join(provider_connections, pc.id == known.connection_id)
        .join(operation_runs, runs.id == known.last_run_id)
        .where(pc.tenant_id.in_(list(tenant_ids)))
        .order_by(known.last_run_id)
    )
    return tx.run(statement).all()


def _last_run(row: Row[Any]) -> LastRun:
    sentence = row.reason_sentence
    if sentence is None and row.reason_code is not None:
        sentence = reasons.find(row.reason_code).sentence
    return LastRun(
        row.type,
        row.tenant_id,
        row.connection_id,
        row.last_run_id,
        row.last_completed_at,
        RunOutcome(row.outcome),
        row.reason_code,
        sentence,
    )
