"""The databases that migrations are tested on, and a believable fleet at every revision.

Three kinds: SQLite through pysqlite3 (WAL), SQLite through the standard module (its journal by its version), PostgreSQL.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ground_under_migration import Ground
    from rows_of_revisions import Fleet


def _load(name: str) -> ModuleType:
    """Imports a module that is beside this file; test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


grounds, rows_of_revisions = _load("ground_under_migration"), _load("rows_of_revisions")


@pytest.fixture(params=["pysqlite3", "standard sqlite3", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty database of each kind."""
    with _ground(request.param, tmp_path, monkeypatch, request) as made:
        yield made


@pytest.fixture(params=["pysqlite3", "standard sqlite3"])
def sqlite_ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty SQLite database through each of its two modules."""
    with _ground(request.param, tmp_path, monkeypatch, request) as made:
        yield made


@pytest.fixture
def bundled_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """An empty SQLite database, for what does not depend on the module."""
    with _ground("pysqlite3", tmp_path, monkeypatch, request) as made:
        yield made


@contextmanager
def _ground(kind: str, directory: Path, patch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ground]:
    if kind == "postgresql":
        made = grounds.Ground(request.getfixturevalue("postgres_url"))
    else:
        standard = kind == "standard sqlite3"
        patch.setenv("ATLAS_SQLITE", "standard" if standard else "bundled")
        module = importlib.import_module("sqlite3" if standard else "pysqlite3.dbapi2")
        made = grounds.Ground(str(directory / "atlas.db"), module)
    try:
        yield made
    finally:
        made.dispose()


@pytest.fixture
def fleet(ground: Ground) -> Fleet:
    """Adds rows to `ground`."""
    made: Fleet = rows_of_revisions.Fleet(ground)
    return made


@pytest.fixture
def sqlite_fleet(sqlite_ground: Ground) -> Fleet:
    """Adds rows to `sqlite_ground`."""
    made: Fleet = rows_of_revisions.Fleet(sqlite_ground)
    return made


@pytest.fixture
def another_ground(ground: Ground, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A second empty database of the same kind, to compare with."""
    if ground.is_sqlite:
        made = grounds.Ground(str(tmp_path / "another.db"), ground.engine.dialect.dbapi)
    else:
        make: Callable[[], str] = request.getfixturevalue("make_postgres_database")
        made = grounds.Ground(make())
    yield made
    made.dispose()
