"""Authority and truth: what each audit entry's tenant is, which permission manifest a consent was for, onboarding, the purge.

Upgrade: a consent that stands is taken to be for manifest 1, the only one there was. Audit entries that are there keep their bytes, and
name no tenant.

Downgrade: the columns and the table are dropped; audit entries stay as they are, and later ones, which say their tenant in the bytes that
were hashed, still verify.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Index, Text, text

from migrations.facts import is_sqlite, set_version
from migrations.tables import Time, create, drop, one_of, references, row_id

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns and the table."""
    number, time = ("INTEGER", "VARCHAR(23)") if is_sqlite() else ("BIGINT", "TIMESTAMP WITH TIME ZONE")
    for statement in (
        "ALTER TABLE provider_connections ADD COLUMN consent_manifest_version INTEGER",
        "UPDATE provider_connections SET consent_manifest_version = 1 WHERE consent_status = 'granted'",
        f"ALTER TABLE tenants ADD COLUMN purged_at {time}",
        f"ALTER TABLE audit_entries ADD COLUMN tenant_id {number}",
        "CREATE INDEX ix_audit_entries_workspace_id_tenant_id_id ON audit_entries (workspace_id, tenant_id, id)",
        "CREATE INDEX ix_audit_entries_workspace_id_action_id ON audit_entries (workspace_id, action, id)",
        "CREATE INDEX ix_audit_entries_workspace_id_actor_id ON audit_entries (workspace_id, actor, id)",
        "CREATE INDEX ix_audit_entries_refused ON audit_entries (workspace_id, id) WHERE outcome = 'refused'",
        "CREATE INDEX ix_audit_entries_ticket ON audit_entries (workspace_id, ticket, id) WHERE ticket IS NOT NULL",
    ):
        op.execute(statement)
    create(
        "onboardings",
        row_id(),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        Column("status", Text, nullable=False),
        references("started_by_id", "users", nullable=True),
        Column("started_at", Time, nullable=False),
        Column("permissions_seen_at", Time),
        Column("ended_at", Time),
        references("ended_by_id", "users", nullable=True),
        Column("ended_reason", Text, nullable=False, server_default=""),
        one_of("status", "open", "done", "cancelled"),
        Index(
            "uq_onboardings_open",
            "tenant_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_onboardings_workspace_id_status_id", "workspace_id", "status", "id"),
    )
    set_version(9, min_reader=9, min_writer=9)


def downgrade() -> None:
    """Drops them."""
    drop("onboardings")
    for index in (
        "workspace_id_tenant_id_id",
        "workspace_id_action_id",
        "workspace_id_actor_id",
        "refused",
        "ticket",
    ):
        op.execute(f"DROP INDEX ix_audit_entries_{index}")
    for statement in (
        "ALTER TABLE audit_entries DROP COLUMN tenant_id",
        "ALTER TABLE tenants DROP COLUMN purged_at",
        "ALTER TABLE provider_connections DROP COLUMN consent_manifest_version",
    ):
        op.execute(statement)
    set_version(8, min_reader=5, min_writer=8)
