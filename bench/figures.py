"""A figure: what was measured, how it scattered, what it is compared with, and what it means.

Promise: a figure never hides its scatter, and never claims an aim that was not measured. Knows no benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """What is left of some samples, in their own unit.

    Attributes:
        count: how many samples.
        low: the smallest.
        median: the middle one.
        p95: the one that 95 % do not exceed.
        p99: the one that 99 % do not exceed; with fewer than a hundred samples that is the largest.
        high: the largest.
    """

    count: int
    low: float
    median: float
    p95: float
    p99: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Sums samples up.

        Raises:
            ValueError: there are none.
        """
        if not samples:
            raise ValueError("nothing was measured")
        ordered = sorted(samples)

        def rank(share: float) -> float:
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        return cls(len(ordered), ordered[0], rank(0.5), rank(0.95), rank(0.99), ordered[-1])


class Aim(msgspec.Struct, frozen=True):
    """What a figure should be at most.

    Attributes:
        of: which number of the figure: `low`, `median`, `p95`, `p99`, `high` or `ratio`.
        most: the limit, in the figure's unit; for a ratio, a factor.
    """

    of: str
    most: float


class Figure(msgspec.Struct, frozen=True):
    """One line of a table.

    Attributes:
        name: what was done.
        unit: of the numbers: `ms`, `bytes`, `per second`, `s`, `µs`.
        spread: the samples.
        meaning: one sentence: what the number says.
        ratio: how many times the reference; None when there is nothing to compare with.
        against: what the reference is.
        aim: the limit, when there is one.
    """

    name: str
    unit: str
    spread: Spread
    meaning: str
    ratio: float | None = None
    against: str = ""
    aim: Aim | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is kept; None without one."""
        if self.aim is None:
            return None
        found = self.ratio if self.aim.of == "ratio" else getattr(self.spread, self.aim.of)
        return found is not None and found <= self.aim.most

    def compared(self, reference: Sequence[float], against: str) -> Figure:
        """Returns the figure with the ratio of its median to that of some other samples, in the same unit.

        Raises:
            ValueError: there are no samples, or their median is 0.
        """
        other = Spread.of(reference).median
        if not other:
            raise ValueError(f"nothing can be compared with {against}: its median is 0")
        return msgspec.structs.replace(self, ratio=self.spread.median / other, against=against)


class Section(msgspec.Struct, frozen=True):
    """What one benchmark found.

    Attributes:
        name: the benchmark's name on the command line.
        title: its heading.
        method: how it was measured, in a few sentences.
        figures: the lines of its table.
        notes: what else must be known to read them.
    """

    name: str
    title: str
    method: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


SCALE: Final = {"ms": 1e3, "µs": 1e6, "s": 1.0}
"""How many of a unit are in a second."""


def timed(
    name: str,
    seconds: Sequence[float],
    meaning: str,
    *,
    unit: str = "ms",
    reference: Sequence[float] | None = None,
    against: str = "",
    aim: Aim | None = None,
) -> Figure:
    """Makes a figure of durations.

    Args:
        name: what was done.
        seconds: the samples, in seconds.
        meaning: one sentence.
        unit: `ms`, `µs` or `s`.
        reference: samples of what it is compared with, in seconds; the ratio is that of the medians.
        against: what the reference is.
        aim: the limit, in `unit`.

    Raises:
        ValueError: there are no samples.
    """
    ratio = None if reference is None else Spread.of(seconds).median / Spread.of(reference).median
    return Figure(name, unit, Spread.of([value * SCALE[unit] for value in seconds]), meaning, ratio, against, aim)


def counted(
    name: str, samples: Sequence[float], meaning: str, *, unit: str = "bytes", aim: Aim | None = None
) -> Figure:
    """Makes a figure of anything that is not a duration.

    Raises:
        ValueError: there are no samples.
    """
    return Figure(name, unit, Spread.of(samples), meaning, aim=aim)
