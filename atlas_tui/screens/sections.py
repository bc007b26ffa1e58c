"""The line of tabs within a page, and going from one to the next.

Must not know: what is on a tab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from atlas_tui.cells import Line, Part

S = TypeVar("S", bound=StrEnum)


def section_line(sections: Sequence[S], current: S, counts: Mapping[S, int] | None = None) -> Line:
    """The tabs, the open one in reverse.

    Args:
        sections: Left to right.
        current: The open one.
        counts: How many things are on a tab, behind its word.
    """
    parts: list[Part] = []
    for section in sections:
        number = "" if counts is None or section not in counts else f" {counts[section]:,}"
        parts.append(Part(f" {section.value}{number} ", "cursor" if section is current else ""))
    return (*parts, Part("  [ ]", "muted"))


def turned(sections: Sequence[S], current: S, step: int) -> S:
    """The tab some steps on, round and round; the first one when the current one is gone."""
    at = sections.index(current) if current in sections else -step
    return sections[(at + step) % len(sections)]
