"""Runbooks: every reason has one, it can be read on a terminal, and the commands it names are commands of ours."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import tomllib
from pathlib import Path

from atlas_tui import cli
from storage import reasons, runbooks
from storage.runbooks import Shape
from tasks.__main__ import parser as tasks_parser

FILLED = {
    "CONNECTION": "contoso",
    "TENANT": "contoso",
    "CLOUD": "global",
    "RUN": "1842",
    "FILE": "file.pem",
    "GUID": "0a",
}


def test_every_reason_has_a_runbook_and_no_runbook_is_of_a_reason_that_is_not_there() -> None:
    written = tomllib.loads((Path(runbooks.__file__).with_name("runbooks.toml")).read_text(encoding="utf-8"))
    assert set(written) == set(reasons.catalog())


def test_every_runbook_says_all_there_is_to_say_in_sentences_of_its_own() -> None:
    for code, reason in reasons.catalog().items():
        runbook = runbooks.of(code)
        told = [runbook.means, *runbook.causes, *runbook.steps]
        assert runbook.means != reason.sentence, code
        assert all((runbook.causes, runbook.steps, runbook.commands)), code
        for sentence in told:
            assert re.fullmatch(r"[A-Z].{4,218}[.)]", sentence), (code, sentence)
        assert len(set(told)) == len(told), code
        assert [section.title for section in runbook.sections][:5] == [
            "What it means",
            "Likely causes",
            "Who fixes it",
            "What to do",
            "Commands that help",
        ]
        calls_it = "What Microsoft calls it" in [section.title for section in runbook.sections]
        assert calls_it == bool(runbook.microsoft)


def test_the_numbers_that_microsoft_uses_are_those_that_lead_to_the_reason() -> None:
    from tasks.providers.microsoft.token_errors import REASON_OF_NUMBER

    for code in reasons.catalog():
        for number in re.findall(r"AADSTS(\d+)", runbooks.of(code).microsoft):
            told = REASON_OF_NUMBER.get(int(number))
            related = {
                told,
                "app_not_found",
                "cert_expired",
                "cert_propagating",
                "secret_propagating",
                "secret_expired_local",
            }
            assert told is None or code in related or code.startswith(("consent_", "identity_")), (code, number)


def test_every_command_of_a_runbook_is_one_that_this_program_takes() -> None:
    parsers = {"worker": tasks_parser(), "keys": tasks_parser()}
    ours = cli.parser()
    for code in reasons.catalog():
        for section in runbooks.of(code).sections:
            for command in section.items if section.shape is Shape.COMMANDS else ():
                program, *words = [FILLED.get(word, word) for word in shlex.split(command)]
                assert program == "atlas-tui", command
                assert _is_taken(parsers.get(words[0], ours), words), command


def _is_taken(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            parser.parse_args(words)
        except SystemExit as ended:
            return ended.code == 0  # asked for --help
    return True


def test_a_code_that_nobody_knows_has_the_runbook_of_the_unknown() -> None:
    runbook = runbooks.of("written_by_a_newer_worker")
    assert runbook.reason.code == "written_by_a_newer_worker"
    assert runbook.steps == runbooks.of("unknown_error").steps
