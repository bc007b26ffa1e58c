"""Them or us: when many tenants fail in the same passing way at once, the trouble is probably Microsoft's, or the network's: pure rules.

Promise: the same runs give the same answer. Only transient reasons count (`Reason.is_transient`), so an outage never speaks about a
connection; and a tenant that answers again is not counted any more. Knows no table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from storage import reasons
from storage.reasons import Category

FEWEST_TENANTS: Final = 5
"""Fewer tenants than these prove nothing: two customers with a broken proxy of their own are no outage."""

SMALLEST_SHARE: Final = 0.2
"""Of the tenants that ran meanwhile, so many must fail: in a fleet of thousands, five are always throttled somewhere."""

WINDOW: Final = timedelta(minutes=10)
"""What happened this long ago is "at once"."""

HOLD: Final = timedelta(minutes=100)
"""While nothing succeeds, evidence is kept this long: the longest pause before a failed check is tried again, with its jitter."""

REACHED_WORDS: Final = {
    "network_dns": "names are not resolved",
    "network_connect": "connections cannot be opened",
    "network_tls": "certificates are not accepted",
    "network_timeout": "answers do not come in time",
    "network_proxy": "the proxy refuses",
    "network_interrupted": "connections break off",
    "response_unreadable": "something else answers in Microsoft's place",
}
"""How the network fails, by reason."""

_SIGN_IN: Final = frozenset({"identity_service_unavailable", "token_throttled", "auth_loop_throttled"})
"""Microsoft's passing reasons that stop everything: a tenant of which anything succeeds later is not stopped by them any more."""

_LOOK_AT: Final = {
    "network_dns": "the worker host's DNS",
    "network_connect": "the worker host's line, firewall and proxy",
    "network_tls": "whether a proxy opens TLS, and the CA bundle",
    "network_timeout": "the worker host's line and proxy",
    "network_proxy": "the proxy and its password",
    "network_interrupted": "the worker host's line, firewall and proxy",
    "response_unreadable": "whether a proxy or a sign-in page answers instead",
}


class OutageKind(StrEnum):
    """Whose trouble it probably is."""

    MICROSOFT = "microsoft"
    NETWORK = "network"


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


@dataclass(frozen=True, slots=True)
class Finding:
    """Many tenants fail the same way.

    Attributes:
        kind: whose trouble it probably is.
        reason_code: the most frequent reason.
        affected: the latest failed sign of each tenant.
        tried: how many tenants ran meanwhile.
        anything_answers: Microsoft was reached for some tenant meanwhile, whatever it answered.
    """

    kind: OutageKind
    reason_code: str
    affected: tuple[Sign, ...]
    tried: int
    anything_answers: bool


def kind_of(reason_code: str | None) -> OutageKind | None:
    """Returns whose trouble a reason is; None when it is not a passing one."""
    if reason_code is None:
        return None
    reason = reasons.find(reason_code)
    if not reason.is_transient:
        return None
    return OutageKind.NETWORK if reason.category is Category.NETWORK else OutageKind.MICROSOFT


def window_start(signs: Iterable[Sign], now: datetime) -> datetime:
    """Returns since when signs count: the last ten minutes; as long as nothing succeeds, back to the last success."""
    last = max((sign.at for sign in signs if sign.succeeded and not sign.failed), default=now - HOLD)
    return max(now - HOLD, min(now - WINDOW, last))


