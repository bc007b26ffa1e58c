"""The database: opening it, and transactions.

Promise: a write is one transaction that either happened or did not, retried when the database asks for it; a read is short and sees
one moment. Errors of the driver never leave: they become `DatabaseError`s without parameters or texts of others. The clock is the
database's. This module knows no table but the two that say what the database is and what has changed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, select, text, update
from sqlalchemy.engine import URL, CursorResult, make_url
from sqlalchemy.pool import QueuePool

from storage import sqlite_file
from storage.columns import parse_sqlite_time
from storage.driver_errors import Overtaken, explain, too_large, unstorable
from storage.errors import AtlasError, DatabaseBusy, DatabaseError, Forbidden, InvalidInput
from storage.schema_core import change_topics, meta
from storage.states import Topic

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5_000
WRITE_ATTEMPTS: Final = 6
CHANNEL: Final = "atlas_tui"
_WRITE: Final = "atlas_write"

_SESSION: Final = "-c timezone=UTC -c lock_timeout=10000 -c jit=off"
"""How PostgreSQL's sessions are. Compiling a query (jit) took 1.5 s of the 1.8 s that Attention's longest one needed at a million
connections: what is read here is bounded, and the costs that compiling is decided by are estimated without the bounds.
"""

Clock = Callable[[Connection], datetime]


def database_clock(connection: Connection) -> datetime:
    """Reads the database's clock: the moment of the statement, not of the transaction's start, in UTC."""
    if connection.dialect.name == "postgresql":
        value = connection.execute(text("SELECT statement_timestamp()")).scalar_one()
        return value.astimezone(UTC)  # type: ignore[no-any-return]
    return parse_sqlite_time(connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f','now')")).scalar_one())


class Transaction:
    """One open transaction. Lives only inside `Database.read` or `Database.write`.

    Attributes:
        connection: the SQLAlchemy connection, begun.
        is_sqlite: which of the two dialects it is.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"
        self._clock = clock
        self._touched: set[Topic] = set()
        self._last_words: dict[Callable[[Transaction, list[Any]], None], list[Any]] = {}

    def now(self) -> datetime:
        """Returns the database's time at this moment, truncated to milliseconds, which is what both databases keep."""
        value = self._clock(self.connection)
        return value.replace(microsecond=value.microsecond // 1000 * 1000)

    def run(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        """Executes one statement."""
        return self.connection.execute(statement, parameters)

    def touch(self, *topics: Topic) -> None:
        """Tells the change feed, when this transaction commits, that something of these topics changed."""
        self._touched.update(topics)

    def at_the_end(self, action: Callable[[Transaction, list[Any]], None], item: Any) -> None:
        """Defers an action to the last moment before COMMIT, for locks that everybody wants (an audit head): done once, with all items."""
        self._last_words.setdefault(action, []).append(item)

    def finish(self) -> None:
        """Does what was deferred and announces what changed. Called by `Database.write` only."""
        for action, items in self._last_words.items():
            action(self, items)
        if not self._touched:
            return
        if self.is_sqlite:
            self.run(
                update(change_topics)
                .where(change_topics.c.topic.in_(sorted(self._touched)))
                .values(sequence=change_topics.c.sequence + 1)
            )
            return
        for topic in sorted(self._touched):
            self.run(text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic.value})


class Database:
    """The way to the local truth. Thread-safe; make one per process with `open_database`."""

    def __init__(self, engine: Engine, *, clock: Clock = database_clock) -> None:
        self.engine = engine
        self.clock = clock
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._sleep: Callable[[float], None] = time.sleep
        self._database_id: str | None = None

    @property
    def url(self) -> str:
        """The database's address, its password hidden."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def kind(self) -> str:
        """What people read: `sqlite`, or `postgresql host/name`."""
        if self.is_sqlite:
            return "sqlite"
        return f"postgresql {self.engine.url.host or 'local'}/{self.engine.url.database}"

    @property
    def database_id(self) -> str:
        """The database's own random id, part of every sealed credential's binding."""
        if self._database_id is None:
            with self.read() as tx:
                self._database_id = str(tx.run(select(meta.c.value).where(meta.c.key == "database_id")).scalar_one())
        return self._database_id

    @contextmanager
    def read(self, *, wanting: str = "") -> Iterator[Transaction]:
        """Opens a short read transaction; everything must be fetched before it ends. A refusal that leaves it is written down.

        Args:
            wanting: the change that is looked at beforehand, as the audit trail calls it; told with a refusal.

        Raises:
            DatabaseError: the database could not be asked.
        """
        try:
            with self._translated(), self.engine.connect() as connection, connection.begin():
                yield Transaction(connection, self.clock)
        except Forbidden as error:
            from storage import refusals  # it writes the trail, so it stands above this module

            refusals.tell(self, error, wanting)
            raise

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` in one write transaction and returns what it returns.

        The transaction takes the write lock first (SQLite) and is tried again with jitter after a serialization failure, a deadlock,
        a row that somebody else added first, or a busy database, so `work` must have no effect outside the transaction. No network
        call, no prompt, no waiting in it.

        Raises:
            DatabaseBusy: others kept the database locked.
            DatabaseError: the database could not be written.
            AtlasError: whatever `work` raised; nothing was written.
        """
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                with self._translated():
                    return self._write_once(work)
            except (DatabaseBusy, Overtaken):
                if attempt == WRITE_ATTEMPTS:
                    raise
                self._sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable: the loop returns or raises")

    def _write_once(self, work: Callable[[Transaction], T]) -> T:
        with self.engine.connect() as raw:
            connection = raw.execution_options(**{_WRITE: True})
            with connection.begin():
                tx = Transaction(connection, self.clock)
                result = work(tx)
                tx.finish()
                return result

    def close(self) -> None:
        """Closes all pooled connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except AtlasError:
            raise
        except exc.TimeoutError as error:
            raise DatabaseBusy("The database has no free connection.", "Try again in a moment.") from error
        except exc.DBAPIError as error:
            raise explain(error, self.is_sqlite) from None
        except OverflowError:
            raise too_large() from None
        except UnicodeEncodeError:
            raise unstorable() from None


def _absolute(path: str) -> str:
    if "\0" in path:
        raise InvalidInput("database", "holds a character that no path has", "Check the path.")
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:
        raise InvalidInput("database", "names the home of an account that is not here", "Write the path out.") from None


def read_url(value: str) -> URL:
    """Reads a database address: a path, `sqlite:///…` or `postgresql://…`.

    Raises:
        InvalidInput: it is neither.
    """
    if "://" not in value:
        return URL.create("sqlite", database=_absolute(value))
    try:
        url = make_url(value)
    except (exc.ArgumentError, ValueError):
        raise InvalidInput("database", "is not a database address", "Use a path or `postgresql://host/name`.") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=_absolute(url.database))
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput(
        "database", "must be a SQLite file or a PostgreSQL server", "Use a path or `postgresql://host/name`."
    )


def open_database(
    address: str, *, clock: Clock = database_clock, check: bool = True, pool_size: int = 5, shared: bool = False
) -> Database:
    """Opens an existing database.

    Args:
        address: a path, `sqlite:///…` or `postgresql://…`.
        clock: replaced in tests only.
        check: whether to refuse a database that is not ours, damaged, newer or older.
        pool_size: connections kept open (PostgreSQL).
        shared: SQLite: the file is shared by accounts of one group (0660) instead of private (0600).

    Raises:
        InvalidInput: the address cannot be read.
        DatabaseError: it cannot be opened or used; the message says why.
    """
    url = read_url(address)
    engine = _sqlite_engine(url, shared) if url.get_backend_name() == "sqlite" else _postgres_engine(url, pool_size)
    database = Database(engine, clock=clock)
    if check:
        from storage.upgrading import check_version

        try:
            with database.read() as tx:
                check_version(tx.connection)
        except AtlasError:
            database.close()
            raise
    return database


def _sqlite_engine(url: URL, shared: bool) -> Engine:
    module = sqlite_file.sqlite_module()
    path = Path(url.database or "")
    sqlite_file.check_place(path, shared=shared)
    journal = sqlite_file.journal_mode(module.sqlite_version_info)

    def connect() -> Any:
        connection = module.connect(
            sqlite_file.uri(path),
            uri=True,
            timeout=BUSY_TIMEOUT_MS / 1000,
            check_same_thread=False,
            isolation_level=None,
        )
        for pragma in (
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "synchronous=FULL",
            "trusted_schema=OFF",
            "secure_delete=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
            connection.execute(f"PRAGMA journal_mode={journal}").close()
        return connection

    engine = create_engine("sqlite://", module=module, creator=connect, poolclass=QueuePool, hide_parameters=True)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Begins by hand, as SQLAlchemy documents for pysqlite: a write takes its lock first, so it never fails at an upgrade of it."""
    immediate = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _postgres_engine(url: URL, pool_size: int) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"connect_timeout": 10, "options": _SESSION},
        )
    except ModuleNotFoundError:
        raise DatabaseError(
            "PostgreSQL needs the driver psycopg.", "Install it: pip install 'atlas-tui[postgres]'."
        ) from None


def chunks(values: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Cuts a sequence into lists of at most `size`, so that one write transaction stays short."""
    given = iter(values)
    while part := list(islice(given, size)):
        yield part
