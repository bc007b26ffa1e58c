"""What an open breaker holds back, told as a part of what opened it: one cause is one problem.

Promise: scheduled work that an open breaker holds up is told under the reason of the last sign-in failure, which the connection has anyway;
`breaker_open` is left only where the breaker is closed by now and the schedule has not come round yet. Must not know: when a breaker opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from storage import breakers
from storage.attention_sources import Reach, Symptom, Symptoms, symptoms
from storage.breaker_rules import may_open
from storage.breakers import BREAKER_OPEN
from storage.database import Transaction


def read(tx: Transaction, reach: Reach, only: str | None = None) -> Symptoms:
    """Reads what is wrong on enabled connections, as `attention_sources.symptoms`, what a breaker holds back under its reason.

    Args:
        tx: a read transaction.
        reach: whose.
        only: only this reason's.
    """
    found = symptoms(tx, reach, only)
    if only not in (None, BREAKER_OPEN):
        if not may_open(only):
            return found
        held = symptoms(tx, reach, BREAKER_OPEN).rows
        also = tuple(row for row in _under_their_reasons(tx, held) if row.reason_code == only)
        return Symptoms((*found.rows, *also), found.sizes)
    told = tuple(_under_their_reasons(tx, found.rows))
    sizes = dict(found.sizes)
    left = tuple(row for row in told if row.reason_code == BREAKER_OPEN)
    if not left:
        sizes.pop(BREAKER_OPEN, None)
    return Symptoms(told if only is None else left, sizes)


def _under_their_reasons(tx: Transaction, rows: Iterable[Symptom]) -> Iterator[Symptom]:
    found = tuple(rows)
    opened_by = breakers.reasons_of_open(tx, {row.connection_id for row in found if row.reason_code == BREAKER_OPEN})
    for row in found:
        code = opened_by.get(row.connection_id) if row.reason_code == BREAKER_OPEN else None
        yield row if code is None else replace(row, reason_code=code)
