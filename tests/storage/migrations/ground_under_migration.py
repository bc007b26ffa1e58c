"""A database under migration: bringing it to a revision, looking at it, and copies of what another test has brought there already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from storage import upgrading

_KEPT: dict[tuple[Any, str], bytes | None] = {}
"""What was kept, by SQLite's module: its file, or nothing where PostgreSQL has a database to copy."""


class Ground:
    """A database under migration, used as programs use it: foreign keys on."""

    def __init__(self, address: str, module: Any = None) -> None:
        self.address = address
        self.module = module
        self.is_sqlite = module is not None
        if module is not None:
            self.engine = create_engine(f"sqlite:///{address}", module=module, poolclass=NullPool)
            event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=ON"))
        else:
            self.engine = create_engine(address, poolclass=NullPool)
        self._open: Connection | None = None

    def to(self, revision: int) -> upgrading.UpgradeResult:
        """Migrates up or down to a revision."""
        target = f"{revision:04d}" if revision else "base"
        if upgrading.current(self.address) < revision:
            return upgrading.upgrade(self.address, target=target)
        return upgrading.downgrade(self.address, target)

    def keep(self, name: str) -> None:
        """Keeps the database as it is, for the next one that shall stand there."""
        if self.is_sqlite:
            _KEPT[self.module, name] = Path(self.address).read_bytes()
        else:
            _KEPT[self.module, name] = None
            self._administer(f"CREATE DATABASE kept_{name} TEMPLATE {self.engine.url.database}")

    def take(self, name: str) -> bool:
        """Becomes a copy of what was kept, if it was: SQLite's file byte for byte."""
        if (self.module, name) not in _KEPT:
            return False
        kept, own = _KEPT[self.module, name], self.engine.url.database
        if kept is None:
            self._administer(f"DROP DATABASE {own}", f"CREATE DATABASE {own} TEMPLATE kept_{name}")
        else:
            Path(self.address).write_bytes(kept)
            Path(self.address).chmod(0o600)
        return True

    def stand_at(self, revision: int) -> None:
        """Becomes an empty database of a revision, for what does not ask how it got there."""
        if not self.take(f"empty_at_{revision}"):
            self.to(revision)
            self.keep(f"empty_at_{revision}")

    def _administer(self, *statements: str) -> None:
        """Does what PostgreSQL does only where nobody is connected; who has just hung up may still be on the way out."""
        url = self.engine.url
        engine = create_engine(url.set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        leaving = text("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = :name")
        with engine.connect() as connection:
            connection.execute(leaving, {"name": url.database})
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keeps one connection for all that is asked inside: each made its own, which took longer than the question."""
        with self.engine.connect() as self._open:
            try:
                yield
            finally:
                self._open = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction."""
        if self._open is not None:
            with self._open.begin():
                yield self._open
            return
        with self.engine.begin() as connection:
            yield connection

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def one(self, query: str, **parameters: Any) -> Any:
        """The single value that a query finds."""
        ((value,),) = self.rows(query, **parameters)
        return value

    def run(self, statement: str, **parameters: Any) -> None:
        """Executes one statement in a transaction of its own."""
        with self.begin() as connection:
            connection.execute(text(statement), parameters)

    def add(self, table: str, **values: Any) -> None:
        """Inserts one row."""
        names = ", ".join(values)
        self.run(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})", **values)

    def tables(self) -> list[str]:
        """The names of all tables but Alembic's."""
        if self.is_sqlite:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        else:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return sorted({name for (name,) in self.rows(query)} - {"alembic_version"})

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        asked = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in self.tables())
        return dict(self.rows(asked)) if asked else {}

    def shape(self) -> list[str]:
        """Everything the catalog knows: columns, keys, CHECKs, indexes with predicates, triggers and functions; order aside."""
        with self.connected():
            return sorted(_sqlite_shape(self) if self.is_sqlite else _postgresql_shape(self))

    def dispose(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()


_ADDED_COLUMN = re.compile(
    r", (?=\w+ (?:INTEGER(?: DEFAULT 0 NOT NULL)?|VARCHAR\(23\)|TEXT(?: DEFAULT '' NOT NULL)?)(?:,|$))"
)
"""ALTER TABLE ADD COLUMN writes its column behind the last one, on the same line."""


def _sqlite_shape(ground: Ground) -> Iterator[str]:
    for kind, table, sql in ground.rows("SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        if table == "alembic_version":
            continue
        if (
            kind == "table"
        ):  # SQLAlchemy writes one column or constraint a line; a rename puts quotes round the table's name
            for line in sql.replace(f'"{table}"', table).splitlines():
                for part in _ADDED_COLUMN.split(line):
                    yield f"{table}: {part.strip().rstrip(',')}"
        else:
            yield f"{table}: {sql}"


def _postgresql_shape(ground: Ground) -> Iterator[str]:
    queries = (
        "SELECT c.relname, 'column', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
        " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped",
        "SELECT c.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid WHERE k.connamespace = 'public'::regnamespace",
        "SELECT tablename, 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT c.relname, 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal",
        "SELECT '', 'function', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    for query in queries:
        for row in ground.rows(query.replace("::regnamespace", "\\:\\:regnamespace")):
            if row[0] != "alembic_version":
                yield ": ".join(str(part) for part in row)
