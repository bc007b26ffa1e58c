"""What a database says it is: which schema, and which programs may use it.

Promise: opening a database asks one question; what is empty, foreign, damaged, older or newer is told apart, and nothing is changed.
This module knows no table but `meta` and Alembic's.
"""

from __future__ import annotations

import contextlib
from typing import Final

from sqlalchemy import Connection, exc, inspect, select, text

from storage.errors import DatabaseError, DatabaseTooNew, DatabaseTooOld
from storage.schema_core import meta

SCHEMA_NUMBER: Final = 10
"""The newest revision this program knows; its reads and writes fit exactly this schema."""

_HINT: Final = "Run `atlas-tui db upgrade`."
_FACTS: Final = ("database_id", "schema", "min_reader", "min_writer")


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
        raise too_new(facts["schema"])
    if facts["schema"] < SCHEMA_NUMBER:
        raise DatabaseTooOld(
            f"The database is of schema {facts['schema']}; this program needs schema {SCHEMA_NUMBER}.", _HINT
        )


def schema_of(connection: Connection) -> int:
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


def too_new(schema: int) -> DatabaseTooNew:
    """Makes the error for a database of a schema beyond this program's."""
    return DatabaseTooNew(
        f"The database is of schema {schema}; this program knows schema {SCHEMA_NUMBER}.",
        "Install the newer program, or restore a backup made before the upgrade.",
    )


def _foreign() -> DatabaseError:
    return DatabaseError("This is not an Atlas database.", "Check the path or URL in the configuration.")


def _damaged(how: str) -> DatabaseError:
    return DatabaseError(f"The database is damaged: {how}.", "Restore it from a backup; see docs/operations.md.")
