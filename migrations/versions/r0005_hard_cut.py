"""Hard cut: the old status and health are gone, with their indexes. Programs that know them can no longer open the database.

Downgrade rebuilds them from the three truths:

| truths | old |
|---|---|
| not enabled | status `disabled` |
| enabled, consent `granted` | status `connected` |
| enabled, consent `required`, `failed`, `revoked` | status `needs_consent` |
| enabled, consent `unknown` | status `error` |
| verification `healthy` / `degraded` | health `ok` / `degraded` |
| verification `blocked`, `error` | health `down` |
| verification `unknown`, `pending` | health `unknown` |
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op

from migrations.connection_shapes import canonical
from migrations.facts import is_sqlite, set_version
from migrations.tables import rebuild

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATUS: Final = (
    "CASE WHEN NOT is_enabled THEN 'disabled' WHEN consent_status = 'granted' THEN 'connected'"
    " WHEN consent_status = 'unknown' THEN 'error' ELSE 'needs_consent' END"
)
HEALTH: Final = (
    "CASE verification_status WHEN 'healthy' THEN 'ok' WHEN 'degraded' THEN 'degraded'"
    " WHEN 'blocked' THEN 'down' WHEN 'error' THEN 'down' ELSE 'unknown' END"
)


def upgrade() -> None:
    """Drops the indexes, then the columns."""
    op.execute("DROP INDEX ix_provider_connections_status")
    op.execute("DROP INDEX ix_provider_connections_health_status")
    if is_sqlite():
        rebuild("provider_connections", canonical(lifecycle=True, legacy=False), {})
    else:
        op.execute("ALTER TABLE provider_connections DROP COLUMN status, DROP COLUMN health_status")
    set_version(5, min_reader=5, min_writer=5)


def downgrade() -> None:
    """Brings the old columns back, filled."""
    if is_sqlite():
        rebuild(
            "provider_connections",
            canonical(lifecycle=True, legacy=True),
            {"status": STATUS, "health_status": HEALTH},
        )
    else:
        for statement in (
            "ALTER TABLE provider_connections ADD COLUMN status TEXT,"
            " ADD COLUMN health_status TEXT NOT NULL DEFAULT 'unknown'",
            f"UPDATE provider_connections SET status = {STATUS}, health_status = {HEALTH}",
            "ALTER TABLE provider_connections ALTER COLUMN status SET NOT NULL,"
            " ADD CONSTRAINT ck_provider_connections_status"
            " CHECK (status IN ('connected', 'needs_consent', 'error', 'disabled')),"
            " ADD CONSTRAINT ck_provider_connections_health_status"
            " CHECK (health_status IN ('ok', 'degraded', 'down', 'unknown'))",
            "CREATE INDEX ix_provider_connections_status ON provider_connections (status)",
            "CREATE INDEX ix_provider_connections_health_status ON provider_connections (health_status)",
        ):
            op.execute(statement)
    set_version(4, min_reader=3, min_writer=4)
