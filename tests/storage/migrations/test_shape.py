"""The schema that migrations make: the one the program's statements are built from, the same on both databases, up and down."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from storage import upgrading
from storage.schema import METADATA

REVISIONS = range(1, upgrading.SCHEMA_NUMBER + 1)


def test_alembic_finds_no_difference_to_the_programs_tables(ground: Any) -> None:
    ground.stand_at(upgrading.SCHEMA_NUMBER)
    # Alembic misreads the empty string as a default on SQLite; there the comparison below covers defaults.
    options = {"compare_type": True, "compare_server_default": not ground.is_sqlite}
    with ground.begin() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_the_catalog_holds_what_creating_the_programs_tables_would_make(ground: Any, another_ground: Any) -> None:
    ground.stand_at(upgrading.SCHEMA_NUMBER)
    METADATA.create_all(another_ground.engine)

    migrated = [line for line in ground.shape() if not _is_trigger_or_function(line)]
    assert migrated == another_ground.shape()
    assert any("CHECK" in line for line in migrated)
    assert sum(" WHERE " in line for line in migrated) == 30  # partial indexes


def test_the_last_revision_leaves_the_guards_and_the_counters(ground: Any) -> None:
    ground.stand_at(upgrading.SCHEMA_NUMBER)
    triggers = "\n".join(line for line in ground.shape() if _is_trigger_or_function(line))
    for name in (
        "operation_runs_completed_stay",
        "operation_runs_completed_stay_scheduled",
        "audit_entries_never_change",
        "audit_entries_stay",
        "audit_checkpoints_never_change",
        "audit_checkpoints_stay",
        "badge_counts_c",
    ):
        assert f"CREATE TRIGGER {name}" in triggers


def test_every_revision_down_and_up_again_leaves_the_same_tables_triggers_indexes_and_checks(ground: Any) -> None:
    shapes: list[list[str]] = [[]]
    identity = ""
    for revision in REVISIONS:
        ground.to(revision)
        shapes.append(ground.shape())
        identity = identity or ground.one("SELECT value FROM meta WHERE key = 'database_id'")
        assert _tells_its_schema(ground, revision) == identity, "a database keeps its own id"
    assert len(identity) == 36

    for revision in reversed(range(upgrading.SCHEMA_NUMBER)):
        ground.to(revision)
        assert ground.shape() == shapes[revision], f"down to {revision}"
        assert not revision or _tells_its_schema(ground, revision) == identity
    assert upgrading.current(ground.address) == 0

    for revision in REVISIONS:
        ground.to(revision)
        assert ground.shape() == shapes[revision], f"up again to {revision}"


def _tells_its_schema(ground: Any, revision: int) -> str:
    """The id of the database, when what it says about its readers fits."""
    facts = dict(ground.rows("SELECT key, value FROM meta"))
    assert int(facts["schema"]) == revision
    assert int(facts["min_reader"]) <= int(facts["min_writer"]) <= revision
    if revision >= 5:
        assert int(facts["min_reader"]) >= 5
    return str(facts["database_id"])


def test_both_databases_have_the_same_columns_constraints_and_indexes_at_every_revision(
    bundled_ground: Any, postgres_url: str
) -> None:
    postgres = type(bundled_ground)(postgres_url)
    for revision in REVISIONS:
        bundled_ground.to(revision)
        postgres.to(revision)
        assert _outline(bundled_ground) == _outline(postgres), f"at revision {revision}"
    postgres.dispose()


def test_no_revision_imports_the_program_which_changes_after_it_landed() -> None:
    files = sorted((Path(upgrading.__file__).parents[1] / "migrations").rglob("*.py"))
    assert len(files) > upgrading.SCHEMA_NUMBER
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in {"storage", "tasks", "atlas_tui", "simulator"}, f"{file.name}: {name}"


def _is_trigger_or_function(line: str) -> bool:
    return "CREATE TRIGGER" in line or "CREATE OR REPLACE FUNCTION" in line


def _outline(ground: Any) -> dict[str, Any]:
    """Names, nullability and columns; the spelling of types and expressions is each database's own.

    All tables are asked for at once, on one connection: each of them by itself took over a minute.
    """
    with ground.engine.connect() as connection:
        inspector = inspect(connection)
        columns, keys = inspector.get_multi_columns(), inspector.get_multi_pk_constraint()
        checks, foreign = inspector.get_multi_check_constraints(), inspector.get_multi_foreign_keys()
        unique, indexes = inspector.get_multi_unique_constraints(), inspector.get_multi_indexes()
    return {
        table: {
            "columns": sorted((column["name"], column["nullable"]) for column in columns[None, table]),
            "defaults": sorted(column["name"] for column in columns[None, table] if _has_default(column)),
            "key": keys[None, table]["constrained_columns"],
            "checks": sorted(str(check["name"]) for check in checks[None, table]),
            "foreign": sorted(
                (str(key["name"]), key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                for key in foreign[None, table]
            ),
            "unique": sorted((str(one["name"]), one["column_names"]) for one in unique[None, table]),
            "indexes": sorted(
                (str(index["name"]), index["column_names"], bool(index["unique"]), _is_partial(index))
                for index in indexes[None, table]
                if not index.get("duplicates_constraint")
            ),
        }
        for table in ground.tables()
    }


def _has_default(column: Any) -> bool:
    return column["default"] is not None and not str(column["default"]).startswith("nextval")


def _is_partial(index: Any) -> bool:
    return any(name.endswith("_where") for name in index.get("dialect_options", {}))
