"""What tests of the worker may ask for: a small real fleet on either database, scripted workers in this process or as processes of
their own, and time that passes when a test says so."""

from __future__ import annotations

import base64
import importlib.util
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Row, func, select, text, true, update

from storage import configuration, connection_changes, credential_material, credentials, starting, tenants, upgrading
from storage import workspaces as workspace_functions
from storage.access import Principal
from storage.configuration import Settings, WorkerSettings
from storage.database import Database, open_database
from storage.operations import CONNECTION_CHECK
from storage.schema import notifications, operation_runs, provider_connections, run_steps, verification_reports
from storage.starting import Started
from storage.states import ConnectionType, CredentialOwner
from tasks import key_files
from tasks.keyring import public_bytes
from tasks.worker import Worker, open_worker

ROOT = Path(__file__).parents[2]
SECRET = "canary-8Q~secret-value-that-must-not-be-seen"
DEADLINE = 20.0


def _load_scripted() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "scripted_worker", Path(__file__).with_name("scripted_worker.py")
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


scripted = _load_scripted()


def wait_until(condition: Callable[[], Any], what: str = "the condition", seconds: float = DEADLINE) -> Any:
    """Asks until the answer is true, and returns it; fails the test at the deadline."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true within {seconds:.0f} s")
        time.sleep(0.01)


@dataclass
class Fleet:
    """A database with one workspace, and what is in it."""

    url: str
    db: Database
    who: Principal
    workspace_id: int
    config: Path
    settings: Settings
    stage: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    wait_until = staticmethod(wait_until)

    def connection(self, *script: list[Any], tenant_id: int | None = None) -> int:
        """Adds a dedicated connection with a secret, whose runs play a script."""
        number = next(self._numbers)
        if tenant_id is None:
            tenant_id = self.tenant()
        row = connection_changes.create(
            self.db,
            self.who,
            tenant_id,
            display_name=f"Connection {number}",
            connection_type=ConnectionType.DEDICATED,
            client_id=str(uuid.uuid4()),
        )
        credentials.store(
            self.db,
            self.who,
            CredentialOwner.CONNECTION,
            row.id,
            credential_material.from_secret(SECRET),
            self.settings.public_key_bytes(),
        )
        self.script(row.id, *script)
        return row.id

    def tenant(self) -> int:
        number = next(self._numbers)
        return tenants.create(
            self.db, self.who, self.workspace_id, entra_tenant_id=str(uuid.uuid4()), name=f"Tenant {number}"
        ).id

    def script(self, connection_id: int, *actions: list[Any]) -> None:
        (self.stage / f"{connection_id}.json").write_text(json.dumps(actions))

    def give(self, name: str) -> None:
        """Makes the file that a `hold` or `hang` waits for."""
        (self.stage / name).touch()

    def start(self, connection_id: int, operation: str = CONNECTION_CHECK) -> int:
        result = starting.start(self.db, self.who, connection_id, operation)
        assert isinstance(result, Started), result
        return result.run.id

    def run(self, run_id: int) -> Row[Any]:
        with self.db.read() as tx:
            return tx.run(select(operation_runs).where(operation_runs.c.id == run_id)).one()

    def badges(self, connection_id: int) -> Row[Any]:
        with self.db.read() as tx:
            return tx.run(select(provider_connections).where(provider_connections.c.id == connection_id)).one()

    def until(
        self,
        run_id: int,
        condition: Callable[[Row[Any]], Any],
        what: str = "the run's state",
        seconds: float = DEADLINE,
    ) -> Row[Any]:
        def reached() -> Row[Any] | None:
            row = self.run(run_id)
            return row if condition(row) else None

        try:
            return wait_until(reached, what, seconds)  # type: ignore[no-any-return]
        except pytest.fail.Exception:
            pytest.fail(f"{what} was not reached; the run is {self.run(run_id)._mapping}")

    def until_completed(self, run_id: int) -> Row[Any]:
        return self.until(run_id, lambda row: row.status == "completed", "completed")

    def steps(self, run_id: int) -> list[Row[Any]]:
        with self.db.read() as tx:
            return list(tx.run(select(run_steps).where(run_steps.c.run_id == run_id).order_by(run_steps.c.position)))

    def count(self, table: Any, *conditions: Any) -> int:
        with self.db.read() as tx:
            return int(tx.run(select(func.count()).select_from(table).where(*conditions)).scalar_one())

    def reports_of(self, run_id: int) -> int:
        return self.count(verification_reports, verification_reports.c.run_id == run_id)

    def notifications_of(self, run_id: int) -> int:
        return self.count(notifications, notifications.c.run_id == run_id)

    def calls(self, run_id: int | None = None) -> list[tuple[int, int, int, str]]:
        """What the provider did: (run, attempt, pid, what)."""
        place = self.stage / "calls"
        found = []
        for line in place.read_text().splitlines() if place.exists() else ():
            run, attempt, pid, what = line.split(" ", 3)
            if run_id is None or int(run) == run_id:
                found.append((int(run), int(attempt), int(pid), what))
        return found

    def let_leases_end(self, connection_id: int | None = None) -> None:
        """As if a minute had passed without a beat, for one connection's run or for all."""
        which = true() if connection_id is None else operation_runs.c.connection_id == connection_id
        self._move(operation_runs.c.lease_until, (operation_runs.c.status == "running") & which)

    def let_deadlines_pass(self) -> None:
        """As if every running run had taken as long as it may."""
        self._move(operation_runs.c.deadline_at, operation_runs.c.status == "running")

    def let_waits_end(self) -> None:
        """As if every time before which a run may not begin had come."""
        self._move(operation_runs.c.not_before, operation_runs.c.not_before.is_not(None))

    def let_hints_age(self) -> None:
        """As if every hint had been given long ago."""
        self._move(operation_runs.c.dispatched_at, operation_runs.c.dispatched_at.is_not(None))

    def forget_hints(self) -> None:
        """As if no run had been dispatched yet."""
        self.db.write(lambda tx: tx.run(update(operation_runs).values(dispatched_at=None)) and None)

    def _move(self, column: Any, condition: Any) -> None:
        def work(tx: Any) -> None:
            past = tx.now() - timedelta(minutes=1)
            tx.run(update(operation_runs).where(condition).values({column: past}))

        self.db.write(work)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of a database that does not exist yet, or is empty; each test runs on both kinds."""
    if request.param == "sqlite":
        return str(tmp_path / "data" / "atlas.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "atlas.db")


@pytest.fixture
def fleet_at(tmp_path: Path) -> Iterator[Callable[[str], Fleet]]:
    """Makes a fleet in a database."""
    opened: list[Database] = []

    def make(url: str) -> Fleet:
        os.chmod(tmp_path, 0o700)
        if "://" not in url:
            Path(url).parent.mkdir(mode=0o700, exist_ok=True)
        upgrading.upgrade(url)
        db = open_database(url, pool_size=20)
        opened.append(db)
        who = workspace_functions.initialize(db, login="dana", display_name="Dana", slug="msp", name="The MSP")
        key = key_files.create(tmp_path / "key" / "atlas.key")
        settings = Settings(
            database=url,
            state_directory=str(tmp_path / "state"),
            key_file=str(tmp_path / "key" / "atlas.key"),
            public_key=base64.b64encode(public_bytes(key)).decode(),
            worker=WorkerSettings(slots=4, grace_seconds=0.5),
        )
        configuration.save(tmp_path / "config" / "config.toml", settings)
        stage = tmp_path / "stage"
        stage.mkdir()
        return Fleet(
            url,
            db,
            who,
            workspace_functions.find_workspace(db, who, "msp"),
            tmp_path / "config" / "config.toml",
            configuration.load(tmp_path / "config" / "config.toml"),
            stage,
        )

    yield make
    for db in opened:
        db.close()


@pytest.fixture
def fleet(database_url: str, fleet_at: Callable[[str], Fleet]) -> Fleet:
    """A fleet on each of the two databases."""
    return fleet_at(database_url)


@pytest.fixture
def sqlite_fleet(sqlite_url: str, fleet_at: Callable[[str], Fleet]) -> Fleet:
    """A fleet on SQLite, for what does not depend on the database."""
    return fleet_at(sqlite_url)


@dataclass
class ProcessWorker:
    """A worker process of the test."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> list[dict[str, Any]]:
        whole_lines = self.log_file.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole_lines]

    def events(self) -> list[str]:
        return [line["event"] for line in self.log()]

    def until_event(self, event: str, seconds: float = DEADLINE) -> None:
        wait_until(lambda: event in self.events(), f"{event} in the log of {self.pid}", seconds)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = DEADLINE) -> int:
        return self.process.wait(seconds)


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., ProcessWorker]]:
    """Starts scripted worker processes; all are gone when the test ends."""
    started: list[ProcessWorker] = []

    def start(fleet: Fleet, *options: str, program: list[str] | None = None, **popen: Any) -> ProcessWorker:
        log_file = tmp_path / f"worker-{len(started)}.log"
        command = program or [
            str(Path(__file__).with_name("scripted_worker.py")),
            "--config",
            str(fleet.config),
            "--stage",
            str(fleet.stage),
        ]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command, *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                **{"stdin": subprocess.DEVNULL, **popen},
            )
        worker = ProcessWorker(process, log_file)
        started.append(worker)
        worker.until_event("worker_started", seconds=60)
        return worker

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait(10)
        if worker.process.stdin is not None:
            worker.process.stdin.close()


