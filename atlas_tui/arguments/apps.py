"""Commands about platform apps."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, cloud, command, group, ticket, yes

_CLOUDS = ["global", "usgov", "dod", "china"]


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "app", "register, change and verify platform apps")
    found = command(inner, common, "add", "headless.apps:add_app", "register the workspace's platform app")
    found.add_argument("name", help="the app registration's name")
    found.add_argument("--client-id", required=True, help="the application (client) id")
    found.add_argument("--home-tenant", required=True, help="the tenant it is registered in (a GUID)")
    found.add_argument("--redirect-uri", help="where the consent answer goes (default: http://localhost/atlas-consent)")
    cloud(found)
    ticket(found)
    command(inner, common, "list", "headless.reading:list_apps", "list the workspace's platform apps")
    found = command(inner, common, "show", "headless.apps:show_app", "show a platform app and what concerns it")
    _cloud(found)
    found = command(
        inner,
        common,
        "edit",
        "headless.apps:edit_app",
        "change a platform app; another client id forgets consent and verification of all its connections",
    )
    _cloud(found)
    found.add_argument("--name", help="the app registration's name")
    found.add_argument("--client-id", help="the application (client) id")
    found.add_argument("--home-tenant", help="the tenant it is registered in (a GUID)")
    found.add_argument("--redirect-uri", help="where the consent answer goes")
    yes(found)
    ticket(found)
    found = command(
        inner,
        common,
        "verify",
        "headless.apps:verify_app",
        "check it on its home tenant and on up to three connections",
    )
    _cloud(found)
    found.add_argument("connections", nargs="*", metavar="CONNECTION", help="connections that sign in with it")
    ticket(found)
    found = command(inner, common, "delete", "headless.apps:delete_app", "delete a platform app that nobody uses")
    _cloud(found)
    yes(found)
    ticket(found)


def _cloud(target: argparse.ArgumentParser) -> None:
    target.add_argument("app", metavar="CLOUD", choices=_CLOUDS, help=f"the app of this cloud: {', '.join(_CLOUDS)}")
