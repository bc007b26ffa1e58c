"""How one call is repeated: how often, how long to wait, when to stop.

Promise: Microsoft is never asked again before the time it named; without such a time the wait grows and is scattered; every wait goes
through the run's reporter, so it can be seen, cancelled, or given back to the queue. Must not know HTTP.

Source: Microsoft Graph, "Throttling guidance" and "Best practices"; MSAL's rule for sign-in (429, 5xx, `temporarily_unavailable`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from storage import reasons
from tasks.providers.base import Reporter
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.settings import MicrosoftSettings

T = TypeVar("T")

HELD_WAIT: Final = 15.0
"""Seconds. During an outage or network trouble no run is kept waiting longer than this: it ends, and is tried again later."""

MOST_DEFERRALS: Final = 8
"""After so many long waits a run gives up, whatever Microsoft asks for."""

_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 12.0
_REPEATED: Final = frozenset(
    {
        "throttled",
        "token_throttled",
        "service_unavailable",
        "identity_service_unavailable",
        "network_dns",
        "network_connect",
        "network_timeout",
        "network_interrupted",
        "response_unreadable",
    }
)
_REPEATED_ONCE: Final = frozenset({"unknown_graph_error", "clock_skew", "sp_conflict", "token_expired"})


class Patience:
    """Repeats calls of one run.

    Args:
        reporter: the run's; asked before every call, and waits.
        settings: how often, and the longest wait.
        jitter: returns a number from 0 to 1, evenly scattered.
        deferrals: how often this run gave its thread back before.
    """

    def __init__(
        self, reporter: Reporter, settings: MicrosoftSettings, jitter: Callable[[], float], deferrals: int
    ) -> None:
        self._reporter = reporter
        self._settings = settings
        self._jitter = jitter
        self._deferrals = deferrals

    def repeat(self, call: Callable[[], T]) -> T:
        """Calls until it succeeds, or fails in a way, or so often, that repeating is no use.

        Raises:
            MicrosoftFailure: the last failure.
            RunStopped: the run must stop.
            RunDeferred: the wait is too long to hold a thread.
        """
        repeats = 0
        while True:
            self._reporter.check_running()
            try:
                return call()
            except MicrosoftFailure as failure:
                delay = self.delay(failure, repeats)
                if delay is None:
                    raise
                repeats += 1
                self.wait(delay, failure.reason_code)

    def delay(self, failure: MicrosoftFailure, repeats: int) -> float | None:
        """Returns how many seconds to wait before the next try; None when there shall be none.

        Args:
            failure: what the last try brought.
            repeats: how often the call was repeated before.
        """
        code = failure.plain_code
        allowed = self._settings.short_retries if code in _REPEATED else 1 if code in _REPEATED_ONCE else 0
        if repeats >= min(allowed, self._settings.short_retries):
            return None
        backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0**repeats) * (0.5 + self._jitter())
        asked = failure.retry_after or 0.0
        # A little later than asked, so that runs which were refused together do not come back together.
        delay: float = max(backoff, asked + self._jitter() * min(1.0, asked / 10))
        is_throttling = reasons.find(failure.reason_code).category is reasons.Category.THROTTLING
        longest = self._settings.longest_wait if is_throttling else HELD_WAIT
        if delay > longest or (delay > HELD_WAIT and self._deferrals >= MOST_DEFERRALS):
            return None
        return delay

    def check_running(self) -> None:
        """Raises `RunStopped` when the run may not go on."""
        self._reporter.check_running()

    def wait(self, seconds: float, reason_code: str) -> None:
        """Waits as the run's reporter does.

        Raises:
            RunStopped, RunDeferred: from the reporter.
        """
        self._reporter.wait(seconds, reason_code, "waiting for Microsoft")

    def slow_down(self, seconds: float) -> None:
        """Waits a moment because Microsoft says that the limit is near."""
        self._reporter.wait(seconds, "throttled", "slowing down: Microsoft's limit is near")
