"""Headless import of many client secrets.

Promise: values come from standard input or a file and go nowhere but into their seals: no output, message or log repeats anything of a
line. A terminal is refused as input, since it would show what is pasted.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import write_json, write_line, write_table
from atlas_tui.headless.waiting import wait_until
from storage import credential_import
from storage.credential_import import Fate, Import, ImportedLine
from storage.credential_lines import read_lines
from storage.errors import InvalidInput
from storage.states import RunOutcome


def import_credentials(options: argparse.Namespace) -> int:
    """`atlas-tui credentials import FILE|-`: stores each line, starts the checks that carry them, tells what became of each."""
    if not 0 <= options.timeout <= 604_800:
        raise InvalidInput("--timeout", "must be from 0 seconds to a week (604800)")
    with _source(options) as stream, opened(options.config, options.workspace) as here:
        work = Import(
            here.db,
            here.who,
            here.workspace.workspace_id,
            here.settings.public_key_bytes(),
            ticket=options.ticket,
        )
        lines = read_lines(stream)
        if options.dry_run:
            return _tell(list(work.preview(lines)), options, "would be ")
        found = list(work.store_all_or_none(lines) if options.all_or_nothing else work.store(lines))
        if options.check:
            found = [credential_import.start_check(here.db, here.who, line, ticket=options.ticket) for line in found]
        if options.check and options.wait:
            found = _follow(here, found, options.timeout)
    return _tell(found, options, "")


@contextmanager
def _source(options: argparse.Namespace) -> Iterator[BinaryIO]:
    if str(options.file) == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise InvalidInput(
                "standard input",
                "is a terminal, which would show what is pasted",
                "Use a pipe, `< FILE`, or name the file.",
            )
        yield sys.stdin.buffer
        return
    try:
        stream = options.file.open("rb")
    except OSError as error:
        raise InvalidInput("file", f"{options.file} cannot be read ({error.strerror})") from None
    with stream:
        yield stream


def _follow(here: Opened, lines: list[ImportedLine], timeout: float) -> list[ImportedLine]:
    workspace_id = here.workspace.workspace_id
    wait_until(here, lambda: not credential_import.unfinished(here.db, here.who, workspace_id, lines), timeout)
    return list(credential_import.after_checks(here.db, here.who, workspace_id, lines))


def _tell(lines: Sequence[ImportedLine], options: argparse.Namespace, would: str) -> int:
    counts = Counter(line.fate for line in lines)
    if options.json:
        write_json({"lines": lines, "counts": {fate.value: counts[fate] for fate in Fate}})
    else:
        write_table(
            ("LINE", "BECAME" if not would else "WOULD BE", "CONNECTION", "TENANT", "RUN", "WHY"),
            [
                (
                    str(line.line),
                    line.fate.value,
                    str(line.connection_id or "-"),
                    line.tenant_name or "-",
                    str(line.run_id or "-"),
                    line.problem,
                )
                for line in lines
            ],
            widest=80,
        )
        write_line(", ".join(f"{counts[fate]} {would}{fate.value}" for fate in Fate if counts[fate]) or "no lines")
    if counts[Fate.REFUSED]:
        return InvalidInput.exit_code
    waited = options.check and options.wait and not options.dry_run
    if waited and any(line.fate is Fate.STAGED or line.problem for line in lines):
        return exit_codes.OUTCOME[RunOutcome.PARTIALLY_SUCCEEDED]
    return exit_codes.OK
