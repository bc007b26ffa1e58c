"""When an entry of a list came and when it was last changed.

Promise: what was there from the start is older than the year 2025; what came or changed in a round carries that round's moment.
Must not know: what the entries are.
"""

from __future__ import annotations

import hashlib

from simulator.clock import iso
from simulator.lists import Slots
from simulator.model import Tenant

_OLDEST = 1_640_995_200.0
"""2022-01-01; entries of the start are up to three years younger."""

_DAY = 86_400


def dice(*parts: object) -> bytes:
    """Return sixteen bytes that depend only on ``parts``."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()


def created_at(tenant: Tenant, kind: str, existing: Slots, serial: int) -> str:
    """Return when an entry came."""
    born = existing.born(serial)
    return tenant.rounds[born - 1] if born else iso(_start(tenant, kind, serial))


def modified_at(tenant: Tenant, kind: str, existing: Slots, serial: int) -> str:
    """Return when an entry was last changed: when it came, if never."""
    touch = existing.touched.get(serial)
    if touch is not None:
        return tenant.rounds[touch.round - 1]
    if existing.born(serial):
        return created_at(tenant, kind, existing, serial)
    return iso(_start(tenant, kind, serial) + _DAY * (dice(tenant.id, kind, serial)[4] % 60))


def _start(tenant: Tenant, kind: str, serial: int) -> float:
    rolled = int.from_bytes(dice(tenant.id, kind, serial)[:4], "big")
    return _OLDEST + rolled % (1030 * _DAY)
