"""An outage in words: the banner that every screen shows while it lasts, and what a page says of what is a part of it.

Promise: the banner is one line that fits, and says since when and when it was last good before anything else is cut.

Must not know: widgets, how an outage is found.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from atlas_tui.cells import Line, cut, width_of
from atlas_tui.screens.prose import Times, field
from storage.outages import Outage

NO_OUTAGE: Final = "No outage: no reason that passes by itself hits many tenants at once."
"""What is said when none goes on."""


def banner(outage: Outage, times: Times, width: int) -> str:
    """The banner.

    Args:
        outage: What is going on.
        times: How moments are shown.
        width: Cells.
    """
    count = f"{outage.tenants_affected:,}/{outage.tenants_tried:,}"
    when = f"since {short_time(outage.since, times)}"
    if outage.last_good_at is not None:
        when += f", last good {short_time(outage.last_good_at, times)}"
    words = [
        f"{outage.headline} {when}: {outage.detail}. {outage.advice}",
        f"{outage.headline} {when}: {outage.detail}.",
        f"{outage.headline}: {count} tenants {when}",
        f"{outage.headline}: {count} {when}",
    ]
    return next((text for text in words if width_of(text) <= width), cut(words[-1], width))


def part_of(
    outage: Outage | None, reason_code: str | None, failed_at: datetime | None, times: Times, width: int
) -> list[Line]:
    """What a page says of a failure that is a part of an outage; nothing when it is not.

    Args:
        outage: What is going on, if anything.
        reason_code: Why something failed.
        failed_at: When it did, last.
        times: How moments are shown.
        width: Cells.
    """
    if outage is None or not outage.covers(reason_code, failed_at):
        return []
    text = f"part of an outage since {times.of_day(outage.since)}: {outage.sentence} {outage.advice}"
    return field("Them or us", text, width, style="warn")


def short_time(at: datetime, times: Times) -> str:
    """A moment to the minute, past or to come; of another day with its date."""
    there, mark = at.astimezone(times.zone), times.moment(at)[19:]
    is_today = there.date() == times.now.astimezone(times.zone).date()
    return f"{there:%H:%M}{mark}" if is_today else f"{there:%m-%d %H:%M}{mark}"
