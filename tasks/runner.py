"""One run, from its claim to its end.

Promise: whatever happens while an operation runs, its run ends in exactly one way: finished, cancelled, given back, or left to whoever
holds it now. Nothing is raised to the queue. An unexpected exception is logged as class and place and ends the run as `internal_error`;
its text goes nowhere. Knows providers through their interfaces only.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from storage import finishing, leases, operations, reasons
from storage.database import Database
from storage.errors import AtlasError, DatabaseError, KeyMissing, KeyWrong
from storage.failures import failure
from storage.finishing import LeaseLost, RunResult
from storage.leases import Claim
from storage.reasons import Category
from storage.states import RunOutcome
from tasks.counters import RUNS
from tasks.held_runs import Clock, HeldRun, HeldRuns, Stop, steady_clock
from tasks.logs import Log
from tasks.providers.base import (
    InventoryStage,
    OperationResult,
    ProviderFailure,
    Reporter,
    RunDeferred,
    RunStopped,
    Target,
)
from tasks.providers.registry import OpenProvider
from tasks.reporter import ProgressWriter, RunReporter
from tasks.staging import RunStage
from tasks.timing import Timing

T = TypeVar("T")

MOST_DEFERRALS: Final = 40
"""A run that gave its thread back this often is failed with the reason it waits for."""

LONGEST_DEFERRAL: Final = 6 * 3600.0
"""Seconds; whatever a provider asks for, a run is looked at again after this."""

_BLOCKING: Final = (Category.CREDENTIAL, Category.CONSENT, Category.PERMISSION, Category.LICENCE)
"""A failure of these kinds is a precondition that was found missing at run time."""

Ending = RunResult | RunDeferred | Stop


class Runner:
    """Performs runs for this process; one instance, called from many threads.

    Args:
        db: the database.
        worker_id: this process.
        held: where runs in work are noted.
        open_provider: gives the provider of this name; called often, so it keeps what it opened.
        writer: writes progress.
        timing: lease and waits.
        log: where it is written what happened.
        clock: ours.
    """

    def __init__(
        self,
        db: Database,
        worker_id: str,
        held: HeldRuns,
        open_provider: Callable[[str], OpenProvider],
        writer: ProgressWriter,
        timing: Timing,
        log: Log,
        clock: Clock = steady_clock,
    ) -> None:
        self._db = db
        self._worker_id = worker_id
        self._held = held
        self._open_provider = open_provider
        self._writer = writer
        self._timing = timing
        self._log = log
        self._clock = clock
        self._pause = threading.Event()

    def perform(self, run_id: int) -> None:
        """Claims a run and sees it through. Never raises: Huey would log the exception's text."""
        asked_at = self._clock()
        try:
            claim = leases.claim(self._db, self._worker_id, run_id)
        except Exception as error:  # the run stays queued, and is dispatched again in five seconds
            self._log.failure("claim_failed", error, run=run_id)
            return
        if claim is None:
            return
        try:
            self._work(claim, asked_at)
        except Exception as error:  # its lease ends, and a sweep takes it up again
            self._log.failure("run_left_to_the_sweep", error, run=run_id)

    def _work(self, claim: Claim, asked_at: float) -> None:
        run = HeldRun(claim.held, asked_at, self._timing.lease, self._clock)
        self._held.add(run)
        reporter = RunReporter(self._db, run, self._writer, long_wait=self._timing.long_wait)
        self._log.info(
            "run_begun",
            run=claim.held.run_id,
            attempt=claim.attempt,
            operation=claim.operation_type,
            connection=claim.connection_id,
        )
        try:
            self._end(claim, run, reporter, self._operate(claim, run, reporter))
        finally:
            reporter.close()
            self._held.remove(run)

    def _operate(self, claim: Claim, run: HeldRun, reporter: Reporter) -> Ending:
        """Does the operation; every exception becomes a way to end."""
        try:
            stage = RunStage(self._db, run, lambda write: self._insist(run, write))
            return _carry_out(self._open_provider(claim.provider), claim, reporter, stage)
        except RunStopped as stopped:
            why = run.why_stop()
            if why is not None:
                return why
            self._log.failure("stopped_unasked", stopped, run=claim.held.run_id)
            return RunResult(RunOutcome.FAILED, "internal_error")
        except RunDeferred as deferred:
            if claim.deferrals < MOST_DEFERRALS:
                return deferred
            return _failed(deferred.reason_code)
        except ProviderFailure as problem:
            return _failed(problem.reason_code, problem.message, problem)
        except KeyMissing:
            return _failed("key_missing")
        except KeyWrong:
            return _failed("credential_undecryptable")
        except Exception as error:  # whatever an operation raises ends its run, not the worker
            self._log.failure("operation_failed", error, run=claim.held.run_id, operation=claim.operation_type)
            return RunResult(RunOutcome.FAILED, "internal_error")

    def _end(self, claim: Claim, run: HeldRun, reporter: RunReporter, ending: Ending) -> None:
        held = claim.held
        if isinstance(ending, RunDeferred):
            seconds, reason, phase = min(ending.seconds, LONGEST_DEFERRAL), ending.reason_code, ending.phase
            self._insist(run, reporter.write)
            given = self._insist(
                run, lambda: leases.defer(self._db, held, seconds=seconds, reason_code=reason, phase=phase)
            )
            RUNS.add("given_back")
            self._say(claim, "run_deferred" if given else "lease_lost", reason=reason, seconds=float(seconds))
        elif ending is Stop.LEASE_LOST:
            self._say(claim, "lease_lost")
        elif ending is Stop.WORKER_STOPS:
            given = self._insist(run, lambda: leases.release(self._db, held))
            RUNS.add("given_back")
            self._say(claim, "run_released" if given else "lease_lost")
        elif ending is Stop.CANCELLED:
            reporter.end_open_steps("cancelled")
            self._finish(claim, run, reporter, RunResult(RunOutcome.CANCELLED, "cancelled"))
        else:
            assert isinstance(ending, RunResult)
            if ending.outcome in (RunOutcome.FAILED, RunOutcome.BLOCKED):
                reporter.end_open_steps(ending.reason_code or "internal_error")
            self._finish(claim, run, reporter, ending)

    def _finish(self, claim: Claim, run: HeldRun, reporter: RunReporter, result: RunResult) -> None:
        """Writes the result; if the database will not have it, writes that the program is at fault."""
        try:
            self._insist(run, reporter.write)
            done = self._insist(run, lambda: self._write_result(claim, result))
        except LeaseLost:
            self._say(claim, "lease_lost")
            return
        except Exception as error:  # a result that storage refuses must not leave the run hanging
            self._log.failure("result_refused", error, run=claim.held.run_id)
            self._finish_as_our_fault(claim, run)
            return
        if done is None:
            self._say(claim, "lease_lost")
            return
        RUNS.add(done.value)
        self._say(claim, "run_ended", outcome=done.value, reason=result.reason_code)

    def _finish_as_our_fault(self, claim: Claim, run: HeldRun) -> None:
        fault = RunResult(RunOutcome.FAILED, "internal_error")
        try:
            self._insist(run, lambda: self._write_result(claim, fault))
        except AtlasError as error:
            self._log.failure("run_left_to_the_sweep", error, run=claim.held.run_id)

    def _write_result(self, claim: Claim, result: RunResult) -> RunOutcome:
        return finishing.finish(self._db, claim.held, result)

    def _insist(self, run: HeldRun, write: Callable[[], T]) -> T | None:
        """Writes, again and again while the database is away and the run is surely ours. Returns None when that ended.

        Raises:
            DatabaseError: the database is there (it confirmed a beat meanwhile) and still refuses.
        """
        first_failure: float | None = None
        pause = 0.1
        while True:
            try:
                return write()
            except DatabaseError as error:
                now = self._clock()
                if first_failure is None:
                    first_failure = now
                    self._log.failure("write_again", error, run=run.held.run_id)
                elif run.confirmed_at > first_failure and now - first_failure > self._timing.beat:
                    raise
                if run.why_stop() is Stop.LEASE_LOST:
                    return None
            self._pause.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(2.0, pause * 2)

    def _say(self, claim: Claim, event: str, **fields: str | float | None) -> None:
        self._log.info(event, run=claim.held.run_id, operation=claim.operation_type, **fields)


