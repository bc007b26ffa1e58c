"""Headless commands about schedules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from atlas_tui.cells import plain
from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.following import Following
from atlas_tui.headless.naming import find_schedule, find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from atlas_tui.headless.running import SHORT_NAMES
from atlas_tui.headless.waiting import wait_until
from atlas_tui.schedule_words import (
    broken_words,
    detail_record,
    due_words,
    jitter_words,
    progress_words,
    quiet_words,
    record_of,
    rhythm_words,
    running_now_words,
    short,
    tally_words,
)
from storage import (
    connections,
    schedule_changes,
    schedule_consequences,
    schedule_detail,
    schedule_running,
    schedule_targets,
    schedules,
)
from storage.errors import InvalidInput
from storage.schedule_detail import ScheduleDetail
from storage.schedule_running import RunningNow
from storage.schedule_targets import Target
from storage.schedule_times import DueRule
from storage.schedules import ScheduleQuery, ScheduleRow
from storage.states import RunOutcome


def list_schedules(options: argparse.Namespace) -> int:
    """`atlas-tui schedules list [FILTER…]`."""
    with opened(options.config, options.workspace) as here:
        query = ScheduleQuery(here.workspace.workspace_id, " ".join(options.filter))
        rows = all_rows(lambda place, limit: schedules.page(here.db, here.who, query, place, limit), options.limit)
    if options.json:
        write_json([record_of(row) for row in rows])
        return exit_codes.OK
    write_table(
        ("id", "name", "is", "starts", "on", "rhythm", "next due", "last time"),
        [
            (
                str(row.id),
                row.name,
                "enabled" if row.is_enabled else "disabled",
                short(row.type),
                row.reach.words,
                str(row.rule.rhythm),
                f"broken: {row.faults[0].label}" if row.faults else moment(row.next_due_at),
                "-" if row.last is None else tally_words(row.last),
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def show_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules show SCHEDULE`."""
    with opened(options.config, options.workspace) as here:
        detail = schedule_detail.get(here.db, here.who, find_schedule(here, options.schedule))
    if options.json:
        write_json(detail_record(detail))
        return exit_codes.OK
    for label, value in _pairs(detail):
        write_line(f"{label:14} {value}")
    return exit_codes.OK


def _pairs(detail: ScheduleDetail) -> list[tuple[str, str]]:
    row = detail.row
    pairs = [
        ("schedule", f"{row.id} {row.name} ({'enabled' if row.is_enabled else 'disabled'})"),
        *([("broken", broken_words(row))] if row.faults else []),
        ("starts", row.label),
        ("on", f"{row.reach.words}: {schedule_consequences.reached(detail)} now"),
        ("rhythm", rhythm_words(row)),
        ("time zone", row.rule.time_zone),
        ("quiet hours", quiet_words(row) or "none"),
        ("jitter", jitter_words(row)),
        *_due(row.rule, detail.due, "next due" if row.is_enabled else "if enabled"),
    ]
    if detail.changed is not None:
        pairs.append(("changed", f"{moment(detail.changed.at)} by {detail.changed.actor}"))
    for firing in detail.firings or ():
        state = "under way: " if firing.is_open else ""
        by = f" (by {firing.by})" if firing.by else ""
        pairs.append(("was due", f"{moment(firing.due_at)}{by}: {state}{tally_words(firing.tally)}"))
    if detail.firings is None:
        pairs.append(("was due", "what became of all is for who sees the whole workspace"))
    for held in detail.held_up:
        where = f"{held.connection_id} {held.tenant_name} / {held.connection_name}"
        pairs.append(("held up", f"{where}: {held.reason_code} since {moment(held.since)}"))
    pairs.append(("its runs", f"atlas-tui runs schedule:{row.id}"))
    return pairs


def _due(rule: DueRule, due: Sequence[datetime], label: str) -> list[tuple[str, str]]:
    """The next due times, on the schedule's clock and in UTC."""
    pairs: list[tuple[str, str]] = []
    for at in due:
        utc = "" if rule.time_zone == "UTC" else f" = {moment(at)}"
        words = due_words(at, rule.time_zone, at.astimezone(rule.zone))
        pairs.append(("" if pairs else label, f"{words}{utc}"))
    return pairs


