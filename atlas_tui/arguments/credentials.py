"""Commands about credentials."""

from __future__ import annotations

from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, group, ticket


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "credential", "store credentials")
    found = command(inner, common, "set", "headless.credentials:set_credential", "store a client secret or certificate")
    owner = found.add_mutually_exclusive_group(required=True)
    owner.add_argument("--connection", help="of a dedicated connection")
    owner.add_argument("--app", metavar="CLOUD", help="of the workspace's platform app of this cloud")
    kind = found.add_mutually_exclusive_group()
    kind.add_argument(
        "--secret-file", type=Path, help="file with the secret's value, or - for stdin; else it is asked for"
    )
    kind.add_argument("--certificate", type=Path, help="PEM certificate")
    found.add_argument("--key", type=Path, help="PEM private key, when it is not in the certificate's file")
    found.add_argument("--key-password-file", type=Path, help="file with the private key's password")
    found.add_argument("--expires", help="the secret's expiry date, as the portal shows it")
    found.add_argument("--key-id", help="the secret's ID in the portal")
    ticket(found)
