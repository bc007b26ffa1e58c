"""Commands about people."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "member", "add members")
    found = command(inner, common, "add", "headless.members:add_member", "add a member to the workspace")
    found.add_argument("login", help="the account")
    found.add_argument("role", choices=["owner", "manager", "operator", "auditor", "readonly"], help="what they may do")
    found.add_argument("--name", help="the person's name")
    found.add_argument("--tag", help="reach only tenants with this tag")
    found.add_argument("--until", help="until when, as 2027-03-31T08:00")
