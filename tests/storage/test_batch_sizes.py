"""Large bulk starts: the rest is cancelled in a few statements, the members are written in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, select

from storage import batch_ending, batch_starting, batch_writing, batches
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.errors import Conflict, NotFound
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.pages import Place
from storage.schema import audit_entries, operation_runs, run_batch_members, run_batches
from storage.states import BatchClass, RunOutcome


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


class Killed(Exception):
    """The process that wrote a batch down is gone."""


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has batches written in parts of one member, and something happen before the third part."""
    monkeypatch.setattr(batch_writing, "MEMBERS_AT_ONCE", 1)

    def before_the_third(happens: Callable[[], object]) -> None:
        def parts(rest: Iterable[Any]) -> Iterator[Any]:
            for number, part in enumerate(rest):
                if number == 1:
                    happens()
                yield part

        monkeypatch.setattr(batch_writing, "in_turn", parts)

    return before_the_third


def test_a_batch_that_was_half_written_when_its_writer_died_never_was(fleet: Any, in_parts: Any) -> None:
    before = fleet.contents(without=("change_topics",))
    looked: list[tuple[int, int]] = []

    def die() -> None:
        looked.append((fleet.count(run_batch_members), fleet.one(select(run_batches.c.id))))
        raise Killed

    in_parts(die)
    with pytest.raises(Killed):
        _start(fleet, CONNECTION_CHECK)
    ((members, draft),) = looked
    assert members == 2
    # It is for nobody, and nobody goes on with it.
    with pytest.raises(NotFound):
        batches.status(fleet.db, fleet.dana, draft)
    assert not batches.page(fleet.db, fleet.dana, fleet.north, "", Place.first()).rows
    assert batch_ending.open_batches(fleet.db) == []
    assert not batch_ending.go_on(fleet.db, draft)
    assert batch_starting.advance(fleet.db, draft) == 0
    # The workers throw it away, part by part.
    fleet.clock.advance(minutes=11)
    assert batch_ending.open_batches(fleet.db) == [draft]
    _go_on(fleet, draft)
    assert fleet.contents(without=("change_topics",)) == before


def test_a_writer_that_was_too_slow_is_told_so_and_nothing_starts(fleet: Any, in_parts: Any) -> None:
    def sleep_long() -> None:
        fleet.clock.advance(minutes=11)
        for draft in batch_ending.open_batches(fleet.db):
            _go_on(fleet, draft)

    in_parts(sleep_long)
    with pytest.raises(Conflict, match="nothing was started"):
        _start(fleet, CONNECTION_CHECK)
    assert fleet.count(run_batches) == fleet.count(operation_runs) == 0


def test_a_batch_written_in_parts_begins_whole_and_is_told_once(fleet: Any, in_parts: Any) -> None:
    in_parts(lambda: fleet.clock.advance(minutes=1))
    batch = _start(fleet, CONNECTION_CHECK)
    row = batches.status(fleet.db, fleet.dana, batch).row
    # What counts is when it began, not when its first member was written.
    assert (row.member_count, row.tally.untried, row.created_at) == (3, 3, fleet.clock.time)
    told = fleet.rows(select(audit_entries).where(audit_entries.c.action == "run.batch_start"))
    assert [(entry.target_kind, entry.target_id, entry.outcome) for entry in told] == [("batch", str(batch), "done")]
    _go_on(fleet, batch)
    assert batches.status(fleet.db, fleet.dana, batch).row.tally.classes == {BatchClass.STARTED: 3}
