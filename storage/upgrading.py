"""Bringing a database to this program's schema, or back to an older one.

Promise: at most one upgrade runs at a time; a revision happened wholly or not at all; a SQLite file is copied before it is changed.
Alembic is imported only when a migration runs. This module knows no table.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from storage import database, driver_errors, sqlite_copy, sqlite_file
from storage.errors import AtlasError, DatabaseError, InvalidInput
from storage.schema_version import SCHEMA_NUMBER, check_version, schema_of, too_new

__all__ = ["SCHEMA_NUMBER", "UpgradeResult", "check_version", "current", "downgrade", "upgrade"]

ADVISORY_LOCK: Final = 0x41544C41
"""PostgreSQL: the key of the session lock that an upgrade holds ("ATLA")."""


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """What an upgrade or a downgrade did.

    Attributes:
        from_: the schema number before; 0 for an empty database.
        to: the schema number now; the same when there was nothing to do.
        backup: the copy that was made before; None for PostgreSQL, for an empty file, and when there was nothing to do.
    """

    from_: int
    to: int
    backup: Path | None = None


def upgrade(address: str, *, target: str = "head", wait_seconds: float = 300.0) -> UpgradeResult:
    """Brings a database to a schema, creating it when there is none.

    Args:
        address: a path, `sqlite:///…` or `postgresql://…` (a direct connection, not a transaction pooler).
        target: `head`, or a revision such as `0005`. One that is already behind is nothing to do.
        wait_seconds: how long to wait for another upgrade to end.

    Raises:
        InvalidInput: the address or the target cannot be read.
        DatabaseBusy: another upgrade, or another program, kept the database locked.
        DatabaseTooNew: a newer program wrote it.
        DatabaseError: it is not ours, is damaged, or its rows do not fit; what the failed revision did is undone.
    """
    wanted = _number(target)
    with _locked(address, wait_seconds, create=True) as migration:
        if migration.schema >= wanted:
            return UpgradeResult(migration.schema, migration.schema)
        return migration.run("upgrade", wanted)


def downgrade(address: str, target: str, *, wait_seconds: float = 300.0) -> UpgradeResult:
    """Takes a database back to an older schema; what the older one cannot hold is lost, as each revision documents.

    Args:
        address: as for `upgrade`.
        target: `base`, or a revision such as `0004`.
        wait_seconds: as for `upgrade`.

    Raises:
        As `upgrade`.
    """
    wanted = _number(target)
    with _locked(address, wait_seconds, create=False) as migration:
        if migration.schema <= wanted:
            return UpgradeResult(migration.schema, migration.schema)
        return migration.run("downgrade", wanted)


def current(address: str) -> int:
    """Returns the schema number of a database; 0 when it is absent or empty.

    Raises:
        InvalidInput: the address cannot be read.
        DatabaseError: it cannot be opened, is not ours, or damaged.
    """
    url = database.read_url(address)
    path = _path(url)
    if path is not None and not path.exists():
        return 0
    with _translated(url), _connected(url, path, 5.0, writing=False) as connection:
        return schema_of(connection)


class _Migration:
    """One migration under way, the lock held."""

    def __init__(self, url: URL, connection: Connection) -> None:
        self._path = _path(url)
        self._connection = connection
        self.schema = schema_of(connection)
        connection.rollback()
        if self.schema > SCHEMA_NUMBER:
            raise too_new(self.schema)

    def run(self, direction: str, wanted: int) -> UpgradeResult:
        """Runs the revisions from here to there, each in a transaction of its own."""
        backup = None
        if self._path is not None and self.schema > 0:
            backup = sqlite_copy.copy_before(self._path, wanted)
        scripts = _scripts()
        from alembic import command
        from alembic.config import Config

        from migrations.facts import UnfitData

        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes["connection"] = self._connection
        revision = "base" if wanted == 0 else f"{wanted:04d}"
        try:
            (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)
        except UnfitData as error:
            raise DatabaseError(str(error), "Nothing of this step was kept; correct the rows and try again.") from None
        return UpgradeResult(self.schema, wanted, backup)


@contextlib.contextmanager
def _locked(address: str, wait_seconds: float, *, create: bool) -> Iterator[_Migration]:
    """Opens the connection that migrations run on and holds the lock against other upgrades until it is closed."""
    url = database.read_url(address)
    path = _path(url)
    with contextlib.ExitStack() as stack:
        if path is not None:
            if create:
                if not path.parent.exists():
                    sqlite_file.make_private_directory(path.parent)
            elif not path.exists():
                raise DatabaseError(f"There is no database at {path}.", "Check the path.")
            stack.enter_context(sqlite_copy.upgrade_lock(path, wait_seconds))
            stack.enter_context(sqlite_copy.created_if_absent(path))
            sqlite_file.check_place(path, shared=True)
        stack.enter_context(_translated(url))
        connection = stack.enter_context(_connected(url, path, wait_seconds, writing=True))
        if path is None:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
        else:
            _check_integrity(connection)
        yield _Migration(url, connection)


@contextlib.contextmanager
def _connected(url: URL, path: Path | None, wait_seconds: float, *, writing: bool) -> Iterator[Connection]:
    engine = _postgres_engine(url, wait_seconds) if path is None else _sqlite_engine(path, wait_seconds, writing)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _sqlite_engine(path: Path, wait_seconds: float, writing: bool) -> Engine:
    """Foreign keys are off, since recreating a table with them on deletes its children; a writing transaction takes its lock first."""
    module = sqlite_file.sqlite_module()
    journal = sqlite_file.journal_mode(module.sqlite_version_info)

    def connect() -> Any:
        connection = module.connect(sqlite_file.uri(path), uri=True, timeout=wait_seconds, isolation_level=None)
        for pragma in (
            "foreign_keys=OFF",
            "legacy_alter_table=ON",
            "synchronous=FULL",
            "trusted_schema=OFF",
            "secure_delete=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        if writing and connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
            connection.execute(f"PRAGMA journal_mode={journal}").close()
        return connection

    engine = create_engine("sqlite://", module=module, creator=connect, poolclass=NullPool, hide_parameters=True)
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _postgres_engine(url: URL, wait_seconds: float) -> Engine:
    """`lock_timeout` also ends the wait for the advisory lock (PostgreSQL, "Client Connection Defaults")."""
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)

    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(wait_seconds * 1000)}")
            cursor.execute("SET statement_timeout = 0")
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def _check_integrity(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() != "ok":
        raise DatabaseError("The database file is damaged.", "Restore it from a backup; see docs/operations.md.")
    connection.rollback()


@contextlib.contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turns what the driver raises into errors for people."""
    try:
        yield
    except AtlasError:
        raise
    except exc.DBAPIError as error:
        raise driver_errors.explain(error, url.get_backend_name() == "sqlite") from None


def _scripts() -> Path:
    """Finds the chain beside this package: in the wheel and in a checkout both are top-level packages.

    Raises:
        DatabaseError: another package named `migrations` stands in the way of ours.
    """
    ours = Path(__file__).resolve().parent.parent / "migrations"
    found = importlib.util.find_spec("migrations")
    if found is None or found.origin is None or Path(found.origin).resolve().parent != ours:
        raise DatabaseError(
            "The program's migrations are missing, or hidden by another package named `migrations`.",
            "Install the program again, and start it from another directory.",
        )
    return ours


def _number(target: str) -> int:
    if target == "head":
        return SCHEMA_NUMBER
    if target == "base":
        return 0
    if target.isascii() and target.isdigit() and int(target) <= SCHEMA_NUMBER:
        return int(target)
    raise InvalidInput("target", "is not a schema of this program", f"Use `head`, or 0001 to {SCHEMA_NUMBER:04d}.")


def _path(url: URL) -> Path | None:
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
