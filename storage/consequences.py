"""What a change would do, said before anybody confirms it.

Promise: the sentences come from the same rules as the change, so a form and the command line spell out the same things; asking writes
nothing. Knows no table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consequences:
    """What confirming would do.

    Attributes:
        title: the change in one line, naming the thing.
        sentences: what follows from it, the most painful first; empty when nothing does.
        hurts: it cancels, destroys or shuts something out, so it wants a confirmation.
    """

    title: str
    sentences: tuple[str, ...]
    hurts: bool


def count(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with its noun: "1 run", "3 runs"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
