"""How one call is repeated: how often, how long to wait, when to stop.

Promise: Microsoft is never asked again before the time it named; without such a time the wait grows and is scattered; runs that begin or
waited together do not come together; every wait goes through the run's reporter, so it can be seen, cancelled, or given back to the
queue. Must not know HTTP.

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

FIRST_CALLS_WITHIN: Final = 0.5
"""Seconds over which the first calls of runs that nobody waits for are scattered: schedules and bulks begin many at the same moment."""

LONGEST_PACE: Final = 5.0
"""Seconds. What our own book-keeping lets one request wait is shorter; only what Microsoft named is longer."""

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
        "network_interrupted",
        "response_unreadable",
    }
)
# A call that timed out has held its thread for a minute already, which other tenants' runs wait for.
_REPEATED_ONCE: Final = frozenset(
    {"network_timeout", "unknown_graph_error", "clock_skew", "sp_conflict", "token_expired"}
)


class Patience:
    """Repeats calls of one run.

    Args:
        reporter: the run's; asked before every call, and waits.
        settings: how often, and the longest wait.
        jitter: returns a number from 0 to 1, evenly scattered.
        deferrals: how often this run gave its thread back before.
        first_call_within: seconds over which the run's first call is scattered; 0 when a person waits for it.
    """

    def __init__(
        self,
        reporter: Reporter,
        settings: MicrosoftSettings,
        jitter: Callable[[], float],
        deferrals: int,
        first_call_within: float = 0.0,
    ) -> None:
        self._reporter = reporter
        self._settings = settings
        self._jitter = jitter
        self._deferrals = deferrals
        self._first_call_within = first_call_within

    def repeat(self, call: Callable[[], T]) -> T:
        """Calls until it succeeds, or fails in a way, or so often, that repeating is no use.

        Raises:
            MicrosoftFailure: the last failure.
            RunStopped: the run must stop.
            RunDeferred: the wait is too long to hold a thread.
        """
        repeats = 0
        self._keep_apart()
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
        """Waits because Microsoft's limit is near. A long wait is one that others have too, so it is scattered; a short one is exact."""
        scatter = min(1.0, seconds / 10) if seconds > LONGEST_PACE else 0.0
        self._reporter.wait(seconds + self._jitter() * scatter, "throttled", "slowing down: Microsoft's limit is near")

    def _keep_apart(self) -> None:
        within, self._first_call_within = self._first_call_within, 0.0
        if within:
            self._reporter.wait(self._jitter() * within, "throttled", "beginning apart from other runs")
