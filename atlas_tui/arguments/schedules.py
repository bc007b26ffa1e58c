"""Commands about schedules."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, ticket, timeout, yes

OPERATIONS = ["check", "inventory", "compliance", "roles", "directory"]


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "schedules", "list, show, add, change and run what is started by itself")
    found = command(
        inner, common, "list", "headless.schedules:list_schedules", "list schedules, when next and what became of them"
    )
    found.add_argument("filter", nargs="*", help="words, !word, enabled:no, scope:tag, tag:, tenant:, type:")
    limit(found)
    found = command(
        inner,
        common,
        "show",
        "headless.schedules:show_schedule",
        "show a schedule: when next, what became of it, what is held up",
    )
    _schedule(found)
    found = command(inner, common, "add", "headless.schedules:add_schedule", "have something started by itself")
    found.add_argument("name", help="what it is called")
    found.add_argument(
        "--start", dest="operation", default="check", choices=OPERATIONS, help="what it starts (default: check)"
    )
    reach = found.add_mutually_exclusive_group()
    reach.add_argument(
        "--tenant", help="only this tenant: number, name, domain or tenant id (default: whole workspace)"
    )
    reach.add_argument("--tag", help="only tenants that have this tag, now and later")
    reach.add_argument("--connection", help="only this connection: number, tenant name, domain or tenant id")
    _when(found, is_needed=True)
    found.add_argument(
        "--dry-run", action="store_true", help="only say when it would be due, and on how many connections"
    )
    ticket(found)
    found = command(
        inner,
        common,
        "edit",
        "headless.schedules:edit_schedule",
        "change when it is due; what it starts, and on what, stays",
    )
    _schedule(found)
    found.add_argument("--name", help="what it is called")
    _when(found, is_needed=False)
    ticket(found)
    for name, text in (
        ("enable", "enable a schedule, from its next due time on"),
        ("disable", "disable a schedule; what it has started goes on"),
    ):
        found = command(inner, common, name, "headless.schedules:enable_schedule", text)
        found.set_defaults(change=name)
        _schedule(found)
        ticket(found)
    found = command(
        inner, common, "run", "headless.schedules:run_schedule", "run a schedule now: all at once, without jitter"
    )
    _schedule(found)
    yes(found)
    found.add_argument(
        "--wait", action="store_true", help="follow its runs to their end; the exit code says how they ended"
    )
    timeout(found)
    ticket(found)
    found = command(inner, common, "delete", "headless.schedules:delete_schedule", "delete a schedule; its runs stay")
    _schedule(found)
    yes(found)
    ticket(found)


def _schedule(target: argparse.ArgumentParser) -> None:
    target.add_argument("schedule", help="its number or name")


def _when(target: argparse.ArgumentParser, *, is_needed: bool) -> None:
    rhythm = target.add_mutually_exclusive_group(required=is_needed)
    rhythm.add_argument("--cron", help='five fields: minute hour day month weekday, such as "0 2 * * *"')
    rhythm.add_argument("--every", metavar="SPAN", help="such as 90m, 6h or 1d, counted from when it was made")
    target.add_argument("--time-zone", help="whose clock --cron and --quiet mean, such as Europe/Berlin (default: UTC)")
    target.add_argument("--jitter", help="spread the runs over so long after the due time: 240, 4h (default: 0)")
    target.add_argument("--quiet", metavar="FROM-UNTIL", help="due times in between wait: 22:00-06:00; empty for none")
