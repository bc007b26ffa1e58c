"""What tests of storage may ask for: the same small fleet on every kind of database, a clock that moves when told, a worker by hand.

The fleet is built once per kind of database and session, into a template; every test gets a copy of its own.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

from storage import upgrading
from storage.database import open_database

if TYPE_CHECKING:
    from fleet_working import Fleet
    from postgres_copies import PostgresCopies


def _load(name: str) -> ModuleType:
    """Imports a module that is beside this file; test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


# Each uses those before it.
fleet_rows, fleet_building, fleet_working = _load("fleet_rows"), _load("fleet_building"), _load("fleet_working")
postgres_copies, journals = _load("postgres_copies"), _load("journals")

KINDS = ("sqlite-wal", "sqlite-delete", "postgresql")
_copies = itertools.count(1)


@dataclass
class _Template:
    fleet: Fleet
    address: str


@pytest.fixture(scope="session")
def _templates(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], _Template]:
    made: dict[str, _Template] = {}

    def template(kind: str) -> _Template:
        if kind not in made:
            if kind == "postgresql":
                server = request.getfixturevalue("postgres_server")
                engine = create_engine(server, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.execute(text("CREATE DATABASE fleet_template TEMPLATE template0"))
                engine.dispose()
                address = make_url(server).set(database="fleet_template").render_as_string(hide_password=False)
            else:
                address = str(tmp_path_factory.mktemp(kind) / "template.db")
            upgrading.upgrade(address)
            clock = fleet_rows.MovableClock()
            db = open_database(address, clock=clock)
            fleet: Fleet = fleet_working.Fleet(db, clock, address)
            fleet.build()
            db.close()
            made[kind] = _Template(fleet, address)
        return made[kind]

    return template


@pytest.fixture(scope="session")
def _postgres_copies(_templates: Callable[[str], _Template], postgres_server: str) -> Iterator[PostgresCopies]:
    _templates("postgresql")
    copies = postgres_copies.PostgresCopies(postgres_server, "fleet_template")
    yield copies
    copies.close()


@pytest.fixture
def copy_fleet(
    _templates: Callable[[str], _Template],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[str], Fleet]]:
    """Makes copies of the fleet in databases of a kind."""
    opened: list[Fleet] = []
    taken: list[tuple[str, str]] = []

    def copy(kind: str) -> Fleet:
        monkeypatch.setenv("ATLAS_SQLITE", "standard" if kind == "sqlite-delete" else "bundled")
        template = _templates(kind)
        if kind == "postgresql":
            taken.append(request.getfixturevalue("_postgres_copies").take())
            server = make_url(request.getfixturevalue("postgres_server"))
            address = server.set(database=taken[-1][0]).render_as_string(hide_password=False)
        else:
            address = str(tmp_path / f"{next(_copies)}.db")
            shutil.copyfile(template.address, address)
            os.chmod(address, 0o600)
        clock = fleet_rows.MovableClock()
        clock.time = template.fleet.clock.time
        origin = template.fleet
        fleet: Fleet = fleet_working.Fleet(
            open_database(address, clock=clock, pool_size=20),  # twenty threads never wait for a connection
            clock,
            address,
            origin.north,
            origin.south,
            dict(origin.people),
            dict(origin.tenant),
            dict(origin.connection),
            origin.app,
            origin.worker_key,
        )
        opened.append(fleet)
        return fleet

    yield copy
    for fleet in opened:
        fleet.db.close()
    for name, catalog in taken:
        request.getfixturevalue("_postgres_copies").give_back(name, catalog)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves SQLite's DELETE journal to the tests that can notice it, unless ATLAS_TEST_EVERY_JOURNAL is set."""
    if os.environ.get("ATLAS_TEST_EVERY_JOURNAL"):
        return
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        is_kept = params.get("kind") != "sqlite-delete" or journals.can_notice(item)
        (kept if is_kept else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kinds of database that behaviour must be the same on."""
    return str(request.param)


@pytest.fixture
def fleet(copy_fleet: Callable[[str], Fleet], kind: str) -> Fleet:
    """The fleet, on each kind of database."""
    return copy_fleet(kind)


@pytest.fixture
def sqlite_fleet(copy_fleet: Callable[[str], Fleet]) -> Fleet:
    """The fleet on SQLite, for what does not depend on the database."""
    return copy_fleet("sqlite-wal")


@pytest.fixture
def postgres_fleet(copy_fleet: Callable[[str], Fleet]) -> Fleet:
    """The fleet on PostgreSQL, for what only it does."""
    return copy_fleet("postgresql")
