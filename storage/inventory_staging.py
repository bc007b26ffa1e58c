"""What an inventory sync has read so far, before it is believed.

Promise: rows are written under (run, fence) in short transactions of their own, each of which first looks whether the run is still held;
nobody reads them but the run's own finish. What a dead, deferred or finished attempt left behind is swept by any worker. An attempt
never takes over what an earlier one staged: that was read before a wait of minutes or hours, under another fence, and a listing is
only true when it was read in one go. Functions here are for workers; they ask for no principal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from storage import operations
from storage.database import Database, Transaction, chunks
from storage.leases import Held
from storage.schema import inventory_items, inventory_staging, operation_runs, run_steps
from storage.states import RunOutcome, RunStatus

CHUNK: Final = 500
"""Rows that one transaction stages or deletes."""

SWEEP_PARTS: Final = 40
"""Transactions of one sweep, so that it ends soon; the next one goes on."""

SOME: Final = 3
"""A listing that held at least so many items and now holds none is doubtful."""

DOUBTFUL: Final = "suspicious_empty"
_ORDER: Final = ("kind", "external_id")


@dataclass(frozen=True, slots=True)
class StagedItem:
    """One item as a listing has it.

    Attributes:
        external_id: the provider's id, unique in its kind.
        name: what the provider calls it.
        platform: `Windows`, `iOS` …; empty when it is for none or for all.
        modified_at: when it was last changed, by the provider's clock.
    """

    external_id: str
    name: str
    platform: str = ""
    modified_at: datetime | None = None


def put(db: Database, held: Held, kind: str, items: Iterable[StagedItem]) -> bool:
    """Stages items, the later of two with the same id. Returns False, and writes no more, when the run is not held any more."""
    return all(
        db.write(lambda tx, part=part: _put(tx, held, kind, part))  # type: ignore[misc]
        for part in chunks(items, CHUNK)
    )


def _put(tx: Transaction, held: Held, kind: str, items: list[StagedItem]) -> bool:
    if not _is_held(tx, held):
        return False
    dialect = sqlite if tx.is_sqlite else postgresql
    statement = dialect.insert(inventory_staging)
    given = ("name", "platform", "modified_at")
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "fence", *_ORDER], set_={name: statement.excluded[name] for name in given}
    )
    rows = {
        item.external_id: {
            "run_id": held.run_id,
            "fence": held.fence,
            "kind": kind,
            "external_id": item.external_id,
            "name": item.name,
            "platform": item.platform,
            "modified_at": item.modified_at,
        }
        for item in items
    }
    tx.run(statement, list(rows.values()))
    return True


def discard(db: Database, held: Held, kind: str) -> bool:
    """Drops what was staged of a kind, because its listing begins again or failed. Returns False when the run is not held any more."""
    while True:
        dropped = db.write(lambda tx: _drop(tx, _of(held, kind)) if _is_held(tx, held) else None)
        if dropped is None:
            return False
        if dropped < CHUNK:
            return True


def is_doubtful(db: Database, held: Held, kind: str) -> bool:
    """Says whether a listing that was read to its end came back empty in a way that should not be believed yet.

    Doubtful is a listing without any item where there were `SOME` or more; unless the sync before found it empty too, since two answers
    at different times are believed.
    """
    with db.read() as tx:
        if tx.run(select(inventory_staging.c.kind).where(_of(held, kind)).limit(1)).first() is not None:
            return False
        run = tx.run(select(operation_runs).where(operation_runs.c.id == held.run_id)).one()
        live = (
            select(inventory_items.c.id)
            .where(
                inventory_items.c.connection_id == run.connection_id,
                inventory_items.c.kind == kind,
                inventory_items.c.removed_at.is_(None),
            )
            .limit(SOME)
            .subquery()
        )
        if tx.run(select(func.count()).select_from(live)).scalar_one() < SOME:
            return False
        return not _was_empty_before(tx, run, kind)


def _was_empty_before(tx: Transaction, run: Any, kind: str) -> bool:
    """Whether the last completed sync that looked at this kind doubted it: the steps of its run say so."""
    before = tx.run(
        select(run_steps.c.reason_code)
        .join(operation_runs, operation_runs.c.id == run_steps.c.run_id)
        .where(
            operation_runs.c.connection_id == run.connection_id,
            operation_runs.c.id < run.id,
            operation_runs.c.type == operations.INVENTORY_SYNC,
            operation_runs.c.outcome.in_([RunOutcome.SUCCEEDED.value, RunOutcome.PARTIALLY_SUCCEEDED.value]),
            run_steps.c.key == kind,
        )
        .order_by(operation_runs.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return before == DOUBTFUL


def sweep(db: Database, *, parts: int = SWEEP_PARTS) -> int:
    """Deletes what attempts that are over have staged. Returns how many rows; any number of workers may do this at once."""
    with db.read() as tx:
        staged = select(inventory_staging.c.run_id, inventory_staging.c.fence).distinct().subquery()
        over = tx.run(
            select(staged.c.run_id, staged.c.fence)
            .join(operation_runs, operation_runs.c.id == staged.c.run_id)
            .where(or_(operation_runs.c.status != RunStatus.RUNNING.value, operation_runs.c.fence != staged.c.fence))
            .limit(parts)
        ).all()
    deleted, left = 0, parts
    for attempt in over:
        of_attempt = and_(inventory_staging.c.run_id == attempt.run_id, inventory_staging.c.fence == attempt.fence)
        while left > 0:
            left -= 1
            dropped = db.write(lambda tx, which=of_attempt: _drop(tx, which))  # type: ignore[misc]
            deleted += dropped
            if dropped < CHUNK:
                break
    return deleted


def _drop(tx: Transaction, which: ColumnElement[bool]) -> int:
    keys = list(inventory_staging.primary_key.columns)
    some = select(*keys).where(which).limit(CHUNK)
    return tx.run(delete(inventory_staging).where(tuple_(*keys).in_(some))).rowcount


def _of(held: Held, kind: str) -> ColumnElement[bool]:
    staged = inventory_staging.c
    return and_(staged.run_id == held.run_id, staged.fence == held.fence, staged.kind == kind)


def _is_held(tx: Transaction, held: Held) -> bool:
    """Looks under a lock that the run's end waits for, but its beats and its progress do not."""
    statement = select(operation_runs.c.id).where(
        operation_runs.c.id == held.run_id,
        operation_runs.c.fence == held.fence,
        operation_runs.c.status == RunStatus.RUNNING.value,
    )
    return (
        tx.run(statement if tx.is_sqlite else statement.with_for_update(read=True, key_share=True)).first() is not None
    )
