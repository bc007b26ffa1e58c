"""A worker's own directory, for its queue.

Promise: 0700, one for each process, gone when the process ends; what a killed process left behind is removed by the next one. A lock that
the kernel gives back says who is alive, never a process number.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from storage.sqlite_file import make_private_directory


class Home:
    """A worker's own directory, 0700, for its queue; directories of workers that have died are removed.

    Args:
        state_directory: where all workers of this account have theirs.
        worker_id: this process.

    Raises:
        DatabaseError: the directory is open to others or cannot be made.
    """

    def __init__(self, state_directory: Path, worker_id: str) -> None:
        everyone = state_directory / "workers"
        make_private_directory(everyone)
        for leftover in everyone.iterdir():
            _remove_if_dead(leftover)
        self.directory = everyone / worker_id
        make_private_directory(self.directory)
        self._lock: IO[bytes] = (self.directory / "alive").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def leave(self) -> None:
        """Removes the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._lock.close()


def _remove_if_dead(directory: Path) -> None:
    """Removes a worker's directory unless a living process holds its lock. One without a lock file may be just being made."""
    try:
        with (directory / "alive").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    except OSError:
        return