def _carry_out(provider: OpenProvider, claim: Claim, reporter: Reporter, stage: InventoryStage) -> RunResult:
    target = target_of(claim)
    if claim.operation_type == operations.CONNECTION_CHECK:
        return RunResult(check=provider.health_check.check(target, reporter))
    operation: Callable[[Target, Reporter], OperationResult] | None = None
    if claim.operation_type == operations.INVENTORY_SYNC and provider.inventory is not None:
        operation = partial(provider.inventory.collect_inventory, stage=stage)
    elif claim.operation_type == operations.COMPLIANCE_SNAPSHOT and provider.compliance is not None:
        operation = provider.compliance.collect_compliance
    elif claim.operation_type == operations.DIRECTORY_SYNC and provider.directory is not None:
        operation = provider.directory.collect_directory
    elif claim.operation_type == operations.ADMIN_ROLES_SCAN and provider.roles is not None:
        operation = provider.roles.collect_roles
    if operation is None:
        return _failed("operation_unavailable")
    result = operation(target, reporter)
    whole = result.complete and not result.failures
    return RunResult(
        RunOutcome.SUCCEEDED if whole else RunOutcome.PARTIALLY_SUCCEEDED,
        result.reason_code,
        None,
        result.summary_counts,
        result.failures,
        collected=result.collected,
    )


def target_of(claim: Claim) -> Target:
    """Makes what an operation is told from what the claim read."""
    return Target(
        run_id=claim.held.run_id,
        attempt=claim.attempt,
        deferrals=claim.deferrals,
        connection_id=claim.connection_id,
        entra_tenant_id=claim.entra_tenant_id,
        tenant_name=claim.tenant_name,
        primary_domain=claim.primary_domain,
        cloud=claim.cloud,
        connection_type=claim.connection_type,
        client_id=claim.client_id,
        credentials=claim.credentials,
        credential_changed_at=claim.credential_changed_at,
        consent_changed_at=claim.consent_changed_at,
        consent_granted_before=claim.consent_granted_before,
        is_enabled=claim.is_enabled,
        waited_for=claim.waited_for,
        home_tenant_id=claim.home_tenant_id,
    )


def _failed(reason_code: str, sentence: str = "", problem: ProviderFailure | None = None) -> RunResult:
    """Makes the result of an operation that did not get to its own: `blocked` when a precondition was missing, else `failed`."""
    reason = reasons.find(reason_code)
    what = failure(
        reason_code,
        sentence,
        provider_code=problem.provider_code if problem else "",
        request_id=problem.request_id if problem else None,
    )
    outcome = RunOutcome.BLOCKED if reason.category in _BLOCKING else RunOutcome.FAILED
    return RunResult(outcome, reason.code, what.sentence, {}, [what])
