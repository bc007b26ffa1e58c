"""Counting what a worker does, for whoever asks: plain numbers in memory, no library, no names of tenants.

Promise: thread-safe and cheap; a label's values are a closed, small set, and anything else counts as `other`, so that nothing from outside
can make the number of series grow. Numbers begin at zero with the process. Publishing them is in `tasks.metrics`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Final

OTHER: Final = "other"


class Counter:
    """A number that only grows, by one label.

    Args:
        name: what it is called where it is published, without the prefix.
        help: what it counts.
        label: the label's name; empty for none.
        values: what the label may be.
    """

    def __init__(self, name: str, help: str, label: str = "", values: Iterable[str] = ()) -> None:
        self.name = name
        self.help = help
        self.label = label
        self._lock = threading.Lock()
        self._counts: dict[str, int] = dict.fromkeys(values, 0) if label else {"": 0}

    def add(self, value: str = "", count: int = 1) -> None:
        """Counts something."""
        with self._lock:
            key = value if value in self._counts else OTHER
            self._counts[key] = self._counts.get(key, 0) + count

    def read(self) -> Mapping[str, int]:
        """Returns the numbers so far, by the label's value."""
        with self._lock:
            return dict(self._counts)


GRAPH_REQUESTS: Final = Counter(
    "graph_requests",
    "Requests to Microsoft (sign-in and Graph), by the status of the answer.",
    "status",
    ("2xx", "3xx", "400", "401", "403", "404", "429", "4xx", "5xx", "none"),
)
THROTTLES: Final = Counter("graph_throttles", "Answers of Microsoft that asked to slow down (429).")
LEASES_REAPED: Final = Counter("leases_reaped", "Runs that were taken from workers that had stopped answering.")
SCHEDULES_FIRED: Final = Counter("schedules_fired", "Schedules that were due and were turned into runs.")
ALERTS: Final = Counter(
    "alert_messages", "Alert messages, by what became of the try.", "result", ("delivered", "failed", "given_up")
)
RUNS: Final = Counter(
    "runs_performed",
    "Runs that this worker has worked on to their end, or gave back.",
    "result",
    ("succeeded", "partially_succeeded", "failed", "blocked", "cancelled", "lost", "given_back"),
)

ALL: Final = (GRAPH_REQUESTS, THROTTLES, LEASES_REAPED, SCHEDULES_FIRED, ALERTS, RUNS)
"""Everything that is counted."""

_SINGLE: Final = frozenset({400, 401, 403, 404, 429})


def count_answer(status: int | None) -> None:
    """Counts an answer of Microsoft.

    Args:
        status: its HTTP status; None when there was none.
    """
    if status is None:
        GRAPH_REQUESTS.add("none")
        return
    GRAPH_REQUESTS.add(str(status) if status in _SINGLE else f"{status // 100}xx")
    if status == 429:
        THROTTLES.add()
