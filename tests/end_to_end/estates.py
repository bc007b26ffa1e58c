"""What end-to-end tests work with: the simulated Microsoft, a database whose connections lead there, its workers and commands.

Nothing is replaced but the cloud's host names. Nobody sleeps for long: a test waits until something is so. Loaded by path, since test
folders are no packages.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import httpx
import msgspec
import pexpect
import pytest

from storage import configuration, schema
from storage.configuration import CloudHosts
from storage.database import Database, open_database

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
CLI = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())"]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Asks until the answer is true, and returns it; fails the test at the deadline."""
    end, pause = time.monotonic() + seconds, 0.02
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(
            0.15, pause * 1.1
        )  # what takes long is asked for less often: asking takes the processor from who works


@dataclass
class Microsoft:
    """The simulator process, and what its control endpoint can do."""

    process: subprocess.Popen[str]
    endpoints: dict[str, Any]
    tenants: dict[str, dict[str, Any]]
    client: httpx.Client

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def scenarios(self, name: str, *scenarios: Any) -> None:
        self.control("PUT", f"/tenants/{self.tenants[name]['id']}/scenarios", list(scenarios))

    def script(self, name: str, match: dict[str, str], answers: list[Any]) -> None:
        body = {"match": match, "answers": answers, "then": "fine"}
        self.control("POST", f"/tenants/{self.tenants[name]['id']}/scripts", body)

    def requests(self, name: str, listener: str = "") -> list[dict[str, Any]]:
        entries = self.control("GET", f"/requests?tenant={self.tenants[name]['id']}")["requests"]
        return [entry for entry in entries if listener in entry["listener"]]

    def new_tenant(self, name: str, **fields: Any) -> dict[str, Any]:
        """Adds a tenant with one consented application to Microsoft only; nothing of ours knows it."""
        model = self.tenants["Contoso Ltd"]["apps"][0]
        number = uuid.uuid4().hex[:8]
        app = {
            "client_id": str(uuid.uuid4()),
            "granted_roles": model["granted_roles"],
            "consented": True,
            **fields.pop("app", {}),
        }
        tenant = {"id": str(uuid.uuid4()), "name": name, "domains": [f"t{number}.example"], "apps": [app], **fields}
        self.tenants[name] = self.control("POST", "/tenants", tenant)
        return self.tenants[name]


