"""How samples are taken: warmed up, and turn by turn, so that whatever else the machine does hits everything alike.

Knows no benchmark.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Name = TypeVar("Name")

WARM_UP: int = 3


def interleaved(
    actions: Mapping[Name, Callable[[], object]], rounds: int, *, warm_up: int = WARM_UP, longest: float = 20.0
) -> dict[Name, list[float]]:
    """Times several actions turn by turn.

    Args:
        actions: what to time, by name.
        rounds: how many samples of each.
        warm_up: rounds before that are thrown away.
        longest: seconds after which a slow action is left out of further rounds, once it has three samples.

    Returns:
        The samples of each action in seconds, in the order they were taken.
    """
    samples: dict[Name, list[float]] = {name: [] for name in actions}
    spent = dict.fromkeys(actions, 0.0)
    gc.collect()
    for number in range(-warm_up, rounds):
        for name, action in actions.items():
            if spent[name] > longest and len(samples[name]) >= 3:
                continue
            began = time.perf_counter()
            action()
            took = time.perf_counter() - began
            spent[name] += took
            if number >= 0:
                samples[name].append(took)
    return samples
