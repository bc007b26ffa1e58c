"""Commands that start operations, and that show inventories and directory counts."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, waiting


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(commands, common, "start", "headless.running:start", "start an operation on a connection")
    found.add_argument("operation", help="check, inventory, compliance, roles, directory, or an operation's full name")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found.add_argument("--run-after", action="store_true", help="when another operation is active, run after it")
    waiting(found)
    inner = group(commands, "inventory", "read what inventory syncs found")
    found = command(inner, common, "list", "headless.inventory:list_items", "list items by tenant, kind and name")
    found.add_argument(
        "filter", nargs="*", help="words, kind:mobile_apps, platform:ios, tenant:, new:7d, changed:7d, removed:yes …"
    )
    found.add_argument("--tenant", help="only this tenant's: number, name, domain or tenant id")
    found.add_argument("--connection", help="only this connection's")
    limit(found)
    found = command(
        inner, common, "diff", "headless.inventory:show_difference", "show what a connection's last sync found changed"
    )
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found = command(
        commands,
        common,
        "directory",
        "headless.inventory:show_directory",
        "show a tenant's directory counts, newest first",
    )
    found.add_argument("tenant", help="number, name, domain or tenant id")
    limit(found)
