"""Many at once: threads with connections of their own, on each kind of database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from storage import audit_chain, connection_changes, dispatching, member_changes, reaping, starting, tenants
from storage.errors import AtlasError, Conflict
from storage.operations import CONNECTION_CHECK
from storage.schema import memberships, operation_runs
from storage.schema import provider_connections as pc
from storage.states import ConnectionType


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Runs `work` in so many threads at the same moment and returns what each returned or raised."""
    start, answers = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        start.wait(60)
        try:
            answers[number] = work(number)
        except AtlasError as error:
            answers[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_twenty_starts_on_one_connection_make_one_run(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    answers = together(20, lambda _: fleet.start(connection))
    kinds = Counter(type(answer).__name__ for answer in answers)
    assert kinds == {"Started": 1, "AlreadyRunning": 19}
    assert len({answer.run.id for answer in answers}) == 1
    with fleet.db.read() as tx:
        assert audit_chain.verify_chain(tx, f"workspace:{fleet.north}") is None


def test_workers_that_race_claim_each_run_once(fleet: Any) -> None:
    for number in range(6):
        fleet.start(fleet.add_connection(f"c{number}"))

    def work(number: int) -> list[int]:
        claims = fleet.take(f"w{number}", 3)
        return [claim.held.run_id for claim in claims]

    taken = [run for answer in together(4, work) for run in answer]
    assert len(taken) == len(set(taken))
    fleet.clock.advance(seconds=6)
    while claims := fleet.take("late"):
        taken += [claim.held.run_id for claim in claims]
        fleet.clock.advance(seconds=6)
    assert len(taken) == len(set(taken)) == 6


def test_reapers_that_race_judge_each_run_once(fleet: Any) -> None:
    for number in range(5):
        fleet.start(fleet.add_connection(f"c{number}"))
    assert len(fleet.take("w1", 10)) == 5
    fleet.clock.advance(seconds=16)
    counts = together(4, lambda _: reaping.reap(fleet.db))
    assert sum(counts) + reaping.reap(fleet.db) == 5
    rows = fleet.rows(select(operation_runs))
    assert {(row.status, row.fence, row.attempt) for row in rows} == {("queued", 2, 1)}


def test_finishing_and_reaping_the_same_run_has_one_winner(fleet: Any) -> None:
    for _ in range(4):
        claim = fleet.begin(fleet.connection["contoso"])
        fleet.clock.advance(seconds=16)
        together(2, lambda number, claim=claim: fleet.finish(claim) if number else reaping.reap(fleet.db))
        row = fleet.run_row(claim.held.run_id)
        assert (row.status, row.fence) in (("completed", claim.held.fence), ("queued", claim.held.fence + 1))
        for left in fleet.take():
            fleet.finish(left)
        assert fleet.unfinished(fleet.connection["contoso"]) == []


def test_the_same_tenant_added_at_once_is_added_once(fleet: Any) -> None:
    guid = fleet.guid()
    answers = together(
        4, lambda number: tenants.create(fleet.db, fleet.dana, fleet.north, entra_tenant_id=guid, name=f"T{number}")
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3, answers


def test_connections_created_at_once_have_one_default(fleet: Any) -> None:
    tenant = fleet.add_tenant("crowded")
    answers = together(
        4,
        lambda _: connection_changes.create(
            fleet.db, fleet.dana, tenant, connection_type=ConnectionType.DEDICATED, client_id=fleet.guid()
        ),
    )
    assert not any(isinstance(answer, AtlasError) for answer in answers), answers
    assert fleet.count(pc, pc.c.tenant_id == tenant, pc.c.is_default) == 1


def test_two_owners_cannot_remove_each_other(fleet: Any) -> None:
    def membership(login: str) -> int:
        return int(fleet.one(select(memberships.c.id).where(memberships.c.user_id == fleet.people[login].user_id)))

    pair = [("dana", membership("otto")), ("otto", membership("dana"))]
    together(
        2,
        lambda number: member_changes.revoke(fleet.db, fleet.people[pair[number][0]], fleet.north, pair[number][1]),
    )
    left = fleet.count(
        memberships,
        memberships.c.id.in_([one for _, one in pair]),
        memberships.c.revoked_at.is_(None),
    )
    assert left == 1


def test_starting_and_disabling_at_once_leaves_nothing_queued_on_a_disabled_connection(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    together(
        2,
        lambda number: (
            starting.start(fleet.db, fleet.dana, connection, CONNECTION_CHECK)
            if number
            else connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
        ),
    )
    assert fleet.unfinished(connection) == []
    assert dispatching.dispatch(fleet.db, "w1", 4) == []
