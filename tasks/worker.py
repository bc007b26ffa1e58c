"""A worker process: its parts, its beginning and its end.

Promise: a worker begins only with a database and a key it can use, and says why when it cannot. Told to stop, it takes nothing new, lets
what runs go on for a while, gives back what is left and says goodbye; told twice, it ends at once, and its leases do the rest. Any number
of workers share a database.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from storage import leases, workers
from storage.configuration import Settings
from storage.database import Database, open_database
from storage.errors import AtlasError
from storage.sealing import fingerprint
from tasks.batches import Batches
from tasks.dispatcher import Dispatcher, Slots
from tasks.heartbeat import Heartbeat
from tasks.held_runs import HeldRuns, steady_clock
from tasks.home import Home
from tasks.key_watch import KeyWatch
from tasks.keyring import Keyring, open_keyring
from tasks.logs import Log
from tasks.loops import Loop
from tasks.opening import ProviderShelf
from tasks.queue import HintQueue
from tasks.reporter import ProgressWriter
from tasks.runner import Runner
from tasks.scheduling import Scheduling
from tasks.sweeping import Sweep
from tasks.telling import Telling
from tasks.timing import Timing

EXIT_AT_ONCE: Final = 3
"""The exit code of a worker that was told twice; its runs are taken up by others when their leases are over."""


SAME_WISH: Final = 0.5
"""Seconds within which a second signal is the same wish (a terminal and a parent may both send one)."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """That the process shall stop.

    Attributes:
        why: the signal, or what happened.
        is_signal: somebody sent it; only a signal can make a stop immediate.
        at: our clock.
    """

    why: str
    is_signal: bool
    at: float


def version() -> str:
    """Returns the installed program's version."""
    try:
        return metadata.version("atlas-tui")
    except metadata.PackageNotFoundError:
        return "unknown"


