"""What a worker writes down: one JSON object a line, made of allow-listed fields and nothing else.

Promise: a value reaches the log only under a name that is listed here and only in the shape that name may have, so neither a secret nor
another library's text can slip in. Exceptions are logged as their class and the place in our own code, never with their words. What
other libraries log is reduced to who said something, and how bad it was.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, TextIO

from storage.errors import AtlasError
from storage.failures import FORBIDDEN_TEXT

ROOT: Final = "atlas"
_OURS: Final = Path(__file__).resolve().parent.parent
_WORD: Final = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_PLACE: Final = re.compile(r"[A-Za-z0-9_./-]{1,200}:\d{1,6}")
_SENTENCE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,300}")
_SHAPES: Final[Mapping[str, re.Pattern[str] | type[int] | type[float] | type[bool]]] = MappingProxyType(
    {
        "worker": _WORD,
        "thread": _WORD,
        "host": _WORD,
        "pid": int,
        "version": _WORD,
        "slots": int,
        "busy": int,
        "is_local": bool,
        "key_id": _WORD,
        "run": int,
        "alert": _WORD,
        "attempt": int,
        "operation": _WORD,
        "connection": int,
        "outcome": _WORD,
        "reason": _WORD,
        "why": _WORD,
        "seconds": float,
        "count": int,
        "signal": _WORD,
        "error": _WORD,
        "at_line": _PLACE,
        "library": _WORD,
        "sentence": _SENTENCE,
    }
)
"""Every field a line may have besides `at`, `level` and `event`, with the shape of its value. `sentence` is for our own sentences
(`AtlasError.message`) only, and is dropped when a word of `storage.failures.FORBIDDEN_TEXT` is in it."""

Value = str | int | float | bool | None


class Log:
    """Writes events of one part of the worker."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{name}")

    def info(self, event: str, **fields: Value) -> None:
        """Writes that something happened that is as it should be."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Value) -> None:
        """Writes that something happened that the worker copes with."""
        self._write(logging.WARNING, event, fields)

    def failure(self, event: str, error: BaseException, **fields: Value) -> None:
        """Writes that something broke: the exception's class and where in our code, and its sentence if it is one of ours."""
        self._write(logging.ERROR, event, {**fields, **describe(error)})

    def _write(self, level: int, event: str, fields: Mapping[str, Value]) -> None:
        self._logger.log(level, event, extra={"atlas_fields": fields})


def describe(error: BaseException) -> dict[str, Value]:
    """Reduces an exception to what may be logged."""
    known: dict[str, Value] = {"error": type(error).__name__, "at_line": our_line(error.__traceback__)}
    if isinstance(error, AtlasError):
        known["sentence"] = error.message
    return known


def our_line(traceback: TracebackType | None) -> str | None:
    """Returns the innermost place of a traceback that is in this project, as `tasks/runner.py:120`; None when none is."""
    place = None
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if path.is_relative_to(_OURS) and "site-packages" not in path.parts:
            place = f"{path.relative_to(_OURS).as_posix()}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


class _JsonLines(logging.Formatter):
    """Makes the line. Foreign records lose their text: only their logger's name and their exception's class stay."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line of JSON."""
        fields: Mapping[str, Value] = getattr(record, "atlas_fields", None) or {}
        event = record.getMessage() if record.name.startswith(f"{ROOT}.") else "library"
        if event == "library":
            fields = {"library": record.name}
            if record.exc_info and record.exc_info[1] is not None:
                fields |= {"error": type(record.exc_info[1]).__name__, "at_line": our_line(record.exc_info[2])}
        line: dict[str, Value] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": event if _WORD.fullmatch(event) else "unnamed",
        }
        line.update(allowed(fields))
        return json.dumps(line)


def allowed(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Keeps the fields that may be logged, in the shape they may have; everything else is gone without a trace of its value."""
    kept: dict[str, Value] = {}
    for name, value in fields.items():
        shape = _SHAPES.get(name)
        if shape is None or value is None:
            continue
        if isinstance(shape, re.Pattern):
            if isinstance(value, str) and shape.fullmatch(value) and not _tells(value):
                kept[name] = str(value)
        elif isinstance(value, bool) is (shape is bool) and isinstance(value, int | float):
            kept[name] = round(value, 3) if isinstance(value, float) else value
    return kept


def _tells(value: str) -> bool:
    return any(word.lower() in value.lower() for word in FORBIDDEN_TEXT)


def configure(stream: TextIO | None = None) -> None:
    """Makes this process log as above, to a stream (stderr when None), and nothing else.

    Tracebacks that nobody caught, in the main thread or another, become a line as well.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(logging.INFO)
    logging.raiseExceptions = False
    uncaught = Log("process")

    def in_main(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        uncaught.failure("uncaught", error.with_traceback(traceback))

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            uncaught.failure("uncaught", arguments.exc_value.with_traceback(arguments.exc_traceback))

    sys.excepthook = in_main
    threading.excepthook = in_thread