def detect(signs: Sequence[Sign], now: datetime) -> Finding | None:
    """Says whether there is an outage.

    A tenant is affected when its latest run of some operation failed in a passing way. When something else of it succeeded later, the
    network and sign-in work, and only a trouble of that one workload is left.

    Args:
        signs: what ran lately, in any order.
        now: the database's clock.
    """
    start = window_start(signs, now)
    recent = [sign for sign in signs if sign.at >= start]
    tried = len({sign.tenant_id for sign in recent})
    affected = _affected(recent)
    by_kind = {kind: [s for s in affected.values() if kind_of(s.reason_code) is kind] for kind in OutageKind}
    # When the network fails, Microsoft's answers are the odd ones out; so the network comes first when both are as frequent.
    kind = (
        OutageKind.NETWORK
        if len(by_kind[OutageKind.NETWORK]) >= len(by_kind[OutageKind.MICROSOFT])
        else OutageKind.MICROSOFT
    )
    found = by_kind[kind]
    if len(found) < FEWEST_TENANTS or len(found) < SMALLEST_SHARE * tried:
        return None
    code, _ = min(Counter(str(s.reason_code) for s in found).items(), key=lambda item: (-item[1], item[0]))
    return Finding(kind, code, tuple(found), tried, any(_is_answered(sign) for sign in recent))


def _is_answered(sign: Sign) -> bool:
    """Whether Microsoft was reached: it did what was asked, or refused. What a credential is worth is partly seen here already."""
    if sign.succeeded or sign.reason_code is None:
        return sign.succeeded
    if kind_of(sign.reason_code) is OutageKind.MICROSOFT:
        return True
    return reasons.find(sign.reason_code).category in (Category.CONSENT, Category.PERMISSION)


def _affected(recent: Sequence[Sign]) -> dict[int, Sign]:
    latest: dict[tuple[int, str], Sign] = {}
    succeeded: dict[int, datetime] = {}
    for sign in recent:
        key = (sign.tenant_id, sign.type)
        if key not in latest or sign.at > latest[key].at:
            latest[key] = sign
        if sign.succeeded and not sign.failed:
            succeeded[sign.tenant_id] = max(sign.at, succeeded.get(sign.tenant_id, sign.at))
    affected: dict[int, Sign] = {}
    for (tenant_id, _), sign in latest.items():
        kind = kind_of(sign.reason_code) if sign.failed else None
        answered = tenant_id in succeeded and succeeded[tenant_id] >= sign.at
        if kind is None or (answered and (kind is OutageKind.NETWORK or sign.reason_code in _SIGN_IN)):
            continue
        if tenant_id not in affected or sign.at > affected[tenant_id].at:
            affected[tenant_id] = sign
    return affected


def since_of(beginnings: Iterable[datetime]) -> datetime:
    """Returns since when it is an outage: when so many tenants as make one had begun to fail.

    The first failure of all may be a week old and have nothing to do with it.

    Args:
        beginnings: when each of the affected began to fail; at least one.
    """
    ordered = sorted(beginnings)
    return ordered[min(FEWEST_TENANTS, len(ordered)) - 1]


def headline_of(kind: OutageKind, *, anything_answers: bool) -> str:
    """Names an outage in a few words. A network that lets some through need not be ours."""
    if kind is OutageKind.MICROSOFT:
        return "Probable Microsoft problem"
    return "Probable network problem" if anything_answers else "Probable local network problem"


def detail_of(kind: OutageKind, reason_code: str, affected: int, tried: int) -> str:
    """Says how many tenants are affected, and how."""
    of_them = f"all {tried:,} tenants" if affected == tried else f"{affected:,} of {tried:,} tenants"
    if kind is OutageKind.MICROSOFT:
        return f"{of_them} got {_microsofts_word(reason_code)}"
    return f"{REACHED_WORDS.get(reason_code, 'Microsoft is not reached')} for {of_them}"


def _microsofts_word(reason_code: str) -> str:
    if reasons.find(reason_code).category is Category.THROTTLING:
        return "the answer 429, too many requests"
    return "server errors" if reason_code != "identity_service_unavailable" else "server errors at sign-in"


def advice_of(kind: OutageKind, reason_code: str) -> str:
    """Says what to do about it."""
    if kind is OutageKind.MICROSOFT:
        return "Wait, and see Microsoft's service health; badges stay, and checks are tried again by themselves."
    return f"Look at {_LOOK_AT.get(reason_code, 'the network of the worker host')}; badges stay, and checks are tried again by themselves."
