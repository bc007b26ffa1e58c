"""Upgrades in processes of their own: one at a time, taken up where one was killed, whatever directory they start in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import upgrading

HEAD = upgrading.SCHEMA_NUMBER
UPGRADES = """
import json, os, sys
from alembic import command
from storage import upgrading
from migrations import facts


def upgrade(address, dies_in, begun, answer):
    told = facts.set_version

    def set_version(schema, **programs):
        told(schema, **programs)
        if schema == dies_in:
            os.kill(os.getpid(), 9)

    facts.set_version = set_version
    os.read(begun, 1)
    result = upgrading.upgrade(address)
    os.write(answer, json.dumps([result.from_, result.to]).encode())


for line in sys.stdin:
    address, environment, dies_in, count = json.loads(line)
    os.environ.update(environment)
    begun, begin = os.pipe()
    made = []
    for _ in range(count):
        heard, answer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(begin)
            try:
                upgrade(address, dies_in, begun, answer)
            finally:
                os._exit(0)
        os.close(answer)
        made.append((process, heard))
    os.close(begin)  # the end of what they read: all begin
    ended = [[os.read(heard, 100).decode(), os.waitpid(process, 0)[1]] for process, heard in made]
    for heard in (begun, *(heard for _, heard in made)):
        os.close(heard)
    print(json.dumps(ended), flush=True)
"""
"""Forks a process for each upgrade: to start one afresh, and import all of it, took longer than the upgrade."""

Upgrades = Callable[..., list[tuple[list[int], int]]]


@pytest.fixture(scope="module")
def _forks() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", UPGRADES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture
def upgrades(_forks: subprocess.Popen[str]) -> Upgrades:
    """Upgrades a database in so many processes that begin at once; gives what each answered and how it ended."""

    def run(ground: Any, count: int = 1, dies_in: int | None = None) -> list[tuple[list[int], int]]:
        assert _forks.stdin is not None
        assert _forks.stdout is not None
        environment = {"ATLAS_SQLITE": os.environ.get("ATLAS_SQLITE", "")}
        _forks.stdin.write(json.dumps([ground.address, environment, dies_in, count]) + "\n")
        _forks.stdin.flush()
        ended = json.loads(_forks.stdout.readline())
        return [(json.loads(answer or "[]"), status) for answer, status in ended]

    return run


def test_four_upgrades_at_once_are_one_upgrade(ground: Any, fleet: Any, upgrades: Upgrades) -> None:
    fleet.add_through(1)
    ended = upgrades(ground, count=4)
    assert sorted(ended) == [([1, HEAD], 0), *[([HEAD, HEAD], 0)] * 3]
    assert ground.counts()["provider_connections"] == 6


@pytest.mark.parametrize("dies_in", [1, 3, 5, 8])
def test_an_upgrade_killed_inside_a_revision_is_taken_up_where_it_stopped(
    ground: Any, fleet: Any, upgrades: Upgrades, dies_in: int
) -> None:
    if dies_in > 1:
        fleet.add_through(1)
    assert upgrades(ground, dies_in=dies_in) == [([], 9)]
    assert upgrading.current(ground.address) == dies_in - 1
    assert upgrading.upgrade(ground.address) == upgrading.UpgradeResult(
        dies_in - 1, HEAD, Path(f"{ground.address}.before-{HEAD}") if ground.is_sqlite and dies_in > 1 else None
    )
    assert ground.counts()["provider_connections"] == (6 if dies_in > 1 else 0)


def test_the_chain_is_found_beside_the_package_whatever_the_directory(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "__init__.py").write_text("raise SystemExit('somebody else')")
    root = Path(upgrading.__file__).parents[1]
    script = (
        "import sys; from storage import upgrading\n"
        "assert not [name for name in sys.modules if name.startswith(('alembic', 'migrations'))]\n"
        "print(upgrading.upgrade(sys.argv[1]).to)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.db")],
        cwd=tmp_path.parent,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(HEAD)
    hidden = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "b.db")],
        cwd=tmp_path.parent,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "hidden by another package" in hidden.stderr
