"""The end that nobody chose: the SSH line drops (SIGHUP), or a supervisor ends the program (SIGTERM).

Promise: the program hears of it on its event loop and can write down what would be lost; a second signal, or a program that does not get
to its end in time, ends it the hard way. Where signals cannot be heard (a test in a thread, another system) nothing happens.

A terminal that goes tells only the session's leader. A shell passes that on; `make` and others do not, and the program would read the
end of a terminal that is no more, again and again: so it is looked at, too.

Must not know: what is written down.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)

LOOK_SECONDS: Final = 2.0
"""How often the terminal is looked at."""

SECONDS: Final = 8.0
"""From the signal to the hard end: drafts are waited for 3 s, the worker has its own end."""


def listen(end: Callable[[], None]) -> None:
    """Call something when the program shall end.

    Args:
        end: Called once, on the running event loop.
    """
    loop = asyncio.get_running_loop()
    terminal, is_over = _terminal(), False

    def heard(number: int) -> None:
        nonlocal is_over
        if is_over:
            return
        is_over = True
        stop_listening()
        # A terminal that is gone can hold up the last writes to it for ever.
        timer = threading.Timer(SECONDS, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        end()

    def look() -> None:
        if terminal is not None and _is_gone(terminal):
            heard(signal.SIGHUP)
        elif not is_over:
            loop.call_later(LOOK_SECONDS, look)

    if terminal is not None:
        loop.call_later(LOOK_SECONDS, look)
    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, heard, number)
        except (NotImplementedError, RuntimeError, ValueError):
            return


def stop_listening() -> None:
    """Leave the signals to the system again."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        try:
            loop.remove_signal_handler(number)
        except (NotImplementedError, RuntimeError, ValueError):
            return


def _terminal() -> int | None:
    """The terminal that keys come from; None when they come from somewhere else."""
    try:
        number = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    except (OSError, ValueError):
        return None
    return number if number >= 0 and os.isatty(number) else None


def _is_gone(terminal: int) -> bool:
    """Whether nobody is at the other end any more: POLLHUP is told without being asked for (poll(2))."""
    poller = select.poll()
    poller.register(terminal, 0)
    return any(told & (select.POLLHUP | select.POLLNVAL) for _, told in poller.poll(0))
