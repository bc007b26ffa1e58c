"""What became of each operation on each connection: the last run, since when it fails, the last good one, why its schedule is held up.

Promise: written in the transaction that ends the run (`completing.complete`) and under the connection's lock, so a row always agrees with
the runs it tells of. A run that was cancelled, or whose result was set aside, says nothing about the operation and changes nothing but
what ran last. Knows no badge: a row may fail while all three badges are content, and the other way round.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import breakers, operations
from storage.database import Transaction
from storage.gate import find_obstacle, lock_connection
from storage.schedule_reach import reaches_connection
from storage.schema import connection_operations, schedules
from storage.states import RunOutcome, Topic

SET_ASIDE: Final = frozenset({"superseded", "consent_doubted"})
"""Reasons of runs whose result was not believed: they neither failed nor were good."""

_FAILED: Final = (RunOutcome.FAILED, RunOutcome.BLOCKED, RunOutcome.LOST)


@dataclass(frozen=True, slots=True)
class OperationStanding:
    """What became of one operation on one connection.

    Attributes:
        type: the operation.
        last_run_id: its last run that ended by itself; None when there was none.
        last_outcome: how that ended.
        last_reason_code: why, when it was not simply good.
        last_completed_at: when.
        failing_since: when the first of the failures in a row ended; None while it works.
        reason_since: when the first of those that failed in a row for the last one's reason ended; None while it works.
        consecutive_failures: how many in a row.
        last_good_run_id: the last run that did its job, at least in part.
        last_good_at: when.
        blocked_reason_code: why its schedule could not start it; None when it can.
        blocked_since: since when.
        next_due_at: when a schedule starts it next; None when none does.
    """

    type: str
    last_run_id: int | None
    last_outcome: RunOutcome | None
    last_reason_code: str | None
    last_completed_at: datetime | None
    failing_since: datetime | None
    consecutive_failures: int
    last_good_run_id: int | None
    last_good_at: datetime | None
    blocked_reason_code: str | None
    blocked_since: datetime | None
    reason_since: datetime | None
    next_due_at: datetime | None

    @property
    def label(self) -> str:
        """The operation's name for people."""
        return operations.find(self.type).label


def standings(tx: Transaction, connection: Row[Any]) -> tuple[OperationStanding, ...]:
    """Returns what became of each operation on a connection, in the catalog's order; authority was asked by the caller.

    One that never ran, was never held up and is not scheduled is not in it.

    Args:
        tx: a transaction.
        connection: the connection's row.
    """
    rows = tx.run(select(connection_operations).where(connection_operations.c.connection_id == connection.id))
    ran = {row.type: row for row in rows}
    due = _next_due(tx, connection)
    return tuple(
        _standing(name, ran.get(name), due.get(name)) for name in operations.CATALOG if name in ran or name in due
    )


def _next_due(tx: Transaction, connection: Row[Any]) -> dict[str, datetime]:
    """When schedules start something on a connection next, by operation: nothing on one that is disabled."""
    if not connection.is_enabled:
        return {}
    rows = tx.run(
        select(schedules.c.type, func.min(schedules.c.next_due_at).label("due"))
        .where(reaches_connection(connection), schedules.c.is_enabled)
        .where(schedules.c.next_due_at.is_not(None))
        .group_by(schedules.c.type)
    )
    return {row.type: row.due for row in rows}


def note_completed(tx: Transaction, run: Row[Any]) -> None:
    """Writes down how a run ended. Called by `completing.complete` only, which holds the connection's lock.

    Failed, blocked and lost runs count, those that can be tried again as well; a run that succeeded, or did so in part, ends the count.

    Args:
        tx: the transaction that ends the run.
        run: its completed row.
    """
    outcome = RunOutcome(run.outcome)
    if outcome is RunOutcome.CANCELLED:
        return
    values: dict[str, Any] = {
        "last_run_id": run.id,
        "last_outcome": outcome.value,
        "last_reason_code": run.reason_code,
        "last_completed_at": run.completed_at,
        "blocked_reason_code": None,
        "blocked_since": None,
    }
    if outcome in _FAILED:
        values |= {"failing_since": run.completed_at, "reason_since": run.completed_at, "consecutive_failures": 1}
    elif run.reason_code not in SET_ASIDE:
        values |= {
            "failing_since": None,
            "reason_since": None,
            "consecutive_failures": 0,
            "last_good_run_id": run.id,
            "last_good_at": run.completed_at,
        }
    statement = _insert(tx, run.connection_id, run.type, run.workspace_id, run.tenant_id, values)
    kept, new = connection_operations.c, statement.excluded
    later: dict[str, ColumnElement[Any]] = {name: new[name] for name in values}
    if outcome not in _FAILED and run.reason_code in SET_ASIDE:
        # Only that it ran is known: what fails goes on failing, and for the reason it had.
        for name in ("last_outcome", "last_reason_code"):
            later[name] = case((kept.failing_since.is_not(None), kept[name]), else_=new[name])
    elif outcome in _FAILED:
        same = and_(kept.failing_since.is_not(None), kept.last_reason_code.is_not_distinct_from(new.last_reason_code))
        later["failing_since"] = func.coalesce(kept.failing_since, new.failing_since)
        later["reason_since"] = case((same, kept.reason_since), else_=new.reason_since)
        later["consecutive_failures"] = kept.consecutive_failures + 1
    tx.run(statement.on_conflict_do_update(index_elements=["connection_id", "type"], set_=later))
    if run.type == operations.CONNECTION_CHECK:
        clear_solved(tx, run.connection_id)
    tx.touch(Topic.ATTENTION)


