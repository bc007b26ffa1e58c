"""Runs the benchmarks: `python -m bench [--quick] [NAME …]`.

Promise: a full run rewrites the benchmark's part of docs/benchmarks.md; `--quick` measures next to nothing and writes nothing. The exit
status says whether everything ran, not whether the aims were kept: those belong to a machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench import bulk, counting, first_paint, gateway, key_press, lists, machine, pages, report, start_gate
from bench.figures import Section
from bench.fleets import Fleets

BENCHMARKS: Final[dict[str, Callable[..., Section]]] = {
    module.NAME: module.run for module in (first_paint, lists, pages, start_gate, bulk, key_press, gateway, counting)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what was asked for, and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Atlas TUI.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small and short, to see that it runs; writes nothing")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    os.umask(0o077)
    described = machine.describe()
    print(f"{described}\n", flush=True)
    with Fleets() as fleets:
        for name in options.names or BENCHMARKS:
            load = machine.load()
            section = BENCHMARKS[name](fleets, quick=options.quick)
            print(report.plain(section), flush=True)
            if not options.quick:
                report.keep(report.result_of(section, described, load), tuple(BENCHMARKS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
