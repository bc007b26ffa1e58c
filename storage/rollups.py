"""Badge counts: how many connections have each badge, without counting them.

Promise: reading is cheap at any size. On SQLite triggers keep the counts; on PostgreSQL a trigger appends deltas and a worker folds them,
so a read adds what is pending. No total is a combined status: each dimension is counted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select, text, union_all

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schema import badge_count_deltas, badge_counts, provider_connections


@dataclass(frozen=True, slots=True)
class BadgeCounts:
    """Connections by badge, one map for each dimension; `total` is how many there are."""

    total: int
    lifecycle: Mapping[str, int]
    consent: Mapping[str, int]
    verification: Mapping[str, int]


def counts(db: Database, who: Principal, workspace_id: int) -> BadgeCounts:
    """Returns the badge counts of what the principal may see in a workspace.

    Whole-workspace members get the maintained totals; others a count of their own connections.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        if rights.reaches_whole(workspace_id, Capability.PROVIDER_VIEW):
            return maintained(tx, workspace_id)
        reach = rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, provider_connections.c.tenant_id)
        rows = tx.run(
            select(
                provider_connections.c.is_enabled,
                provider_connections.c.consent_status,
                provider_connections.c.verification_status,
                func.count().label("n"),
            )
            .where(provider_connections.c.workspace_id == workspace_id, reach)
            .group_by(
                provider_connections.c.is_enabled,
                provider_connections.c.consent_status,
                provider_connections.c.verification_status,
            )
        ).all()
    found: dict[str, dict[str, int]] = {"lifecycle": {}, "consent": {}, "verification": {}}
    for row in rows:
        for dimension, value in (
            ("lifecycle", "enabled" if row.is_enabled else "disabled"),
            ("consent", row.consent_status),
            ("verification", row.verification_status),
        ):
            found[dimension][value] = found[dimension].get(value, 0) + row.n
    return _as_counts(found)


def maintained(tx: Transaction, workspace_id: int) -> BadgeCounts:
    """Returns a whole workspace's counts: what is folded, and what is pending."""
    parts = union_all(
        select(badge_counts.c.dimension, badge_counts.c.value, badge_counts.c.count.label("n")).where(
            badge_counts.c.workspace_id == workspace_id
        ),
        select(badge_count_deltas.c.dimension, badge_count_deltas.c.value, badge_count_deltas.c.delta.label("n")).where(
            badge_count_deltas.c.workspace_id == workspace_id
        ),
    ).subquery()
    rows = tx.run(
        select(parts.c.dimension, parts.c.value, func.sum(parts.c.n).label("n")).group_by(
            parts.c.dimension, parts.c.value
        )
    ).all()
    found: dict[str, dict[str, int]] = {"lifecycle": {}, "consent": {}, "verification": {}}
    for row in rows:
        if row.n:
            found[row.dimension][row.value] = int(row.n)
    return _as_counts(found)


def _as_counts(found: dict[str, dict[str, int]]) -> BadgeCounts:
    return BadgeCounts(sum(found["lifecycle"].values()), found["lifecycle"], found["consent"], found["verification"])


def fold(db: Database) -> int:
    """PostgreSQL: adds the pending deltas to the counts. Returns how many were folded; two folders do not meet.

    A no-op on SQLite, whose triggers write the counts themselves.
    """
    if db.is_sqlite:
        return 0

    def work(tx: Transaction) -> int:
        if not tx.run(text("SELECT pg_try_advisory_xact_lock(hashtext('atlas badge counts'))")).scalar_one():
            return 0
        return int(
            tx.run(
                text(
                    "WITH gone AS (DELETE FROM badge_count_deltas WHERE id IN "
                    "  (SELECT id FROM badge_count_deltas ORDER BY id LIMIT 5000) RETURNING workspace_id, dimension, value, delta), "
                    "summed AS (SELECT workspace_id, dimension, value, sum(delta) AS n FROM gone GROUP BY 1, 2, 3), "
                    "added AS (INSERT INTO badge_counts AS b (workspace_id, dimension, value, count) "
                    "  SELECT workspace_id, dimension, value, n FROM summed "
                    "  ON CONFLICT (workspace_id, dimension, value) DO UPDATE SET count = b.count + excluded.count RETURNING 1) "
                    "SELECT count(*) FROM gone"
                )
            ).scalar_one()
        )

    return db.write(work)
