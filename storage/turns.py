"""Taking turns: a large piece of work part by part, with pauses in which others get the database.

SQLite's one write lock goes to whoever asks at the right moment, and without a pause that is always who has just let go of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

SHORTEST_PAUSE: Final = 0.01
"""Seconds."""


def in_turn(
    parts: Iterable[T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yields parts one by one, and before each but the first pauses as long as the caller was busy with the one before.

    Args:
        parts: what is worked off in a transaction each.
        sleep: waits so many seconds.
        clock: tells seconds that only grow.
    """
    began: float | None = None
    for part in parts:
        if began is not None:
            sleep(max(SHORTEST_PAUSE, clock() - began))
        began = clock()
        yield part
