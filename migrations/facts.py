"""What revisions need besides tables: the database's version numbers, rows in batches, and saying that data does not fit.

Frozen like the revisions themselves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from alembic import op
from sqlalchemy import Row, text

BATCH: Final = 500
"""Rows that one statement reads or writes when a rule needs Python."""


class UnfitData(Exception):
    """The rows in the database break a rule that the revision brings; nothing of the revision was kept."""


def is_sqlite() -> bool:
    """Says which of the two databases is being migrated."""
    return op.get_bind().dialect.name == "sqlite"


def now() -> str:
    """Returns the SQL for this moment, as a time column keeps it."""
    return "strftime('%Y-%m-%d %H:%M:%f','now')" if is_sqlite() else "statement_timestamp()"


def set_version(schema: int, *, min_reader: int, min_writer: int) -> None:
    """Records which revision the database is at, and the oldest programs (by their schema number) that may use it.

    Args:
        schema: the number of the newest revision applied.
        min_reader: programs below it must not even read.
        min_writer: programs below it must not write.
    """
    connection = op.get_bind()
    for key, value in (("schema", schema), ("min_reader", min_reader), ("min_writer", min_writer)):
        done = connection.execute(
            text("UPDATE meta SET value = :value WHERE key = :key"), {"key": key, "value": str(value)}
        )
        if done.rowcount == 0:
            connection.execute(
                text("INSERT INTO meta (key, value) VALUES (:key, :value)"), {"key": key, "value": str(value)}
            )


def fold(name: str) -> str:
    """Folds a name for sorting and searching, as the program does: compatibility form, no case, no surrounding space.

    It is Python's rule: neither database folds beyond its own idea of letters.
    """
    return unicodedata.normalize("NFKC", name).casefold().strip()


def batches(query: str) -> Iterator[Sequence[Row[Any]]]:
    """Reads a table in batches by its id.

    Args:
        query: a SELECT whose first column is the id, with `:after` and `:limit`, ordered by the id.
    """
    after = 0
    while rows := op.get_bind().execute(text(query), {"after": after, "limit": BATCH}).fetchall():
        yield rows
        after = int(rows[-1][0])


def refuse_rows(query: str, sentence: str) -> None:
    """Refuses to go on when a query finds rows.

    Args:
        query: a SELECT whose first column names an offender.
        sentence: what is wrong with them, without the full stop.

    Raises:
        UnfitData: it found some; the first five are named.
    """
    rows = op.get_bind().execute(text(f"{query} LIMIT 6")).fetchall()
    if rows:
        names = ", ".join(str(row[0]) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
        raise UnfitData(f"{sentence}: {names}.")
