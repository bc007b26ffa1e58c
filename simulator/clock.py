"""The simulator's one clock: real time plus a shift that a drill may move forward, or time that stands still.

Promise: every lifetime (tokens, secrets, page tokens, throttling windows, propagation delays) is read from here, so that
advancing the clock ages all of them at once.
Must not know: who asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime


class Clock:
    """Real time plus a shift in seconds."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        """Read real time (seconds since the epoch) from ``source``."""
        self._source = source
        self._stopped_at: float | None = None
        self.shift = 0.0

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return (self._source() if self._stopped_at is None else self._stopped_at) + self.shift

    def freeze(self, frozen: bool) -> None:
        """Let the time stand still (it can still be advanced), or go on from where it stood."""
        if frozen and self._stopped_at is None:
            self._stopped_at = self._source()
        elif not frozen and self._stopped_at is not None:
            self.shift += self._stopped_at - self._source()
            self._stopped_at = None

    def advance(self, seconds: float) -> None:
        """Move the simulated time forward by ``seconds``."""
        self.shift += seconds

    def moment(self) -> datetime:
        """Return the simulated time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)


def iso(seconds: float) -> str:
    """Write seconds since the epoch as Graph writes a DateTimeOffset: ``2026-01-31T12:00:00Z``."""
    # isoformat is several times faster than strftime, and a page of devices holds five thousand dates.
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"


def http_date(seconds: float) -> str:
    """Write seconds since the epoch as an HTTP date (RFC 9110 §5.6.7)."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def parse_iso(text: str) -> float:
    """Read an ISO 8601 moment (``Z`` or an offset; naive means UTC) as seconds since the epoch.

    Raises:
        ValueError: the text is no ISO 8601 moment.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
