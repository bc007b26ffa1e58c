"""Every command explains itself, at once."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import cli
from atlas_tui.headless import exit_codes
from storage import errors

ROOT = Path(__file__).parents[2]


def _commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            # Backwards, so that of an alias and the command's own name the own name stays: it is added first.
            for child, name in {child: name for name, child in reversed(action.choices.items())}.items():
                yield from _commands(child, (*path, name))


COMMANDS = list(_commands(cli.parser()))
ROOMS = {("worker",), ("consent-page",), ("simulator",), ("keys",)}


def test_there_are_commands() -> None:
    assert {("init",), ("check",), ("connection", "add"), ("credential", "set"), ("demo",), ("doctor",)} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ROOMS], ids=" ".join)
def test_help_says_what_a_command_does(run: Any, command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"usage: {' '.join(('atlas-tui', *command))}" in said.out
    parser = cli.parser()
    for name in command:
        (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = subparsers.choices[name]
    assert parser.description
    unexplained = [a.dest for a in parser._actions if a.help is None and not isinstance(a, argparse._SubParsersAction)]
    assert unexplained == []


@pytest.mark.parametrize("room", sorted(name for (name,) in ROOMS))
def test_help_of_the_other_rooms_is_their_own(room: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())", room, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    assert "usage:" in said.stdout
    assert "Traceback" not in said.stderr


def test_help_imports_nothing_that_is_slow() -> None:
    """Help of every command, in one fresh process: neither screen nor database nor queue nor network is loaded for it."""
    code = f"""
import contextlib, functools, io, json, sys
from atlas_tui import cli
cli.parser = functools.cache(cli.parser)
for command in {[list(c) for c in COMMANDS if c not in ROOMS]!r}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        cli.main([*command, "--help"])
json.dump(sorted({{name.split(".")[0] for name in sys.modules}}), sys.stdout)
"""
    loaded = set(
        json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)
    )
    slow = {
        "textual",
        "rich",
        "sqlalchemy",
        "alembic",
        "huey",
        "msal",
        "httpx",
        "cryptography",
        "msgspec",
        "platformdirs",
    }
    assert loaded & slow == set()
    assert loaded & {"tasks", "simulator", "migrations"} == set()


def test_help_is_there_at_once() -> None:
    """Counted in the processor's time, to which a busy machine adds nothing: 90 ms where python itself takes 20."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from atlas_tui.cli import main; main(['--help'])"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_utime + used.ru_stime < 1.0


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            "alerts chanels",
            "alerts: there is no command 'chanels'; did you mean 'channels'? See `atlas-tui alerts --help`",
        ),
        ("runs failed --JSON", "runs: there is no option --JSON; did you mean --json? See `atlas-tui runs --help`"),
        ("check --wiat", "check: there is no option --wiat; did you mean --wait?"),
        (
            "alerts channels list ops",
            "alerts channels list: unexpected argument 'ops'. See `atlas-tui alerts channels list",
        ),
        ("tenant add a b --cloud globl", "tenant add: there is no --cloud 'globl'; did you mean 'global'?"),
        ("keys2", "atlas-tui: there is no command 'keys2'; did you mean 'keys'? See `atlas-tui --help`"),
        ("inventory --limit 3", "inventory: there is no option --limit. See `atlas-tui inventory --help`"),
        ("alerts rules zzz", "there is no command 'zzz'; there is list, add, edit, enable, disable, delete."),
    ],
)
def test_a_mistake_is_named_with_what_was_meant_and_the_help_of_that_command(run: Any, typed: str, says: str) -> None:
    said = run(*typed.split())
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert says in said.err


def test_what_may_be_a_secret_is_not_repeated_and_no_option_is_known_by_its_beginning(run: Any) -> None:
    for typed in ("--secret=s3cret", "--secret s3cret", "s3cret"):
        said = run("credential", "set", "--connection", "contoso", *typed.split())
        assert said.code == 2
        assert "s3cret" not in said.err
    assert "an argument too many; a secret is never given as one" in said.err
    assert "s3cret" not in run("alerts", "channels", "add", "ops", "https://hooks.example/s3cret").err


def test_it_says_its_version(run: Any) -> None:
    assert re.fullmatch(r"atlas-tui [0-9]+\.[0-9]+\.[0-9]+\n", run("--version").out)


def test_every_error_and_outcome_has_an_exit_code_with_a_meaning() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AtlasError)]
    assert {kind.exit_code for kind in kinds} <= set(exit_codes.MEANINGS)
    assert set(exit_codes.OUTCOME.values()) <= set(exit_codes.MEANINGS)
    assert len(set(exit_codes.OUTCOME.values())) == len(exit_codes.OUTCOME)
