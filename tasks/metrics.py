"""What a worker tells Prometheus: the only module that knows its client library, and listens for it.

Promise: off unless a port is configured, and on the machine itself unless another address is; only numbers leave it, under labels whose
values are few and known beforehand: no tenant, workspace, person or address. Reading them costs a few short queries, at most one round of
them in `KEPT` seconds however often somebody asks; without the database the rest is told and `atlas_database_up` is 0.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from storage import work_figures
from storage.database import Database
from storage.errors import DatabaseError, InvalidInput
from storage.work_figures import WorkFigures
from tasks import counters
from tasks.held_runs import Clock, steady_clock

KEPT: Final = 5.0
PREFIX: Final = "atlas_"

Metric = CounterMetricFamily | GaugeMetricFamily | InfoMetricFamily


class Figures(Collector):
    """Everything that is told.

    Args:
        db: the database.
        version: the program's.
        slots: how many runs this worker works on at once.
        busy: how many it is working on now.
        clock: ours; replaced in tests.
    """

    def __init__(
        self, db: Database, version: str, slots: int, busy: Callable[[], int], clock: Clock = steady_clock
    ) -> None:
        self._db = db
        self._version = version
        self._slots = slots
        self._busy = busy
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._figures: WorkFigures | None = None

    def collect(self) -> Iterator[Metric]:
        """Gives every metric its value."""
        yield InfoMetricFamily(f"{PREFIX}worker", "This worker.", {"version": self._version})
        yield _gauge("worker_slots", "Runs this worker can work on at once.", self._slots)
        yield _gauge("worker_busy", "Runs this worker is working on.", self._busy())
        yield from (_counted(counter) for counter in counters.ALL)
        figures = self._look()
        yield _gauge("database_up", "1 when this worker reaches its database.", int(figures is not None))
        if figures is None:
            return
        runs = GaugeMetricFamily(f"{PREFIX}runs", "Runs that are not completed, by status.", labels=["status"])
        for status, count in figures.runs.items():
            runs.add_metric([status.value], count)
        yield runs
        age = figures.oldest_due.total_seconds()
        yield _gauge("queue_age_seconds", "How long the oldest run waits that could be taken up now.", age)
        yield _gauge("workers", "Workers that are alive.", figures.workers)
        yield _gauge("alerts_due", "Alerts that are due and not delivered.", figures.alerts)

    def _look(self) -> WorkFigures | None:
        with self._lock:
            if self._figures is None or self._clock() - self._read_at >= KEPT:
                try:
                    self._figures = work_figures.read(self._db)
                except DatabaseError:
                    self._figures = None
                self._read_at = self._clock()
            return self._figures


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}{name}", help, value=value)


def _counted(counter: counters.Counter) -> CounterMetricFamily:
    name = f"{PREFIX}{counter.name}"
    if not counter.label:
        return CounterMetricFamily(name, counter.help, value=counter.read().get("", 0))
    family = CounterMetricFamily(name, counter.help, labels=[counter.label])
    for value, count in counter.read().items():
        family.add_metric([value], count)
    return family


class Endpoint:
    """Listens, and answers `GET /metrics`.

    Args:
        figures: what is told.
        address: where to listen.
        port: on which port; 0 for any that is free.

    Raises:
        InvalidInput: it cannot listen there.
    """

    def __init__(self, figures: Figures, address: str, port: int) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(figures)
        try:
            self._server, self._thread = start_http_server(port, address, registry)
        except OSError as error:
            raise InvalidInput(
                "worker.metrics_port",
                f"{port} on {address} cannot be listened on ({error.strerror or type(error).__name__})",
                "Give each worker of a host a port of its own.",
            ) from None
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
