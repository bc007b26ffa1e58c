"""Commands about consent."""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, group, number, ticket

_CONNECTION = "number, tenant name, domain or tenant id"


def _days(text: str) -> int:
    value = number(text)
    if value > 90:
        raise argparse.ArgumentTypeError("must be from 1 to 90 days")
    return value


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "consent", "ask customers for consent and take their answers")
    found = command(inner, common, "link", "headless.consent:make_link", "make a link to Microsoft's consent page")
    found.add_argument("connection", help=_CONNECTION)
    found.add_argument("--qr", action="store_true", help="draw it as a QR code as well")
    found.add_argument("--file", type=Path, help="write a mail for the customer, with the link, into a new file")
    found.add_argument("--valid-days", type=_days, default=7, help="how long an answer is taken (default: 7)")
    found.add_argument("--redirect-uri", help="where the answer goes (default: the application's own)")
    ticket(found)
    found = command(inner, common, "answer", "headless.consent:take_answer", "take an answer that was pasted back")
    found.add_argument("given", nargs="+", metavar="[CONNECTION] ADDRESS", help="the browser's address, or - for stdin")
    ticket(found)
    found = command(inner, common, "requests", "headless.consent:list_requests", "list the links of a connection")
    found.add_argument("connection", help=_CONNECTION)
    found = command(inner, common, "revoke-link", "headless.consent:revoke_link", "make a link worthless")
    found.add_argument("link", type=number, metavar="ID", help="the link's number")
    ticket(found)
    found = command(inner, common, "evidence", "headless.consent:show_evidence", "what is known about a consent")
    found.add_argument("connection", help=_CONNECTION)
