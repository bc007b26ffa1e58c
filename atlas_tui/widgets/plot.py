"""A trend as a plot of text, drawn by plotext.

Promise: lines of one width without colours, nothing that moves; in ASCII where blocks may not be used. plotext's own figure, which is one
for the whole process, is not touched: every plot has a figure of its own.

Must not know: what the values are, widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

LEAST_WIDTH: Final = 24
LEAST_HEIGHT: Final = 5
_LEAST_SPAN: Final = 10.0
_TO_ASCII: Final = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|+++++")


@lru_cache(maxsize=16)
def plot(
    points: tuple[tuple[int, float], ...],
    labels: tuple[tuple[int, str], ...],
    width: int,
    height: int,
    *,
    blocks: bool,
) -> tuple[str, ...]:
    """Draws percentages over days.

    Args:
        points: Day number and per cent, oldest first; two at least.
        labels: Day number and what is written below it; the first and the last one span the plot.
        width: Cells of a line.
        height: Lines, the axes included.
        blocks: Whether block characters may be used.
    """
    width, height = max(LEAST_WIDTH, width), max(LEAST_HEIGHT, height)
    figure = _figure()
    figure.plot_size(width, height)
    figure.theme("clear")
    days, values = [day for day, _ in points], [value for _, value in points]
    low, high = _range(values)
    figure.ylim(low, high)
    figure.yticks([low, (low + high) / 2, high], [f"{mark:.0f} %" for mark in (low, (low + high) / 2, high)])
    at = [day for day, _ in labels]
    figure.xlim(min(at), max(at))
    figure.xticks(at, [text for _, text in labels])
    figure.plot(days, values, marker="hd" if blocks else "*")
    drawn = [_uncoloured(line) for line in figure.build().splitlines()]
    return tuple((line if blocks else line.translate(_TO_ASCII))[:width].ljust(width) for line in drawn)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """What the plot spans: tens, ten per cent at least, within nought and a hundred."""
    low, high = min(values) // 10 * 10, -(-max(values) // 10) * 10
    if high - low < _LEAST_SPAN:
        low = max(0.0, high - _LEAST_SPAN)
        high = low + _LEAST_SPAN
    return low, high


def _figure() -> Any:
    """A figure of our own. Imported here: it takes 40 ms, and only few pages have a plot."""
    from plotext._figure import _figure_class  # type: ignore[import-untyped]

    return _figure_class()


def _uncoloured(line: str) -> str:
    from plotext._utility import uncolorize  # type: ignore[import-untyped]

    text: str = uncolorize(line)
    return text
