"""A whole installation for a benchmark: a simulator process, a fleet that is well, a key, a configuration, a worker process.

Promise: everything is the program's own; everything ends with the context manager.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.terminal import ROOT, this_python
from storage import access, configuration, operations, seeding, workspaces
from storage.access import Principal
from storage.configuration import CloudHosts, Settings, WorkerSettings
from storage.database import Database, open_database
from storage.upgrading import upgrade

WORKSPACE: Final = "bench"
_ROLES: Final = sorted(
    {
        name
        for entry in operations.CATALOG.values()
        for name in (*entry.required_permissions, *entry.optional_permissions)
    }
)


@dataclass(frozen=True)
class App:
    """A tenant in the simulator and the application that signs in to it."""

    tenant_id: str
    domain: str
    client_id: str
    secret: str


@dataclass(frozen=True)
class Simulated:
    """A running simulator.

    Attributes:
        endpoints: what it announced.
        apps: its tenants.
        fleet: the file they came from.
    """

    endpoints: dict[str, Any]
    apps: tuple[App, ...]
    fleet: Path

    @property
    def hosts(self) -> dict[str, str]:
        """Sign-in and Graph of the global cloud."""
        return dict(self.endpoints["clouds"]["global"])


@dataclass(frozen=True)
class Installation:
    """A database that belongs to a simulator's tenants, and a configuration that leads there."""

    db: Database
    who: Principal
    workspace_id: int
    config: Path


@contextmanager
def simulator(directory: Path, tenants: int, *, devices: int = 20) -> Iterator[Simulated]:
    """Runs a simulator with healthy tenants, each with a dedicated application."""
    home = directory / "simulator"
    home.mkdir(mode=0o700)
    apps = tuple(
        App(str(uuid.uuid4()), f"tenant{number}.example", str(uuid.uuid4()), f"bench~{uuid.uuid4()}")
        for number in range(1, tenants + 1)
    )
    fleet = directory / "fleet.json"
    fleet.write_text(json.dumps({"tenants": [_entry(number, app, devices) for number, app in enumerate(apps, 1)]}))
    command = ("-m", "simulator", "serve", "--directory", str(home), "--fleet", str(fleet), "--exit-with-stdin")
    with _process(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Simulated(json.loads(process.stdout.readline()), apps, fleet)


@contextmanager
def installation(directory: Path, simulated: Simulated) -> Iterator[Installation]:
    """Sets up a database for a simulator's tenants."""
    key_file, database = directory / "worker.key", directory / "atlas.db"
    made = subprocess.run(
        this_python("-m", "tasks", "keys", "create", "--key-file", str(key_file)),
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    key = json.loads(made.stdout)
    path = directory / configuration.FILE_NAME
    configuration.save(
        path,
        Settings(
            database=str(database),
            state_directory=str(directory / "state"),
            key_file=str(key_file),
            public_key=key["public_key"],
            key_fingerprint=key["fingerprint"],
            ca_bundle=simulated.endpoints["ca"],
            clouds={name: CloudHosts(**hosts) for name, hosts in simulated.endpoints["clouds"].items()},
            workspace=WORKSPACE,
            worker=WorkerSettings(slots=4, grace_seconds=2.0),
        ),
    )
    upgrade(str(database))
    db = open_database(str(database))
    try:
        login, _ = access.os_login()
        fleet = seeding.read_fleet(simulated.fleet.read_bytes())
        seeding.seed_fleet(db, fleet, login=login, public_key=configuration.load(path).public_key_bytes())
        who = access.local_principal(db)
        yield Installation(db, who, workspaces.find_workspace(db, who, WORKSPACE), path)
    finally:
        db.close()


@contextmanager
def worker(config: Path) -> Iterator[None]:
    """Runs a worker process beside a configuration."""
    with _process(("-m", "tasks", "worker", "--config", str(config), "--exit-with-parent"), stdout=None):
        yield


@contextmanager
def _process(arguments: tuple[str, ...], *, stdout: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its standard input does."""
    process = subprocess.Popen(
        this_python(*arguments), cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _entry(number: int, app: App, devices: int) -> dict[str, Any]:
    starts = datetime.now(UTC) - timedelta(days=30)
    secret = {
        "key_id": str(uuid.uuid4()),
        "value": app.secret,
        "starts": starts.isoformat(),
        "expires": (starts + timedelta(days=730)).isoformat(),
    }
    registration = {
        "client_id": app.client_id,
        "display_name": f"Atlas {number}",
        "home_tenant": app.tenant_id,
        "consented": True,
        "enabled": True,
        "granted_roles": _ROLES,
        "secrets": [secret],
    }
    hints = {
        "connection_type": "dedicated",
        "client_id": app.client_id,
        "is_enabled": True,
        "consent_status": "granted",
        "verification_status": "healthy",
        "secret": app.secret,
        "checked_minutes_ago": 60,
    }
    return {
        "id": app.tenant_id,
        "name": f"Tenant {number}",
        "workspace": WORKSPACE,
        "domains": [app.domain],
        "devices": devices,
        "apps": [registration],
        "demo": hints,
    }
