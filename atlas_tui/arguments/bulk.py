"""Commands about bulk starts."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, number, ticket, timeout, yes


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "bulk", "start an operation on many connections, and see what became of it")
    found = command(inner, common, "start", "headless.bulk:start_batch", "start an operation on many connections")
    found.add_argument("operation", help="check, inventory, compliance, roles, directory, or its type")
    which = found.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--filter", metavar="TEXT", help="what the list of connections finds for it: consent:granted !test"
    )
    which.add_argument(
        "--connections",
        nargs="+",
        metavar="CONNECTION",
        help="these: number, tenant name, domain or tenant id; - reads them from standard input, one a line",
    )
    which.add_argument("--all", action="store_true", help="every connection of the workspace")
    found.add_argument(
        "--dry-run", action="store_true", help="only say what it would meet; 10 when nothing would start"
    )
    yes(found)
    _waiting(found)
    found = command(inner, common, "list", "headless.bulk:list_batches", "list bulk starts, newest first")
    found.add_argument("filter", nargs="*", help="words, state:open, type:, by:, since:7d")
    limit(found)
    found = command(inner, common, "show", "headless.bulk:show_batch", "show how a bulk start stands, class by class")
    _batch(found)
    found = command(
        inner, common, "cancel", "headless.bulk:cancel_batch", "start nothing more of it, and end what it started"
    )
    _batch(found)
    yes(found)
    ticket(found)
    found = command(
        inner,
        common,
        "retry",
        "headless.bulk:retry_batch",
        "start it again where it failed, as a bulk start of its own",
    )
    _batch(found)
    _waiting(found)


def _batch(target: argparse.ArgumentParser) -> None:
    target.add_argument("batch", type=number, metavar="BATCH", help="its number")


def _waiting(target: argparse.ArgumentParser) -> None:
    target.add_argument("--wait", action="store_true", help="follow it to its end; the exit code says how it ended")
    timeout(target)
    ticket(target)
