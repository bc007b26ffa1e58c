"""Lifecycle: whether people have a connection switched on, apart from everything Microsoft says.

Upgrade: status `disabled` → not enabled, any other → enabled; a column that is already there with a value keeps it. The change counts
as made when the row last changed.

Downgrade: not enabled → status `disabled`. A status that still says `disabled` although the connection is enabled is rebuilt from
consent, by the mapping of 0003.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import inspect

from migrations.connection_shapes import PROBLEMS, canonical
from migrations.facts import is_sqlite, set_version
from migrations.tables import rebuild

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CONSENT_TO_STATUS: Final = (
    "CASE consent_status WHEN 'granted' THEN 'connected' WHEN 'unknown' THEN 'error' ELSE 'needs_consent' END"
)
STATUS: Final = (
    f"CASE WHEN NOT is_enabled THEN 'disabled' WHEN status = 'disabled' THEN {CONSENT_TO_STATUS} ELSE status END"
)


def upgrade() -> None:
    """Adds and fills `is_enabled`."""
    there = {column["name"] for column in inspect(op.get_bind()).get_columns("provider_connections")}
    enabled = "coalesce(is_enabled, status <> 'disabled')" if "is_enabled" in there else "status <> 'disabled'"
    if is_sqlite():
        rebuild(
            "provider_connections",
            canonical(lifecycle=True, legacy=True),
            {"is_enabled": enabled, "lifecycle_changed_at": "updated_at", "lifecycle_changed_by_id": "NULL"},
        )
    else:
        if "is_enabled" not in there:
            op.execute("ALTER TABLE provider_connections ADD COLUMN is_enabled BOOLEAN")
        for statement in (
            "ALTER TABLE provider_connections ADD COLUMN lifecycle_changed_at TIMESTAMP WITH TIME ZONE,"
            " ADD COLUMN lifecycle_changed_by_id BIGINT",
            f"UPDATE provider_connections SET is_enabled = {enabled}, lifecycle_changed_at = updated_at",
            "ALTER TABLE provider_connections ALTER COLUMN is_enabled SET NOT NULL,"
            " ALTER COLUMN lifecycle_changed_at SET NOT NULL,"
            " ADD CONSTRAINT fk_provider_connections_lifecycle_changed_by_id"
            " FOREIGN KEY (lifecycle_changed_by_id) REFERENCES users (id)",
            "CREATE INDEX ix_provider_connections_problems ON provider_connections (workspace_id, sort_name, id)"
            f" WHERE {PROBLEMS}",
        ):
            op.execute(statement)
    set_version(4, min_reader=3, min_writer=4)


def downgrade() -> None:
    """Puts the lifecycle back into the status."""
    if is_sqlite():
        rebuild("provider_connections", canonical(lifecycle=False, legacy=True), {"status": STATUS})
    else:
        for statement in (
            f"UPDATE provider_connections SET status = {STATUS}",
            "DROP INDEX ix_provider_connections_problems",
            "ALTER TABLE provider_connections DROP COLUMN is_enabled, DROP COLUMN lifecycle_changed_at,"
            " DROP COLUMN lifecycle_changed_by_id",
        ):
            op.execute(statement)
    set_version(3, min_reader=3, min_writer=3)
