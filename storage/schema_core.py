"""What every table shares: names of constraints, checks for closed sets of values, and the database's own facts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, MetaData, Table, Text

from storage.columns import Id

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """Makes a CHECK that a text column holds one of a closed set (or NULL, where the column allows it)."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def row_id() -> Column[int]:
    """Makes the usual primary key."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def references(column: str, target: str, *, nullable: bool = False, ondelete: str | None = None) -> Column[Any]:
    """Makes a foreign key column to another table's id."""
    return Column(column, Id, ForeignKey(f"{target}.id", ondelete=ondelete), nullable=nullable)


meta = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""The database's own facts: `database_id`, `schema`, `min_reader`, `min_writer`."""

change_topics = Table(
    "change_topics",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("sequence", Id, nullable=False),
)
"""On SQLite: how often each topic has changed. PostgreSQL uses NOTIFY, since a shared row would serialize all writers."""
