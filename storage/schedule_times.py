"""When a schedule is due: the pure rule, from its rhythm, its time zone and its quiet hours.

Promise: the next due time is always later than the moment asked about, and never inside the quiet hours; asking again gives the same
answer. Clock changes are the cron library's: a time of day that the clocks skip comes when they have jumped, one that they show twice
comes once. Knows no table and no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from storage.errors import InvalidInput

_MINUTE: Final = timedelta(minutes=1)
_LONGEST_QUIET: Final = 3 * 24 * 60
"""Minutes that quiet hours are followed for: they end daily, but the day on which the clocks jump may skip the moment."""

_DAY: Final = 24 * 60
_ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UNREADABLE: Final = (CronSimError, AssertionError)
"""What the cron library answers to an expression that it cannot follow."""
_LONGEST_INTERVAL: Final = 50 * 366 * _DAY
"""As far as cron is followed."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often: a cron expression, or every so many minutes. Exactly one of the two.

    Attributes:
        cron: five fields, as cron reads them.
        interval_minutes: the minutes from one due time to the next.
    """

    cron: str | None = None
    interval_minutes: int | None = None

    def __str__(self) -> str:
        """As people type it: `0 2 * * *`, `every 6h`."""
        return self.cron if self.cron is not None else f"every {_span(self.interval_minutes or 0, '')}"

    @property
    def words(self) -> str:
        """As people say it: `At 02:00 every day`, `Every 6 h`."""
        if self.cron is None:
            return f"Every {_span(self.interval_minutes or 0, ' ')}"
        try:
            return CronSim(self.cron, _ANY_DAY).explain()
        except _UNREADABLE:
            return self.cron  # stored by another program: a worker disables its schedule, and pages show it as it is


def _span(minutes: int, between: str) -> str:
    for unit, length in (("d", _DAY), ("h", 60)):
        if minutes % length == 0:
            return f"{minutes // length}{between}{unit}"
    return f"{minutes}{between}{'min' if between else 'm'}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Times of day between which nothing begins; across midnight when they end earlier than they begin.

    Attributes:
        begin: the first quiet minute.
        end: the first minute that is not.
    """

    begin: time
    end: time

    def __str__(self) -> str:
        """As people type it: `22:00-06:00`."""
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def cover(self, at: time) -> bool:
        """Says whether a time of day is inside."""
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class DueRule:
    """All that decides when a schedule is due.

    Attributes:
        rhythm: how often.
        time_zone: whose clock the cron expression and the quiet hours are read from (IANA name).
        quiet: when nothing begins; None when anything may at any time.
        anchor: from when intervals are counted: the first one ends so long after it.
    """

    rhythm: Rhythm
    time_zone: str
    quiet: QuietHours | None
    anchor: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The time zone.

        Raises:
            InvalidInput: this machine does not know it.
        """
        return find_zone(self.time_zone)


def find_zone(name: str) -> ZoneInfo:
    """Returns a time zone.

    Raises:
        InvalidInput: this machine does not know it.
    """
    try:
        return ZoneInfo(name)
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # the last for the name of a directory of zones, such as Europe
        raise InvalidInput("time zone", "is not known here", "Use an IANA name such as Europe/Berlin.") from None


def check_rhythm(rhythm: Rhythm) -> None:
    """Sees whether a rhythm that another program may have stored can be followed.

    Raises:
        InvalidInput: it cannot.
    """
    if rhythm.cron is not None:
        _cron_times(rhythm.cron, _ANY_DAY)
        return
    minutes = rhythm.interval_minutes or 0
    if not 0 < minutes <= _LONGEST_INTERVAL:
        # Backwards it would never be later, and beyond the calendar there is no time.
        raise InvalidInput("rhythm", f"no interval has {minutes} minutes", "Such as every 6h.")


def next_due(rule: DueRule, after: datetime) -> datetime | None:
    """Returns the first due time later than a moment, in UTC; None when there is none within fifty years.

    Raises:
        InvalidInput: the cron expression or the time zone cannot be read.
    """
    # What became due in the quiet hours that it is now waits for their end: it is looked for from their beginning.
    begin = _begin_of_quiet(rule, after) - _MINUTE if is_quiet(rule, after) else after
    for due in _times_after(rule, begin):
        moved = end_of_quiet(rule, due)
        if moved > after:
            return moved
    return None


def upcoming(rule: DueRule, after: datetime, count: int) -> tuple[datetime, ...]:
    """Returns the next due times, in UTC; fewer when there are no more.

    Raises:
        InvalidInput: the cron expression or the time zone cannot be read.
    """
    found: list[datetime] = []
    while len(found) < count and (due := next_due(rule, found[-1] if found else after)) is not None:
        found.append(due)
    return tuple(found)


def is_quiet(rule: DueRule, at: datetime) -> bool:
    """Says whether a moment is inside the quiet hours."""
    return rule.quiet is not None and rule.quiet.cover(_clock(rule.zone, at))


def end_of_quiet(rule: DueRule, at: datetime) -> datetime:
    """Returns the moment itself, or, when it is inside the quiet hours, the first minute after them.

    Walked minute by minute on the clock of the schedule's zone, so that it also holds on the days on which the clocks change.
    """
    if not is_quiet(rule, at):
        return at
    return _walk(rule, at, _MINUTE)


def spread_until(rule: DueRule, at: datetime, jitter_minutes: int) -> datetime:
    """Returns until when runs that are due at a moment may be spread: the jitter's end, or the quiet hours' beginning before it."""
    end = at + timedelta(minutes=jitter_minutes)
    if rule.quiet is None:
        return end
    later = at
    while later < end and not is_quiet(rule, later):
        later += _MINUTE
    return max(at, min(end, later - _MINUTE)) if later < end else end


def begins_at(schedule_id: int, connection_id: int, at: datetime, until: datetime) -> datetime:
    """Returns when a connection's run may begin: a moment of its own between two, the same each time it is asked.

    A digest spreads evenly whatever the numbers are, and needs no memory: the connection keeps its place from day to day.
    """
    seconds = max(0, int((until - at).total_seconds()))
    digest = hashlib.sha256(f"{schedule_id}:{connection_id}".encode()).digest()
    return at + timedelta(seconds=int.from_bytes(digest[:8]) % (seconds + 1))


def _times_after(rule: DueRule, after: datetime) -> Iterator[datetime]:
    """The due times by the rhythm alone, later than a moment."""
    check_rhythm(rule.rhythm)
    if rule.rhythm.cron is not None:
        return _cron_after(rule.rhythm.cron, rule.zone, after)
    return _intervals_after(timedelta(minutes=rule.rhythm.interval_minutes or 0), rule.anchor, after)


def _cron_times(expression: str, after: datetime) -> CronSim:
    try:
        return CronSim(expression, after)
    except _UNREADABLE as error:
        which = f" ({error})" if str(error) else ""
        raise InvalidInput("rhythm", f"cron cannot read it{which}", CRON_HINT) from None


def _cron_after(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for local in _cron_times(expression, after.astimezone(zone)):
        # In the hour that the clocks show twice, the library begins again from the first showing: those times are over.
        if (due := local.astimezone(UTC)) > after:
            yield due


CRON_HINT: Final = "Five fields: minute hour day month weekday, such as 0 2 * * * (daily at 02:00)."


def _intervals_after(interval: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    begin = anchor.replace(second=0, microsecond=0)
    due = begin + interval * (max(0, (after - begin) // interval) + 1)
    while True:
        yield due.astimezone(UTC)
        due += interval


def _begin_of_quiet(rule: DueRule, at: datetime) -> datetime:
    """The first minute of the quiet hours that a moment is inside of."""
    return _walk(rule, at, -_MINUTE) + _MINUTE


def _walk(rule: DueRule, at: datetime, step: timedelta) -> datetime:
    """The first whole minute before or after a quiet moment that is not quiet; the last one looked at when there is none."""
    zone, quiet = rule.zone, rule.quiet
    here = at.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(_LONGEST_QUIET):
        here += step
        if quiet is None or not quiet.cover(_clock(zone, here)):
            break
    return here


def _clock(zone: ZoneInfo, at: datetime) -> time:
    return at.astimezone(zone).time()
