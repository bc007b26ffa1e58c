"""Microsoft's published budgets as token buckets, one set per workload.

Promise: a bucket never gives more than its budget in its window after a pause, and names the seconds until the next grant.
Sources: graph-docs ``concepts/throttling-limits.md`` and the project's reference ``microsoft.md`` §5. Where the sources
disagree on the global limit (2,000/s, later 130,000 per 10 s) the later correction is used.
Must not know: HTTP bodies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.clock import Clock


class TokenBucket:
    """A budget of ``capacity`` units that refills evenly over ``window`` seconds."""

    __slots__ = ("_clock", "_level", "_stamp", "capacity", "window")

    def __init__(self, capacity: float, window: float, clock: Clock) -> None:
        """Start full."""
        self.capacity, self.window, self._clock = capacity, window, clock
        self._level, self._stamp = capacity, clock.now()

    def wait_for(self, cost: float) -> float:
        """Return the seconds until ``cost`` units are there: 0 when they are there now. Takes nothing."""
        self._refill()
        missing = min(cost, self.capacity) - self._level
        return max(0.0, missing * self.window / self.capacity)

    def take(self, cost: float) -> None:
        """Take ``cost`` units; a cost above the capacity leaves the bucket empty."""
        self._refill()
        self._level = max(0.0, self._level - cost)

    def used(self) -> float:
        """Return the used share of the budget, 0.0 to 1.0."""
        self._refill()
        return 1.0 - self._level / self.capacity

    def _refill(self) -> None:
        now = self._clock.now()
        self._level = min(self.capacity, self._level + max(0.0, now - self._stamp) * self.capacity / self.window)
        self._stamp = now


@dataclass(frozen=True, slots=True)
class Budget:
    """One published limit: ``units`` per ``window`` seconds for a scope (``app_tenant``, ``tenant`` or ``app``)."""

    scope: str
    units: float
    window: float

    def told(self, workload: str) -> str:
        """Say which limit it is, for the request log."""
        return f"{workload} per {self.scope.replace('_', ' and ')}: {self.units:g} in {self.window:g} s"


_DIRECTORY_BY_SIZE = ((50, 3500.0), (501, 5000.0), (1 << 62, 8000.0))
_BUDGETS: dict[str, tuple[Budget, ...]] = {
    "gateway": (Budget("app", 130_000, 10),),
    "directory": (Budget("app", 150_000, 20),),
    "intune_devices": (Budget("app_tenant", 2000, 20), Budget("tenant", 4000, 20)),
    "intune_configuration": (Budget("app_tenant", 1000, 20), Budget("tenant", 2000, 20)),
    "conditional_access": (Budget("tenant", 1, 1),),
    "reports": (Budget("app_tenant", 5, 10),),
}
_WHOSE = {"app_tenant": "Tenant_Application", "tenant": "Tenant", "app": "Application"}
WORKLOADS = tuple(name for name in _BUDGETS if name != "gateway")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What throttling says about one request.

    ``retry_after``: whole seconds to wait when refused, else None. ``scope``: the limit that refused, in words.
    ``used``: the highest used share of the budgets touched (1.0 = all). ``whose``: the scope as Microsoft's header spells it.
    """

    retry_after: int | None
    scope: str
    used: float
    whose: str = ""


class Throttle:
    """All buckets of one simulator."""

    def __init__(self, clock: Clock) -> None:
        """Start with every budget full."""
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def ask(
        self, workload: str, *, app: str, tenant: str, users: int, cost: float, storm: float | None = None
    ) -> Verdict:
        """Charge one request, or refuse it and charge nothing.

        Args:
            workload: one of :data:`WORKLOADS`.
            app: client id.
            tenant: tenant id.
            users: users in the tenant; the directory's budget grows with it.
            cost: resource units (directory) or 1.
            storm: requests in ten seconds that this app has left over all tenants that say so, or None.
        """
        keys = {"app_tenant": f"{app}/{tenant}", "tenant": tenant, "app": app}
        touched: list[tuple[Budget, str, TokenBucket, float]] = []
        for name, charge in (("gateway", 1.0), (workload, cost)):
            for budget in self._budgets(name, users):
                touched.append((budget, name, self._bucket(name, budget, keys[budget.scope]), charge))
        if storm is not None:
            budget = Budget("app", storm, 10)
            touched.append((budget, "small_app_budget", self._bucket("small_app_budget", budget, app), 1.0))
        longest, budget, name = max(
            ((bucket.wait_for(charge), budget, name) for budget, name, bucket, charge in touched),
            key=lambda row: row[0],
        )
        if longest > 0:
            return Verdict(max(1, math.ceil(longest)), budget.told(name), 1.0, _WHOSE[budget.scope])
        for _, _, bucket, charge in touched:
            bucket.take(charge)
        return Verdict(None, "", max(bucket.used() for _, _, bucket, _ in touched))

    def reset(self) -> None:
        """Fill every budget again."""
        self._buckets.clear()

    @staticmethod
    def _budgets(workload: str, users: int) -> tuple[Budget, ...]:
        budgets = _BUDGETS[workload]
        if workload != "directory":
            return budgets
        units = next(units for limit, units in _DIRECTORY_BY_SIZE if users < limit)
        return (Budget("app_tenant", units, 10), *budgets)

    def _bucket(self, workload: str, budget: Budget, key: str) -> TokenBucket:
        index = (workload, budget.scope, key)
        bucket = self._buckets.get(index)
        if bucket is None or bucket.capacity != budget.units:
            bucket = self._buckets[index] = TokenBucket(budget.units, budget.window, self._clock)
        return bucket
