"""Commands about bringing tenants on."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, ticket


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(
        commands,
        common,
        "onboard",
        "headless.onboarding:onboard",
        "bring a tenant on: says where it stands and the next command",
    )
    found.add_argument(
        "words",
        nargs="*",
        metavar="TENANT",
        help="begin or go on with this tenant; or one of: list, show TENANT, seen TENANT (the permissions were looked at), "
        "finish TENANT, cancel TENANT (a tenant of such a name goes by its number)",
    )
    found.add_argument("--new", nargs=2, metavar=("NAME", "TENANT-ID"), help="add this tenant first, as a draft")
    found.add_argument("--domain", help="with --new: its primary domain")
    found.add_argument(
        "--cloud", choices=["global", "usgov", "dod", "china"], help="with --new: its Microsoft cloud (default: global)"
    )
    found.add_argument("--tag", action="append", help="with --new: a tag; may be given several times")
    found.add_argument("--reason", help="with cancel: why")
    ticket(found)
