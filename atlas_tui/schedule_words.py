"""What screens and the command line say about schedules, and a schedule as a record for programs.

Must not know: widgets, who asks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from storage.consequences import count
from storage.schedule_detail import ScheduleDetail
from storage.schedule_running import FiringProgress, RunningNow
from storage.schedule_stored import WHAT_TO_DO
from storage.schedules import Became, ScheduleRow, Tally

SKIPPED: Final = (Became.DISABLED, Became.ARCHIVED, Became.DRAFT)
"""What a schedule passes over without a word: nobody wants anything to run there."""

_SHORT: Final = {
    "provider.connection.check": "check",
    "inventory.sync": "inventory",
    "compliance.snapshot": "compliance",
    "entra.admin_roles.scan": "roles",
    "directory.sync": "directory",
}


def short(operation_type: str) -> str:
    """An operation in one word."""
    return _SHORT.get(operation_type, operation_type)


def tally_words(tally: Tally) -> str:
    """What became of a schedule's connections: `12 started, 1 waiting, 3 blocked, 2 disabled`."""
    words = [f"{number:,} {became.value}" for became, number in tally.classes.items()]
    return ", ".join(words) or "it reached no connection"


def begun(tally: Tally) -> int:
    """On how many connections something is or was on its way."""
    return sum(tally.classes.get(became, 0) for became in (Became.STARTED, Became.WAITING, Became.ATTACHED))


def rhythm_words(row: ScheduleRow) -> str:
    """How often, in words and as it is typed: `At 02:00 every day (0 2 * * *)`."""
    rhythm = row.rule.rhythm
    return rhythm.words if rhythm.words == str(rhythm) or rhythm.cron is None else f"{rhythm.words} ({rhythm})"


def jitter_words(row: ScheduleRow) -> str:
    """Over how long its runs are spread."""
    return f"spread over {row.jitter_minutes:,} minutes" if row.jitter_minutes else "none: all at once"


def quiet_words(row: ScheduleRow) -> str:
    """The quiet hours as they are typed, or as they stand there; empty when there are none."""
    stored = next((fault.stored for fault in row.faults if fault.field == "quiet"), "")
    return stored or ("" if row.rule.quiet is None else str(row.rule.quiet))


def broken_words(row: ScheduleRow) -> str:
    """Why it can never be due, and what to do: `quiet hours: are not two times of day (late-early). …`; empty when it can."""
    if not row.faults:
        return ""
    what = "; ".join(f"{fault.why} ({fault.stored})" for fault in row.faults)
    return f"{what}. {WHAT_TO_DO}{'' if row.is_enabled else ' Once edited it can be enabled.'}"


def running_now_words(name: str, result: RunningNow) -> str:
    """What telling it to run brought."""
    if result.is_new:
        return f"{name} runs now: a worker starts it on each connection"
    return f"{name} is being started already; nothing was added"


def progress_words(found: FiringProgress) -> str:
    """How a firing stands: `2 of 12 runs ended: 1 succeeded, 1 failed; 12 started, 3 blocked`."""
    all_runs = found.ended + found.unfinished
    how = ", ".join(f"{number:,} {outcome.value.replace('_', ' ')}" for outcome, number in found.outcomes.items())
    ended = f"{found.ended:,} of {count(all_runs, 'run')} ended" + (f": {how}" if how else "")
    return f"{'being started; ' if found.is_open else ''}{ended}; {tally_words(found.tally)}"


def record_of(row: ScheduleRow) -> dict[str, Any]:
    """A schedule as a record: times in UTC, the rhythm as it is typed."""
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "scope": row.reach.kind.value,
        "scope_id": row.reach.id,
        "scope_name": row.reach.name,
        "rhythm": str(row.rule.rhythm),
        "rhythm_words": row.rule.rhythm.words,
        "time_zone": row.rule.time_zone,
        "jitter_minutes": row.jitter_minutes,
        "quiet_hours": quiet_words(row) or None,
        "faults": [{"field": fault.field, "stored": fault.stored, "why": fault.why} for fault in row.faults],
        "is_enabled": row.is_enabled,
        "next_due_at": row.next_due_at,
        "last_due_at": row.last_due_at,
        "last": None if row.last is None else _tally(row.last),
    }


def detail_record(detail: ScheduleDetail) -> dict[str, Any]:
    """Everything about a schedule as a record."""
    return record_of(detail.row) | {
        "upcoming": list(detail.due),
        "connections": detail.connections,
        "firings": None
        if detail.firings is None
        else [
            {
                "id": firing.id,
                "due_at": firing.due_at,
                "fired_at": firing.created_at,
                "completed_at": firing.completed_at,
                "by": firing.by,
                **_tally(firing.tally),
            }
            for firing in detail.firings
        ],
        "held_up": [
            {
                "connection_id": held.connection_id,
                "connection": held.connection_name,
                "tenant_id": held.tenant_id,
                "tenant": held.tenant_name,
                "reason_code": held.reason_code,
                "since": held.since,
            }
            for held in detail.held_up
        ],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "classes": {became.value: number for became, number in tally.classes.items()},
        "reasons": dict(tally.reasons),
    }


def due_words(due: datetime, zone_name: str, local: datetime) -> str:
    """A due time on its schedule's own clock: `Mon 2026-03-02 02:00 Europe/Berlin`."""
    return f"{local:%a %Y-%m-%d %H:%M} {zone_name}"
