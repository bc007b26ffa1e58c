"""Every benchmark runs, at a tiny size, as a process of its own: its real databases, terminals, worker and simulator included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.report import PAGE, RESULTS

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_runs(name: str) -> None:
    before = RESULTS.read_bytes(), PAGE.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", name], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    title, header, *rows = done.stdout.split("\n\n", 1)[1].splitlines()
    assert title
    assert header.split() == ["median", "min", "p99", "max", "n", "ratio", "aim"]
    assert len(rows) > 3
    assert (RESULTS.read_bytes(), PAGE.read_bytes()) == before, "a quick run writes nothing"


def test_an_unknown_name_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "everything"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no benchmark everything" in done.stderr
    assert "Traceback" not in done.stderr
