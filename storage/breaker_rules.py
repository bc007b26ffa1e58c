"""When a connection's circuit breaker opens, for how long, and what closes it: pure rules.

Promise: the same past gives the same answer. What counts is signing in, since a tenant that refuses it refuses everything, and asking
again and again locks it out for longer; one throttled or unlicensed workload never opens a breaker. Knows no table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from storage import reasons
from storage.reasons import Category
from storage.states import RunOutcome

OPENS_AFTER: Final = 5
"""Sign-in failures in a row that open the breaker: a credential that is being replaced fails once or twice, not five times."""

OPEN_FOR: Final = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""How long it stays open: first, after the first failed probe, after the second, and from then on."""

_SIGN_IN_CATEGORIES: Final = (Category.CREDENTIAL, Category.CONSENT)

_SIGN_IN_REASONS: Final = frozenset(
    {
        # The identity service itself: asking less is what it wants.
        "identity_service_unavailable",
        "token_throttled",
        "auth_loop_throttled",
        # Answers about the tenant or the policy in its way, instead of a token.
        "blocked_by_conditional_access",
        "resource_disabled",
        "resource_not_found",
        "service_not_subscribed",
        "sp_conflict",
        "tenant_identifier_invalid",
        "tenant_not_found",
        "tenant_unavailable",
        "unknown_token_error",
        "wrong_cloud",
    }
)
"""Reasons outside those two categories that a token request is refused with (`../reference/failures.md`, section A)."""

_SAYS_NOTHING: Final = frozenset({"superseded", "consent_doubted"})


class SignIn(StrEnum):
    """What a run's end says about signing in."""

    WORKED = "worked"
    FAILED = "failed"
    UNKNOWN = "unknown"


def read_sign_in(outcome: RunOutcome, reason_code: str | None, *, was_claimed: bool) -> SignIn:
    """Reads from how a run ended whether signing in worked.

    Args:
        outcome: how it ended.
        reason_code: why.
        was_claimed: a worker took it up; what the start gate stopped never asked Microsoft.
    """
    if not was_claimed or reason_code in _SAYS_NOTHING:
        return SignIn.UNKNOWN
    if outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIALLY_SUCCEEDED):
        return SignIn.WORKED
    if outcome not in (RunOutcome.FAILED, RunOutcome.BLOCKED) or reason_code is None:
        return SignIn.UNKNOWN
    reason = reasons.find(reason_code)
    refused = reason.category in _SIGN_IN_CATEGORIES or reason.code in _SIGN_IN_REASONS
    return SignIn.FAILED if refused else SignIn.UNKNOWN


def may_open(reason_code: str) -> bool:
    """Says whether a reason is one of signing in, which opens breakers."""
    return read_sign_in(RunOutcome.FAILED, reason_code, was_claimed=True) is SignIn.FAILED


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A breaker as it is kept.

    Attributes:
        failures: sign-in failures in a row that counted.
        opened_at: since when it is open; None while it is closed.
        open_until: when a probe is due.
        is_probed: a run is queued or running that will show whether signing in works again.
    """

    failures: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    is_probed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it holds scheduled work back, apart from the one probe that is due."""
        return self.opened_at is not None

    def may_run_scheduled(self, now: datetime) -> bool:
        """Says whether scheduled work may start: the breaker is closed, or its probe is due and nobody probes yet."""
        if self.opened_at is None or self.open_until is None:
            return True
        return now >= self.open_until and not self.is_probed

    def after(self, sign_in: SignIn, now: datetime) -> BreakerState:
        """Returns the breaker after a run ended.

        A success closes it. A failure counts while it is closed, and when its probe was due: what a person tries while it is open neither
        helps nor harms, so that trying early never makes the wait longer.
        """
        if sign_in is SignIn.WORKED:
            return BreakerState()
        if sign_in is SignIn.UNKNOWN or (self.open_until is not None and now < self.open_until):
            return replace(self, is_probed=False)
        failures = self.failures + 1
        if failures < OPENS_AFTER:
            return replace(self, failures=failures, is_probed=False)
        span = OPEN_FOR[min(failures - OPENS_AFTER, len(OPEN_FOR) - 1)]
        return BreakerState(failures, self.opened_at or now, now + span)
