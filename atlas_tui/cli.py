"""The `atlas-tui` command: what was asked for, and who does it.

Promise: an error is one sentence with a hint on stderr and an exit code of `headless.exit_codes`; never a traceback, never a secret.
Imports what a command needs only when it runs, so that the dashboard paints early and `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from storage.errors import AtlasError

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]

_ROOMS = {"worker": ("tasks", "worker"), "simulator": ("simulator", "serve"), "keys": ("tasks", "keys")}


class _Parser(argparse.ArgumentParser):
    """Arguments that fail with one sentence."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and where help is; exit code 2."""
        from atlas_tui.cells import plain

        self.exit(2, f"{self.prog}: {plain(message)}. See `{self.prog} --help`.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _accept_any_text()
    try:
        if given and given[0] in _ROOMS:
            return _become(given[0], given[1:])
        options = parser().parse_args(given)
        module, function = options.handler.split(":")
        code = int(getattr(importlib.import_module(f"atlas_tui.{module}"), function)(options))
        sys.stdout.flush()  # here, where a reader that went away is still our business
        return code
    except AtlasError as error:
        from atlas_tui.cells import plain

        # A message may name what was typed or what a file is called, which may hold escape bytes.
        sys.stderr.write(f"atlas-tui: {plain(str(error))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`). What is still buffered goes nowhere, or python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from atlas_tui.crash import describe

        # Neither the exception's text nor a traceback: both can quote what was being stored.
        sys.stderr.write(f"atlas-tui: a fault of the program ({describe(error)}). Please report this line.\n")
        return 1


def _accept_any_text() -> None:
    """Lets a terminal that cannot show a character get a `?` instead of ending the program (`LANG=C`, a Latin-1 locale)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _become(command: str, rest: list[str]) -> NoReturn:
    from atlas_tui.headless.processes import become

    room, verb = _ROOMS[command]
    if command == "simulator" and rest and rest[0] in ("serve", "fleet", "-h", "--help"):
        become(room, rest)
    become(room, [verb, *rest])


def run_dashboard(options: argparse.Namespace) -> int:
    """`atlas-tui`: the dashboard itself."""
    from atlas_tui.launch import run_dashboard as launch
    from storage import configuration
    from storage.errors import InvalidInput

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("atlas-tui", "needs a terminal", "See `atlas-tui --help` for the headless commands.")
    path = options.config or configuration.default_path()
    return launch(
        configuration.load(path),
        config_path=path,
        with_worker=not options.no_worker,
        theme=options.theme,
        workspace=options.workspace,
    )


def parser() -> argparse.ArgumentParser:
    """Makes the whole command line; docs/commands.md is generated from it."""
    root = _Parser(prog="atlas-tui", description="Keep many Microsoft 365 tenants connected and healthy.")
    root.set_defaults(handler="cli:run_dashboard")
    root.add_argument("--no-worker", action="store_true", help="do not start a worker beside the dashboard")
    root.add_argument("--theme", help="atlas-dark, atlas-light, atlas-safe-dark, atlas-safe-light or atlas-ansi")
    common = _common()
    _common_into(root)
    commands = root.add_subparsers(title="commands", metavar="COMMAND")
    _add_reading(commands, common)
    _add_running(commands, common)
    _add_setting_up(commands, common)
    _add_processes(commands)
    return root


def _common_into(target: argparse.ArgumentParser) -> None:
    target.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="the configuration file")
    target.add_argument("--workspace", default=argparse.SUPPRESS, help="the workspace's short name")
    target.set_defaults(config=None, workspace=None)


def _common() -> _Parser:
    common = _Parser(add_help=False)
    common.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="the configuration file")
    common.add_argument("--workspace", default=argparse.SUPPRESS, help="the workspace's short name")
    common.add_argument("--json", action="store_true", help="write JSON")
    return common


def _command(
    commands: _Commands, common: _Parser | None, name: str, handler: str, text: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=text, description=text, parents=[] if common is None else [common])
    made.set_defaults(handler=handler)
    return made


def _add_reading(commands: _Commands, common: _Parser) -> None:
    found = _command(commands, common, "connections", "headless.reading:list_connections", "list provider connections")
    found.add_argument(
        "filter", nargs="*", help="as in the dashboard: words, !word, consent:revoked, reason:secret_expired …"
    )
    found.add_argument("--problems", action="store_true", help="leave out what is enabled, granted and healthy")
    found.add_argument("--sort", default="tenant", help="tenant, checked, consent, verification, reason or problems")
    found.add_argument("--reverse", action="store_true", help="the other way round")
    _limit(found)
    found = _command(commands, common, "runs", "headless.reading:list_runs", "list runs, newest first")
    found.add_argument("filter", nargs="*", help="words, status:, outcome:, type:, reason:, by:, since:1h …")
    found.add_argument("--connection", help="only this connection's")
    _limit(found)
    found = _command(commands, common, "run", "headless.reading:show_run", "show one run")
    _run_number(found)
    found = _command(commands, common, "report", "headless.reading:show_report", "show the last report of a connection")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found = _command(commands, common, "tenants", "headless.reading:list_tenants", "list tenants")
    found.add_argument("filter", nargs="*", help="words, tag:, cloud:, archived:yes …")
    _limit(found)
    _command(commands, common, "apps", "headless.reading:list_apps", "list the workspace's platform apps")
    _command(commands, common, "workers", "headless.reading:list_workers", "list workers")
    _command(commands, common, "workspaces", "headless.reading:list_workspaces", "list the workspaces you may enter")
    found = _command(
        commands, common, "reasons", "headless.reading:explain_reason", "explain a reason code, or list them"
    )
    found.add_argument("code", nargs="?", help="the reason code")
    _command(commands, common, "doctor", "headless.doctor:doctor", "look for what is wrong with this installation")


def _add_running(commands: _Commands, common: _Parser) -> None:
    found = _command(commands, common, "check", "headless.running:check", "check a connection and wait for the result")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found.add_argument("--run-after", action="store_true", help="when another operation is active, run after it")
    _waiting(found)
    found = _command(commands, common, "retry", "headless.running:retry", "start a completed run's operation again")
    _run_number(found)
    _waiting(found)
    found = _command(commands, common, "cancel", "headless.running:cancel", "cancel a run")
    _run_number(found)
    _ticket(found)


def _add_setting_up(commands: _Commands, common: _Parser) -> None:
    found = _command(commands, None, "init", "headless.initializing:init", "make key, database and configuration")
    found.add_argument("--config", type=Path, help="where to write the configuration")
    found.add_argument("--directory", type=Path, help="where database and key shall be")
    found.add_argument("--database", help="a PostgreSQL URL, or another path for the SQLite file")
    found.add_argument("--workspace", help="short name of the first workspace (default: main)")
    found.add_argument("--workspace-name", help="its name")
    found.add_argument("--name", help="your name")
    inner = _group(commands, "tenant", "add tenants")
    found = _command(inner, common, "add", "headless.setting_up:add_tenant", "add a tenant")
    found.add_argument("name", help="what you call it")
    found.add_argument("tenant_id", metavar="TENANT-ID", help="its Entra tenant id (a GUID)")
    found.add_argument("--domain", help="its primary domain; checks compare it with the tenant id")
    _cloud(found)
    found.add_argument("--tag", action="append", help="a tag; may be given several times")
    inner = _group(commands, "app", "register platform apps")
    found = _command(inner, common, "add", "headless.setting_up:add_app", "register the workspace's platform app")
    found.add_argument("name", help="the app registration's name")
    found.add_argument("--client-id", required=True, help="the application (client) id")
    found.add_argument("--home-tenant", required=True, help="the tenant it is registered in (a GUID)")
    found.add_argument("--redirect-uri", help="where the consent answer goes (default: http://localhost/atlas-consent)")
    _cloud(found)
    inner = _group(commands, "connection", "show, add and change connections")
    found = _command(inner, common, "show", "headless.reading:show_connection", "show one connection")
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found = _command(inner, common, "add", "headless.setting_up:add_connection", "add a connection to a tenant")
    found.add_argument("tenant", help="the tenant: number, name, domain or tenant id")
    found.add_argument("--name", default="Microsoft", help="what you call the connection")
    found.add_argument("--type", choices=["platform", "dedicated"], help="whose app registration it signs in with")
    found.add_argument("--client-id", help="the dedicated app registration's client id")
    _ticket(found)
    for change, text in (
        ("enable", "enable a connection"),
        ("disable", "disable a connection: runs are cancelled, badges kept"),
        ("set-default", "make it its tenant's default"),
        ("consent-granted", "write down that the customer consented in the portal"),
    ):
        found = _command(inner, common, change, "headless.setting_up:change_connection", text)
        found.set_defaults(change=change)
        found.add_argument("connection", help="number, tenant name, domain or tenant id")
        _ticket(found)
    _add_credentials(commands, common)


def _add_credentials(commands: _Commands, common: _Parser) -> None:
    inner = _group(commands, "credential", "store credentials")
    found = _command(inner, common, "set", "headless.setting_up:set_credential", "store a client secret or certificate")
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
    _ticket(found)
    inner = _group(commands, "member", "add members")
    found = _command(inner, common, "add", "headless.setting_up:add_member", "add a member to the workspace")
    found.add_argument("login", help="the account")
    found.add_argument("role", choices=["owner", "manager", "operator", "auditor", "readonly"], help="what they may do")
    found.add_argument("--name", help="the person's name")
    found.add_argument("--tag", help="reach only tenants with this tag")
    found.add_argument("--until", help="until when, as 2027-03-31T08:00")
    inner = _group(commands, "db", "look after the database")
    found = _command(
        inner, None, "upgrade", "headless.setting_up:upgrade_database", "bring the database to this program"
    )
    found.add_argument("--config", type=Path, help="the configuration file")


def _add_processes(commands: _Commands) -> None:
    found = _command(
        commands, None, "demo", "headless.demo:demo", "a local Microsoft, a fleet, a worker and the dashboard"
    )
    found.add_argument("--directory", type=Path, help="where the demo lives")
    found.add_argument("--reset", action="store_true", help="forget the demo's fleet")
    found.add_argument("--size", type=_fleet_size, default=200, help="tenants of a new fleet (default: 200)")
    found.add_argument("--workspace", help="the workspace to open first")
    found.add_argument("--theme", help="the screen's theme")
    found.add_argument("--prepare-only", action="store_true", help="make the fleet and stop")
    for name, text in (
        ("worker", "work on runs until told to stop (see: atlas-tui worker --help)"),
        ("simulator", "serve a local Microsoft (see: atlas-tui simulator --help)"),
        ("keys", "create, show or rotate the key that opens credentials"),
    ):
        commands.add_parser(name, help=text, add_help=False)


def _group(commands: _Commands, name: str, text: str) -> _Commands:
    return commands.add_parser(name, help=text, description=text).add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )


def _number(text: str) -> int:
    try:
        value = int(text.lstrip("#"))
    except ValueError:
        raise argparse.ArgumentTypeError("must be a number") from None
    if not 0 < value < 2**63:
        raise argparse.ArgumentTypeError("must be a positive number")
    return value


def _fleet_size(text: str) -> int:
    value = _number(text)
    if not 100 <= value <= 20_000:
        raise argparse.ArgumentTypeError("must be from 100 to 20000")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a number of seconds") from None
    if not 0 <= value <= 604_800:
        raise argparse.ArgumentTypeError("must be from 0 seconds to a week (604800)")
    return value


def _run_number(target: argparse.ArgumentParser) -> None:
    target.add_argument("run", type=_number, metavar="RUN", help="the run's number")


def _limit(target: argparse.ArgumentParser) -> None:
    target.add_argument("--limit", type=_number, default=1000, help="rows at most (default: 1000)")


def _ticket(target: argparse.ArgumentParser) -> None:
    target.add_argument("--ticket", help="a reference for the audit trail")


def _waiting(target: argparse.ArgumentParser) -> None:
    target.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the result")
    target.add_argument("--timeout", type=_seconds, default=900.0, help="seconds to wait (default: 900)")
    _ticket(target)


def _cloud(target: argparse.ArgumentParser) -> None:
    target.add_argument(
        "--cloud", default="global", choices=["global", "usgov", "dod", "china"], help="its Microsoft cloud"
    )
