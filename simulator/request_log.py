"""What was asked and answered, for tests and drills to look at.

Promise: no secret, no token and no form field is ever kept: only method, path, OData options and facts about the answer.
A request that came before its Retry-After was over says so.
Must not know: how answers are made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from simulator.clock import iso

_KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One request and its answer; ``at`` in simulated seconds since the epoch, ``duration`` in seconds.

    ``refused_by``: the published budget that had nothing left (``conditional_access per tenant: 1 in 1 s``).
    """

    seq: int
    at: float
    listener: str
    method: str
    path: str
    query: str = ""
    tenant: str | None = None
    client_id: str | None = None
    status: int = 0
    scenario: str | None = None
    retry_after: str | None = None
    early_retry: bool = False
    client_request_id: str | None = None
    request_id: str | None = None
    priority: str | None = None
    batch: bool = False
    error: str | None = None
    refused_by: str | None = None
    duration: float = 0.0

    def shown(self) -> dict[str, Any]:
        """Return it as the control endpoint gives it."""
        fields = asdict(self)
        fields["time"] = iso(self.at)
        fields["x-ms-throttle-priority"] = fields.pop("priority")
        return fields


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._sequence = 0
        self._not_before: dict[tuple[str | None, str | None, str, str], float] = {}

    def begin(self, at: float, listener: str, method: str, path: str) -> Entry:
        """Start an entry; it is kept at once, so that a request under way can be seen (``status`` 0)."""
        self._sequence += 1
        entry = Entry(self._sequence, at, listener, method, path)
        self._entries.append(entry)
        return entry

    def finish(self, entry: Entry, status: int, scenario: str | None, retry_after: str | None) -> None:
        """Note the answer, and whether the request came before an earlier Retry-After was over."""
        entry.status, entry.scenario, entry.retry_after = status, scenario, retry_after
        key = (entry.tenant, entry.client_id, entry.listener, entry.path)
        entry.early_retry = entry.at < self._not_before.pop(key, 0.0)
        wait = _seconds(retry_after, entry.at)
        if wait is not None and status in (429, 503):
            self._not_before[key] = entry.at + wait

    def entries(
        self, tenant: str | None = None, since: float | None = None, after: int = 0, *, refused: bool = False
    ) -> list[dict[str, Any]]:
        """Return entries of a tenant (its GUID), not older than ``since`` (seconds), after a sequence number, or refused only."""
        return [
            entry.shown()
            for entry in self._entries
            if entry.seq > after
            and (tenant is None or entry.tenant == tenant)
            and (since is None or entry.at >= since)
            and (not refused or entry.refused_by is not None)
        ]

    def clear(self) -> None:
        """Forget all entries and all pending Retry-Afters; sequence numbers go on."""
        self._entries.clear()
        self._not_before.clear()


def _seconds(retry_after: str | None, now: float) -> float | None:
    if retry_after is None:
        return None
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(retry_after).timestamp() - now
    except ValueError:
        return None