class Worker:
    """One worker process.

    Args:
        db: the database, open.
        settings: the configuration.
        key_id: fingerprint of the key it opens credentials with; shown with the worker.
        shelf: opens providers.
        keyring: opens what alerts are sent to.
        slots: how many runs it works on at once.
        is_local: it belongs to a dashboard and ends with it.
        timing: its rhythm.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        key_id: str,
        shelf: ProviderShelf,
        keyring: Keyring,
        *,
        slots: int,
        is_local: bool = False,
        timing: Timing | None = None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self._db = db
        self._key_id = key_id
        self._shelf = shelf
        self._is_local = is_local
        self._timing = timing or replace(Timing(), grace=settings.worker.grace_seconds)
        self._log = Log("worker")
        self._stop_requests: queue.SimpleQueue[StopRequest] = queue.SimpleQueue()
        self._home = Home(Path(settings.state_directory), self.id)
        self._slots = Slots(slots, self._timing.hint)
        self._held = HeldRuns()
        self._writer = ProgressWriter(self._timing.progress, lambda step: Loop("progress", step, self._log))
        self._runner = Runner(db, self.id, self._held, shelf.open, self._writer, self._timing, Log("runner"))
        try:
            self._hints = HintQueue(settings.worker.queue, self._home.directory, slots, self._perform)
        except AtlasError:
            self._home.leave()
            raise
        self._heartbeat = Heartbeat(db, self.id, self._held, self._timing)
        self._beats = Loop("heartbeat", self._heartbeat.step, self._log, longest_pause=1.0)
        self._telling = Telling(
            db,
            self.id,
            settings,
            keyring,
            self._heartbeat,
            lambda: len(self._held),
            self._timing,
            version=version(),
            is_local=is_local,
        )
        self._dispatcher = Dispatcher(
            db, self.id, self._slots, self._hints.give, self._on_runs_changed, self._timing, self._log
        )
        self._dispatches = Loop("dispatcher", self._dispatcher.step, self._log, longest_pause=2.0)
        watch = KeyWatch(db, self.id, keyring, key_id, self._log)
        self._sweeps = Loop("sweep", Sweep(db, self._timing, self._log, watch).step, self._log)
        self._scheduling = Scheduling(db, self.id, self._timing, self._log)
        self._schedules = Loop("schedules", self._scheduling.step, self._log)
        self._batches = Loop("batches", Batches(db, self._timing).step, self._log)

    def request_stop(self, why: str, *, is_signal: bool = False) -> None:
        """Asks for a graceful stop; by another signal, for an immediate one. May be called from a signal handler."""
        self._stop_requests.put(StopRequest(why, is_signal, steady_clock()))

    def run(self) -> None:
        """Works until asked to stop.

        Raises:
            DatabaseError: the worker could not even say that it is there.
        """
        workers.register(
            self._db,
            self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version(),
            slots=self._slots.total,
            seal_key_id=self._key_id,
            is_local=self._is_local,
        )
        self._log.info("worker_started", worker=self.id, pid=os.getpid(), slots=self._slots.total, key_id=self._key_id)
        for loop in (self._writer.loop, self._beats, self._sweeps, self._schedules, self._batches, self._dispatches):
            loop.start()
        self._telling.start()
        self._hints.start()
        request = self._wait_for_stop()
        self._log.info("worker_stopping", worker=self.id, why=request.why, busy=len(self._held))
        self._stop(request)
        self._log.info("worker_stopped", worker=self.id)

    def _wait_for_stop(self) -> StopRequest:
        while True:
            try:
                return self._stop_requests.get(timeout=self._timing.health)
            except queue.Empty:
                self._hints.mend()

    def _stop(self, first: StopRequest) -> None:
        end = steady_clock() + self._timing.grace
        threading.Thread(
            target=self._end_at_once_if_asked_again, args=(first,), name="second-stop", daemon=True
        ).start()
        self._dispatches.stop()
        self._hints.stop()
        self._schedules.stop()
        self._batches.stop()
        self._telling.stop(max(5.0, self._timing.grace))
        self._try(self._scheduling.give_back)
        self._try(lambda: workers.stopping(self._db, self.id))
        self._held.finish_by(end)
        if not self._held.wait_until_none(end - steady_clock() + self._timing.last_words):
            self._return_the_rest()
        for loop in (self._sweeps, self._writer.loop, self._beats):
            loop.stop()
        self._try(lambda: workers.stopped(self._db, self.id))
        self._dispatcher.close()
        self._hints.close()
        self._shelf.close()
        self._home.leave()

    def _return_the_rest(self) -> None:
        """Gives back runs that did not reach a safe point: their fence moves on, so what their threads still say is refused."""
        for run in self._held.all():
            held = run.held
            returned = self._try(lambda held=held: leases.release(self._db, held))  # type: ignore[misc]
            self._log.warning("run_released", run=held.run_id, outcome="returned" if returned else "not_held")

    def _end_at_once_if_asked_again(self, first: StopRequest) -> None:
        request = self._stop_requests.get()
        while not request.is_signal or request.at - first.at < SAME_WISH:
            request = self._stop_requests.get()
        self._log.warning("worker_stopped_at_once", worker=self.id, why=request.why, busy=len(self._held))
        sys.stderr.flush()
        os._exit(EXIT_AT_ONCE)

    def _try(self, write: Callable[[], object]) -> object:
        try:
            return write()
        except AtlasError as error:  # stopping goes on without the database; leases end by themselves
            self._log.failure("database_unavailable", error, thread="worker")
            return None

    def _perform(self, run_id: int) -> None:
        self._slots.begin(run_id)
        try:
            self._runner.perform(run_id)
        finally:
            self._slots.end()
            self._dispatcher.look_soon()
            self._dispatches.wake()

    def _on_runs_changed(self) -> None:
        self._heartbeat.hear_news()
        self._beats.wake()


def stop_on_signals(worker: Worker) -> None:
    """Has SIGTERM, SIGINT and SIGHUP ask for a stop; one that is ignored (`nohup`) stays ignored."""

    def handle(number: int, frame: FrameType | None) -> None:
        worker.request_stop(signal.Signals(number).name, is_signal=True)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number is signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def stop_with_parent(worker: Worker) -> None:
    """Has the end of stdin ask for a stop: the parent closed it, or died."""

    def wait() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # closed already: there is no parent to wait for
        worker.request_stop("parent_gone")

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def open_worker(
    settings: Settings,
    *,
    slots: int | None = None,
    is_local: bool = False,
    timing: Timing | None = None,
    make_shelf: Callable[[Settings, Keyring], ProviderShelf] = ProviderShelf,
) -> Worker:
    """Makes a worker from the configuration.

    Args:
        settings: the configuration.
        slots: how many runs at once; the configuration's when None.
        is_local: it belongs to a dashboard.
        timing: replaced in tests.
        make_shelf: replaced in tests.

    Raises:
        KeyMissing, KeyWrong: it could open no credential.
        DatabaseError: the database cannot be used.
        InvalidInput: a setting cannot be used.
    """
    key_id = fingerprint(settings.public_key_bytes()) if settings.public_key else ""
    keyring = open_keyring(settings.key_file, key_id=key_id)
    count = settings.worker.slots if slots is None else slots
    settings = msgspec.structs.replace(settings, worker=msgspec.structs.replace(settings.worker, slots=count))
    db = open_database(settings.database, pool_size=count // 2 + 4, shared=settings.shared)
    try:
        shelf = make_shelf(settings, keyring)
        first_key = key_id or keyring.key_ids[0]
        return Worker(db, settings, first_key, shelf, keyring, slots=count, is_local=is_local, timing=timing)
    except BaseException:
        db.close()
        raise
