"""Them or us: when many tenants fail in the same passing way at once, the trouble is probably Microsoft's, or the network's: pure rules.

Promise: the same runs give the same answer, and the answer is calm. An outage begins when enough tenants fail within minutes. It ends when
most of those it struck answer again, when nobody fails any more for a calm time, or when nothing is known any more of how it began; not
because the failures of a partial outage are some minutes apart. Knows no table.

Nothing remembers that there was an outage a minute ago: `detect` goes through the signs in their order, as if it had watched all the while.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from storage.outage_signs import OutageKind, Sign, Tally

FEWEST_TENANTS: Final = 5
"""Fewer tenants than these prove nothing: two customers with a broken proxy of their own are no outage."""

SMALLEST_SHARE: Final = 0.2
"""Of the tenants that ran meanwhile, so many must fail: in a fleet of thousands, five are always throttled somewhere."""

WINDOW: Final = timedelta(minutes=10)
"""What happened this long ago is "at once"."""

CALM: Final = timedelta(minutes=30)
"""When nobody failed for so long, an outage is over. It is longer than the second pause of a failed check with its spread (22 minutes), so
that what goes on is not declared over between two tries; the third pause, an hour, would keep a banner up for an hour after the end."""

HOLD: Final = timedelta(minutes=100)
"""While nothing succeeds, evidence is kept this long: the longest pause before a failed check is tried again, with its jitter."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Many tenants fail the same way.

    Attributes:
        kind: whose trouble it probably is.
        reason_code: the most frequent reason.
        affected: the latest failed sign of each tenant that has not answered since.
        tried: how many tenants ran since shortly before it began.
        since: when so many tenants as make an outage had begun to fail.
        anything_answers: Microsoft was reached for some tenant after the first had failed, whatever it answered.
    """

    kind: OutageKind
    reason_code: str
    affected: tuple[Sign, ...]
    tried: int
    since: datetime
    anything_answers: bool


def detect(signs: Iterable[Sign], now: datetime, *, complete_since: datetime | None = None) -> Finding | None:
    """Says whether there is an outage.

    Args:
        signs: what ran lately, in any order.
        now: the database's clock.
        complete_since: since when every sign that there was is among them; None for as long as any counts.
    """
    known_since = max(now - HOLD, complete_since or now - HOLD)
    # Who else ran just before is not known, so a few failures at the edge must not look like many.
    judged_from = known_since + min(WINDOW, (now - known_since) / 2)
    recent = sorted((sign for sign in signs if sign.at >= now - HOLD), key=_order)
    window = _Window()
    outage: _Outage | None = None
    for moment, arriving in _moments(recent, now):
        if outage is not None and outage.is_calm(moment) and not _is_enough(window.tally, outage.kind):
            outage = None
        window.move(moment, arriving)
        if outage is not None:
            outage.go_on(arriving)
            if not outage.lasts() and not _is_enough(window.tally, outage.kind):
                outage = None
        leading = _leading(window.tally)
        if leading is None or (moment < judged_from and moment != now):
            continue
        if outage is None or not (outage.kind is leading or _is_enough(window.tally, outage.kind)):
            outage = _Outage(leading)
            outage.go_on(window.signs)
    return None if outage is None else outage.finding(recent)


def since_of(beginnings: Iterable[datetime]) -> datetime:
    """Returns since when it is an outage: when so many tenants as make one had begun to fail.

    The first failure of all may be a week old and have nothing to do with it.

    Args:
        beginnings: when each of the affected began to fail; at least one.
    """
    ordered = sorted(beginnings)
    return ordered[min(FEWEST_TENANTS, len(ordered)) - 1]


def _order(sign: Sign) -> tuple[datetime, bool, str]:
    """By time; of what ended at the same moment, success counts as later."""
    return sign.at, not sign.failed, sign.reason_code or ""


def _moments(recent: Sequence[Sign], now: datetime) -> Iterator[tuple[datetime, list[Sign]]]:
    """The moments at which the answer can change: signs come, or leave the window; and now."""
    coming, leaving = 0, 0
    while True:
        leaves = recent[leaving].at + WINDOW + timedelta.resolution if leaving < len(recent) else now
        moment = min(now, leaves, recent[coming].at if coming < len(recent) else now)
        begin = coming
        while coming < len(recent) and recent[coming].at <= moment:
            coming += 1
        while leaving < len(recent) and recent[leaving].at + WINDOW + timedelta.resolution <= moment:
            leaving += 1
        yield moment, list(recent[begin:coming])
        if moment >= now:
            return


@dataclass(slots=True)
class _Window:
    """What happened at once: the last ten minutes; as long as nothing succeeds, back to the last success."""

    tally: Tally = field(default_factory=Tally)
    signs: deque[Sign] = field(default_factory=deque)
    _good_at: datetime | None = None

    def move(self, moment: datetime, arriving: Iterable[Sign]) -> None:
        for sign in arriving:
            self.tally.add(sign)
            self.signs.append(sign)
            if sign.is_good:
                self._good_at = sign.at
        start = max(moment - HOLD, min(moment - WINDOW, self._good_at or moment - HOLD))
        while self.signs and self.signs[0].at < start:
            self.tally.drop(self.signs.popleft())


def _is_enough(tally: Tally, kind: OutageKind) -> bool:
    """The rule by which an outage begins."""
    return tally.number(kind) >= max(FEWEST_TENANTS, SMALLEST_SHARE * len(tally.ran))


def _leading(tally: Tally) -> OutageKind | None:
    """What an outage that begins is. When the network fails, Microsoft's answers are the odd ones out; so it comes first when both are
    as frequent.
    """
    network = tally.number(OutageKind.NETWORK) >= tally.number(OutageKind.MICROSOFT)
    kind = OutageKind.NETWORK if network else OutageKind.MICROSOFT
    return kind if _is_enough(tally, kind) else None


@dataclass(slots=True)
class _Outage:
    """An outage that goes on: whom it struck, and who of them still fails."""

    kind: OutageKind
    _tally: Tally = field(default_factory=Tally)
    _struck: dict[int, datetime] = field(default_factory=dict)
    _first_failed_at: datetime | None = None
    _last_failed_at: datetime | None = None

    def go_on(self, signs: Iterable[Sign]) -> None:
        """Takes in what happened next."""
        arriving = list(signs)
        for sign in arriving:
            self._tally.add(sign)
        for sign in arriving:
            tenant = sign.tenant_id
            if sign.failed_as is self.kind and tenant in self._tally.affected:
                self._struck[tenant] = min(sign.began_at, self._struck.get(tenant, sign.began_at))
                self._first_failed_at = self._first_failed_at or sign.at
                self._last_failed_at = sign.at

    def is_calm(self, moment: datetime) -> bool:
        """Whether nobody has failed for long."""
        return self._last_failed_at is None or moment - self._last_failed_at > CALM

    def lasts(self) -> bool:
        """Whether at least half of those it struck still fail."""
        return 2 * self._tally.number(self.kind) >= len(self._struck)

    def finding(self, recent: Sequence[Sign]) -> Finding:
        affected = self._tally.affected_by(self.kind)
        counted = Counter(str(sign.reason_code) for sign in affected)
        code, _ = min(counted.items(), key=lambda item: (-item[1], item[0]))
        first = self._first_failed_at
        answers = any(sign.is_answered for sign in recent if first is not None and sign.at >= first)
        return Finding(self.kind, code, affected, len(self._tally.ran), since_of(self._struck.values()), answers)
