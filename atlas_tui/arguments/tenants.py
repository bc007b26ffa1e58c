"""Commands about tenants."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, cloud, command, group


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "tenant", "add tenants")
    found = command(inner, common, "add", "headless.tenants:add_tenant", "add a tenant")
    found.add_argument("name", help="what you call it")
    found.add_argument("tenant_id", metavar="TENANT-ID", help="its Entra tenant id (a GUID)")
    found.add_argument("--domain", help="its primary domain; checks compare it with the tenant id")
    cloud(found)
    found.add_argument("--tag", action="append", help="a tag; may be given several times")
