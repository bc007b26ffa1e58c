"""What people may write about a schedule: reading each field, once, for forms and commands alike.

Promise: every rule about a schedule's field is here and names the field and the fix. Pure functions; knows no table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import Any, Final

from cronsim import CronSim, CronSimError

from storage.errors import InvalidInput
from storage.fields import read_name
from storage.schedule_times import CRON_HINT, DueRule, QuietHours, Rhythm, next_due
from storage.tenant_fields import read_time_zone

LEAST_MINUTES: Final = 5
"""Between two due times: a run takes minutes, and Microsoft's budgets are per minutes."""

MOST_MINUTES: Final = 366 * 24 * 60
MOST_JITTER: Final = 24 * 60

LABELS: Final[Mapping[str, str]] = {
    "name": "name",
    "rhythm": "rhythm",
    "time_zone": "time zone",
    "jitter_minutes": "jitter",
    "quiet": "quiet hours",
}
"""The fields that can be edited, with the names people know them by. What a schedule starts, and on what, is for good."""

_EVERY: Final = re.compile(r"^(?:every\s+)?([0-9]{1,6})\s*(m|min|minutes?|h|hours?|d|days?)$")
_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60}
_CLOCK: Final = re.compile(r"^([01]?[0-9]|2[0-3]):([0-5][0-9])$")
_ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def read_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Reads what an editor wants, each field by its rule.

    Raises:
        InvalidInput: a field cannot be used, or there is no such field.
    """
    return {name: read_field(name, value) for name, value in changes.items()}


def read_field(name: str, value: Any) -> Any:
    """Reads one field by its name in `LABELS`; a value that was read already comes back as it is.

    Raises:
        InvalidInput: it cannot be used, or there is no such field.
    """
    match name:
        case "name":
            return read_name(LABELS[name], value)
        case "rhythm":
            return read_rhythm(str(value))
        case "time_zone":
            return read_time_zone(value)
        case "jitter_minutes":
            return read_jitter(str(value))
        case "quiet":
            return read_quiet("" if value is None else str(value))
    raise InvalidInput("field", f"{name} is not one of a schedule", f"Use one of: {', '.join(sorted(LABELS))}.")


def read_rhythm(text: str) -> Rhythm:
    """Reads how often: a cron expression of five fields, or `every 6h` (`m`, `h` or `d`).

    Raises:
        InvalidInput: it is neither, comes too often, or never.
    """
    words = " ".join(text.split())
    if not words:
        raise InvalidInput("rhythm", "is empty", f"{CRON_HINT} Or: every 6h.")
    spoken = _EVERY.match(words.casefold())
    if spoken is not None:
        return Rhythm(interval_minutes=_read_interval(int(spoken.group(1)) * _MINUTES[spoken.group(2)[0]]))
    return Rhythm(cron=_read_cron(words.upper()))


def _read_interval(minutes: int) -> int:
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise InvalidInput(
            "rhythm",
            f"must be from {LEAST_MINUTES} minutes to {MOST_MINUTES // _MINUTES['d']} days",
            "Such as every 6h.",
        )
    return minutes


def _read_cron(words: str) -> str:
    if len(words.split()) != 5 or not words.isascii():
        raise InvalidInput("rhythm", "is neither a cron expression nor an interval", f"{CRON_HINT} Or: every 6h.")
    try:
        times = CronSim(words, _ANY_DAY)
    except (CronSimError, AssertionError) as error:
        which = f" ({error})" if str(error) else ""
        raise InvalidInput("rhythm", f"cron cannot read it, or it never comes{which}", CRON_HINT) from None
    minutes = sorted(times.minutes)
    if any(later - earlier < LEAST_MINUTES for earlier, later in pairwise(minutes)):
        fields = words.split()
        hint = f"Such as */15 {' '.join(fields[1:])}, or 0 {' '.join(fields[1:])} once an hour."
        raise InvalidInput("rhythm", f"comes more often than every {LEAST_MINUTES} minutes", hint)
    if next_due(DueRule(Rhythm(cron=words), "UTC", None, _ANY_DAY), _ANY_DAY) is None:
        raise InvalidInput("rhythm", "never comes: no date fits day, month and weekday at once", CRON_HINT)
    return words


def read_jitter(text: str) -> int:
    """Reads over how many minutes runs are spread: `240`, `4h`; blank means none.

    Raises:
        InvalidInput: it is no number of minutes, or more than a day.
    """
    cleaned = " ".join(text.split()).casefold()
    spoken = _EVERY.match(cleaned)
    if not cleaned or (cleaned.isascii() and cleaned.isdigit() and len(cleaned) <= 6):
        minutes = int(cleaned or "0")
    elif spoken is not None and not cleaned.startswith("every"):
        minutes = int(spoken.group(1)) * _MINUTES[spoken.group(2)[0]]
    else:
        raise InvalidInput("jitter", "is not a number of minutes", "Such as 240, or 4h; 0 starts all at once.")
    if minutes > MOST_JITTER:
        raise InvalidInput("jitter", "is more than a day", f"At most {MOST_JITTER} minutes.")
    return minutes


def read_quiet(text: str) -> QuietHours | None:
    """Reads quiet hours: `22:00-06:00` (across midnight when they end earlier than they begin); blank means none.

    Raises:
        InvalidInput: they are not two times of day, or the same one twice.
    """
    cleaned = "".join(text.split()).replace("\N{EN DASH}", "-")
    if not cleaned or cleaned == "-":
        return None
    begin, dash, end = cleaned.partition("-")
    if not dash:
        raise InvalidInput("quiet hours", "are not two times of day", "Such as 22:00-06:00; empty for none.")
    quiet = QuietHours(_read_clock(begin), _read_clock(end))
    if quiet.begin == quiet.end:
        raise InvalidInput(
            "quiet hours", "begin and end at the same time", "Such as 22:00-06:00; disable the schedule to stop it."
        )
    return quiet


def _read_clock(text: str) -> time:
    found = _CLOCK.match(text)
    if found is None:
        raise InvalidInput("quiet hours", "are not two times of day", "Such as 22:00-06:00; empty for none.")
    return time(int(found.group(1)), int(found.group(2)))