@pytest.fixture
def freeze() -> Callable[[Fleet, ProcessWorker], None]:
    """Freezes a process between its transactions: inside of one it would hold the database's locks and freeze everybody."""

    def between_transactions(fleet: Fleet) -> bool:
        if fleet.db.is_sqlite:
            connection = sqlite3.connect(fleet.url, timeout=0.2, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            finally:
                connection.close()
            return True
        with fleet.db.read() as tx:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            )
            return tx.run(text(waiting)).scalar_one() == 0

    def freeze(fleet: Fleet, worker: ProcessWorker) -> None:
        def frozen() -> bool:
            worker.signal(signal.SIGSTOP)
            if between_transactions(fleet):
                return True
            worker.signal(signal.SIGCONT)
            return False

        wait_until(frozen, "a moment between two transactions")

    return freeze


@dataclass
class ThreadWorker:
    """A worker in the test's own process."""

    worker: Worker
    thread: threading.Thread

    def stop(self) -> None:
        self.worker.request_stop("test")
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()


@pytest.fixture
def start_worker() -> Iterator[Callable[..., ThreadWorker]]:
    """Starts scripted workers in this process."""
    started: list[ThreadWorker] = []

    def start(fleet: Fleet, *, slots: int = 4, **timing: float) -> ThreadWorker:
        worker = open_worker(
            fleet.settings,
            slots=slots,
            timing=replace(scripted.QUICK, **{"grace": 0.3, **timing}),
            make_shelf=scripted.shelf_for(fleet.stage),
        )
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        started.append(ThreadWorker(worker, thread))
        return started[-1]

    yield start
    for one in started:
        if one.thread.is_alive():
            one.stop()
