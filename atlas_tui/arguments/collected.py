"""Commands that show what operations collected: compliance of devices, administrator roles."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, limit, number


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(
        commands, common, "compliance", "headless.compliance:compliance", "show how many devices are compliant"
    )
    found.add_argument("tenant", nargs="?", help="number, name, domain or tenant id (default: every tenant)")
    found.add_argument("--trend", type=number, metavar="DAYS", help="a tenant's whole snapshots, one a day")
    found.add_argument(
        "--sort",
        choices=["name", "share", "noncompliant", "change", "devices", "age"],
        default="name",
        help="every tenant in this order, what needs a look first (default: name)",
    )
    limit(found)
    found = command(
        commands, common, "roles", "headless.roles:roles", "show who holds administrator roles, and what was found"
    )
    found.add_argument(
        "tenant", nargs="?", help="number, name, domain or tenant id (default: findings of every tenant)"
    )
    found.add_argument("--diff", action="store_true", help="what changed since the report before")
    found.add_argument("--assignments", action="store_true", help="a tenant's assignments")
    found.add_argument("--privileged", action="store_true", help="with --assignments: those of privileged roles only")
    found.add_argument("--code", help="findings of this kind only")
    limit(found)
