"""Column types that mean the same on SQLite and on PostgreSQL.

Promise: times go in and come out as aware UTC datetimes with millisecond precision; a naive one is refused. JSON is canonical text on
SQLite and JSONB on PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, String
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

Id = BigInteger().with_variant(Integer(), "sqlite")
"""Row ids: 64 bits on both (SQLite's INTEGER is; only INTEGER makes a rowid alias)."""

Json = JSON().with_variant(JSONB(), "postgresql")


def format_sqlite_time(value: datetime) -> str:
    """Writes a time as SQLite stores it here: UTC, `YYYY-MM-DD HH:MM:SS.mmm`, so that text order is time order."""
    if value.tzinfo is None:
        raise ValueError("a naive datetime was given; times are aware and UTC")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")


def parse_sqlite_time(text: str) -> datetime:
    """Reads a time as SQLite stores it here."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An instant."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TIMESTAMPTZ on PostgreSQL, text on SQLite."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(23))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses naive times."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            if value.tzinfo is None:
                raise ValueError("a naive datetime was given; times are aware and UTC")
            return value
        return format_sqlite_time(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Gives aware UTC times."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return parse_sqlite_time(value)
