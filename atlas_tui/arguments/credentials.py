"""Commands about credentials. `credential` and `credentials` are one word."""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, number, takes_secret, ticket, waiting


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    word = "store, stage, verify, switch and remove credentials"
    inner = commands.add_parser("credential", aliases=["credentials"], help=word, description=word).add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    _storing(inner, common)
    _switching(inner, common)
    _many(inner, common)


def _owner(found: argparse.ArgumentParser) -> None:
    owner = found.add_mutually_exclusive_group(required=True)
    owner.add_argument("--connection", help="of a dedicated connection")
    owner.add_argument("--app", metavar="CLOUD", help="of the workspace's platform app of this cloud")


def _storing(inner: Commands, common: Parser) -> None:
    text = "store a client secret or certificate: staged while an active one exists, else active"
    found: argparse.ArgumentParser = inner.add_parser(
        "set", aliases=["stage"], help=text, description=text, parents=[common]
    )
    found.set_defaults(handler="headless.credentials:set_credential")
    takes_secret(found)
    _owner(found)
    kind = found.add_mutually_exclusive_group()
    kind.add_argument(
        "--secret-file", type=Path, help="file with the secret's value, or - for stdin; else it is asked for"
    )
    kind.add_argument("--certificate", type=Path, help="certificate with its private key: PFX (PKCS#12), or PEM")
    found.add_argument("--key", type=Path, help="PEM private key, when it is not in the certificate's file")
    found.add_argument("--key-password-file", type=Path, help="file with the PFX's or the private key's password")
    found.add_argument("--expires", help="the secret's expiry date, as the portal shows it")
    found.add_argument("--key-id", help="the secret's ID in the portal")
    ticket(found)

    text = "make a key and a certificate here; only the public certificate leaves"
    found = command(inner, common, "generate-cert", "headless.credential_certificate:generate", text)
    owner = found.add_mutually_exclusive_group(required=True)
    owner.add_argument("connection", nargs="?", help="a dedicated connection")
    owner.add_argument("--app", metavar="CLOUD", help="the workspace's platform app of this cloud")
    found.add_argument("--days", type=number, default=365, help="how long it is valid (default: 365)")
    found.add_argument("--bits", type=int, choices=[2048, 3072, 4096], default=2048, help="size of the RSA key")
    found.add_argument("--out", type=Path, help="file for the public certificate; else it is written to stdout")
    ticket(found)


def _switching(inner: Commands, common: Parser) -> None:
    found = command(
        inner,
        common,
        "show",
        "headless.credentials:show",
        "show what is stored, and which old keys are left at Microsoft",
    )
    _owner(found)
    found = command(
        inner,
        common,
        "verify",
        "headless.credentials:verify",
        "start the check that carries the staged one, and promotes it",
    )
    _owner(found)
    found.add_argument(
        "--on", action="append", default=[], metavar="CONNECTION", help="of an app: try it on this connection (up to 3)"
    )
    waiting(found)
    found = command(
        inner, common, "promote", "headless.credentials:promote", "make the staged one active without a check"
    )
    _owner(found)
    found.add_argument("--reason", required=True, help="why no check shall decide")
    ticket(found)
    found = command(inner, common, "roll-back", "headless.credentials:roll_back", "make the previous one active again")
    _owner(found)
    ticket(found)
    found = command(inner, common, "remove", "headless.credentials:remove", "destroy a stored credential")
    _owner(found)
    found.add_argument("--slot", required=True, choices=["active", "staged", "previous"], help="which one")
    found.add_argument("--yes", action="store_true", help="do not ask, although nothing can sign in afterwards")
    ticket(found)
    text = "say that an old key was removed at Microsoft"
    found = command(inner, common, "confirm-removed", "headless.credentials:confirm_removed", text)
    _owner(found)
    found.add_argument("key", nargs="?", default="", help="its key id, or the beginning of it, when there are several")
    ticket(found)


def _many(inner: Commands, common: Parser) -> None:
    text = "store many client secrets from CSV or JSON lines, check them, and say what became of each"
    found = command(inner, common, "import", "headless.credential_import:import_credentials", text)
    found.add_argument("file", type=Path, help="the file, or - for stdin")
    found.add_argument("--dry-run", action="store_true", help="say what would become of each line; store nothing")
    found.add_argument("--all-or-nothing", action="store_true", help="store nothing when one line is refused")
    found.add_argument("--no-check", dest="check", action="store_false", help="store only; start no checks")
    found.add_argument("--wait", action="store_true", help="wait for the checks, then say which were promoted")
    found.add_argument("--timeout", type=float, default=3600.0, help="seconds to wait (default: 3600)")
    ticket(found)
    text = "list credentials that expire, have expired, or of which nobody knows"
    found = command(inner, common, "expiring", "headless.credentials:expiring", text)
    found.add_argument("--within", type=int, default=30, metavar="DAYS", help="days from now (default: 30)")
