"""What a held run knows by our own clock, when nothing else can be asked."""

from __future__ import annotations

import threading

import pytest

from storage.leases import Held
from tasks.dispatcher import Slots
from tasks.held_runs import HeldRun, HeldRuns, Stop


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def held(clock: Clock, run_id: int = 1) -> HeldRun:
    return HeldRun(Held(run_id, 1), clock.now, 15.0, clock)


def test_a_run_may_go_on_until_its_lease_was_not_confirmed_for_a_lease(clock: Clock) -> None:
    run = held(clock)
    clock.now += 14.9
    assert run.why_stop() is None
    clock.now += 0.2
    assert run.why_stop() is Stop.LEASE_LOST


def test_a_confirmed_beat_counts_from_when_it_was_sent(clock: Clock) -> None:
    run = held(clock)
    clock.now += 10
    sent_at = clock.now
    clock.now += 4  # the answer took four seconds
    run.confirm(sent_at)
    clock.now += 10.9
    assert run.why_stop() is None
    clock.now += 0.2
    assert run.why_stop() is Stop.LEASE_LOST


def test_a_late_answer_to_an_old_beat_takes_nothing_back(clock: Clock) -> None:
    run = held(clock)
    run.confirm(clock.now + 5)
    run.confirm(clock.now)
    assert run.confirmed_at == clock.now + 5


def test_the_strongest_reason_to_stop_wins(clock: Clock) -> None:
    run = held(clock)
    run.ask_to_stop(Stop.CANCELLED)
    run.ask_to_stop(Stop.WORKER_STOPS)
    assert run.why_stop() is Stop.CANCELLED
    run.ask_to_stop(Stop.LEASE_LOST)
    run.ask_to_stop(Stop.CANCELLED)
    assert run.why_stop() is Stop.LEASE_LOST


def test_a_worker_that_stops_lets_a_run_go_on_until_then(clock: Clock) -> None:
    run = held(clock)
    run.finish_by(clock.now + 10)
    assert run.why_stop() is None
    clock.now += 10
    assert run.why_stop() is Stop.WORKER_STOPS


def test_a_wait_that_cannot_end_before_the_worker_stops_ends_at_once(clock: Clock) -> None:
    run = held(clock)  # no time passes: it does not wait at all
    run.finish_by(clock.now + 5)
    assert run.wait(10) is Stop.WORKER_STOPS
    assert run.why_stop() is Stop.WORKER_STOPS


def test_a_wait_ends_when_the_run_is_told_to_stop() -> None:
    run = HeldRun(Held(1, 1), _now(), 15.0)
    threading.Timer(0.05, run.ask_to_stop, (Stop.CANCELLED,)).start()
    assert run.wait(10) is Stop.CANCELLED


def test_a_wait_ends_when_the_lease_is_over_by_our_clock() -> None:
    run = HeldRun(Held(1, 1), _now(), 0.1)
    assert run.wait(10) is Stop.LEASE_LOST


def test_a_run_that_begins_while_the_worker_stops_knows_it(clock: Clock) -> None:
    runs = HeldRuns()
    runs.finish_by(clock.now)
    run = held(clock)
    runs.add(run)
    assert run.why_stop() is Stop.WORKER_STOPS


def test_letting_go_of_an_old_hold_keeps_the_new_one(clock: Clock) -> None:
    runs = HeldRuns()
    old, new = held(clock), held(clock)
    runs.add(old)
    runs.add(new)
    runs.remove(old)
    assert runs.all() == [new]


def test_a_slot_is_taken_by_a_hint_and_by_a_run(clock: Clock) -> None:
    slots = Slots(2, 5.0, clock)
    slots.hint(1)
    assert slots.free() == 1
    slots.begin(1)
    assert slots.free() == 1
    slots.hint(2)
    assert slots.free() == 0
    slots.end()
    assert slots.free() == 1


def test_a_hint_that_was_lost_blocks_its_slot_for_a_while_only(clock: Clock) -> None:
    slots = Slots(1, 5.0, clock)
    slots.hint(1)
    clock.now += 4.9
    assert slots.free() == 0
    clock.now += 0.2
    assert slots.free() == 1


def _now() -> float:
    from tasks.held_runs import steady_clock

    return steady_clock()
