"""`atlas-tui` commands without what a new interpreter costs: a process that has imported the program forks for each (`nursery.py`).

A command is a process of its own all the same: its own memory, streams and exit code, nothing left over from the one before. What is about
starting, or about a process's arguments, starts an interpreter of its own. For tests; loaded by path, since test folders are no packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDERS = ("atlas_tui/arguments", "atlas_tui/headless", "storage", "tasks/providers/microsoft")


def modules() -> list[str]:
    """What is imported beforehand: what commands and workers need."""
    ours = [path.with_suffix("") for folder in FOLDERS for path in sorted((ROOT / folder).glob("[!_]*.py"))]
    return [
        "atlas_tui.cli",
        *(str(path.relative_to(ROOT)).replace(os.sep, ".") for path in ours),
        "sqlalchemy.dialects.sqlite",
        "sqlalchemy.dialects.postgresql.psycopg",
        "alembic.command",
        "tasks.__main__",
        "tasks.worker",
    ]


def main(arguments: list[str]) -> int:
    """In the forked process: runs commands one after the other; the exit code is the largest."""
    from atlas_tui import cli

    return max([cli.main(line) for line in json.loads(arguments[0])])


class Commands:
    """Runs commands.

    Args:
        nursery: forks processes that have imported this module.
    """

    def __init__(self, nursery: Any) -> None:
        self.nursery = nursery

    def __call__(
        self, *lines: Sequence[str], stdin: bytes = b"", timeout: float = 110.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs one command, or several one after the other in one process.

        Raises:
            subprocess.TimeoutExpired: it was not over in time, and was killed.
        """
        with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            typed.write(stdin)
            typed.seek(0)
            process = self.nursery.start(
                "warm_commands:main", json.dumps(lines), stdin=typed, stdout=out, stderr=err, PYTHONPATH=str(ROOT)
            )
            try:
                code = process.wait(timeout)
            finally:
                process.close()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(lines, code, out.read(), err.read())
