"""The end that nobody chose: the SSH line drops (SIGHUP), or a supervisor ends the program (SIGTERM).

Promise: the program hears of it on its event loop and can write down what would be lost; a second signal, or a program that does not get
to its end in time, ends it the hard way. Where signals cannot be heard (a test in a thread, another system) nothing happens.

Must not know: what is written down.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)

SECONDS: Final = 8.0
"""From the signal to the hard end: drafts are waited for 3 s, the worker has its own end."""


def listen(end: Callable[[], None]) -> None:
    """Call something when the program shall end.

    Args:
        end: Called once, on the running event loop.
    """
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        stop_listening()
        # A terminal that is gone can hold up the last writes to it for ever.
        timer = threading.Timer(SECONDS, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        end()

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
