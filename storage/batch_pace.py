"""When a bulk start will be over: the pure rule, from how many of its runs ended lately.

Promise: what is foretold lies after the moment it was asked at; where there is no pace to tell it from nothing is foretold. Knows no table.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

ENOUGH_DONE: Final = 5
"""Completed runs from which on a pace says something."""

ENOUGH_TIME: Final = timedelta(seconds=5)
"""How long the runs must have been going before their pace says something."""

LATELY: Final = timedelta(minutes=10)
"""Runs that ended in this time make the pace: what was quick an hour ago, before Microsoft throttled, says nothing about the rest."""


def expected_end(
    *, done: int, done_lately: int, rest: int, began_at: datetime | None, now: datetime
) -> datetime | None:
    """Says when the rest will be over if runs go on ending as fast as they did lately.

    Args:
        done: how many runs have ended.
        done_lately: how many of them in the time `LATELY` before now.
        rest: how many connections have not.
        began_at: when the first run began; None before it.
        now: the moment it is asked at.

    Returns:
        A later moment; None when too few have ended to say, none has lately, or nothing is left.
    """
    if began_at is None or done < ENOUGH_DONE or not done_lately or not rest:
        return None
    elapsed = now - began_at
    if elapsed < ENOUGH_TIME:
        return None
    return now + min(elapsed, LATELY) / done_lately * rest
