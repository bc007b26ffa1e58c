"""Start the simulator, or print a fleet: ``python -m simulator serve|fleet``.

Promise: bad arguments are one sentence on stderr and exit status 2; nothing ever ends in a traceback.
Must not know: how requests are answered.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from simulator.demo_fleet import demo_fleet
from simulator.demo_newcomers import customer_list, newcomers
from simulator.fleet import FleetError, add_tenant, read_fleet
from simulator.memory import Memory
from simulator.server import open_listeners, serve
from simulator.tls import open_authority, write_private
from simulator.world import World


class _Parser(argparse.ArgumentParser):
    """Arguments that fail with one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with status 2."""
        self.exit(2, f"simulator: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "fleet":
            return _print_fleet(options)
        return _serve(options)
    except FleetError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"simulator: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 2


def _print_fleet(options: argparse.Namespace) -> int:
    fleet, new = demo_fleet(options.size, options.seed, options.anchor), newcomers(options.seed)
    if options.customers is not None:
        write_private(options.customers, customer_list(new, fleet).encode())
    json.dump({"tenants": fleet, "newcomers": new}, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


def _serve(options: argparse.Namespace) -> int:
    if options.directory is not None:
        return _serve_in(options.directory, options)
    with tempfile.TemporaryDirectory(prefix="simulator-") as directory:
        return _serve_in(Path(directory), options)


def _serve_in(directory: Path, options: argparse.Namespace) -> int:
    world = World()
    for entry in _fleet(options):
        try:
            add_tenant(world.directory, entry)
        except FleetError as error:
            name = entry.get("name", entry.get("id")) if isinstance(entry, dict) else entry
            raise FleetError(f"tenant {name!r}: {error}") from None
    if options.remember is not None:
        memory = Memory(world.directory, options.remember)
        memory.recall()
        world.remember = memory.remember
    authority, certificate = open_authority(directory)
    sockets = open_listeners(world, options.host, options.port)
    line = json.dumps(world.endpoints(str(certificate.resolve())))

    announced = directory / "endpoints.json"

    def ready() -> None:
        write_private(announced, f"{line}\n".encode())
        print(line, flush=True)

    announced.unlink(missing_ok=True)
    try:
        serve(world, sockets, authority, host=options.host, ready=ready, with_stdin=options.exit_with_stdin)
    finally:
        # Whoever reads the file must not find the addresses of a process that is gone.
        announced.unlink(missing_ok=True)
    return 0


def _fleet(options: argparse.Namespace) -> list[dict[str, object]]:
    if options.fleet is None:
        return []
    if options.fleet == "demo":
        return demo_fleet(options.size, options.seed, options.anchor) + newcomers(options.seed)
    return read_fleet(Path(options.fleet))


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line of this room; the documentation is written from it."""
    room = _Parser(
        prog="atlas-tui simulator", description="A local Microsoft: Entra sign-in and Graph over HTTPS on loopback."
    )
    commands = room.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="serve|fleet")
    server = commands.add_parser("serve", help="serve until told to stop", description="Serve until told to stop.")
    server.add_argument("--directory", type=Path, help="for ca.pem and endpoints.json (default: a temporary one)")
    server.add_argument("--fleet", help='"demo", or the path of a fleet in JSON (default: no tenants)')
    server.add_argument("--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1)")
    server.add_argument("--port", type=_port, default=0, help="first of nine ports (default: free ones)")
    server.add_argument("--remember", type=Path, metavar="FILE", help="keep what is changed here for the next start")
    server.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    fleet = commands.add_parser("fleet", help="print a fleet as JSON", description="Print a fleet as JSON.")
    fleet.add_argument("name", choices=["demo"], help="which fleet")
    fleet.add_argument("--customers", type=Path, metavar="FILE",
                       help="write the newcomers' customer list, as Partner Center exports it, to this file")  # fmt: skip
    for command in (server, fleet):
        command.add_argument("--size", type=_size, default=200, help="tenants in the demo fleet (default: 200)")
        command.add_argument("--seed", type=int, default=1, help="varies the demo fleet (default: 1)")
        command.add_argument("--anchor", type=_anchor, default=_today(),
                             help="the day the demo fleet's dates count from (default: today)")  # fmt: skip
    return room


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _anchor(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a date such as 2026-01-31, not {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _port(text: str) -> int:
    if not text.isdecimal() or not (text == "0" or 1 <= int(text) <= 65527):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65527, not {text!r}")
    return int(text)


def _size(text: str) -> int:
    if not text.isdecimal() or not 100 <= int(text) <= 20_000:
        raise argparse.ArgumentTypeError(f"must be a number from 100 to 20000, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
