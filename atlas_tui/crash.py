"""What happens when the program itself is wrong: a short sentence for people, a redacted entry in the log.

Promise: neither ever holds a local variable, an argument or the text of an exception (a driver's error quotes its parameters): the class
of the exception and the lines of code it went through, nothing else. Textual's own crash screen, which prints locals, is never shown.

Must not know: screens, the database.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

LOG_NAME: Final = "dashboard.log"
MAX_LOG_BYTES: Final = 1_000_000
"""A log that has grown beyond this begins anew; the one before is kept as `.1`."""

_FRAMES: Final = 25
_log_file: Path | None = None
_lock = threading.Lock()


def log_to(directory: Path) -> Path:
    """Choose the directory for the log (made 0700 when absent).

    Returns:
        The log file's path.
    """
    global _log_file
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _log_file = directory / LOG_NAME
    return _log_file


def describe(error: BaseException) -> str:
    """An exception as its class and where it went: `ValueError at app.py:12 < screen.py:40`; innermost first, causes after it."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(f"{type(current).__name__} at {' < '.join(_lines(current.__traceback__)) or '?'}")
        current = current.__cause__ or current.__context__
    return "; after ".join(parts)


def log_error(error: BaseException) -> str:
    """Write a redacted entry to the log.

    Returns:
        Where it was written, for people; what is wrong with the log when it could not be.
    """
    entry = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} pid={os.getpid()} {describe(error)}\n"
    if _log_file is None:
        return "no log (there is no state directory)"
    with _lock:
        try:
            if _log_file.exists() and _log_file.stat().st_size > MAX_LOG_BYTES:
                _log_file.replace(_log_file.with_suffix(".log.1"))
            handle = os.open(_log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as log:
                log.write(entry)
        except OSError as failure:
            return f"no log ({failure.strerror})"
    return str(_log_file)


def message_for(error: BaseException) -> str:
    """What people are told when the dashboard has to stop."""
    place = log_error(error)
    return (
        f"The dashboard stopped because of a fault of its own ({type(error).__name__}).\n"
        f"Nothing was half-written: every change is one transaction. Details without values: {place}\n"
        "Start it again; if it happens again, report that entry."
    )


def watch_threads() -> None:
    """Send what other threads and the interpreter would print to the log: anything on stderr would corrupt the screen."""

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            log_error(arguments.exc_value)

    def unraisable(arguments: sys.UnraisableHookArgs) -> None:
        if arguments.exc_value is not None:
            log_error(arguments.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def _lines(traceback: TracebackType | None) -> list[str]:
    lines: list[str] = []
    while traceback is not None:
        lines.append(f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return lines[::-1][:_FRAMES]
