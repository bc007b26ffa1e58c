"""Until when a problem is snoozed: `4h`, `tomorrow 09:00`, a date, or nothing at all.

Promise: a moment that is still to come, or a refusal that says how to write one. Without a zone it is UTC. Knows no table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from storage import fields, filters
from storage.database import Database
from storage.errors import InvalidInput

LONGEST: Final = timedelta(days=366)
HINT: Final = "Such as 4h, 3d, today 18:00, tomorrow 09:00, 2026-12-01 or 2026-12-01T08:00 (UTC)."

_DAY: Final = re.compile(r"(today|tomorrow)(?:\s+([0-9]{1,2}):([0-9]{2}))?")
_MORNING: Final = time(9, 0)


def read_until(text: str, now: datetime) -> datetime | None:
    """Reads until when; None when nothing was written.

    Args:
        text: what was typed.
        now: the present.

    Raises:
        InvalidInput: it is no moment, it is over, or it is more than a year away.
    """
    cleaned = " ".join(text.split()).lower()
    if not cleaned:
        return None
    named = _DAY.fullmatch(cleaned)
    try:
        if named is not None:
            until = _on_day(named, now)
        elif cleaned[0].isdigit() and cleaned[-1] in "mhdw":
            until = now + filters.read_span(cleaned)
        else:
            until = fields.read_end("until", text.strip(), now).astimezone(UTC)
    except (InvalidInput, OverflowError) as error:
        if isinstance(error, InvalidInput) and "past" in error.message:
            raise
        raise InvalidInput("until", "is not a moment", HINT) from None
    return check_until(until, now)


def present(db: Database) -> datetime:
    """Returns the database's time, by which everything here is measured."""
    with db.read() as tx:
        return tx.now()


def check_until(until: datetime, now: datetime) -> datetime:
    """Returns a moment that is to come, within a year.

    Raises:
        InvalidInput: it is not.
    """
    if until <= now:
        raise InvalidInput("until", "is in the past", HINT)
    if until - now > LONGEST:
        raise InvalidInput("until", "is more than a year away", "Acknowledge it without an end instead.")
    return until


def _on_day(named: re.Match[str], now: datetime) -> datetime:
    hour, minute = named.group(2), named.group(3)
    try:
        at = _MORNING if hour is None else time(int(hour), int(minute))
    except ValueError:
        raise InvalidInput("until", "is not a time of day", HINT) from None
    day = now.astimezone(UTC).date() + timedelta(days=1 if named.group(1) == "tomorrow" else 0)
    return datetime.combine(day, at, UTC)
