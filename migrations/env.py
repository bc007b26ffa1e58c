"""Alembic's entry into the chain: one transaction per revision, on the connection that `storage.upgrading` prepared and locked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection

from migrations.facts import UnfitData


def _check_references(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Looks for dangling references before COMMIT: on SQLite the revisions run with foreign keys off."""
    connection = ctx.connection
    if connection is None or connection.dialect.name != "sqlite":
        return
    violations = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if violations:
        tables = ", ".join(sorted({f"{row[0]} → {row[2]}" for row in violations}))
        raise UnfitData(f"{len(violations)} rows refer to rows that do not exist ({tables}).")


def run() -> None:
    """Runs the revisions that Alembic chose.

    Raises:
        RuntimeError: it was not `storage.upgrading` that asked.
    """
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise RuntimeError("Run `atlas-tui db upgrade`: migrations need the lock and the checks around them.")
    context.configure(
        connection=connection,
        target_metadata=None,
        transaction_per_migration=True,
        transactional_ddl=True,
        on_version_apply=_check_references,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
