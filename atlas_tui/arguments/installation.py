"""Commands about this installation: init, the database, the demo, and the other rooms as processes."""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, group, number


def _fleet_size(text: str) -> int:
    value = number(text)
    if not 100 <= value <= 20_000:
        raise argparse.ArgumentTypeError("must be from 100 to 20000")
    return value


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(commands, None, "init", "headless.initializing:init", "make key, database and configuration")
    found.add_argument("--config", type=Path, help="where to write the configuration")
    found.add_argument("--directory", type=Path, help="where database and key shall be")
    found.add_argument("--database", help="a PostgreSQL URL, or another path for the SQLite file")
    found.add_argument("--workspace", help="short name of the first workspace (default: main)")
    found.add_argument("--workspace-name", help="its name")
    found.add_argument("--name", help="your name")
    inner = group(commands, "db", "look after the database")
    found = command(inner, None, "upgrade", "headless.database:upgrade_database", "bring the database to this program")
    found.add_argument("--config", type=Path, help="the configuration file")
    found = command(
        commands, None, "demo", "headless.demo:demo", "a local Microsoft, a fleet, a worker and the dashboard"
    )
    found.add_argument("--directory", type=Path, help="where the demo lives")
    found.add_argument("--reset", action="store_true", help="forget the demo's fleet")
    found.add_argument("--size", type=_fleet_size, default=200, help="tenants of a new fleet (default: 200)")
    found.add_argument("--workspace", help="the workspace to open first")
    found.add_argument("--theme", help="the screen's theme")
    found.add_argument("--prepare-only", action="store_true", help="make the fleet and stop")
    found.add_argument("--addresses", action="store_true", help="say where the running demo answers, and stop")
    found.add_argument("--json", action="store_true", help="with --addresses: as one JSON document")
    for name, text in (
        ("worker", "work on runs until told to stop (see: atlas-tui worker --help)"),
        ("consent-page", "take Microsoft's answers to consent links (see: atlas-tui consent-page --help)"),
        ("simulator", "serve a local Microsoft (see: atlas-tui simulator --help)"),
        ("keys", "create, show or rotate the key that opens credentials"),
    ):
        commands.add_parser(name, help=text, add_help=False)
