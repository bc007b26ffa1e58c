"""`python -m tasks`: the worker process, its key, and the consent callback page.

Promise: whatever goes wrong is one sentence and a hint on stderr and an exit code, never a traceback. Other rooms start this as a process
of its own and rely on these commands:

    worker --config PATH [--slots N] [--exit-with-parent] [--local]
    consent-page --config PATH (--certificate FILE [--key FILE] | --behind-proxy) [--port N] [--exit-with-parent]
    keys create --key-file PATH [--config PATH] [--passphrase]
    keys public --key-file PATH
    keys rotate [--config PATH]
    keys status [--config PATH] [--json]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from storage import configuration
from storage.errors import AtlasError
from tasks import consent_page_options
from tasks.logs import our_line

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the process's exit code."""
    chosen, unknown = parser().parse_known_args(arguments)
    if unknown:
        chosen.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the private key
    try:
        return int(chosen.command(chosen) or 0)
    except AtlasError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # a traceback would show a person what is not theirs to see
        place = our_line(error.__traceback__)
        print(f"Something went wrong inside this program ({type(error).__name__} at {place}).", file=sys.stderr)
        return AtlasError.exit_code


def _worker(chosen: argparse.Namespace) -> int:
    from tasks import logs
    from tasks.worker import open_worker, stop_on_signals, stop_with_parent

    settings = configuration.load(chosen.config)
    logs.configure()
    worker = open_worker(settings, slots=chosen.slots, is_local=chosen.local)
    stop_on_signals(worker)
    if chosen.exit_with_parent:
        stop_with_parent(worker)
    worker.run()
    sys.stderr.flush()
    os._exit(0)  # a thread that is still in an outside call must not hold the process: its run was given back


def _consent_page(chosen: argparse.Namespace) -> None:
    from tasks import consent_page

    consent_page.serve(chosen.config, consent_page_options.read_settings(chosen))


def _create_key(chosen: argparse.Namespace) -> None:
    from tasks import key_rotation

    key_rotation.print_key(key_rotation.create_key(chosen.key_file, chosen.config, ask_passphrase=chosen.passphrase))


def _public_key(chosen: argparse.Namespace) -> None:
    from tasks import key_files, key_rotation

    key_rotation.print_key(key_files.read(chosen.key_file, os.environ))


def _rotate_key(chosen: argparse.Namespace) -> None:
    from tasks import key_rotation

    key_rotation.print_key(key_rotation.rotate(chosen.config or configuration.default_path()))


def _key_status(chosen: argparse.Namespace) -> int:
    from tasks import key_status

    return key_status.write(key_status.status(chosen.config), as_json=chosen.json)


def parser() -> argparse.ArgumentParser:
    """Returns what reads the command line of this room; the documentation is written from it."""
    # People get here by the one program that they know.
    room = argparse.ArgumentParser(prog="atlas-tui", description="Background work of Atlas TUI.", allow_abbrev=False)
    commands = room.add_subparsers(required=True, metavar="COMMAND")

    worker = _command(commands, "worker", _worker, "work on runs until told to stop")
    worker.add_argument("--config", type=Path, help="the configuration file; the default place when left out")
    worker.add_argument("--slots", type=_slots, help="how many runs at once; the configuration's when left out")
    worker.add_argument("--exit-with-parent", action="store_true", help="stop when stdin ends")
    worker.add_argument("--local", action="store_true", help="say that this worker belongs to a dashboard")

    page = _command(commands, "consent-page", _consent_page, "take Microsoft's answers to admin-consent links")
    consent_page_options.add_arguments(page)

    of_keys = "the key that opens credentials"
    keys = commands.add_parser("keys", help=of_keys, description=of_keys).add_subparsers(
        required=True, metavar="COMMAND"
    )
    create = _command(keys, "create", _create_key, "make the first key")
    create.add_argument("--key-file", type=Path, required=True, help="where it is written; nothing may be there yet")
    create.add_argument("--config", type=Path, help="refuse when this configuration's database holds credentials")
    create.add_argument("--passphrase", action="store_true", help="ask for a passphrase to protect the key")
    public = _command(keys, "public", _public_key, "show the public half of a key")
    public.add_argument("--key-file", type=Path, required=True, help="the key")
    rotate = _command(keys, "rotate", _rotate_key, "change the key, or go on with an interrupted change")
    rotate.add_argument("--config", type=Path, help="the configuration file; the default place when left out")
    status = _command(keys, "status", _key_status, "show which key seals what, and whether it is here")
    status.add_argument("--config", type=Path, help="the configuration file; the default place when left out")
    status.add_argument("--json", action="store_true", help="write JSON")
    return room


def _command(
    commands: _Commands, name: str, work: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    found = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    found.set_defaults(command=work, parser=found)
    return found


def _slots(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("must be a number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
