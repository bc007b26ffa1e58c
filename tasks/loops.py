"""A thread that does one thing again and again, and survives what the database does.

Promise: a loop ends only when it is told to. An unreachable database is said once in the log, tried again with growing pauses, and its
return is said too. Anything unexpected is logged and tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from storage.errors import DatabaseError
from tasks.logs import Log

FIRST_PAUSE: Final = 0.2


class Loop:
    """Calls a step until told to stop.

    Args:
        name: of the thread, and in the log.
        step: does one round and returns how many seconds to wait before the next.
        log: where trouble is written.
        longest_pause: seconds between two tries while the database is away.
    """

    def __init__(self, name: str, step: Callable[[], float], log: Log, *, longest_pause: float = 5.0) -> None:
        self._name = name
        self._step = step
        self._log = log
        self._longest_pause = longest_pause
        self._wake = threading.Event()
        self._stop = False
        self._pause = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def wake(self) -> None:
        """Has the next round begin at once."""
        self._wake.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Ends the loop after the round that is under way, waiting at most so many seconds for it."""
        self._stop = True
        self._wake.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop:
            self._wake.wait(self._round())
            self._wake.clear()

    def _round(self) -> float:
        try:
            seconds = self._step()
        except DatabaseError as error:
            if not self._pause:
                self._log.failure("database_unavailable", error, thread=self._name)
            return self._longer()
        except Exception as error:  # a loop must outlive whatever goes wrong in one round; it is logged
            self._log.failure("loop_failed", error, thread=self._name)
            return self._longer()
        if self._pause:
            self._log.info("database_available", thread=self._name)
            self._pause = 0.0
        return seconds

    def _longer(self) -> float:
        self._pause = min(self._longest_pause, self._pause * 2 or FIRST_PAUSE)
        return self._pause
