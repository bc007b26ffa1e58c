"""Headless twins of the screens about what needs a human."""

from __future__ import annotations

import argparse

from atlas_tui import rough_counts
from atlas_tui.expiry_words import BUCKETS
from atlas_tui.headless import exit_codes
from atlas_tui.headless.naming import find_app
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from storage import acknowledging, attention, attention_members, connections, expiry_horizon, filters
from storage.acknowledgement_times import present, read_until
from storage.acknowledging import Terms
from storage.attention import AttentionQuery, Problem
from storage.consequences import count
from storage.errors import Conflict, InvalidInput, NotFound
from storage.expiry_horizon import HorizonQuery


def list_problems(options: argparse.Namespace) -> int:
    """`atlas-tui attention list [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        since = None if options.since is None else present(here.db) - filters.read_span(options.since)
        query = AttentionQuery(here.workspace.workspace_id, " ".join(options.filter), looked_at=since)
        rows = all_rows(lambda place, most: attention.page(here.db, here.who, query, place, most), options.limit)
    if options.json:
        write_json(rows)
        return exit_codes.OK
    write_table(
        ("REASON", "OF", "FIX BY", "CONNECTIONS", "ACKNOWLEDGED", "NEW", "SINCE", "NEXT STEP"),
        [
            (
                row.reason_code,
                f"app:{row.name}" if row.platform_app_id is not None or row.client_id is not None else row.name,
                row.fix_by.value,
                rough_counts.short(row.connections, row.is_exact),
                str(row.acknowledged),
                str(row.new),
                moment(row.since),
                row.next_step.words,
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def show_problem(options: argparse.Namespace) -> int:
    """`atlas-tui attention show REASON`."""
    with opened(options.config, options.workspace) as here:
        problem = _find(here, options.reason, options.app)
        where, text = here.workspace.workspace_id, "acked:yes" if options.acked else ""
        rows = all_rows(
            lambda place, most: (
                attention_members.read(here.db, here.who, where, problem.id, place, most, text=text).members
            ),
            options.limit,
        )
    if options.json:
        write_json({"problem": problem, "connections": rows})
        return exit_codes.OK
    write_line(f"{problem.reason_code}: {problem.sentence}")
    write_line(f"Fix by {problem.fix_by.value}. {problem.next_step.sentence}")
    write_table(
        ("CONNECTION", "TENANT", "SINCE", "SHOWS", "ACKNOWLEDGED BY", "UNTIL", "NOTE"),
        [
            (
                str(row.connection.id),
                row.connection.tenant_name,
                moment(row.since),
                row.shows,
                row.acknowledgement.owner if row.acknowledgement else "",
                moment(row.acknowledgement.until) if row.acknowledgement and row.acknowledgement.until else "",
                row.acknowledgement.note if row.acknowledgement else "",
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def acknowledge(options: argparse.Namespace) -> int:
    """`atlas-tui attention ack REASON` and `attention snooze REASON UNTIL`."""
    with opened(options.config, options.workspace) as here:
        until = read_until(options.until, present(here.db)) if options.until else None
        terms = Terms(until=until, note=options.note, owner=options.owner)
        if options.connection:
            done = acknowledging.acknowledge(
                here.db, here.who, _named(here, options), options.reason, terms, ticket=options.ticket
            )
        else:
            problem = _find(here, options.reason, options.app)
            done = attention_members.acknowledge_problem(
                here.db, here.who, here.workspace.workspace_id, problem.id, terms, ticket=options.ticket
            )
    if options.json:
        write_json({"reason": options.reason, "acknowledged": done, "until": until})
    else:
        on = (
            f"the platform app ({options.app})" if options.app and not options.connection else count(done, "connection")
        )
        write_line(f"{options.reason} is acknowledged on {on}, until {moment(until) if until else 'it is solved'}.")
    return exit_codes.OK


def withdraw(options: argparse.Namespace) -> int:
    """`atlas-tui attention unack REASON`."""
    with opened(options.config, options.workspace) as here:
        if options.connection:
            ended = acknowledging.withdraw(
                here.db, here.who, _named(here, options), options.reason, ticket=options.ticket
            )
        else:
            problem = _find(here, options.reason, options.app)
            ended = attention_members.withdraw_problem(
                here.db, here.who, here.workspace.workspace_id, problem.id, ticket=options.ticket
            )
    if options.json:
        write_json({"reason": options.reason, "taken_back": ended})
    else:
        write_line(f"{count(ended, 'acknowledgement')} taken back.")
    return exit_codes.OK


def expiry(options: argparse.Namespace) -> int:
    """`atlas-tui expiry [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        query = HorizonQuery(here.workspace.workspace_id, " ".join(options.filter))
        counts = expiry_horizon.counts(here.db, here.who, query)
        rows = all_rows(lambda place, most: expiry_horizon.page(here.db, here.who, query, place, most), options.limit)
    if options.json:
        write_json({"counts": {bucket.value: number for bucket, number in counts.items()}, "credentials": rows})
        return exit_codes.OK
    write_table(
        ("BUCKET", "DAYS", "HELD BY", "KIND", "SLOT", "ENDS", "KEY ID"),
        [
            (
                BUCKETS[row.bucket][1],
                "?" if row.days_left is None else str(row.days_left),
                f"{row.owner.value} {row.owner_id} {row.name}",
                row.kind.value,
                row.slot.value,
                moment(row.expires_at),
                row.client_key_id,
            )
            for row in rows
        ],
    )
    write_line(", ".join(f"{BUCKETS[bucket][1]}: {number}" for bucket, number in counts.items() if number))
    return exit_codes.OK


def _named(here: Opened, options: argparse.Namespace) -> list[int]:
    if options.app:
        raise InvalidInput("--connection", "cannot be given together with --app", "Name one of the two.")
    where = here.workspace.workspace_id
    return [connections.find_by_name(here.db, here.who, where, name).id for name in options.connection]


def _find(here: Opened, reason_code: str, cloud: str | None) -> Problem:
    """The one problem that is meant: of the app when one is named, else the only one with this reason."""
    found = attention.overview(here.db, here.who, AttentionQuery(here.workspace.workspace_id))
    meant = {p.id: p for p in (*found.problems, *found.acknowledged) if p.reason_code == reason_code}
    if cloud is not None:
        app_id, name = find_app(here, cloud)
        meant = {id: problem for id, problem in meant.items() if problem.platform_app_id == app_id}
        if not meant:
            raise NotFound(f"{reason_code} is no problem of the app {name} now.", "See `atlas-tui attention list`.")
    if not meant:
        raise NotFound(f"{reason_code} is no problem here now.", "See `atlas-tui attention list`.")
    plain = [problem for problem in meant.values() if problem.platform_app_id is None]
    if len(meant) > 1 and len(plain) == 1:
        return plain[0]
    if len(meant) > 1:
        names = ", ".join(problem.name for problem in meant.values())
        raise Conflict(f"{reason_code} is a problem of several: {names}.", "Name one: --app CLOUD, or --connection.")
    return next(iter(meant.values()))
