"""The pieces that command-line topics are made of: groups, commands, and options that mean the same everywhere.

Promise: a mistake in arguments is one sentence and exit code 2. Imports nothing but argparse, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]
else:
    Commands = argparse._SubParsersAction


class Parser(argparse.ArgumentParser):
    """Arguments that fail with one sentence, which names what is wrong and the help of the command that it is about."""

    shows_values = True
    """Whether a value that was not expected is repeated; not where it is probably a secret."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        # An option that is meant by its beginning means another one when one is added: `--secret` was taken for `--secret-file`.
        super().__init__(*args, **{"allow_abbrev": False, **fields})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Reads arguments; the command that they were given to refuses those it does not know, not the program as a whole."""
        from atlas_tui.arguments import mistakes

        given = list(args) if args is not None else None
        if given is not None:
            # Before anything that is missing: a mistyped option is why something is missing, more often than not.
            self._refuse_unknown_options(given)
        found, extras = super().parse_known_args(given, namespace)
        if extras:
            unknown = next((word for word in extras if word.startswith("-")), None)
            if unknown is not None:
                self.error(mistakes.unknown_option(unknown, self._option_string_actions))
            self.error(mistakes.too_many(extras, shows_values=self.shows_values))
        return found, extras

    def _refuse_unknown_options(self, given: list[str]) -> None:
        from atlas_tui.arguments.mistakes import unknown_option

        options = self._option_string_actions
        for word in given:
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                return  # what follows are values, or another command's own affair
            name = word.partition("=")[0]
            if word.startswith("--") and " " not in name and name not in options:
                self.error(unknown_option(word, options))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuses what is none of an argument's choices, with the nearest of them."""
        from atlas_tui.arguments.mistakes import unknown_choice

        if action.choices is not None and value not in action.choices:
            is_command = isinstance(action, argparse._SubParsersAction)
            what = "command" if is_command else action.option_strings[0] if action.option_strings else str(action.dest)
            raise argparse.ArgumentError(None, unknown_choice(what, value, action.choices))

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and where help is; exit code 2."""
        from atlas_tui.cells import plain

        end = "" if message.endswith("?") else "."
        self.exit(2, f"{self.prog}: {plain(message)}{end} See `{self.prog} --help`.\n")


def common_into(target: argparse.ArgumentParser) -> None:
    """Adds `--config` and `--workspace` to the program itself."""
    target.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="the configuration file")
    target.add_argument("--workspace", default=argparse.SUPPRESS, help="the workspace's short name")
    target.set_defaults(config=None, workspace=None)


def common_options() -> Parser:
    """Makes the options that every headless command has."""
    common = Parser(add_help=False)
    common.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="the configuration file")
    common.add_argument("--workspace", default=argparse.SUPPRESS, help="the workspace's short name")
    common.add_argument("--json", action="store_true", help="write JSON")
    return common


def command(commands: Commands, common: Parser | None, name: str, handler: str, text: str) -> argparse.ArgumentParser:
    """Adds a command. `handler` is `headless.MODULE:FUNCTION`, imported when the command runs."""
    made = commands.add_parser(name, help=text, description=text, parents=[] if common is None else [common])
    made.set_defaults(handler=handler)
    return made


def group(commands: Commands, name: str, text: str) -> Commands:
    """Adds a word with commands of its own, as `connection show`."""
    return commands.add_parser(name, help=text, description=text).add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )


def takes_secret(target: argparse.ArgumentParser) -> None:
    """Tells a command that reads a secret elsewhere not to repeat what it did not expect: it may be that secret."""
    assert isinstance(target, Parser)
    target.shows_values = False


def number(text: str) -> int:
    """Reads a number that names something, with or without `#`."""
    try:
        value = int(text.lstrip("#"))
    except ValueError:
        raise argparse.ArgumentTypeError("must be a number") from None
    if not 0 < value < 2**63:
        raise argparse.ArgumentTypeError("must be a positive number")
    return value


def seconds(text: str) -> float:
    """Reads a span in seconds."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a number of seconds") from None
    if not 0 <= value <= 604_800:
        raise argparse.ArgumentTypeError("must be from 0 seconds to a week (604800)")
    return value


def run_number(target: argparse.ArgumentParser) -> None:
    """Adds the number of a run."""
    target.add_argument("run", type=number, metavar="RUN", help="the run's number")


def limit(target: argparse.ArgumentParser) -> None:
    """Adds `--limit`."""
    target.add_argument("--limit", type=number, default=1000, help="rows at most (default: 1000)")


def system(target: argparse.ArgumentParser) -> None:
    """Adds `--system`, for what an Owner may do about some people only."""
    target.add_argument("--system", action="store_true", help="act as whoever owns the database")


def yes(target: argparse.ArgumentParser) -> None:
    """Adds `--yes`, for what asks before it hurts."""
    target.add_argument("--yes", action="store_true", help="do not ask; what it does is still written out")


def ticket(target: argparse.ArgumentParser) -> None:
    """Adds `--ticket`."""
    target.add_argument("--ticket", help="a reference for the audit trail")


def waiting(target: argparse.ArgumentParser) -> None:
    """Adds what a command that starts a run has: whether, and how long, to wait for it."""
    either = target.add_mutually_exclusive_group()
    either.add_argument("--wait", dest="wait", action="store_true", default=True, help="follow the run (the default)")
    either.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the result")
    timeout(target)
    ticket(target)


def timeout(target: argparse.ArgumentParser) -> None:
    """Adds `--timeout`: how long a run is followed; it goes on afterwards."""
    target.add_argument("--timeout", type=seconds, default=900.0, help="seconds to wait (default: 900)")


def cloud(target: argparse.ArgumentParser) -> None:
    """Adds `--cloud`."""
    target.add_argument(
        "--cloud", default="global", choices=["global", "usgov", "dod", "china"], help="its Microsoft cloud"
    )
