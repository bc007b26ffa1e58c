"""Commands about the audit trail: reading, verifying, taking it away."""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, number, ticket


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "audit", "read, verify and export the audit trail")
    found = command(inner, common, "list", "headless.audit:list_entries", "list audit entries, newest first")
    _what(found)
    limit(found)
    found = command(inner, common, "show", "headless.audit:show_entry", "show one audit entry: before, after, hash")
    found.add_argument("entry", type=number, metavar="ENTRY", help="the entry's number")
    found = command(
        inner, common, "verify", "headless.audit:verify", "recompute the hash chain; exit code 1 when it does not fit"
    )
    which = found.add_mutually_exclusive_group()
    which.add_argument("--system", action="store_true", help="the system's own chain (platform staff)")
    which.add_argument("--all", action="store_true", help="every chain that you may read")
    found = command(
        inner, common, "export", "headless.audit:export", "write entries, oldest first; the export is audited itself"
    )
    _what(found)
    found.add_argument(
        "--format", choices=["jsonl", "csv"], default="jsonl", help="jsonl holds the hashed bytes (default)"
    )
    found.add_argument("--output", type=Path, help="a new file (0600); standard output when it is not given")
    ticket(found)


def _what(target: argparse.ArgumentParser) -> None:
    target.add_argument(
        "filter",
        nargs="*",
        help="words, action:consent.*, actor:, target:tenant, outcome:refused, tenant:, connection:, run:, ticket:, since:7d",
    )
    target.add_argument("--since", help="not older than 30m, 12h, 7d or 4w")
    target.add_argument("--system", action="store_true", help="the system's own trail (platform staff)")
