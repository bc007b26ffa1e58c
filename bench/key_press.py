"""From the press of a key to a run that runs, and to a check that is done: a worker process, Huey, msal, HTTPS and back."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from sqlalchemy import Row, select

from bench.figures import Aim, Section, timed
from bench.fleets import Fleets
from bench.installation import App, Installation, Simulated, installation, simulator, worker
from storage import connections, starting, workers
from storage.connections import ConnectionQuery
from storage.operations import CONNECTION_CHECK
from storage.pages import Place
from storage.schema import operation_runs
from storage.starting import Started

NAME = "key-press"
TENANTS: Final = 10
_IDLE: Final = 0.3
"""Seconds that the worker is left alone before each press, so that it is idle when the key comes."""


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    directory = fleets.new_directory()
    commits: list[float] = []
    to_running: list[float] = []
    to_completed: list[float] = []
    bare: list[float] = []
    with simulator(directory, TENANTS) as simulated, installation(directory, simulated) as here, worker(here.config):
        _until(lambda: workers.status(here.db).alive, "a worker")
        ids = {row.entra_tenant_id: row.id for row in _connections(here)}
        client = httpx.Client(
            verify=ssl.create_default_context(cafile=simulated.endpoints["ca"]), trust_env=False, timeout=30
        )
        with client:
            for number in range(2) if quick else range(-2, 30):
                app = simulated.apps[number % TENANTS]
                time.sleep(_IDLE)
                commit, running, completed = _press(here, ids[app.tenant_id])
                trip = _bare_round_trip(client, simulated, app)
                if number >= 0:
                    commits.append(commit)
                    to_running.append(running)
                    to_completed.append(completed)
                    bare.append(trip)
    return Section(
        NAME,
        "From a key press to a running run",
        "`storage.starting.start` in this process, an idle worker process and the simulator beside it; SQLite."
        " The run's own `started_at` and `completed_at` say when it ran and was done: nobody asks in a loop; the clock"
        " starts before the call.",
        (
            timed("press → committed", commits, "The key's own work: the start gate, durable."),
            timed(
                "press → running",
                to_running,
                "When a worker has claimed the run and its status is `running`.",
                aim=Aim("p95", 250.0),
            ),
            timed(
                "press → completed, a healthy check",
                to_completed,
                "The whole recipe of a connection check, stored with its report.",
                reference=bare,
                against="bare httpx: one token, one organization",
            ),
            timed(
                "running → completed",
                [done - began for began, done in zip(to_running, to_completed, strict=True)],
                "The worker's share: discovery twice, a fresh token, and every question of the recipe.",
                reference=bare,
                against="bare httpx: one token, one organization",
            ),
            timed(
                "bare httpx: one token, one organization", bare, "What the simulator and HTTPS cost for two requests."
            ),
        ),
    )


def _connections(here: Installation) -> tuple[Any, ...]:
    return connections.page(here.db, here.who, ConnectionQuery(here.workspace_id), Place.first(), 100).rows


def _press(here: Installation, connection_id: int) -> tuple[float, float, float]:
    """Starts a check and returns the seconds until it was committed, was running and had succeeded.

    Raises:
        RuntimeError: it was not started, or did not succeed.
    """
    at, began = datetime.now(UTC), time.perf_counter()
    result = starting.start(here.db, here.who, connection_id, CONNECTION_CHECK)
    committed = time.perf_counter() - began
    if not isinstance(result, Started):
        raise RuntimeError(f"the check was not started: {result}")

    def completed() -> Row[Any] | None:
        with here.db.read() as tx:
            return tx.run(
                select(operation_runs).where(
                    operation_runs.c.id == result.run.id, operation_runs.c.status == "completed"
                )
            ).first()

    row = _until(completed, "the check")
    if row.outcome != "succeeded" or row.attempt != 1:
        raise RuntimeError(f"the check ended as {row.outcome} ({row.reason_code}), attempt {row.attempt}")
    return committed, (row.started_at - at).total_seconds(), (row.completed_at - at).total_seconds()


def _bare_round_trip(client: httpx.Client, simulated: Simulated, app: App) -> float:
    hosts = simulated.hosts
    began = time.perf_counter()
    token = client.post(
        f"{hosts['login']}/{app.tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.secret,
            "scope": f"{hosts['graph']}/.default",
        },
    )
    bearer = {"Authorization": f"Bearer {token.raise_for_status().json()['access_token']}"}
    client.get(f"{hosts['graph']}/v1.0/organization", headers=bearer).raise_for_status().json()
    return time.perf_counter() - began


def _until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 60
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come")
        time.sleep(0.05)  # seldom: who asks takes the processor from who works
    return answer
