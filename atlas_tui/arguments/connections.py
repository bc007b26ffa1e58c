"""Commands about provider connections."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group, ticket


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "connection", "show, add and change connections")
    found = command(inner, common, "show", "headless.reading:show_connection", "show one connection")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found = command(inner, common, "add", "headless.connections:add_connection", "add a connection to a tenant")
    found.add_argument("tenant", help="the tenant: number, name, domain or tenant id")
    found.add_argument("--name", default="Microsoft", help="what you call the connection")
    found.add_argument("--type", choices=["platform", "dedicated"], help="whose app registration it signs in with")
    found.add_argument("--client-id", help="the dedicated app registration's client id")
    ticket(found)
    for change, text in (
        ("enable", "enable a connection"),
        ("disable", "disable a connection: runs are cancelled, badges kept"),
        ("set-default", "make it its tenant's default"),
        ("consent-granted", "write down that the customer consented in the portal"),
    ):
        found = command(inner, common, change, "headless.connections:change_connection", text)
        found.set_defaults(change=change)
        found.add_argument("connection", help="number, tenant name, domain or tenant id")
        ticket(found)
