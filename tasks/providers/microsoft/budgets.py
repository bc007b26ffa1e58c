"""How much Microsoft lets one application ask of one tenant, kept on our side so that we are not refused.

Promise: a bucket belongs to one tenant, one application and one workload, so no tenant waits for what another one used; one more holds
everything of an application, over all its tenants, within what this process may send, so that a bulk of hundreds of tenants does not cause
failures of its own. Within any window of a limit a bucket gives no more than that limit; what Microsoft itself says (a refusal, a
share that is used up) counts more than our own book-keeping. A bucket is this process's: several workers on one tenant (two runs at
most) are put right by the answers. How much goes out at once in all is the transport's limit of connections. Must not know HTTP, and
never waits itself.

Source: Microsoft Graph, "Microsoft Graph service-specific throttling limits" (throttling-limits.md and its includes). Where a limit depends
on the size of the tenant, or sources disagree, the lowest one is taken.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Workload(StrEnum):
    """What Microsoft keeps a limit of its own for."""

    DIRECTORY = "directory"
    INTUNE_DEVICES = "intune_devices"
    INTUNE_CONFIGURATION = "intune_configuration"
    CONDITIONAL_ACCESS = "conditional_access"


@dataclass(frozen=True, slots=True)
class Budget:
    """A published limit: so many units (requests, or resource units of the directory) in so many seconds."""

    units: int
    window: float

    @property
    def burst(self) -> int:
        """Units that may be spent at once. With what comes back meanwhile, no window holds more than the limit."""
        return max(1, self.units // 4)

    @property
    def rate(self) -> float:
        """Units that come back in a second."""
        return max(1, self.units - self.burst) / self.window


BUDGETS: Final = MappingProxyType(
    {
        Workload.DIRECTORY: Budget(3500, 10.0),  # a tenant with fewer than 50 users; larger ones have 5,000 and 8,000
        Workload.INTUNE_DEVICES: Budget(2000, 20.0),
        Workload.INTUNE_CONFIGURATION: Budget(1000, 20.0),
        Workload.CONDITIONAL_ACCESS: Budget(1, 1.0),
    }
)

PER_APPLICATION: Final = 2000
"""Requests a second of one application over all tenants and processes. The page said so first, and says 130,000 in ten seconds today."""

LONGEST_BLOCK: Final = 60.0
"""Seconds. A longer `Retry-After` is between Microsoft and the run that got it; the tenant's other runs ask again after this."""

_MOST_BUCKETS: Final = 4096

Key = tuple[str, str, Workload | None]
"""Tenant, application and workload; for everything of an application no tenant and no workload."""


class _Bucket:
    """One budget in use. Goes below zero by what is promised and not due yet."""

    __slots__ = ("_at", "_blocked_until", "_budget", "level")

    def __init__(self, budget: Budget, now: float) -> None:
        self._budget = budget
        self._at = now
        self._blocked_until = 0.0
        self.level = float(budget.burst)

    def refill(self, now: float) -> None:
        # A clock that was set back gives nothing and takes nothing.
        self.level = min(float(self._budget.burst), self.level + max(0.0, now - self._at) * self._budget.rate)
        self._at = now

    def reserve(self, cost: int, now: float) -> float:
        self.refill(now)
        self.level -= cost
        waits_for_units = -self.level / self._budget.rate
        return max(0.0, waits_for_units, self._blocked_until - now)

    def answered(self, cost: int, sent: float, now: float) -> None:
        if self._at < sent <= now:
            self.refill(sent)
        # When on its way Microsoft counted it nobody knows: nothing comes back before the answer was here. What came back between the
        # promise and a sending that was late is no more than had it been promised then.
        self.level = min(self.level, float(self._budget.burst - cost))
        self._at = now

    def block(self, seconds: float, now: float) -> None:
        self.refill(now)
        self.level = min(self.level, 0.0)
        self._blocked_until = max(min(self._blocked_until, now + LONGEST_BLOCK), now + seconds)

    def know_used(self, share: float, now: float) -> None:
        self.refill(now)
        self.level = min(self.level, max(0.0, 1.0 - share) * self._budget.burst)

    def is_idle(self, now: float) -> bool:
        self.refill(now)
        return self.level >= self._budget.burst and self._blocked_until <= now


