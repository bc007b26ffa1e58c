"""What the database's drivers say, for people.

Promise: a driver's error becomes one of ours, of its class, SQLSTATE and constraint alone: never its text or parameters, which hold
values. Must not know: transactions, and what was asked.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import exc

from storage.errors import AtlasError, DatabaseBusy, DatabaseError, InvalidInput, NotFound


def too_large() -> NotFound:
    return NotFound("Nothing has a number that large.")


def unstorable() -> InvalidInput:
    return InvalidInput("text", "holds a character that the database cannot store", "Type it instead of pasting it.")


class Overtaken(DatabaseError):
    """PostgreSQL, unique_violation: another transaction added the same thing after this one had looked.

    Tried again, the work finds it there and says so in its own words.
    """


_SQLITE_WORDS: Final = (
    ("database is locked", DatabaseBusy, "The database is locked by another process.", "Try again in a moment."),
    ("database table is locked", DatabaseBusy, "The database is locked by another process.", "Try again in a moment."),
    (
        "unable to open",
        DatabaseError,
        "The database file cannot be opened.",
        "Run `atlas-tui init`, or check the path.",
    ),
    ("malformed", DatabaseError, "The database file is damaged.", "Restore it from a backup; see docs/operations.md."),
    ("not a database", DatabaseError, "The file is not a database.", "Check the path in the configuration."),
    ("readonly", DatabaseError, "The database file is read-only.", "Check the file's owner and mode."),
    ("disk is full", DatabaseError, "The disk is full.", "Free some space; nothing was half-written."),
    (
        "no such table",
        DatabaseError,
        "The file is not an Atlas database.",
        "Run `atlas-tui db upgrade`, or check the path.",
    ),
    ("no such column", DatabaseError, "The database is of another version.", "Run `atlas-tui db upgrade`."),
)
_RETRY_STATES: Final = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization_failure, deadlock_detected, lock_not_available (PostgreSQL, Appendix A)."""


_POSTGRES_LOGIN_WORDS: Final = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "pg_hba.conf rejects",
)
"""What libpq says about a refused login: it gives no SQLSTATE then (PostgreSQL, `auth.c`). The text itself goes no further."""

_POSTGRES_NAME_WORDS: Final = re.compile(r"(role|database) \".*\" does not exist")


def explain(error: exc.DBAPIError, is_sqlite: bool) -> AtlasError:
    """Turns a driver's error into one for people: its class, SQLSTATE and constraint, never its text or parameters."""
    original = error.orig
    if is_sqlite:
        words = str(original).lower()
        for needle, kind, message, hint in _SQLITE_WORDS:
            if needle in words:
                return kind(message, hint)
        return DatabaseError(f"The database refused the operation ({type(original).__name__}).", "See the log.")
    state = getattr(original, "sqlstate", None)
    if state in _RETRY_STATES:
        return DatabaseBusy("The database is busy with other changes.", "Try again in a moment.")
    if state == "22003":  # numeric_value_out_of_range
        return too_large()
    if isinstance(error, exc.DataError) and state is None:
        return unstorable()
    words = str(original)
    if state is None and any(word in words for word in _POSTGRES_LOGIN_WORDS):
        return DatabaseError("The database refused the login or a permission.", "Check the account and its rights.")
    if state is None and (named := _POSTGRES_NAME_WORDS.search(words)):
        what = "account" if named.group(1) == "role" else "database"
        return DatabaseError(f"The database server knows no such {what}.", "Check the URL in the configuration.")
    if error.connection_invalidated or state is None:
        return DatabaseError(
            "The database server cannot be reached.", "Check the server and the URL in the configuration."
        )
    if state.startswith("28") or state == "42501":
        return DatabaseError("The database refused the login or a permission.", "Check the account and its rights.")
    if state in ("42P01", "42703"):
        return DatabaseError("The database is not an Atlas database of this version.", "Run `atlas-tui db upgrade`.")
    constraint = getattr(getattr(original, "diag", None), "constraint_name", None)
    detail = f"{state}{f', {constraint}' if constraint else ''}"
    kind = Overtaken if state == "23505" else DatabaseError
    return kind(f"The database refused the operation ({detail}).", "See the log.")
