"""The run protocol when everybody does everything at once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select, text

from storage import audit_chain, cancelling, dispatching, finishing, leases, reaping, starting
from storage.database import open_database
from storage.errors import AtlasError, Conflict
from storage.finishing import LeaseLost, RunResult
from storage.leases import Claim
from storage.operations import CONNECTION_CHECK
from storage.schema import notifications, operation_runs
from storage.starting import AlreadyRunning, Started
from storage.states import RunOutcome


def all_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Calls all at the same moment, each in a thread; an `AtlasError` counts as an answer."""
    gate = threading.Barrier(len(calls))

    def call(one: Callable[[], Any]) -> Any:
        gate.wait(60)
        try:
            return one()
        except AtlasError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def claimed(fleet: Any, connection: int) -> Claim:
    """Starts a check and claims it."""
    run_id = fleet.start(connection)
    claim = leases.claim(fleet.db, "w", run_id)
    assert claim is not None
    return claim


def test_twenty_starts_in_a_row_over_one_connection_to_the_database(fleet: Any) -> None:
    """PostgreSQL plans a prepared statement anew ten times and then keeps one plan: the eleventh start is the one that fails."""
    connections = [fleet.connection() for _ in range(20)]
    db = open_database(fleet.url, pool_size=1)
    try:
        for connection in connections:
            assert isinstance(starting.start(db, fleet.who, connection, CONNECTION_CHECK), Started)
            assert isinstance(starting.start(db, fleet.who, connection, CONNECTION_CHECK), AlreadyRunning)
    finally:
        db.close()


def test_twenty_presses_at_the_same_moment_make_one_run(fleet: Any) -> None:
    connection = fleet.connection()

    answers = all_at_once(*[lambda: starting.start(fleet.db, fleet.who, connection, CONNECTION_CHECK)] * 20)

    kinds = Counter(type(answer) for answer in answers)
    assert kinds == {Started: 1, AlreadyRunning: 19}, answers
    assert len({answer.run.id for answer in answers}) == 1


def test_eight_processes_that_race_for_the_same_connections_get_one_run_each(
    fleet: Any, nursery: Any, tmp_path: Path
) -> None:
    connections = [fleet.connection() for _ in range(15)]
    signal_file = tmp_path / "now"
    racers = []
    for seed in range(8):
        order = random.Random(seed).sample(connections, len(connections))
        arguments = (fleet.url, str(fleet.who.user_id), str(signal_file), *map(str, order))
        racers.append(nursery.start("racer:main", *arguments, stdout=subprocess.PIPE))
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    signal_file.touch()
    answers = [answer for racer in racers for answer in json.loads(racer.communicate(timeout=60)[0])]

    assert [racer.returncode for racer in racers] == [0] * 8
    for connection in connections:
        told = [(kind, run) for at, kind, run in answers if at == connection]
        assert Counter(kind for kind, _ in told) == {"Started": 1, "AlreadyRunning": 7}
        assert len({run for _, run in told}) == 1
    assert fleet.count(operation_runs) == 15


def test_a_run_is_claimed_by_one_of_many(fleet: Any) -> None:
    for _ in range(5):
        run_id = fleet.start(fleet.connection())
        answers = all_at_once(*[partial(leases.claim, fleet.db, str(n), run_id) for n in range(8)])
        (claim,) = [answer for answer in answers if answer is not None]
        assert isinstance(claim, Claim), answers
        assert fleet.run(run_id).attempt == 1


def test_ready_runs_are_dealt_out_once_each(fleet: Any) -> None:
    runs = [fleet.start(fleet.connection()) for _ in range(12)]
    for _ in range(10):
        fleet.forget_hints()
        answers = all_at_once(*[partial(dispatching.dispatch, fleet.db, str(n), 3) for n in range(6)])
        dealt = [run for answer in answers for run in answer]
        assert len(dealt) == len(set(dealt)), answers
        dealt += dispatching.dispatch(fleet.db, "the rest", 12)
        assert sorted(dealt) == runs


