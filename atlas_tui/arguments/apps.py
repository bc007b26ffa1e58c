"""Commands about platform apps."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, cloud, command, group


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "app", "register platform apps")
    found = command(inner, common, "add", "headless.apps:add_app", "register the workspace's platform app")
    found.add_argument("name", help="the app registration's name")
    found.add_argument("--client-id", required=True, help="the application (client) id")
    found.add_argument("--home-tenant", required=True, help="the tenant it is registered in (a GUID)")
    found.add_argument("--redirect-uri", help="where the consent answer goes (default: http://localhost/atlas-consent)")
    cloud(found)