def add_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules add NAME`: with `--dry-run` only says when it would be due."""
    rhythm = options.cron or f"every {options.every}"
    operation = SHORT_NAMES[options.operation]
    with opened(options.config, options.workspace) as here:
        where, target = here.workspace.workspace_id, _target(here, options)
        if options.dry_run:
            return _say_when(here, options, rhythm, target)
        row = schedule_changes.create(
            here.db,
            here.who,
            where,
            name=options.name,
            operation_type=operation,
            rhythm=rhythm,
            target=target,
            time_zone=options.time_zone or "UTC",
            jitter=options.jitter or "",
            quiet=options.quiet or "",
            ticket=options.ticket,
        )
    return _told(row, options, f"Made the schedule {row.name} ({row.id})")


def _target(here: Opened, options: argparse.Namespace) -> Target:
    if options.connection is not None:
        found = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        return Target(connection_id=found.id)
    tenant_id = None if options.tenant is None else find_tenant(here, options.tenant)
    return Target(tag=options.tag, tenant_id=tenant_id)


def _say_when(here: Opened, options: argparse.Namespace, rhythm: str, target: Target) -> int:

    found = schedule_targets.preview(
        here.db,
        here.who,
        here.workspace.workspace_id,
        rhythm=rhythm,
        target=target,
        time_zone=options.time_zone or "UTC",
        quiet=options.quiet or "",
        count=schedule_detail.UPCOMING,
    )
    if options.json:
        write_json({"upcoming": found.due, "connections": found.connections})
        return exit_codes.OK
    for label, value in _due(found.rule, found.due, "due"):
        write_line(f"{label:14} {value}")
    write_line(f"{'connections':14} {found.connections:,} now")
    return exit_codes.OK


def edit_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules edit SCHEDULE`.

    Raises:
        InvalidInput: nothing is to be changed.
    """
    given = {
        "name": options.name,
        "rhythm": options.cron if options.every is None else f"every {options.every}",
        "time_zone": options.time_zone,
        "jitter_minutes": options.jitter,
        "quiet": options.quiet,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidInput(
            "schedules edit", "changes nothing", "Use --name, --cron, --every, --time-zone, --jitter or --quiet."
        )
    with opened(options.config, options.workspace) as here:
        key = find_schedule(here, options.schedule)
        row = schedule_changes.edit(here.db, here.who, key, changes=changes, ticket=options.ticket)
    return _told(row, options, f"Changed {row.name}")


def enable_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules enable SCHEDULE`, and `disable`."""
    wanted = options.change == "enable"
    with opened(options.config, options.workspace) as here:
        key = find_schedule(here, options.schedule)
        row = schedule_changes.set_enabled(here.db, here.who, key, wanted, ticket=options.ticket)
    return _told(row, options, f"{row.name} is {'enabled' if wanted else 'disabled'}")


def run_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules run SCHEDULE`."""
    with opened(options.config, options.workspace) as here:
        detail = schedule_detail.get(here.db, here.who, find_schedule(here, options.schedule))
        row = detail.row
        confirm(schedule_consequences.of_running_now(detail), row.name, yes=options.yes)
        result = schedule_running.run_now(here.db, here.who, row.id, ticket=options.ticket)
        told = {"schedule": row.id, "firing": result.firing_id, "is_new": result.is_new}
        sentence = f"{running_now_words(row.name, result)}. See: atlas-tui runs schedule:{row.id}"
        if options.wait:
            if not options.json:
                sys.stderr.write(plain(sentence) + "\n")
            return _follow(here, row, result, told, options)
    if options.json:
        write_json(told)
    else:
        write_line(sentence)
    return exit_codes.OK


def _follow(
    here: Opened, row: ScheduleRow, running: RunningNow, told: Mapping[str, object], options: argparse.Namespace
) -> int:
    """Waits until all runs of a firing have ended, and tells how they did."""
    found = schedule_running.progress(here.db, here.who, row.id, running.firing_id)
    line = Following(sys.stderr)

    def is_over() -> bool:
        nonlocal found
        found = schedule_running.progress(here.db, here.who, row.id, running.firing_id)
        line.show(f"{row.name}: {progress_words(found)}")
        return found.is_over

    try:
        ended = wait_until(here, is_over, options.timeout)
    finally:
        line.end()
    if not ended:
        sys.stderr.write(plain(f"{row.name} is not over after {options.timeout:g} s; it goes on.") + "\n")
        return exit_codes.BUSY
    result = found.result or RunOutcome.SUCCEEDED
    if options.json:
        became = {became.value: number for became, number in found.tally.classes.items()}
        outcomes = {outcome.value: number for outcome, number in found.outcomes.items()}
        write_json({**told, "result": result, "classes": became, "reasons": found.tally.reasons, "outcomes": outcomes})
    else:
        write_line(f"{row.name}: {progress_words(found)}")
        for code, number in found.tally.reasons.items():
            write_line(f"{number:>9,}  blocked: {code}")
    return exit_codes.OUTCOME[result]


def delete_schedule(options: argparse.Namespace) -> int:
    """`atlas-tui schedules delete SCHEDULE`."""
    with opened(options.config, options.workspace) as here:
        detail = schedule_detail.get(here.db, here.who, find_schedule(here, options.schedule))
        confirm(schedule_consequences.of_removal(detail), detail.row.name, yes=options.yes)
        name = schedule_changes.remove(here.db, here.who, detail.row.id, ticket=options.ticket)
    if options.json:
        write_json({"deleted": detail.row.id})
    else:
        write_line(f"Deleted the schedule {name}.")
    return exit_codes.OK


def _told(row: ScheduleRow, options: argparse.Namespace, sentence: str) -> int:
    if options.json:
        write_json(record_of(row))
    else:
        when = f": next due {moment(row.next_due_at)}" if row.next_due_at is not None else ""
        broken = f" It is broken: {broken_words(row)}" if row.faults else ""
        write_line(f"{sentence}{when}.{broken}")
    return exit_codes.OK
