"""Making and reshaping tables.

Promise: types and constraint names mean what they meant when the first revision landed; a rebuilt SQLite table keeps its rows, the rows
that refer to it, its indexes and its triggers. Frozen like the revisions themselves.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from alembic import op
from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKey, Integer, MetaData, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.schema import CreateIndex, CreateTable, SchemaItem

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Id: Final = BigInteger().with_variant(Integer(), "sqlite")
Json: Final = JSON().with_variant(JSONB(), "postgresql")
Time: Final = String(23).with_variant(TIMESTAMP(timezone=True), "postgresql")
"""An instant in UTC: `YYYY-MM-DD HH:MM:SS.mmm` on SQLite."""


def one_of(column: str, *values: str) -> CheckConstraint:
    """Makes a CHECK that a text column holds one of a closed set."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def row_id() -> Column[int]:
    """Makes the usual primary key."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def references(column: str, target: str, *, nullable: bool = False, ondelete: str | None = None) -> Column[Any]:
    """Makes a foreign key column to another table's id."""
    return Column(column, Id, ForeignKey(f"{target}.id", ondelete=ondelete), nullable=nullable)


def create(name: str, *items: SchemaItem) -> None:
    """Creates a table with its indexes."""
    _table(name, items).create(op.get_bind(), checkfirst=False)


def drop(*names: str) -> None:
    """Drops tables, in the order given."""
    for name in names:
        op.execute(f"DROP TABLE {name}")


def rebuild(name: str, items: Iterable[SchemaItem], changed: Mapping[str, str], *, where: str = "") -> None:
    """Gives a SQLite table another shape, by SQLite's own recipe (https://sqlite.org/lang_altertable.html, section 7).

    The connection has `foreign_keys=OFF`, so dropping the old table deletes no child rows, and `legacy_alter_table=ON`, so renaming
    the new one touches no reference of other tables.

    Args:
        name: the table.
        items: its new columns, constraints and indexes.
        changed: SQL, over the old table, for the columns that are new or get another value; the others are copied as they are.
        where: SQL condition for the rows that are kept; empty keeps all.
    """
    connection = op.get_bind()
    table = _table(name, items)
    triggers = connection.execute(
        text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name ORDER BY name"), {"name": name}
    ).scalars()
    kept = triggers.all()
    definition = str(CreateTable(table).compile(dialect=connection.dialect)).strip()
    opening = f"CREATE TABLE {name} ("
    if not definition.startswith(opening):
        raise AssertionError(f"unexpected definition: {definition[:60]}")
    connection.exec_driver_sql(f"CREATE TABLE _new_{name} ({definition.removeprefix(opening)}")
    columns = [column.name for column in table.columns]
    values = ", ".join(changed.get(column, column) for column in columns)
    condition = f" WHERE {where}" if where else ""
    connection.exec_driver_sql(
        f"INSERT INTO _new_{name} ({', '.join(columns)}) SELECT {values} FROM {name}{condition} ORDER BY 1"
    )
    connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql(f"ALTER TABLE _new_{name} RENAME TO {name}")
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        connection.execute(CreateIndex(index))
    for trigger in kept:
        connection.exec_driver_sql(trigger)


def _table(name: str, items: Iterable[SchemaItem]) -> Table:
    """Makes the table and, for the tables it refers to, stand-ins with the columns it refers to.

    Columns go first, whatever the order of the items: constraints look their columns up.
    """
    metadata = MetaData(naming_convention=NAMING)
    table = Table(name, metadata, *sorted(items, key=lambda item: not isinstance(item, Column)))
    for key in list(table.foreign_keys):
        target, column = key.target_fullname.rsplit(".", 1)
        stand_in = metadata.tables.get(target)
        if stand_in is None:
            stand_in = Table(target, metadata)
        if column not in stand_in.columns:
            stand_in.append_column(Column(column, Id))
    return table