def note_each_blocked(tx: Transaction, blocked: Sequence[tuple[Row[Any], str]], operation_type: str) -> None:
    """Writes down on which connections a schedule could not start an operation.

    The same reason again keeps its time; another one begins anew.

    Args:
        tx: a write transaction that holds the connections' locks.
        blocked: their rows, as `gate.lock_connections` returned them, each with the reason code.
        operation_type: what could not start.
    """
    _write_blocked(tx, [(row.id, operation_type, row, reason_code) for row, reason_code in blocked])


def note_held_back(tx: Transaction, run: Row[Any], reason_code: str) -> None:
    """Writes down that a run a schedule had waiting was not let go: as if it had not been started, since it never ran.

    Args:
        tx: a write transaction that holds the connection's lock.
        run: its row.
        reason_code: why.
    """
    _write_blocked(tx, [(run.connection_id, run.type, run, reason_code)])


def _write_blocked(tx: Transaction, blocked: Sequence[tuple[int, str, Row[Any], str]]) -> None:
    """(connection, operation, a row that says where that is, reason code)."""
    if not blocked:
        return
    now = tx.now()
    statement = (sqlite if tx.is_sqlite else postgresql).insert(connection_operations)
    kept, new = connection_operations.c, statement.excluded
    since = case((kept.blocked_reason_code == new.blocked_reason_code, kept.blocked_since), else_=new.blocked_since)
    later = {"blocked_reason_code": new.blocked_reason_code, "blocked_since": since}
    tx.run(
        statement.on_conflict_do_update(index_elements=["connection_id", "type"], set_=later),
        [
            {
                "connection_id": connection_id,
                "type": operation_type,
                "workspace_id": place.workspace_id,
                "tenant_id": place.tenant_id,
                "blocked_reason_code": reason_code,
                "blocked_since": now,
            }
            for connection_id, operation_type, place, reason_code in blocked
        ],
    )
    tx.touch(Topic.ATTENTION, Topic.CONNECTIONS)


def clear_blocked(tx: Transaction, connection_ids: Collection[int], operation_type: str) -> int:
    """Forgets that an operation was held up: it starts, or could. Returns on how many connections it had been.

    Args:
        tx: a write transaction that holds the connections' locks.
        connection_ids: on which connections, 500 at most.
        operation_type: which operation.
    """
    cleared = tx.run(
        update(connection_operations)
        .where(
            connection_operations.c.connection_id.in_(sorted(connection_ids)),
            connection_operations.c.type == operation_type,
            connection_operations.c.blocked_since.is_not(None),
        )
        .values(blocked_reason_code=None, blocked_since=None)
    ).rowcount
    if cleared:
        tx.touch(Topic.ATTENTION, Topic.CONNECTIONS)
    return int(cleared)


def clear_solved(tx: Transaction, connection_id: int) -> None:
    """Forgets what held a connection's schedules up and does not any more; asked when a check ended or a person changed something.

    Args:
        tx: a write transaction that holds the connection's lock.
        connection_id: which connection.
    """
    held_up = tx.run(
        select(connection_operations.c.type).where(
            connection_operations.c.connection_id == connection_id,
            connection_operations.c.blocked_since.is_not(None),
        )
    ).scalars()
    types = list(held_up)
    connection = lock_connection(tx, connection_id) if types else None
    if connection is None or not breakers.may_run_scheduled(tx, connection_id, tx.now()):
        return
    for operation_type in types:
        if find_obstacle(tx, connection, operations.find(operation_type)) is None:
            clear_blocked(tx, [connection_id], operation_type)


def _insert(
    tx: Transaction,
    connection_id: int,
    operation_type: str,
    workspace_id: int,
    tenant_id: int,
    values: dict[str, Any],
) -> sqlite.Insert | postgresql.Insert:
    table = connection_operations
    insert: sqlite.Insert | postgresql.Insert = sqlite.insert(table) if tx.is_sqlite else postgresql.insert(table)
    return insert.values(
        connection_id=connection_id, type=operation_type, workspace_id=workspace_id, tenant_id=tenant_id, **values
    )


def _standing(operation_type: str, row: Row[Any] | None, next_due_at: datetime | None) -> OperationStanding:
    if row is None:
        return OperationStanding(
            operation_type, None, None, None, None, None, 0, None, None, None, None, None, next_due_at
        )
    return OperationStanding(
        row.type,
        row.last_run_id,
        None if row.last_outcome is None else RunOutcome(row.last_outcome),
        row.last_reason_code,
        row.last_completed_at,
        row.failing_since,
        row.consecutive_failures,
        row.last_good_run_id,
        row.last_good_at,
        row.blocked_reason_code,
        row.blocked_since,
        row.reason_since,
        next_due_at,
    )
