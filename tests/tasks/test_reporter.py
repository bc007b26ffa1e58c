"""What an operation says is written a few times a second at most, all of it, and never after the run has left our hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import leases
from storage.errors import DatabaseError
from storage.leases import Held
from storage.states import StepStatus
from storage.verification import ReportStep
from tasks.held_runs import HeldRun, Stop
from tasks.loops import Loop
from tasks.providers.base import RunDeferred, RunStopped
from tasks.reporter import ProgressWriter, RunReporter

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A reporter with its writer, driven by hand, and the writes it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.writes: list[dict[str, Any]] = []
        self.answer: Callable[[], bool] = lambda: True
        self.run = HeldRun(Held(7, 1), self.clock.now, 15.0, self.clock)
        self.writer = ProgressWriter(0.25, lambda step: Loop("never started", step, None), self.clock)  # type: ignore[arg-type]
        self.reporter = RunReporter(None, self.run, self.writer, long_wait=15.0, now=lambda: NOW)  # type: ignore[arg-type]
        monkeypatch.setattr(leases, "report_progress", self._write)

    def _write(self, db: Any, held: Held, **what: Any) -> bool:
        answer = self.answer()
        self.writes.append(what)
        return answer


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def ended(key: str, status: StepStatus = StepStatus.PASS) -> ReportStep:
    return ReportStep(key, key.title(), status)


def test_the_first_word_is_written_at_once_and_the_rest_together(stage: Stage) -> None:
    stage.reporter.progress(1, 100, "Listing")
    assert stage.writer.step() == pytest.approx(60.0)
    for done in range(2, 50):
        stage.reporter.progress(done, 100, "Listing")
    assert stage.writer.step() == pytest.approx(0.25)
    stage.clock.now += 0.25
    stage.writer.step()
    assert [write["done"] for write in stage.writes] == [1, 49]


def test_two_seconds_of_chatter_are_eight_writes(stage: Stage) -> None:
    for done in range(2000):
        stage.reporter.progress(done, None, "Listing")
        stage.writer.step()
        stage.clock.now += 0.001
    assert 7 <= len(stage.writes) <= 9


def test_steps_are_written_in_their_order_and_each_once(stage: Stage) -> None:
    stage.reporter.begin_step("token", "Sign in")
    stage.reporter.end_step(ended("token"))
    stage.reporter.begin_step("claims", "Claims")
    stage.writer.step()
    stage.reporter.end_step(ended("claims"))
    stage.clock.now += 0.25
    stage.writer.step()

    first, second = ([(step.key, step.position, step.status) for step in write["steps"]] for write in stage.writes)
    assert first == [("token", 0, StepStatus.PASS), ("claims", 1, StepStatus.RUNNING)]
    assert second == [("claims", 1, StepStatus.PASS)]
    assert stage.writes[1]["phase"] == "Claims"


def test_what_the_database_did_not_take_is_written_the_next_time(stage: Stage) -> None:
    def fail() -> bool:
        raise DatabaseError("The database is away.")

    stage.reporter.end_step(ended("token"))
    stage.answer = fail
    with pytest.raises(DatabaseError):
        stage.writer.step()
    stage.answer = lambda: True
    stage.writer.step()
    assert [step.key for step in stage.writes[-1]["steps"]] == ["token"]


def test_a_write_that_finds_the_run_gone_stops_it(stage: Stage) -> None:
    stage.answer = lambda: False
    stage.reporter.progress(1, 2, "Listing")
    stage.writer.step()
    assert stage.run.why_stop() is Stop.LEASE_LOST
    with pytest.raises(RunStopped):
        stage.reporter.check_running()


def test_nothing_is_written_for_a_run_that_has_left_our_hands(stage: Stage) -> None:
    stage.reporter.progress(1, 2, "Listing")
    stage.reporter.close()
    stage.writer.step()
    assert stage.writes == []


def test_a_wait_shows_until_when_and_then_what_it_was_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, Any]] = []

    def wait(seconds: float) -> None:
        stage.reporter.write()
        seen.append((stage.writes[-1]["phase"], stage.writes[-1]["waiting_until"]))

    monkeypatch.setattr(stage.run, "wait", wait)
    stage.reporter.begin_step("token", "Sign in")
    stage.reporter.wait(3.0, "throttled", "waiting for Microsoft")
    stage.reporter.write()

    assert seen == [("waiting for Microsoft", NOW + timedelta(seconds=3))]
    assert (stage.writes[-1]["phase"], stage.writes[-1]["waiting_until"]) == ("Sign in", None)


@pytest.mark.parametrize("seconds", [15.1, 600.0, float("inf")])
def test_a_wait_too_long_for_a_thread_defers(stage: Stage, seconds: float) -> None:
    with pytest.raises(RunDeferred) as deferred:
        stage.reporter.wait(seconds, "throttled", "waiting for Microsoft")
    assert (deferred.value.seconds, deferred.value.reason_code) == (seconds, "throttled")


@pytest.mark.parametrize("seconds", [0.0, -5.0, float("nan")])
def test_a_wait_for_nothing_passes(stage: Stage, seconds: float) -> None:
    stage.reporter.wait(seconds, "throttled", "waiting for Microsoft")


def test_a_run_that_was_told_to_stop_does_not_begin_a_wait(stage: Stage) -> None:
    stage.run.ask_to_stop(Stop.CANCELLED)
    with pytest.raises(RunStopped):
        stage.reporter.wait(600.0, "throttled", "waiting for Microsoft")


def test_steps_that_will_not_end_are_ended_with_the_reason(stage: Stage) -> None:
    stage.reporter.end_step(ended("token"))
    stage.reporter.begin_step("claims", "Claims")
    stage.reporter.end_open_steps("cancelled")
    stage.reporter.write()
    assert [(step.key, step.status, step.reason_code) for step in stage.writes[-1]["steps"]] == [
        ("token", StepStatus.PASS, None),
        ("claims", StepStatus.SKIP, "cancelled"),
    ]