@dataclass
class WorkerProcess:
    """A worker of the test."""

    process: Any
    log_file: Path

    def events(self) -> list[dict[str, Any]]:
        written, _, _being_written = self.log_file.read_text().rpartition("\n")
        return [json.loads(line) for line in written.splitlines()]

    def stop(self) -> int:
        """Asks it to stop, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.wait(60))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


@dataclass
class Said:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self
        return json.loads(self.out)


@dataclass
class Estate:
    """A database with connections to tenants of the simulator, and the commands that work on it."""

    microsoft: Microsoft
    home: Path
    config: Path
    url: str
    login: str
    commands: Any
    workers: list[WorkerProcess] = field(default_factory=list)
    _db: Database | None = None

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", check: int | None = None) -> Said:
        """Runs `atlas-tui ARGUMENTS`, as a process of its own."""
        done = self.commands([*map(str, arguments), "--config", str(self.config)], stdin=stdin)
        said = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in said.err, said.err
        if check is not None:
            assert said.code == check, said
        return said

    def read(self, *commands: list[str]) -> str:
        """Runs several commands that only read, one after the other in one process; returns all they wrote."""
        done = self.commands(*([*command, "--config", str(self.config)] for command in commands))
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts `atlas-tui ARGUMENTS` and does not wait."""
        return self.start_program([*CLI, *arguments])

    def start_program(self, program: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts a program on this configuration. It hears Ctrl+C, also when a shell started the tests in the background."""
        return subprocess.Popen(
            [*program, "--config", str(self.config)],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def start_seen(self, *arguments: str) -> pexpect.spawn[bytes]:
        """Starts `atlas-tui ARGUMENTS` in a terminal and does not wait."""
        return pexpect.spawn(
            CLI[0],
            [*CLI[1:], *arguments, "--config", str(self.config)],
            cwd=str(ROOT),
            env=ENVIRONMENT,  # type: ignore[arg-type]
            timeout=110,
        )

    def start_typing(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts `atlas-tui ARGUMENTS`, which reads from standard input, and waits until it is that program."""
        process = subprocess.Popen(
            [*CLI, *arguments, "--config", str(self.config)],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        shown = Path(f"/proc/{process.pid}/cmdline")
        wait_until(lambda: arguments[0].encode() in shown.read_bytes(), "the command line")
        return process

    @property
    def db(self) -> Database:
        if self._db is None:
            self._db = open_database(self.url)
        return self._db

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Runs one statement on the database."""
        from sqlalchemy import text

        def work(tx: Any) -> list[Any]:
            result = tx.run(text(statement), parameters)
            return list(result) if result.returns_rows else []

        return self.db.write(work)

    def start_worker(self, *options: str, program: Sequence[str] | None = None) -> WorkerProcess:
        """Starts a worker, forked like a command or as a program of its own, and waits until it works."""
        log_file = self.home / f"worker-{len(self.workers)}.log"
        line = ["--config", str(self.config), "--exit-with-parent", *options]
        process: Any
        with log_file.open("wb") as log:
            if program is None:
                start = self.commands.nursery.start
                process = start("tasks.__main__:main", "worker", *line, stdin=subprocess.PIPE, stdout=log, stderr=log)
            else:
                process = subprocess.Popen(
                    [*program, *line], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=log, stderr=log
                )
        worker = WorkerProcess(process, log_file)
        self.workers.append(worker)
        wait_until(lambda: any(line["event"] == "worker_started" for line in worker.events()), "the worker's start")
        return worker

    def run_of(self, number: int) -> dict[str, Any]:
        """A run as the database has it now."""
        (row,) = self.sql("SELECT * FROM operation_runs WHERE id = :id", id=number)
        return dict(row._mapping)

    def until_run(self, number: int, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """Waits until a run has this status."""
        wait_until(lambda: self.run_of(number)["status"] == status, f"run {number} being {status}", seconds)
        return self.run_of(number)

    def point_at_simulator(self) -> None:
        """Writes the only difference to the real Microsoft into the configuration: host names, and whom to trust."""
        settings = configuration.load(self.config)
        hosts = {name: CloudHosts(h["login"], h["graph"]) for name, h in self.microsoft.endpoints["clouds"].items()}
        ca = self.microsoft.endpoints["ca"]
        configuration.save(self.config, msgspec.structs.replace(settings, ca_bundle=ca, clouds=hosts))

    def let_doubts_age(self, connection_id: int, *, minutes: float) -> None:
        """As if so much time had passed since Microsoft first showed no consent."""
        table = schema.provider_connections

        def work(tx: Any) -> None:
            since = tx.now() - timedelta(minutes=minutes)
            tx.run(table.update().where(table.c.id == connection_id).values(consent_doubt_since=since))

        self.db.write(work)

    def let_credentials_age(self) -> None:
        """As if every credential had been stored an hour ago, so that Microsoft must know it everywhere by now."""

        def work(tx: Any) -> None:
            earlier = tx.now() - timedelta(hours=1)
            tx.run(schema.credentials.update().values(stored_at=earlier))
            tx.run(schema.provider_connections.update().values(credential_changed_at=earlier))

        self.db.write(work)

    def let_leases_end(self) -> None:
        """As if a minute had passed without a beat of any worker."""
        table = schema.operation_runs

        def work(tx: Any) -> None:
            over = tx.now() - timedelta(minutes=1)
            tx.run(table.update().where(table.c.status == "running").values(lease_until=over))

        self.db.write(work)

    def until_calls(self, name: str, listener: str = "graph") -> None:
        """Waits until Microsoft was asked about a tenant."""
        wait_until(lambda: self.microsoft.requests(name, listener), f"a call for {name}")

    def badges(self, name: str) -> dict[str, Any]:
        """The connection of a tenant, as `atlas-tui connections` shows it."""
        return dict(self("connection", "show", name, "--json", check=0).json["row"])

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait(60)
            stdin: IO[bytes] | None = worker.process.stdin
            assert stdin is not None
            stdin.close()
        if self._db is not None:
            self._db.close()
