"""Asking before something that hurts: its consequences first, then the name, typed.

Promise: nothing is done without `--yes` or the name; consequences go to standard error, so that standard output stays the answer alone.
"""

from __future__ import annotations

import sys

from atlas_tui.cells import plain
from storage.consequences import Consequences
from storage.errors import Conflict, InvalidInput


def confirm(found: Consequences, name: str, *, yes: bool) -> None:
    """Shows what would follow and lets pass when it was confirmed, or when it does not hurt.

    Args:
        found: what confirming would do.
        name: what must be typed.
        yes: `--yes` was given.

    Raises:
        InvalidInput: nobody can be asked, since there is no terminal.
        Conflict: something else was typed; nothing was done.
    """
    if found.hurts and not yes and not _can_ask():
        told = " ".join(found.sentences)
        raise InvalidInput("--yes", f"is needed without a terminal to ask in ({found.title}: {told})", "Add --yes.")
    sys.stderr.write(f"{plain(found.title)}\n")
    for sentence in found.sentences:
        sys.stderr.write(f"  - {plain(sentence)}\n")
    if yes or not found.hurts:
        return
    sys.stderr.write(f"Type {plain(name)} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name.strip():
        raise Conflict("That is not the name, so nothing was done.", f"Type {name}, or use --yes.")


def _can_ask() -> bool:
    return sys.stdin.isatty()
