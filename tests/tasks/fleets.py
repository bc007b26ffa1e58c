"""A small real fleet in a database, as tests of the worker see it, and time that passes when a test says so."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, func, select, true, update

from storage import connection_changes, credential_material, credentials, starting, tenants
from storage.access import Principal
from storage.configuration import Settings
from storage.database import Database
from storage.operations import CONNECTION_CHECK
from storage.schema import notifications, operation_runs, provider_connections, run_steps, verification_reports
from storage.starting import Started
from storage.states import ConnectionType, CredentialOwner

SECRET = "canary-8Q~secret-value-that-must-not-be-seen"
DEADLINE = 60.0


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

    def let_leases_last(self) -> None:
        """As if everybody who holds a run had just confirmed it, for an hour."""

        def work(tx: Any) -> None:
            later = tx.now() + timedelta(hours=1)
            tx.run(update(operation_runs).where(operation_runs.c.status == "running").values(lease_until=later))

        self.db.write(work)

    def let_deadlines_pass(self) -> None:
        """As if every running run had taken as long as it may."""
        self._move(operation_runs.c.deadline_at, operation_runs.c.status == "running")

    def postpone(self, run_id: int) -> None:
        """Gives a run an hour before which it may not begin."""

        def work(tx: Any) -> None:
            later = tx.now() + timedelta(hours=1)
            tx.run(update(operation_runs).where(operation_runs.c.id == run_id).values(not_before=later))

        self.db.write(work)

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
