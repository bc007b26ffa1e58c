"""Commands about provider connections."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, command, group, ticket, yes


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "connection", "show, add and change connections")
    found = command(inner, common, "show", "headless.reading:show_connection", "show one connection")
    _connection(found)
    found = command(inner, common, "add", "headless.connections:add_connection", "add a connection to a tenant")
    found.add_argument("tenant", help="the tenant: number, name, domain or tenant id")
    found.add_argument("--name", default="Microsoft", help="what you call the connection")
    found.add_argument("--type", choices=["platform", "dedicated"], help="whose app registration it signs in with")
    found.add_argument("--client-id", help="the dedicated app registration's client id")
    ticket(found)
    found = command(
        inner,
        common,
        "edit",
        "headless.connections:edit_connection",
        "change a connection's name, type or client id; another application forgets consent and verification",
    )
    _connection(found)
    found.add_argument("--name", help="what you call the connection")
    found.add_argument("--type", choices=["platform", "dedicated"], help="whose app registration it signs in with")
    found.add_argument("--client-id", help="the dedicated app registration's client id")
    yes(found)
    ticket(found)
    for change, text in (
        ("enable", "enable a connection; its verification becomes unknown"),
        ("set-default", "make it its tenant's default"),
        ("consent-granted", "write down that the customer consented in the portal, and check now"),
    ):
        found = command(inner, common, change, "headless.connections:change_connection", text)
        found.set_defaults(change=change)
        _connection(found)
        ticket(found)
    for change, text in (
        ("disable", "disable a connection: runs are cancelled, badges kept"),
        ("delete", "delete a connection that never ran, with its credentials"),
        ("revoke-consent", "mark the consent as revoked here; at Microsoft it still stands"),
    ):
        found = command(inner, common, change, "headless.connections:take_away", text)
        found.set_defaults(change=change)
        _connection(found)
        yes(found)
        ticket(found)
    found = command(
        inner, common, "resolve", "headless.connections:resolve", "say which connection a tenant's operations use"
    )
    found.add_argument("tenant", help="the tenant: number, name, domain or tenant id")


def _connection(target: argparse.ArgumentParser) -> None:
    target.add_argument("connection", help="number, tenant name, domain or tenant id")