class Budgets:
    """The buckets of this process. Safe to share between threads.

    Args:
        now: our clock.
        requests_per_second: what one application may send over all tenants.
    """

    def __init__(self, now: Callable[[], datetime], requests_per_second: int = PER_APPLICATION) -> None:
        self._now = now
        self._of_application = Budget(requests_per_second, 1.0)
        self._buckets: dict[Key, _Bucket] = {}
        self._lock = threading.Lock()

    def of(self, tenant_id: str, client_id: str) -> Allowance:
        """Returns what one application may ask of one tenant."""
        return Allowance(self, tenant_id.lower(), client_id.lower())

    def reserve(self, key: Key, cost: int) -> float:
        """Takes units and returns how many seconds to wait before they may be used; 0 when at once."""
        with self._lock:
            now = self._now().timestamp()
            return self._bucket(key, now).reserve(cost, now)

    def answered(self, key: Key, cost: int, sent: datetime) -> None:
        """Learns that what was sent at this time, and cost so much, has been answered now."""
        with self._lock:
            now = self._now().timestamp()
            self._bucket(key, now).answered(cost, sent.timestamp(), now)

    def refused(self, key: Key, retry_after: float | None) -> None:
        """Learns that Microsoft refused: nothing is left, and nothing goes out before the time it named, for no run of the tenant."""
        with self._lock:
            now = self._now().timestamp()
            self._bucket(key, now).block(min(LONGEST_BLOCK, max(0.0, retry_after or 0.0)), now)

    def used(self, key: Key, share: float) -> None:
        """Learns which share of the limit is used up, by whoever used it."""
        if math.isfinite(share):
            with self._lock:
                now = self._now().timestamp()
                self._bucket(key, now).know_used(share, now)

    def _bucket(self, key: Key, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST_BUCKETS:
                # An idle bucket is as good as a new one.
                self._buckets = {k: kept for k, kept in self._buckets.items() if not kept.is_idle(now)}
            budget = self._of_application if key[2] is None else BUDGETS[key[2]]
            bucket = self._buckets[key] = _Bucket(budget, now)
        return bucket


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one application may ask of one tenant."""

    budgets: Budgets
    tenant_id: str
    client_id: str

    def reserve(self, workload: Workload, cost: int = 1) -> float:
        """Takes units and returns how many seconds to wait before they may be used.

        The application's own limit counts units too: no fewer than requests, and the directory counts an application's over all tenants so.
        """
        of_all = self.budgets.reserve(self._key(None), cost)
        return max(of_all, self.budgets.reserve(self._key(workload), cost))

    def answered(self, workload: Workload, sent: datetime, cost: int = 1) -> None:
        """Learns that what was sent at this time, and cost so much, has been answered now."""
        self.budgets.answered(self._key(workload), cost, sent)

    def refused(self, workload: Workload, retry_after: float | None, *, in_every_tenant: bool = False) -> None:
        """Learns that Microsoft refused, and for how long.

        Args:
            workload: of what was asked.
            retry_after: seconds; None when it did not say.
            in_every_tenant: the application sent too much in all, so none of its tenants is asked before that time.
        """
        self.budgets.refused(self._key(None if in_every_tenant else workload), retry_after)

    def used(self, workload: Workload, share: float) -> None:
        """Learns which share of the limit is used up (0 to 1, or more)."""
        self.budgets.used(self._key(workload), share)

    def _key(self, workload: Workload | None) -> Key:
        return ("" if workload is None else self.tenant_id, self.client_id, workload)