def test_a_tenant_gets_no_more_than_its_share_in_one_go(fleet: Any) -> None:
    tenant = fleet.tenant()
    for _ in range(4):
        fleet.start(fleet.connection(tenant_id=tenant))
    assert len(dispatching.dispatch(fleet.db, "w", 8)) == dispatching.SLOTS_PER_TENANT
    assert dispatching.dispatch(fleet.db, "w", 8) == []


def test_two_sweeps_take_a_dead_workers_run_once(fleet: Any) -> None:
    for _ in range(5):
        claim = claimed(fleet, fleet.connection())
        fleet.let_leases_end()

        answers = all_at_once(*[lambda: reaping.reap(fleet.db)] * 4)

        run = fleet.run(claim.held.run_id)
        assert sum(answers) == 1, answers
        assert (run.status, run.fence, run.attempt) == ("queued", claim.held.fence + 1, 1)


def test_a_run_that_beats_at_the_last_moment_is_not_taken_away(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the sweep's look and its write the lease is extended: the write itself must ask again."""
    claim = claimed(fleet, fleet.connection())
    fleet.let_leases_end()
    write = fleet.db.write

    def beat_first(work: Callable[[Any], Any]) -> Any:
        monkeypatch.setattr(fleet.db, "write", write)
        assert leases.beat(fleet.db, [claim.held]).alive == {claim.held.run_id}
        return write(work)

    monkeypatch.setattr(fleet.db, "write", beat_first)

    assert reaping.reap(fleet.db) == 0
    run = fleet.run(claim.held.run_id)
    assert (run.status, run.fence) == ("running", claim.held.fence)


def test_what_a_worker_says_about_a_run_it_lost_is_refused(fleet: Any) -> None:
    old = claimed(fleet, fleet.connection()).held
    fleet.let_leases_end()
    assert reaping.reap(fleet.db) == 1
    new = leases.claim(fleet.db, "another", old.run_id)
    assert new is not None
    before = fleet.run(old.run_id)

    assert leases.beat(fleet.db, [old]).alive == frozenset()
    assert not leases.report_progress(fleet.db, old, done=1, total=2, phase="p")
    assert not leases.defer(fleet.db, old, seconds=60, reason_code="throttled", phase="p")
    assert not leases.release(fleet.db, old)
    with pytest.raises(LeaseLost):
        finishing.finish(fleet.db, old, RunResult(RunOutcome.FAILED, "internal_error"))

    assert fleet.run(old.run_id) == before


def test_a_finish_and_a_sweep_do_not_both_happen(fleet: Any) -> None:
    for _ in range(10):
        claim = claimed(fleet, fleet.connection())
        fleet.let_leases_end()

        finished, reaped = all_at_once(
            partial(finishing.finish, fleet.db, claim.held, RunResult(RunOutcome.FAILED, "internal_error")),
            lambda: reaping.reap(fleet.db),
        )

        run = fleet.run(claim.held.run_id)
        if finished is RunOutcome.FAILED:
            assert (reaped, run.outcome, fleet.notifications_of(run.id)) == (0, "failed", 1)
        else:
            assert isinstance(finished, LeaseLost)
            assert (reaped, run.status, fleet.notifications_of(run.id)) == (1, "queued", 0)


def test_a_cancel_and_a_claim_do_not_both_have_their_way(fleet: Any) -> None:
    for _ in range(10):
        run_id = fleet.start(fleet.connection())

        cancelled, claim = all_at_once(
            partial(cancelling.cancel, fleet.db, fleet.who, run_id),
            partial(leases.claim, fleet.db, "w", run_id),
        )

        run = fleet.run(run_id)
        if claim is None:
            assert cancelled.immediate
            assert run.outcome == "cancelled"
        else:
            assert not cancelled.immediate
            assert run.status == "running"
            assert leases.beat(fleet.db, [claim.held]).cancel_requested == {run_id}


def test_a_beat_and_a_finish_do_not_bring_a_run_back(fleet: Any) -> None:
    for _ in range(10):
        claim = claimed(fleet, fleet.connection())
        all_at_once(
            partial(leases.beat, fleet.db, [claim.held]),
            partial(finishing.finish, fleet.db, claim.held, RunResult(RunOutcome.FAILED, "internal_error")),
        )
        run = fleet.run(claim.held.run_id)
        assert (run.status, run.lease_until) == ("completed", None)


@pytest.mark.parametrize("rounds", [60])
def test_everything_at_once_neither_deadlocks_nor_breaks_a_promise(fleet: Any, rounds: int) -> None:
    """Starts, claims, beats, progress, finishes, cancels, releases and sweeps on four connections, from eight threads."""
    connections = [fleet.connection() for _ in range(4)]
    claims: dict[int, tuple[int, Claim]] = {}
    trouble: list[BaseException] = []

    def one_thread(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(rounds):
            try:
                _do_something(fleet, dice, connections, claims, seed)
            except (Conflict, KeyError):
                pass  # somebody else was quicker: that is what this is about
            except Exception as error:
                trouble.append(error)

    threads = [threading.Thread(target=one_thread, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert trouble == []
    with fleet.db.read() as tx:
        active = tx.run(
            select(func.count())
            .select_from(operation_runs)
            .where(operation_runs.c.status.in_(["queued", "running"]))
            .group_by(operation_runs.c.connection_id)
        ).scalars()
        assert max(active, default=0) <= 1
        told_twice = tx.run(
            select(notifications.c.run_id).group_by(notifications.c.run_id).having(func.count() > 1)
        ).all()
        assert told_twice == []
        assert audit_chain.verify_chain(tx, f"workspace:{fleet.workspace_id}") is None
    assert fleet.count(operation_runs, operation_runs.c.status == "completed") == fleet.count(notifications)
    assert _deadlocks(fleet) == 0


def _do_something(
    fleet: Any, dice: random.Random, connections: list[int], claims: dict[int, tuple[int, Claim]], worker: int
) -> None:
    connection = dice.choice(connections)
    action = dice.randrange(8)
    if action == 0:
        starting.start(fleet.db, fleet.who, connection, CONNECTION_CHECK)
    elif action == 1:
        for run_id in dispatching.dispatch(fleet.db, str(worker), 2):
            claim = leases.claim(fleet.db, str(worker), run_id)
            if claim is not None:
                claims[connection] = (worker, claim)
    elif action == 2:
        leases.beat(fleet.db, [claim.held for holder, claim in list(claims.values()) if holder == worker])
    elif action == 3:
        leases.report_progress(fleet.db, claims[connection][1].held, done=1, total=2, phase="p")
    elif action == 4:
        finishing.finish(fleet.db, claims.pop(connection)[1].held, RunResult(RunOutcome.FAILED, "internal_error"))
    elif action == 5:
        cancelling.cancel(fleet.db, fleet.who, claims[connection][1].held.run_id)
    elif action == 6:
        leases.release(fleet.db, claims.pop(connection)[1].held)
    else:
        fleet.let_leases_end(connection)
        reaping.reap(fleet.db)
        reaping.promote_waiting(fleet.db)


def _deadlocks(fleet: Any) -> int:
    """PostgreSQL counts them; a deadlock that was retried would not show otherwise. Counters arrive when connections end."""
    if fleet.db.is_sqlite:
        return 0
    name = fleet.db.engine.url.database
    fleet.db.close()
    engine = create_engine(fleet.url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            return int(
                connection.execute(
                    text("SELECT deadlocks FROM pg_stat_database WHERE datname = :name"), {"name": name}
                ).scalar_one()
            )
    finally:
        engine.dispose()
