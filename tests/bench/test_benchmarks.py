"""Every benchmark runs, at a tiny size: its real databases, terminals, worker and simulator included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.report import PAGE, RESULTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """What a quick run of all of them prints, each by its name; they share their fleets, as in a full run."""
    before = RESULTS.read_bytes(), PAGE.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (RESULTS.read_bytes(), PAGE.read_bytes()) == before, "a quick run writes nothing"
    _described, *printed = done.stdout.strip("\n").split("\n\n")
    return dict(zip(BENCHMARKS, printed, strict=True))


@pytest.mark.timeout(600)  # all of them, for whoever is the first to ask
@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_runs(sections: dict[str, str], name: str) -> None:
    title, header, *rows = sections[name].splitlines()
    assert title
    assert header.split() == ["median", "min", "p99", "max", "n", "ratio", "aim"]
    assert len(rows) > 3


def test_names_are_taken_one_by_one_and_an_unknown_one_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "bulk"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip("\n").split("\n\n")) == 2

    done = subprocess.run(
        [sys.executable, "-m", "bench", "everything"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no benchmark everything" in done.stderr
    assert "Traceback" not in done.stderr
