"""Bringing a database to this program's schema, and refusing one that does not fit.

Promise: at most one upgrade runs at a time; a revision happened wholly or not at all; a SQLite file is copied before it is changed.
Opening a database asks one question (`check_version`). Alembic is imported only when a migration runs. This module knows no table but
`meta`.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from storage import database, sqlite_copy, sqlite_file
from storage.errors import AtlasError, DatabaseError, DatabaseTooNew, DatabaseTooOld, InvalidInput
from storage.schema_core import meta

SCHEMA_NUMBER: Final = 8
"""The newest revision this program knows; its reads and writes fit exactly this schema."""

ADVISORY_LOCK: Final = 0x41544C41
"""PostgreSQL: the key of the session lock that an upgrade holds ("ATLA")."""

_HINT: Final = "Run `atlas-tui db upgrade`."
_FACTS: Final = ("database_id", "schema", "min_reader", "min_writer")


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


def check_version(connection: Connection, *, writing: bool = True) -> None:
    """Refuses a database that this program must not use. One query.

    Args:
        connection: an open connection; nothing is changed.
        writing: whether the program will write (else a newer database that still allows reading passes).

    Raises:
        DatabaseTooNew: a newer program has changed it so that this one must not use it.
        DatabaseTooOld: it has migrations to run, or is empty.
        DatabaseError: it is not an Atlas database, or damaged.
    """
    facts = _read_facts(connection)
    if facts is None:
        raise DatabaseTooOld("The database is empty.", _HINT)
    if facts["min_reader"] > SCHEMA_NUMBER or (writing and facts["min_writer"] > SCHEMA_NUMBER):
        raise DatabaseTooNew(
            f"The database is of schema {facts['schema']}; this program knows schema {SCHEMA_NUMBER}.",
            "Install the newer program, or restore a backup made before the upgrade.",
        )
    if facts["schema"] < SCHEMA_NUMBER:
        raise DatabaseTooOld(
            f"The database is of schema {facts['schema']}; this program needs schema {SCHEMA_NUMBER}.", _HINT
        )


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
    with _translated(url), _connected(url, path, 5.0) as connection:
        return _schema(connection)


class _Migration:
    """One migration under way, the lock held."""

    def __init__(self, url: URL, connection: Connection) -> None:
        self._path = _path(url)
        self._connection = connection
        self.schema = _schema(connection)
        connection.rollback()

    def run(self, direction: str, wanted: int) -> UpgradeResult:
        """Runs the revisions from here to there, each in a transaction of its own."""
        if self.schema > SCHEMA_NUMBER:
            raise DatabaseTooNew(
                f"The database is of schema {self.schema}; this program knows schema {SCHEMA_NUMBER}.",
                "Use the program that wrote it.",
            )
        backup = None
        if self._path is not None and self.schema > 0:
            backup = sqlite_copy.copy_before(self._path, wanted)
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
        config.attributes["connection"] = self._connection
        revision = "base" if wanted == 0 else f"{wanted:04d}"
        (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)
        return UpgradeResult(self.schema, wanted, backup)


@contextlib.contextmanager
def _locked(address: str, wait_seconds: float, *, create: bool) -> Iterator[_Migration]:
    """Opens the connection that migrations run on and holds the lock against other upgrades until it is closed."""
    url = database.read_url(address)
    path = _path(url)
    with contextlib.ExitStack() as stack:
        if path is not None:
            if create:
                sqlite_file.make_private_directory(path.parent) if not path.parent.exists() else None
            elif not path.exists():
                raise DatabaseError(f"There is no database at {path}.", "Check the path.")
            stack.enter_context(sqlite_copy.upgrade_lock(path, wait_seconds))
            stack.enter_context(sqlite_copy.created_if_absent(path))
            sqlite_file.check_place(path, shared=True)
        stack.enter_context(_translated(url))
        connection = stack.enter_context(_connected(url, path, wait_seconds))
        if path is None:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
        else:
            _check_integrity(connection)
        yield _Migration(url, connection)


@contextlib.contextmanager
def _connected(url: URL, path: Path | None, wait_seconds: float) -> Iterator[Connection]:
    engine = _postgres_engine(url, wait_seconds) if path is None else _sqlite_engine(path, wait_seconds)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _sqlite_engine(path: Path, wait_seconds: float) -> Engine:
    """Foreign keys are off, since recreating a table with them on deletes its children; every transaction takes its lock first."""
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
        if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
            connection.execute(f"PRAGMA journal_mode={journal}").close()
        return connection

    engine = create_engine("sqlite://", module=module, creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
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


def _schema(connection: Connection) -> int:
    """Returns the schema number; 0 when there is nothing at all.

    Raises:
        DatabaseError: what is there is not ours, or does not agree with itself.
    """
    facts = _read_facts(connection)
    if facts is None:
        return 0
    applied = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if applied != [f"{facts['schema']:04d}"]:
        raise _damaged("its schema number and its last migration disagree")
    return facts["schema"]


def _read_facts(connection: Connection) -> dict[str, int] | None:
    """Reads the version numbers from `meta`; None for a database without any table."""
    statement = select(meta.c.key, meta.c.value).where(meta.c.key.in_(_FACTS))
    guard = connection.begin_nested() if connection.dialect.name == "postgresql" else contextlib.nullcontext()
    try:
        with guard:
            rows = {row.key: row.value for row in connection.execute(statement)}
    except (exc.OperationalError, exc.ProgrammingError) as error:
        if not _is_about_meta(error):
            raise
        if set(inspect(connection).get_table_names()) <= {"alembic_version"}:
            return None
        raise _foreign() from None
    if "database_id" not in rows:
        raise _foreign()
    try:
        return {key: int(rows[key]) for key in _FACTS[1:]}
    except (KeyError, ValueError):
        raise _damaged("its version numbers are missing") from None


def _is_about_meta(error: exc.DBAPIError) -> bool:
    """Says whether the table or its columns are missing (42P01, 42703: PostgreSQL, Appendix A), rather than the database."""
    state = getattr(error.orig, "sqlstate", None)
    return state in ("42P01", "42703") or str(error.orig).startswith(("no such table", "no such column"))


def _foreign() -> DatabaseError:
    return DatabaseError("This is not an Atlas database.", "Check the path or URL in the configuration.")


def _damaged(how: str) -> DatabaseError:
    return DatabaseError(f"The database is damaged: {how}.", "Restore it from a backup; see docs/operations.md.")


@contextlib.contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turns what the driver, Alembic and the revisions raise into errors for people."""
    try:
        yield
    except AtlasError:
        raise
    except exc.DBAPIError as error:
        raise database.explain(error, url.get_backend_name() == "sqlite") from None
    except Exception as error:
        if type(error).__module__ == "migrations.facts":
            raise DatabaseError(str(error), "Nothing of this step was kept; correct the rows and try again.") from None
        raise


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
