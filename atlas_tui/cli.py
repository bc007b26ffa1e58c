"""The `atlas-tui` command: what was asked for, and who does it.

Promise: an error is one sentence with a hint on stderr and an exit code of `headless.exit_codes`; never a traceback, never a secret.
Imports what a command needs only when it runs, so that the dashboard paints early and `--help` is quick.
"""

from __future__ import annotations

import _thread
import argparse
import gc
import importlib
import io
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from atlas_tui.arguments import (
    alerts,
    apps,
    attention,
    audit,
    bulk,
    collected,
    connections,
    consent,
    credentials,
    installation,
    inventory,
    members,
    notifications,
    onboarding,
    people,
    permissions,
    reading,
    running,
    schedules,
    system_plane,
    tenants,
)
from atlas_tui.arguments.kinds import Parser, common_into, common_options
from storage.errors import AtlasError

_TOPICS = (
    attention,
    reading,
    running,
    bulk,
    schedules,
    inventory,
    tenants,
    apps,
    connections,
    consent,
    credentials,
    permissions,
    collected,
    alerts,
    notifications,
    onboarding,
    members,
    people,
    system_plane,
    audit,
    installation,
)
_ROOMS = {
    "worker": ("tasks", "worker"),
    "consent-page": ("tasks", "consent-page"),
    "simulator": ("simulator", "serve"),
    "keys": ("tasks", "keys"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What is imported stays: looking through it again and again takes a fifth of a short command's time.
    gc.set_threshold(50_000, 20, 20)
    _accept_any_text()
    try:
        with _no_interrupt_is_lost():
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


@contextmanager
def _no_interrupt_is_lost() -> Iterator[None]:
    """Presses Ctrl+C once more when Python dropped it: what it raises inside a callback (of an import, of the collector) goes nowhere."""
    before = sys.unraisablehook

    def again(thread: int) -> None:
        time.sleep(0.02)  # by then the callback is over
        signal.pthread_kill(thread, signal.SIGINT)

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if what.exc_type is KeyboardInterrupt:
            _thread.start_new_thread(again, (_thread.get_ident(),))
        else:
            before(what)

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = before


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
        raise InvalidInput("the dashboard", "needs a terminal", "See `atlas-tui --help` for the headless commands.")
    path = options.config or configuration.default_path()
    return launch(
        configuration.load(path),
        config_path=path,
        with_worker=not options.no_worker,
        theme=options.theme,
        workspace=options.workspace,
    )


class _Version(argparse.Action):
    """`--version`: asked of the installation only when somebody asks."""

    def __call__(self, *args: object, **fields: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("atlas-tui")
        except PackageNotFoundError:  # run from a checkout that is not installed
            number = "(not installed)"
        sys.stdout.write(f"atlas-tui {number}\n")
        raise SystemExit(0)


def parser() -> argparse.ArgumentParser:
    """Makes the whole command line; docs/commands.md is generated from it."""
    root = Parser(prog="atlas-tui", description="Keep many Microsoft 365 tenants connected and healthy.")
    root.set_defaults(handler="cli:run_dashboard")
    root.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    root.add_argument("--no-worker", action="store_true", help="do not start a worker beside the dashboard")
    root.add_argument("--theme", help="atlas-dark, atlas-light, atlas-safe-dark, atlas-safe-light or atlas-ansi")
    common = common_options()
    common_into(root)
    commands = root.add_subparsers(title="commands", metavar="COMMAND")
    for topic in _TOPICS:
        topic.add(commands, common)
    return root
