"""The run protocol, driven in every order that hypothesis can think of.

Several connections (two of one tenant), two workers that may forget what they hold, a clock that jumps, people who start, cancel and
disable. After every step the promises are read from the database itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from storage import cancelling, connection_changes, dispatching, finishing, leases, reaping, starting
from storage.errors import Conflict
from storage.operations import CATALOG, CONNECTION_CHECK, INVENTORY_SYNC
from storage.schema import notifications, operation_runs
from storage.states import RunOutcome

CONNECTIONS = st.integers(0, 3)
WORKERS = st.sampled_from(["w1", "w2"])
OPERATIONS = st.sampled_from([CONNECTION_CHECK, INVENTORY_SYNC, "directory.sync"])
WHICH = st.integers(0, 50)


class RunProtocol(RuleBasedStateMachine):
    """One example: fresh connections in a database that is shared by all examples, drained at the end."""

    fleet: Any = None

    @initialize()
    def make_connections(self) -> None:
        """Four connections, the last two of the same tenant."""
        fleet = self.fleet
        names = [fleet.guid() for _ in range(3)]
        self.connections = [fleet.add_connection(f"t-{name[-12:]}") for name in names]
        self.connections.append(fleet.add_connection(f"t-{names[-1][-12:]}"))
        self.held: list[leases.Held] = []
        self.fences: dict[int, int] = {}
        self.completed: dict[int, tuple[Any, ...]] = {}
        for connection in self.connections[:2]:
            self.fleet.start(connection)
            self.fleet.start(connection, INVENTORY_SYNC, run_after=True)
        self.dispatch_and_claim("w1", 4)

    # People

    @rule(which=CONNECTIONS, operation=OPERATIONS, run_after=st.booleans(), by=st.sampled_from(["dana", "omar"]))
    def start(self, which: int, operation: str, run_after: bool, by: str) -> None:
        """Exactly one of the answers, and AlreadyRunning exactly when the same operation is there."""
        connection = self.connections[which]
        before = {row.type: row for row in self.fleet.unfinished(connection)}
        result = self.fleet.start(connection, operation, by=by, run_after=run_after)
        if isinstance(result, starting.AlreadyRunning):
            assert before[operation].id == result.run.id
        elif isinstance(result, starting.Started) and operation in before:
            assert before[operation].status == "waiting"
        elif isinstance(result, starting.ScopeBusy):
            assert operation not in before
            assert (result.waiting is not None) == run_after

    @rule(which=WHICH)
    def retry(self, which: int) -> None:
        """A completed run may be started again."""
        if self.completed:
            old = sorted(self.completed)[which % len(self.completed)]
            result = starting.retry(self.fleet.db, self.fleet.dana, old)
            if isinstance(result, starting.Started):
                row = self.fleet.run_row(result.run.id)
                assert row.retry_of_id in (old, None)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        """Waiting and queued runs end at once, running ones are asked to."""
        rows = self._runs("waiting", "queued", "running")
        if not rows:
            return
        row = rows[which % len(rows)]
        result = cancelling.cancel(self.fleet.db, self.fleet.dana, row.id)
        after = self.fleet.run_row(row.id)
        assert result.immediate == (row.status != "running")
        assert after.outcome == ("cancelled" if result.immediate else None)

    @rule(which=CONNECTIONS)
    def disable(self, which: int) -> None:
        """Nothing waits or is queued on a disabled connection; what runs is asked to stop."""
        connection = self.connections[which]
        connection_changes.set_enabled(self.fleet.db, self.fleet.dana, connection, False)
        for row in self.fleet.unfinished(connection):
            assert row.status == "running"
            assert row.cancel_requested_at is not None

    @rule(which=CONNECTIONS)
    def enable(self, which: int) -> None:
        """Back on."""
        connection_changes.set_enabled(self.fleet.db, self.fleet.dana, self.connections[which], True)

    # Workers

    @rule(worker=WORKERS, slots=st.integers(1, 4))
    def dispatch_and_claim(self, worker: str, slots: int) -> None:
        """A worker takes no more than it has slots."""
        given = dispatching.dispatch(self.fleet.db, worker, slots)
        assert len(given) <= slots
        for run_id in given:
            claim = leases.claim(self.fleet.db, worker, run_id)
            if claim is not None:
                assert claim.attempt >= 1
                self.held.append(claim.held)

    @rule(worker=WORKERS, which=WHICH)
    def claim_by_an_old_hint(self, worker: str, which: int) -> None:
        """A hint may come late, twice, or for a run that has ended: the row decides."""
        rows = self._runs("waiting", "queued", "running", "completed")
        if not rows:
            return
        row = rows[which % len(rows)]
        claim = leases.claim(self.fleet.db, worker, row.id)
        if row.status != "queued":
            assert claim is None
        if claim is not None:
            self.held.append(claim.held)

    @rule()
    def beat(self) -> None:
        """A beat returns exactly the runs that are held and in time."""
        rows = {row.id: row for row in self._runs("running")}
        now = self.fleet.clock.time
        alive = {
            held.run_id
            for held in self.held
            if held.run_id in rows and rows[held.run_id].fence == held.fence and rows[held.run_id].deadline_at > now
        }
        result = leases.beat(self.fleet.db, self.held)
        assert result.alive == alive
        assert result.cancel_requested == {i for i in alive if rows[i].cancel_requested_at is not None}

    def _pick(self, which: int) -> tuple[leases.Held, bool, Any] | None:
        if not self.held:
            return None
        held = self.held[which % len(self.held)]
        row = self.fleet.run_row(held.run_id)
        return held, row.status == "running" and row.fence == held.fence, row

    @rule(which=WHICH, done=st.integers(0, 10))
    def progress(self, which: int, done: int) -> None:
        """Who lost the lease writes nothing."""
        if picked := self._pick(which):
            held, is_held, row = picked
            assert leases.report_progress(self.fleet.db, held, done=done, total=10) == is_held
            assert self.fleet.run_row(held.run_id).progress_done == (done if is_held else row.progress_done)

    @rule(which=WHICH, seconds=st.sampled_from([0, 20, 600]))
    def defer(self, which: int, seconds: int) -> None:
        """A deferred run is given back; its attempt is not counted."""
        if picked := self._pick(which):
            held, is_held, row = picked
            given = leases.defer(self.fleet.db, held, seconds=seconds, reason_code="throttled", phase="waiting")
            assert given == is_held
            after = self.fleet.run_row(held.run_id)
            if not is_held:
                assert after == row
            elif row.cancel_requested_at is None:
                assert (after.status, after.attempt) == ("queued", row.attempt - 1)
            else:
                assert after.outcome == "cancelled"

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        """A worker that stops gives back what it holds."""
        if picked := self._pick(which):
            held, is_held, row = picked
            assert leases.release(self.fleet.db, held) == is_held
            if not is_held:
                assert self.fleet.run_row(held.run_id) == row

    @rule(
        which=WHICH,
        good=st.booleans(),
        reason=st.sampled_from(["throttled", "secret_expired", "service_unavailable", "internal_error"]),
    )
    def finish(self, which: int, good: bool, reason: str) -> None:
        """A result is written once, by who holds the run."""
        if not (picked := self._pick(which)):
            return
        held, is_held, row = picked
        if row.type == CONNECTION_CHECK:
            claim_like = _Named(row.context["target_scope"]["entra_tenant_id"])
            report = self.fleet.good_report(claim_like) if good else self.fleet.failing_report(reason)
            result = finishing.RunResult(check=report)
        else:
            outcome = RunOutcome.SUCCEEDED if good else RunOutcome.FAILED
            result = finishing.RunResult(outcome, None if good else reason)
        if is_held:
            finishing.finish(self.fleet.db, held, result)
            assert self.fleet.run_row(held.run_id).status == "completed"
        else:
            with pytest.raises(finishing.LeaseLost):
                finishing.finish(self.fleet.db, held, result)
            assert self.fleet.run_row(held.run_id) == row

    @rule(which=WHICH, then=st.sampled_from(["progress", "defer", "release", "finish", "beat"]))
    def a_frozen_worker_wakes_up(self, which: int, then: str) -> None:
        """Its run was taken up by another worker meanwhile; whatever it does now changes nothing."""
        if not (picked := self._pick(which)) or not picked[1]:
            return
        held = picked[0]
        self.fleet.clock.advance(seconds=16)
        reaping.reap(self.fleet.db)
        self.dispatch_and_claim("w2", 4)
        row = self.fleet.run_row(held.run_id)
        assert row.fence > held.fence or row.status == "completed"
        if then == "progress":
            assert not leases.report_progress(self.fleet.db, held, done=9, total=10)
        elif then == "defer":
            assert not leases.defer(self.fleet.db, held, seconds=5, reason_code="throttled", phase="waiting")
        elif then == "release":
            assert not leases.release(self.fleet.db, held)
        elif then == "finish":
            with pytest.raises(finishing.LeaseLost):
                finishing.finish(self.fleet.db, held, finishing.RunResult())
        else:
            assert leases.beat(self.fleet.db, [held]).alive == frozenset()
        assert self.fleet.run_row(held.run_id) == row

    @rule()
    def sweep(self) -> None:
        """What every worker does now and then, with nothing to reap twice."""
        reaping.reap(self.fleet.db)
        assert reaping.reap(self.fleet.db) == 0
        reaping.promote_waiting(self.fleet.db)

    @rule(seconds=st.sampled_from([1, 6, 16, 301, 3700]))
    def time_passes(self, seconds: int) -> None:
        """Leases, hints and deadlines run out."""
        self.fleet.clock.advance(seconds=seconds)

    # Promises

    def _runs(self, *statuses: str) -> list[Any]:
        return list(
            self.fleet.rows(
                select(operation_runs)
                .where(operation_runs.c.connection_id.in_(self.connections), operation_runs.c.status.in_(statuses))
                .order_by(operation_runs.c.id)
            )
        )

    @invariant()
    def promises_hold(self) -> None:
        """At most one active run, at most one waiting run of a type, growing fences, bounded attempts, completed rows as they were."""
        if not hasattr(self, "connections"):
            return
        rows = self._runs("waiting", "queued", "running", "completed")
        active = Counter(row.connection_id for row in rows if row.status in ("queued", "running"))
        waiting = Counter((row.connection_id, row.type) for row in rows if row.status == "waiting")
        assert all(count == 1 for count in (*active.values(), *waiting.values()))
        for row in rows:
            assert row.fence >= self.fences.get(row.id, 0)
            self.fences[row.id] = row.fence
            assert 0 <= row.attempt <= CATALOG[row.type].max_attempts
            if row.id in self.completed:
                assert tuple(row) == self.completed[row.id]
            elif row.status == "completed":
                self.completed[row.id] = tuple(row)
                told = row.cause in ("person", "retry")
                assert len(self.fleet.notifications_of(row.id)) == (1 if told else 0)
        unfinished = [row.id for row in rows if row.status != "completed"]
        assert (
            self.fleet.one(
                select(func.count()).select_from(notifications).where(notifications.c.run_id.in_(unfinished))
            )
            == 0
        )

    def teardown(self) -> None:
        """With workers that sweep and do their job, nothing stays queued or waiting for ever."""
        if not hasattr(self, "connections"):
            return
        for _ in range(60):
            self.fleet.clock.advance(hours=1)
            self.fleet.sweep()
            for claim in self.fleet.take():
                self.fleet.finish(claim)
            if not self._runs("waiting", "queued", "running"):
                break
        self.promises_hold()
        assert self._runs("waiting", "queued", "running") == []


class _Named:
    """What a good report wants to know of a claim."""

    def __init__(self, entra_tenant_id: str) -> None:
        self.entra_tenant_id = entra_tenant_id
        self.tenant_name = "Contoso"


@pytest.mark.timeout(300)
def test_the_protocol_keeps_its_promises_in_every_order(copy_fleet: Callable[[str], Any], kind: str) -> None:
    machine = type("RunProtocolHere", (RunProtocol,), {"fleet": copy_fleet(kind)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples={"sqlite-wal": 20, "sqlite-delete": 5, "postgresql": 8}[kind],
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_cancelling_a_completed_run_is_a_conflict(fleet: Any) -> None:
    run = fleet.check(fleet.connection["contoso"])
    with pytest.raises(Conflict, match="has completed"):
        cancelling.cancel(fleet.db, fleet.dana, run.id)
    assert fleet.run_row(run.id) == run
