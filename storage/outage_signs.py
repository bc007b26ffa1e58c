"""What runs say about Microsoft and the network, and which tenants that leaves affected: pure, kept up as signs come and go.

Promise: only transient reasons count (`Reason.is_transient`), and a tenant that answers again is not affected any more. Must not know when
affected tenants are an outage (`outage_rules`), nor any table.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Final

from storage import reasons
from storage.reasons import Category

_SIGN_IN: Final = frozenset({"identity_service_unavailable", "token_throttled", "auth_loop_throttled"})
"""Microsoft's passing reasons that stop everything: a tenant of which anything succeeds later is not stopped by them any more."""


class OutageKind(StrEnum):
    """Whose trouble it probably is."""

    MICROSOFT = "microsoft"
    NETWORK = "network"


@cache
def kind_of(reason_code: str | None) -> OutageKind | None:
    """Returns whose trouble a reason is; None when it is not a passing one."""
    if reason_code is None:
        return None
    reason = reasons.find(reason_code)
    if not reason.is_transient:
        return None
    return OutageKind.NETWORK if reason.category is Category.NETWORK else OutageKind.MICROSOFT


@dataclass(frozen=True, slots=True)
class Sign:
    """One run that says something: it ended, or it gave its thread back and waits.

    Attributes:
        failed: a transient reason stopped it, or a part of it.
        succeeded: it reached Microsoft and did its job, at least in part.
        began_at: when it was taken up.
        at: when it ended; now, for one that waits.
    """

    tenant_id: int
    connection_id: int
    type: str
    reason_code: str | None
    failed: bool
    succeeded: bool
    began_at: datetime
    at: datetime

    @property
    def failed_as(self) -> OutageKind | None:
        """Whose trouble stopped it; None when nothing did, or what stopped it does not pass by itself."""
        return kind_of(self.reason_code) if self.failed else None

    @property
    def is_good(self) -> bool:
        """Whether it did its job, all of it."""
        return self.succeeded and not self.failed

    @property
    def is_answered(self) -> bool:
        """Whether Microsoft was reached: it did what was asked, or refused. What a credential is worth is partly seen here already."""
        if self.succeeded or self.reason_code is None:
            return self.succeeded
        if kind_of(self.reason_code) is OutageKind.MICROSOFT:
            return True
        return reasons.find(self.reason_code).category in (Category.CONSENT, Category.PERMISSION)


class Tally:
    """Which tenants are affected.

    A tenant is when its latest run of some operation failed in a passing way. When something else of it succeeded later, the network and
    sign-in work, and only a trouble of that one workload is left. Signs are added in the order of their times.

    Attributes:
        affected: by tenant, the latest failed sign.
        ran: by tenant, how many signs there are.
    """

    def __init__(self) -> None:
        self.affected: dict[int, Sign] = {}
        self.ran: Counter[int] = Counter()
        self._numbers: Counter[OutageKind] = Counter()
        self._latest: dict[int, dict[str, Sign]] = {}
        self._good_at: dict[int, datetime] = {}

    def number(self, kind: OutageKind) -> int:
        """Returns how many tenants are affected by one kind."""
        return self._numbers[kind]

    def affected_by(self, kind: OutageKind) -> tuple[Sign, ...]:
        """Returns the signs of those tenants."""
        return tuple(sign for sign in self.affected.values() if sign.failed_as is kind)

    def add(self, sign: Sign) -> None:
        """Takes a sign in that is not older than those before."""
        tenant = sign.tenant_id
        self.ran[tenant] += 1
        self._latest.setdefault(tenant, {})[sign.type] = sign
        if sign.is_good:
            self._good_at[tenant] = sign.at
        if sign.failed or tenant in self.affected:
            self._judge(tenant)

    def drop(self, sign: Sign) -> None:
        """Forgets a sign."""
        tenant = sign.tenant_id
        self.ran[tenant] -= 1
        if not self.ran[tenant]:
            del self.ran[tenant]
        latest = self._latest[tenant]
        if latest.get(sign.type) is sign:
            del latest[sign.type]
        if tenant in self.affected:
            self._judge(tenant)

    def _judge(self, tenant: int) -> None:
        before = self.affected.pop(tenant, None)
        if before is not None and before.failed_as is not None:
            self._numbers[before.failed_as] -= 1
        good_at = self._good_at.get(tenant)
        found: Sign | None = None
        for sign in self._latest[tenant].values():
            kind = sign.failed_as
            if kind is None:
                continue
            stops_all = kind is OutageKind.NETWORK or sign.reason_code in _SIGN_IN
            if stops_all and good_at is not None and good_at >= sign.at:
                continue
            if found is None or sign.at > found.at:
                found = sign
        if found is not None and found.failed_as is not None:
            self.affected[tenant] = found
            self._numbers[found.failed_as] += 1
