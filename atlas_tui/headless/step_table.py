"""The steps of a run as a table: how each ended, what it looked at, what it found.

Promise: labels stand in one column however long they are. On a terminal a sentence goes on below itself, on a narrow one below its label;
in a pipe a step is one line, for grep and awk. No colour, so nothing depends on the terminal. Must not know: what a step does.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Final

from atlas_tui.cells import fit, plain, width_of
from atlas_tui.widgets.wrapping import wrap
from storage.runs import RunStep
from storage.verification import ReportStep

_STATUS: Final = 7
"""Cells of the longest status, `running`."""

_ROOM: Final = 32
"""Cells that a sentence needs beside its label; with fewer it stands below."""


def terminal_width() -> int | None:
    """The columns of the terminal that standard output is; None in a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def step_lines(steps: Sequence[RunStep | ReportStep], width: int | None) -> list[str]:
    """Lays out steps.

    Args:
        steps: in the order in which they ran.
        width: cells of a line; None for one line a step.
    """
    rows = [(step.status.value, plain(step.label), plain(step.sentence or "")) for step in steps]
    status = min(_STATUS, max((len(word) for word, _, _ in rows), default=0))
    label = max((width_of(text) for _, text, _ in rows), default=0)
    lines: list[str] = []
    for word, title, sentence in rows:
        head = f"  {fit(word, status)}  "
        beside = f"{head}{fit(title, label)}  "
        if width is None:
            lines.append(f"{beside}{sentence}".rstrip())
        elif width - len(head) - label - 2 >= _ROOM:
            lines += hanging(beside, sentence, width)
        else:
            lines += hanging(head, title, width)
            lines += hanging(" " * width_of(head), sentence, width) if sentence else []
    return lines


def hanging(head: str, text: str, width: int | None) -> list[str]:
    """A text behind a head, which goes on below its own beginning.

    Args:
        head: what stands in front of its first line.
        text: already plain.
        width: cells of a line; None for one line.
    """
    indent = width_of(head)
    if width is None:
        return [f"{head}{text}".rstrip()]
    first, *more = wrap(text, max(10, width - indent)) or [""]
    return [f"{head}{first}".rstrip(), *(" " * indent + line for line in more)]
