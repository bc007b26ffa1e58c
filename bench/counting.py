"""Compliance snapshots at size: one large tenant, a fleet, memory; against a floor and against Microsoft's SDK."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import device_counts
from bench.device_counts import everywhere, floor, ours, settings_for
from bench.figures import Aim, Figure, Section, Spread, counted, timed
from bench.fleets import Fleets
from bench.installation import Simulated, simulator
from bench.terminal import ROOT, this_python

NAME = "counting"
_THREADS: Final = 8
_HALF_SPEED: Final = Aim("ratio", 2.0)
_GROWTH: Final = Aim("high", 20.0)


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    devices, tenants, each = (1_000, 2, 200) if quick else (100_000, 200, 5_000)
    for_sdk = 50 if quick else 2_000
    rounds, fleet_rounds = (1, 1) if quick else (3, 2)
    directory = fleets.new_directory()
    with simulator(fleets.new_directory(), 1, devices=for_sdk) as small:
        small_one, few = settings_for(small.endpoints), small.apps[0]
        floor(small_one, few)  # warm: what is imported on first use is no part of any count
        ours(small_one, few)
        sdk = _compared(
            {
                "ours": lambda: ours(small_one, few),
                "sdk": lambda: device_counts.by_microsofts_sdk(small.endpoints, few),
            },
            rounds,
            for_sdk,
        )
    with simulator(directory, 1, devices=devices) as one:
        settings, app = settings_for(one.endpoints), one.apps[0]
        large = _compared({"ours": lambda: ours(settings, app), "floor": lambda: floor(settings, app)}, rounds, devices)
        peak = [_peak(directory, one, devices) for _ in range(rounds)]
    with simulator(fleets.new_directory(), 1, devices=devices // 10) as tenth:
        peak_of_tenth = [_peak(directory, tenth, devices // 10) for _ in range(rounds)]
    with simulator(fleets.new_directory(), tenants, devices=each) as fleet:
        everyones, apps = settings_for(fleet.endpoints), fleet.apps
        whole = _compared(
            {
                "ours": lambda: everywhere(everyones, apps, ours, _THREADS),
                "floor": lambda: everywhere(everyones, apps, floor, _THREADS),
            },
            fleet_rounds,
            tenants * each,
        )
    growth = [(large_one - small_one) / 1e6 for large_one, small_one in zip(peak, peak_of_tenth, strict=True)]
    return Section(
        NAME,
        "Counting devices",
        f"The compliance snapshot's own code on one tenant of {devices:,} devices, and on {tenants} tenants of {each:,} each,"
        f" {_THREADS} at a time. The floor is the same HTTP client in a loop that reads the same pages and counts the objects by"
        f" their text. Microsoft's SDK (`PageIterator`) counts {for_sdk:,} devices on the same kind of server, because it takes"
        " seconds for a thousand. Turn by turn; the simulator makes each device when it is asked for, which is most of the wall"
        " time, so processor time of the client is told too.",
        (
            timed(f"{devices:,} devices of one tenant, wall", large["ours"][0], "One snapshot from sign-in to counts.",
                  reference=large["floor"][0], against="the floor", aim=_HALF_SPEED),
            timed(f"{devices:,} devices of one tenant, processor", large["ours"][1], "What it costs the worker.",
                  reference=large["floor"][1], against="the floor"),
            timed(f"{tenants} tenants of {each:,}, wall", whole["ours"][0], "A fleet's snapshots in one process.",
                  reference=whole["floor"][0], against="the floor", aim=_HALF_SPEED),
            timed(f"{tenants} tenants of {each:,}, processor", whole["ours"][1], "What they cost the worker.",
                  reference=whole["floor"][1], against="the floor"),
            timed(f"{for_sdk:,} devices by Microsoft's SDK, wall", sdk["sdk"][0], "How many times ours it takes.",
                  reference=sdk["ours"][0], against="the snapshot"),
            counted(f"peak memory at {devices:,} devices", [value / 1e6 for value in peak], "Of the whole process.",
                    unit="MB"),
            Figure("growth of peak memory as devices grow tenfold", "MB", Spread.of(growth),
                   "A page is all that memory holds.", aim=_GROWTH),
        ),
    )  # fmt: skip


def _compared(
    ways: dict[str, Callable[[], int]], rounds: int, expected: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Times several ways turn by turn: wall and processor time, in seconds."""
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began, used = time.perf_counter(), time.process_time()
            total = way()
            found[name][0].append(time.perf_counter() - began)
            found[name][1].append(time.process_time() - used)
            if total != expected:
                raise RuntimeError(f"{name} counted {total} of {expected} devices")
    return found


def _peak(directory: Path, simulated: Simulated, devices: int) -> float:
    """Counts in a process of its own; returns its largest resident size in bytes."""
    file = directory / "count.json"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump({"endpoints": simulated.endpoints, "app": asdict(simulated.apps[0])}, out)
    done = subprocess.run(
        this_python("-m", "bench.device_counts", str(file)), cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    if told["total"] != devices:
        raise RuntimeError(f"{told['total']} of {devices} devices were counted")
    return float(told["peak"])
