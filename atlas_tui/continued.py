"""Going on after a stop that nobody was asked about (`kill -STOP`, a debugger): the terminal is taken anew, once.

Promise: keys are read by one thread, and at the end the terminal is as it was before the program. Textual takes the terminal at every
SIGCONT and expects to have left it at SIGTSTP; after a SIGSTOP, which cannot be caught (POSIX.1-2017, 2.4.1), it would read the keys twice,
take its own settings for the shell's, and wait for ever at the end.

Must not know: screens.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


def listen(driver: Any) -> None:
    """Have the terminal left before it is taken again.

    Args:
        driver: Textual's, of the running app. One that does not hear SIGCONT, as that of a test, is left alone.
    """
    if not hasattr(signal, "SIGCONT") or threading.current_thread() is not threading.main_thread():
        return
    take = signal.getsignal(signal.SIGCONT)
    listens: Any = getattr(take, "__self__", None)
    if not callable(take) or driver is None or listens is not driver:
        return
    is_at_it = False

    def heard(number: int, frame: FrameType | None) -> None:
        nonlocal is_at_it
        if is_at_it:
            return  # stopped again while it was continued in the background; this goes on from there
        is_at_it = True
        try:
            if driver._auto_restart and not driver._must_signal_resume:
                driver._must_signal_resume = True
                driver.suspend_application_mode()
            take(number, frame)
        finally:
            is_at_it = False

    signal.signal(signal.SIGCONT, heard)
