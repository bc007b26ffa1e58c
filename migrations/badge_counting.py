"""How many connections have each badge, kept by triggers, as revision 0008 makes them. Frozen.

SQLite has one writer, so the triggers keep the totals themselves. On PostgreSQL ±1 on shared rows deadlocks, so they append deltas that
a worker folds into the totals. Both write only when a value changes.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op

from migrations.audit_guard import search_path
from migrations.facts import is_sqlite

WATCHED: Final = "workspace_id, is_enabled, consent_status, verification_status"
DIMENSIONS: Final = (
    ("lifecycle", "is_enabled", "CASE WHEN {row}is_enabled THEN 'enabled' ELSE 'disabled' END"),
    ("consent", "consent_status", "{row}consent_status"),
    ("verification", "verification_status", "{row}verification_status"),
)
"""Dimension, its column, and the SQL of its value over a row."""


def create_badge_counting() -> None:
    """Creates the triggers, then counts what is there (in this order: creating a trigger keeps other writers out)."""
    if is_sqlite():
        _create_sqlite()
    else:
        _create_postgresql()
    for dimension, _, value in DIMENSIONS:
        word = value.format(row="")
        op.execute(
            "INSERT INTO badge_counts (workspace_id, dimension, value, count)"
            f" SELECT workspace_id, '{dimension}', {word}, count(*) FROM provider_connections GROUP BY workspace_id, {word}"
        )


def drop_badge_counting() -> None:
    """Drops the triggers; the counts go with their tables."""
    if is_sqlite():
        for name in ("created", "deleted", *(f"changed_{dimension}" for dimension, _, _ in DIMENSIONS)):
            op.execute(f"DROP TRIGGER badge_counts_{name}")
        return
    op.execute("DROP TRIGGER badge_counts_changed ON provider_connections")
    op.execute("DROP TRIGGER badge_counts_created_or_deleted ON provider_connections")
    op.execute("DROP FUNCTION count_badges()")


def _create_sqlite() -> None:
    up = " ".join(_up(dimension, value) for dimension, _, value in DIMENSIONS)
    down = " ".join(_down(dimension, value) for dimension, _, value in DIMENSIONS)
    op.execute(f"CREATE TRIGGER badge_counts_created AFTER INSERT ON provider_connections BEGIN {up} END")
    op.execute(f"CREATE TRIGGER badge_counts_deleted AFTER DELETE ON provider_connections BEGIN {down} END")
    for dimension, column, value in DIMENSIONS:
        op.execute(
            f"CREATE TRIGGER badge_counts_changed_{dimension} AFTER UPDATE OF workspace_id, {column}"
            f" ON provider_connections WHEN OLD.{column} <> NEW.{column} OR OLD.workspace_id <> NEW.workspace_id"
            f" BEGIN {_down(dimension, value)} {_up(dimension, value)} END"
        )


def _up(dimension: str, value: str) -> str:
    """No upsert: inside a trigger the conflict clause of the outer statement would replace its own (SQLite, CREATE TRIGGER)."""
    word = value.format(row="NEW.")
    key = f"workspace_id = NEW.workspace_id AND dimension = '{dimension}' AND value = {word}"
    return (
        f"INSERT INTO badge_counts (workspace_id, dimension, value, count) SELECT NEW.workspace_id, '{dimension}', {word}, 0"
        f" WHERE NOT EXISTS (SELECT 1 FROM badge_counts WHERE {key});"
        f" UPDATE badge_counts SET count = count + 1 WHERE {key};"
    )


def _down(dimension: str, value: str) -> str:
    word = value.format(row="OLD.")
    return (
        "UPDATE badge_counts SET count = count - 1"
        f" WHERE workspace_id = OLD.workspace_id AND dimension = '{dimension}' AND value = {word};"
    )


def _create_postgresql() -> None:
    """The function runs as its owner: who changes a connection need not be allowed to write counts."""

    def rows(row: str, sign: str) -> str:
        return ", ".join(
            f"({row}.workspace_id, '{dimension}', {value.format(row=f'{row}.')}, {sign}1)"
            for dimension, _, value in DIMENSIONS
        )

    append = "INSERT INTO badge_count_deltas (workspace_id, dimension, value, delta) VALUES"
    changes = " ".join(
        f"IF OLD.{column} <> NEW.{column} OR OLD.workspace_id <> NEW.workspace_id THEN {append}"
        f" (OLD.workspace_id, '{dimension}', {value.format(row='OLD.')}, -1),"
        f" (NEW.workspace_id, '{dimension}', {value.format(row='NEW.')}, 1); END IF;"
        for dimension, column, value in DIMENSIONS
    )
    op.execute(
        "CREATE FUNCTION count_badges() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = {search_path()} AS $$ BEGIN"
        f" IF TG_OP = 'INSERT' THEN {append} {rows('NEW', '')};"
        f" ELSIF TG_OP = 'DELETE' THEN {append} {rows('OLD', '-')};"
        f" ELSE {changes} END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER badge_counts_created_or_deleted AFTER INSERT OR DELETE ON provider_connections FOR EACH ROW"
        " EXECUTE FUNCTION count_badges()"
    )
    changed = " OR ".join(f"OLD.{column} <> NEW.{column}" for column in WATCHED.split(", "))
    op.execute(
        f"CREATE TRIGGER badge_counts_changed AFTER UPDATE OF {WATCHED} ON provider_connections FOR EACH ROW"
        f" WHEN ({changed}) EXECUTE FUNCTION count_badges()"
    )
