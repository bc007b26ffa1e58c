"""What tests of the worker may ask for: a small real fleet on either database, scripted workers in this process or as processes of
their own, and time that passes when a test says so."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from storage import configuration, sqlite_file, upgrading
from storage import workspaces as workspace_functions
from storage.configuration import Settings, WorkerSettings
from storage.database import Database, open_database
from tasks import key_files
from tasks.keyring import public_bytes
from tasks.worker import Worker, open_worker

ROOT = Path(__file__).parents[2]


def _load(name: str, folder: Path = Path(__file__).parent) -> ModuleType:
    """Imports a module that is beside this file; test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


scripted = _load("scripted_worker")
fleets = _load("fleets")
nurseries = _load("nursery", ROOT / "tests")
Fleet, wait_until, DEADLINE = fleets.Fleet, fleets.wait_until, fleets.DEADLINE


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of a database that does not exist yet, or has no row; each test runs on both kinds."""
    if request.param == "sqlite":
        return str(tmp_path / "data" / "atlas.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "atlas.db")


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table and no row, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "atlas.db"
    upgrading.upgrade(str(path))
    return path


@pytest.fixture(scope="session")
def _migrated_on_postgres(postgres_server: str) -> str:
    """The name of a PostgreSQL database with every table and no row, to be copied."""
    name = f"migrated_{uuid.uuid4().hex}"  # tests/chaos has one of its own
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    engine.dispose()
    upgrading.upgrade(make_url(postgres_server).set(database=name).render_as_string(hide_password=False))
    return name


@pytest.fixture
def postgres_url(postgres_server: str, _migrated_on_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own that has every table and no row."""
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    name = f"copy_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_migrated_on_postgres}"))
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def fleet_at(tmp_path: Path, _migrated: Path) -> Iterator[Callable[[str], Fleet]]:
    """Makes a fleet in a database."""
    opened: list[Database] = []

    def make(url: str) -> Fleet:
        os.chmod(tmp_path, 0o700)
        if "://" not in url:
            Path(url).parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(_migrated, url)
            os.chmod(url, 0o600)
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


@pytest.fixture(scope="session")
def nursery() -> Iterator[Any]:
    """Forks processes of the program, and scripted workers."""
    modules = (
        "tasks.__main__",
        "tasks.worker",
        "tasks.consent_page_app",
        "uvicorn",
        "scripted_worker",
        "racer",
        "killed_rotation",
    )
    microsoft = [
        f"tasks.providers.microsoft.{file.stem}" for file in (ROOT / "tasks/providers/microsoft").glob("[!_]*.py")
    ]
    made = nurseries.Nursery(*modules, *microsoft, path=(Path(__file__).parent,))
    yield made
    made.close()


@dataclass
class ProcessWorker:
    """A worker process of the test."""

    process: Any
    log_file: Path

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def log(self) -> list[dict[str, Any]]:
        whole_lines = self.log_file.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole_lines]

    def events(self) -> list[str]:
        return [line["event"] for line in self.log()]

    def until_event(self, event: str, seconds: float = DEADLINE) -> None:
        wait_until(lambda: event in self.events(), f"{event} in the log of {self.pid}", seconds)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """Stops it, and waits until each of its threads stands still: on a busy machine they go on for a while after the signal."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._states() <= {"T"}, f"{self.pid} stands still")

    def _states(self) -> set[str]:
        """What its threads do, where the system tells."""
        found = set()
        for place in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # it has just ended
                found.add(place.read_text().rpartition(")")[2].split()[0])
        return found

    def wait(self, seconds: float = DEADLINE) -> int:
        return int(self.process.wait(seconds))


@pytest.fixture
def start_process(tmp_path: Path, nursery: Any) -> Iterator[Callable[..., ProcessWorker]]:
    """Starts scripted worker processes, or those of the installed command; all are gone when the test ends."""
    started: list[ProcessWorker] = []

    def start(fleet: Fleet, *options: str, installed: bool = False, stdin: Any = None) -> ProcessWorker:
        log_file = tmp_path / f"worker-{len(started)}.log"
        if installed:
            call, command = "tasks.__main__:main", ("worker", "--config", str(fleet.config))
        else:
            call, command = "scripted_worker:main", ("--config", str(fleet.config), "--stage", str(fleet.stage))
        with log_file.open("wb") as log:
            process = nursery.start(call, *command, *options, stdin=stdin, stdout=log, stderr=log)
        worker = ProcessWorker(process, log_file)
        started.append(worker)
        worker.until_event("worker_started", seconds=60)
        return worker

    yield start
    for worker in started:
        worker.process.close()


@pytest.fixture
def freeze() -> Callable[[Fleet, ProcessWorker], None]:
    """Freezes a process between its transactions: inside of one it would hold the database's locks and freeze everybody."""

    def freeze_without_locks(fleet: Fleet, worker: ProcessWorker) -> None:
        # The library that has the file open already: closing another one's would drop this process's locks of it.
        lock = sqlite_file.sqlite_module().connect(fleet.url, timeout=DEADLINE, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")  # now the worker has none
            worker.stop()
        finally:
            lock.close()

    def is_between_transactions(fleet: Fleet) -> bool:
        busy = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND state <> 'idle'"
        )
        with fleet.db.read() as tx:
            return bool(tx.run(text(busy)).scalar_one() == 0)

    def freeze(fleet: Fleet, worker: ProcessWorker) -> None:
        if fleet.db.is_sqlite:
            freeze_without_locks(fleet, worker)
            return

        def frozen() -> bool:
            worker.stop()
            if is_between_transactions(fleet):
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
