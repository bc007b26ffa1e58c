"""Commands that start, retry and cancel runs."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, run_number, ticket, timeout, waiting


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(commands, common, "check", "headless.running:check", "check a connection and wait for the result")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found.add_argument("--run-after", action="store_true", help="when another operation is active, run after it")
    waiting(found)
    found = command(commands, common, "retry", "headless.running:retry", "start a completed run's operation again")
    run_number(found)
    waiting(found)
    found = command(commands, common, "watch", "headless.running:watch", "follow a run until it has ended")
    run_number(found)
    timeout(found)
    found = command(commands, common, "cancel", "headless.running:cancel", "cancel a run")
    run_number(found)
    ticket(found)
