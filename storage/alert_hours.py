"""When an alert goes out: gathered into one message, and held back over quiet hours.

Promise: pure. Nothing is dropped by time: quiet hours end, and what waited goes out then. Quiet hours are the rule's own, in its time
zone, through clock changes; `22:00` to `06:00` passes midnight.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from storage.errors import InvalidInput

GATHER: Final = timedelta(minutes=1)
"""What happens within the same minute is one message, unless the rule is urgent."""

LONGEST_DIGEST: Final = 1440
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class Hours:
    """When a rule sends.

    Attributes:
        time_zone: of the quiet hours; empty for UTC.
        quiet_from: such as `22:00`; None without quiet hours.
        quiet_until: such as `06:00`.
        digest_minutes: gathers what happens in so many minutes; 0 for one.
        is_urgent: sends at once, at any hour.
    """

    time_zone: str = ""
    quiet_from: str | None = None
    quiet_until: str | None = None
    digest_minutes: int = 0
    is_urgent: bool = False

    def send_at(self, now: datetime, *, gathers: bool = False) -> datetime:
        """Returns when something that happens now goes out.

        Args:
            now: when it happened.
            gathers: others may happen with it, so that even an urgent rule waits a moment.
        """
        if self.is_urgent and not gathers:
            return now
        span = GATHER if self.is_urgent else max(GATHER, timedelta(minutes=self.digest_minutes))
        seconds = int(span.total_seconds())
        begun = int(now.timestamp()) // seconds * seconds
        return self.not_quiet(datetime.fromtimestamp(begun + seconds, UTC))

    def not_quiet(self, moment: datetime) -> datetime:
        """Returns the moment itself, or the end of the quiet hours it is in."""
        if self.is_urgent or not self.quiet_from or not self.quiet_until or self.quiet_from == self.quiet_until:
            return moment
        zone = find_zone(self.time_zone)
        local = moment.astimezone(zone)
        clock = f"{local:%H:%M}"
        if self.quiet_from < self.quiet_until:
            if not self.quiet_from <= clock < self.quiet_until:
                return moment
            day = local.date()
        elif clock >= self.quiet_from:
            day = local.date() + timedelta(days=1)
        elif clock < self.quiet_until:
            day = local.date()
        else:
            return moment
        hour, minute = map(int, self.quiet_until.split(":"))
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def find_zone(name: str) -> zoneinfo.ZoneInfo:
    """Returns a time zone by its IANA name; UTC for none, and for one that this machine does not know any more."""
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


def read_hours(
    *, time_zone: str = "", quiet_from: str | None = None, quiet_until: str | None = None, digest_minutes: int = 0
) -> Hours:
    """Checks what a person wants.

    Raises:
        InvalidInput: naming the field.
    """
    if time_zone:
        try:
            zoneinfo.ZoneInfo(time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidInput("time zone", "is not known", "Such as Europe/Berlin or UTC.") from None
    begin, end = (quiet_from or "").strip() or None, (quiet_until or "").strip() or None
    for name, value in (("quiet from", begin), ("quiet until", end)):
        if value is not None and not _CLOCK.fullmatch(value):
            raise InvalidInput(name, "is not a time of day", "Such as 22:00.")
    if (begin is None) != (end is None):
        raise InvalidInput("quiet until" if end is None else "quiet from", "is empty", "Give both, or neither.")
    if begin is not None and begin == end:
        raise InvalidInput("quiet until", "is when the quiet hours begin", "They cannot last all day.")
    if not 0 <= digest_minutes <= LONGEST_DIGEST:
        raise InvalidInput("digest minutes", f"must be from 0 to {LONGEST_DIGEST}")
    return Hours(time_zone.strip(), begin, end, digest_minutes)
