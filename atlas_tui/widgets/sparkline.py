"""A trend in one line of text: one cell a value.

Promise: as many cells as values; a value that is missing is a blank, never a zero. In ASCII where blocks may not be used.

Must not know: what the values are, widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII: Final = "_.,-~=+#"
LEAST_SPAN: Final = 0.1
"""The least difference between the lowest and the highest mark: a hair's breadth of change shall not look like a fall."""


def sparkline(values: Sequence[float | None], *, blocks: bool, least_span: float = LEAST_SPAN) -> str:
    """Draws a trend.

    Args:
        values: Left to right; None where nothing is known.
        blocks: Whether block characters may be used.
        least_span: The least range that the marks stand for; the range is widened downwards to it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    marks = _BLOCKS if blocks else _ASCII
    highest = max(known)
    lowest = min(min(known), highest - least_span)
    return "".join(" " if value is None else marks[_level(value, lowest, highest, len(marks))] for value in values)


def _level(value: float, lowest: float, highest: float, levels: int) -> int:
    return min(levels - 1, int((value - lowest) / (highest - lowest) * levels))
