"""Commands of the system plane: all workspaces, for platform staff, to look at."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, number, run_number


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "system", "tenants and runs of all workspaces, for platform roles (see `platform`)")
    found = command(inner, common, "directory", "headless.system_plane:directory", "list the tenants of all workspaces")
    found.add_argument(
        "filter",
        nargs="*",
        help="words, workspace:, verification:blocked, consent:revoked, permissions:missing, archived:yes …",
    )
    limit(found)
    command(
        inner, common, "health", "headless.system_plane:health", "count tenants by how their default connection stands"
    )
    found = command(inner, common, "tenant", "headless.system_plane:tenant", "show a tenant of any workspace")
    found.add_argument("tenant", help="number, name, domain or tenant id")
    found = command(
        inner, common, "runs", "headless.system_plane:list_runs", "list runs of all workspaces, newest first"
    )
    found.add_argument("filter", nargs="*", help="words, status:, outcome:, type:, reason:, by:, since:1h …")
    found.add_argument("--tenant", type=number, help="only this tenant's, by its number")
    limit(found)
    found = command(inner, common, "run", "headless.system_plane:show_run", "show a run of any workspace")
    run_number(found)
