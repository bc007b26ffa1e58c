"""Lists that change from round to round and are never held: which serial numbers exist, and rows made when they are looked at.

Promise: what exists in a round follows from (tenant, kind, size at the start, number of rounds) alone, so that two processes agree and a
test can know a difference before it looks. Memory grows with what changed, never with how long a list is.
Must not know: what the rows are, or HTTP.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import overload

from simulator.odata import Row, Rows

_SHARE = 50
"""A round touches up to one in this many entries of each list …"""
_MOST = 20
"""… and never more than this many in each way."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What happened to one entry: how often it was changed, in which round last, and how often it was renamed."""

    times: int
    round: int
    renamed: int


@dataclass(frozen=True, slots=True)
class Slots:
    """The serial numbers of one list in one round.

    Attributes:
        tops: for the start and each round, one more than the highest serial number given until then.
        gone: the serial numbers that were removed, ascending.
        touched: the serial numbers that were changed, with what happened to them.
    """

    tops: tuple[int, ...]
    gone: tuple[int, ...]
    touched: Mapping[int, Touch]

    @property
    def rounds(self) -> int:
        """How many rounds have passed."""
        return len(self.tops) - 1

    def __len__(self) -> int:
        """Return how many entries exist."""
        return self.tops[-1] - len(self.gone)

    def serial(self, index: int) -> int:
        """Return the serial number of the entry at a position. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        serial = index
        while (following := index + bisect_right(self.gone, serial)) != serial:
            serial = following
        return serial

    def has(self, serial: int) -> bool:
        """Say whether an entry exists."""
        position = bisect_right(self.gone, serial)
        return 0 <= serial < self.tops[-1] and not (position and self.gone[position - 1] == serial)

    def born(self, serial: int) -> int:
        """Return the round in which an entry came (0: it was there from the start, or is none of this list)."""
        return bisect_right(self.tops, serial) if serial < self.tops[-1] else 0


@dataclass(frozen=True, slots=True)
class Difference:
    """The serial numbers that are new, gone, changed, and renamed (which are changed as well) between two rounds of a list."""

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changed: tuple[int, ...]
    renamed: tuple[int, ...]


@lru_cache(maxsize=1024)
def slots(tenant_id: str, kind: str, size: int, fixed: int, rounds: int) -> Slots:
    """Return which entries of a list exist after some rounds.

    Args:
        tenant_id: whose list it is.
        kind: which list.
        size: how many entries there were at the start; an empty list stays empty.
        fixed: how many of the first are never removed.
        rounds: how many rounds have passed.
    """
    tops, gone, touched = [size], list[int](), dict[int, Touch]()
    for number in range(1, rounds + 1):
        top, alive = tops[-1], tops[-1] - len(gone)
        if size == 0:
            tops.append(0)
            continue
        dice = _dice(tenant_id, kind, number)
        pace = max(1, min(_MOST, alive // _SHARE))
        for turn in range(min(1 + dice[0] % pace, max(0, alive - fixed - 1))):
            insort(gone, _pick(tenant_id, kind, number, "removed", turn, fixed, top, frozenset(gone)))
        chosen = set[int]()
        for turn in range(min(1 + dice[1] % pace, top - len(gone))):
            serial = _pick(tenant_id, kind, number, "changed", turn, 0, top, chosen.union(gone))
            chosen.add(serial)
            before = touched.get(serial, Touch(0, 0, 0))
            touched[serial] = Touch(before.times + 1, number, before.renamed + (turn == 0 and dice[2] % 2 == 0))
        tops.append(top + 1 + dice[3] % pace)
    return Slots(tuple(tops), tuple(gone), touched)


def difference(before: Slots, after: Slots) -> Difference:
    """Return what differs between an earlier and a later round of the same list."""
    known = set(before.gone)
    changed = [
        s for s, touch in after.touched.items() if touch.round > before.rounds and before.has(s) and after.has(s)
    ]
    named = {serial: touch.renamed for serial, touch in before.touched.items()}
    return Difference(
        added=tuple(s for s in range(before.tops[-1], after.tops[-1]) if after.has(s)),
        removed=tuple(s for s in after.gone if s < before.tops[-1] and s not in known),
        changed=tuple(sorted(changed)),
        renamed=tuple(sorted(s for s in changed if after.touched[s].renamed > named.get(s, 0))),
    )


class Listed(Sequence[Row]):
    """The rows of a list, made when they are looked at."""

    def __init__(self, existing: Slots, make: Callable[[int], Row]) -> None:
        """Show ``existing`` through ``make``, which turns a serial number into a row."""
        self.slots, self.make = existing, make

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.slots)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return one row, or those of a slice."""
        if isinstance(index, slice):
            return [self.make(self.slots.serial(i)) for i in range(*index.indices(len(self)))]
        return self.make(self.slots.serial(index))


class Parted(Sequence[Row]):
    """Several lists one after the other, told apart by one property: a filter by that property need not look at every row."""

    def __init__(self, name: str, parts: Mapping[str, Rows]) -> None:
        """Join lists; ``name`` is the property, the keys its value in each list."""
        self._name, self._parts = name, parts

    def narrowed(self, name: str, value: object) -> Rows | None:
        """Return the rows whose property has this value, or None when it is another property."""
        return self._parts.get(str(value), ()) if name == self._name else None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return sum(map(len, self._parts.values()))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return one row, or those of a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index >= 0:
            for part in self._parts.values():
                if index < len(part):
                    return part[index]
                index -= len(part)
        raise IndexError(index)


class Mapped(Sequence[Row]):
    """A list whose rows are changed when they are looked at."""

    def __init__(self, rows: Rows, change: Callable[[Row], Row]) -> None:
        """Show ``rows`` through ``change``."""
        self._rows, self._change = rows, change

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return one row, or those of a slice."""
        if isinstance(index, slice):
            return [self._change(row) for row in self._rows[index]]
        return self._change(self._rows[index])


def _pick(
    tenant_id: str, kind: str, number: int, what: str, turn: int, low: int, high: int, taken: frozenset[int] | set[int]
) -> int:
    """Return a serial number from ``low`` to below ``high`` that is not taken; the caller knows that there is one."""
    start = int.from_bytes(_dice(tenant_id, kind, number, what, turn), "big")
    return next(low + s % (high - low) for s in count(start) if low + s % (high - low) not in taken)


def _dice(*parts: object) -> bytes:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
