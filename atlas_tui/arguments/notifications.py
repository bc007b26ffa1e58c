"""Commands about one's own inbox."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, number


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "notifications", "your inbox: how what you started has ended")
    found = command(
        inner,
        common,
        "list",
        "headless.notifications:list_notifications",
        "list them, of every workspace, newest first",
    )
    found.add_argument("filter", nargs="*", help="words, !word, kind:run, outcome:failed, since:1d …")
    found.add_argument("--unread", action="store_true", help="only those that are unread")
    limit(found)
    found = command(inner, common, "read", "headless.notifications:read", "mark notifications as read")
    found.add_argument("id", nargs="*", type=number, metavar="ID", help="their numbers, from `notifications list`")
    found.add_argument("--all", action="store_true", help="everything that is unread, of every workspace")
