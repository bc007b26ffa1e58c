"""Large bulk starts: the rest is cancelled in a few statements, the members are written in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event, select

from storage import batch_ending, batch_starting, batches
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import audit_entries, operation_runs
from storage.states import RunOutcome


def _start(fleet: Any, operation: str, *names: str) -> int:
    """Starts an operation on connections of these names, which are made, or on all."""
    ids = [fleet.add_connection(name) for name in names]
    chosen = Selection.named(fleet.north, ids) if ids else Selection.found(ConnectionQuery(fleet.north))
    return batch_starting.create(fleet.db, fleet.dana, operation, chosen)


def _go_on(fleet: Any, batch_id: int) -> None:
    while batch_ending.go_on(fleet.db, batch_id):
        pass


def _statements(fleet: Any, work: Callable[[], object]) -> int:
    """How many statements something takes."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(fleet.db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(fleet.db.engine, "before_cursor_execute", note)
    return len(seen)


def test_cancelling_many_takes_no_more_statements_than_cancelling_few(fleet: Any) -> None:
    few, many = _start(fleet, CONNECTION_CHECK, "a", "b"), _start(fleet, CONNECTION_CHECK, *"cdefghij")
    took = {}
    for batch in (few, many):
        _go_on(fleet, batch)
        batch_ending.cancel_rest(fleet.db, fleet.people["mona"], batch)
        took[batch] = _statements(fleet, lambda id=batch: batch_ending.go_on(fleet.db, id))
        _go_on(fleet, batch)
        assert batches.status(fleet.db, fleet.dana, batch).row.result is RunOutcome.CANCELLED
    assert took[many] == took[few]
    # None is forgotten in the trail, and none is told there twice.
    cancelled = fleet.rows(select(operation_runs).where(operation_runs.c.outcome == "cancelled"))
    told = fleet.rows(select(audit_entries).where(audit_entries.c.action == "run.complete"))
    assert len(cancelled) == 10
    assert sorted((int(entry.target_id), entry.tenant_id, entry.actor) for entry in told) == sorted(
        (run.connection_id, run.tenant_id, "mona") for run in cancelled
    )
    assert cancelled[0].reason_sentence == f"Cancelled by mona with batch {few}."


def test_what_waited_behind_a_cancelled_run_gets_its_turn(fleet: Any) -> None:
    batch = _start(fleet, CONNECTION_CHECK)
    _go_on(fleet, batch)
    ids = sorted(fleet.connection.values())
    for id in ids[:2]:
        fleet.start(id, INVENTORY_SYNC, run_after=True)
    running = fleet.take(slots=1)[0].held.run_id
    batch_ending.cancel_rest(fleet.db, fleet.dana, batch)
    _go_on(fleet, batch)
    # The first one's check runs on to its next safe point; behind the second one's, the inventory begins; the third is free.
    standing = {id: [(run.type, run.status) for run in fleet.unfinished(id)] for id in ids}
    assert standing == {
        ids[0]: [(CONNECTION_CHECK, "running"), (INVENTORY_SYNC, "waiting")],
        ids[1]: [(INVENTORY_SYNC, "queued")],
        ids[2]: [],
    }
    assert fleet.run_row(running).cancel_requested_by == "dana"
