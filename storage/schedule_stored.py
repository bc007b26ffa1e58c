"""When a schedule is due, as it is stored: read, or said what of it nobody can read.

Promise: what another program wrote, or what a machine without that time zone does not know, is a fault of this one schedule: it is said
which field, what stands there and what to do. No list and no page fails of it, and it is never due. Knows no transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Row

from storage.errors import InvalidInput
from storage.schedule_fields import LABELS, read_jitter, read_quiet
from storage.schedule_times import DueRule, QuietHours, Rhythm, check_rhythm, find_zone

T = TypeVar("T")

WHAT_TO_DO: Final = "Edit it; until then it is never due. Running it now works."


@dataclass(frozen=True, slots=True)
class Fault:
    """A field of a stored schedule that cannot be read.

    Attributes:
        field: which, one of `schedule_fields.LABELS`.
        stored: what stands in the database, as text.
        why: what is wrong with it, naming the field.
    """

    field: str
    stored: str
    why: str

    @property
    def label(self) -> str:
        """The field's name as people know it."""
        return LABELS[self.field]

    def refused(self) -> InvalidInput:
        """Makes the error for whoever needs the field read."""
        return InvalidInput(self.label, self.why.removeprefix(f"{self.label}: "), WHAT_TO_DO)


def read_stored(row: Row[Any]) -> tuple[DueRule, tuple[Fault, ...]]:
    """Reads when a schedule is due. Intervals are counted from when it was made, so that they do not drift.

    Args:
        row: its stored row.

    Returns:
        The rule, and its faults; with one of these the rule is only there to be shown: unreadable quiet hours are none in it.
    """
    rhythm = Rhythm(row.cron, row.interval_minutes)
    faults: list[Fault] = []

    def readable(field: str, stored: object, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InvalidInput as error:
            faults.append(Fault(field, str(stored), error.message))
            return None

    readable("rhythm", rhythm, lambda: check_rhythm(rhythm))
    readable("time_zone", row.time_zone, lambda: find_zone(row.time_zone))
    readable("jitter_minutes", row.jitter_minutes, lambda: read_jitter(str(row.jitter_minutes)))
    hours = (
        "" if row.quiet_from is None and row.quiet_until is None else f"{row.quiet_from or ''}-{row.quiet_until or ''}"
    )
    quiet = readable("quiet", hours, lambda: _read_quiet(hours))
    return DueRule(rhythm, row.time_zone, quiet, row.created_at), tuple(faults)


def _read_quiet(hours: str) -> QuietHours | None:
    # A dash alone is how people write that there are none; here half a pair is missing.
    return read_quiet("?" if hours == "-" else hours)


def rule_of(row: Row[Any]) -> DueRule:
    """Returns when a schedule is due, from its stored row.

    Raises:
        InvalidInput: something of it cannot be read.
    """
    rule, faults = read_stored(row)
    if faults:
        raise faults[0].refused()
    return rule
