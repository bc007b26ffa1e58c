"""One demo a directory: whether one is running there is told by a lock, which the system takes back however that demo ends.

Promise: a second demo in the same directory is refused before it changes anything, since it would take the addresses from under the first.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.errors import Conflict

MARK: Final = ".atlas-demo"
"""The file that says that a directory was made by the demo. It is what is locked."""

_TRIES: Final = 5
_PAUSE: Final = 0.05
"""Whoever only looks holds the lock for a moment; that must not look like a demo."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keeps a directory for this process's demo, and marks it as a demo's.

    Raises:
        Conflict: a demo is running there.
    """
    handle = os.open(directory / MARK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, directory)
        yield
    finally:
        os.close(handle)


def is_held(directory: Path) -> bool:
    """Says whether a demo is running in a directory."""
    try:
        handle = os.open(directory / MARK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _lock(handle: int, directory: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise Conflict(
                    f"A demo is running in {directory} already.",
                    "See where it answers: atlas-tui demo --addresses. Another one: atlas-tui demo --directory PATH",
                ) from None
            time.sleep(_PAUSE)
