"""Authority and truth: what each audit entry's tenant is, which permission manifest a consent was for, onboarding, the purge, what more
is known about credentials and answers to consent links. A tenant's sort name also holds its domain, as its connections' do.

Upgrade: a consent that stands is taken to be for manifest 1, the only one there was. Audit entries keep their bytes; those that say their
tenant in them (written before a downgrade from here) say it in the column too.

Downgrade: the columns and the table are dropped; audit entries keep their bytes, so that they verify again after the next upgrade.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
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
    separator = "char(31)" if is_sqlite() else "chr(31)"
    for statement in (
        "ALTER TABLE provider_connections ADD COLUMN consent_manifest_version INTEGER",
        "UPDATE provider_connections SET consent_manifest_version = 1 WHERE consent_status = 'granted'",
        f"ALTER TABLE tenants ADD COLUMN purged_at {time}",
        f"UPDATE tenants SET sort_name = sort_name || {separator} || coalesce(primary_domain, '')",
        "CREATE INDEX ix_tenants_purge_due ON tenants (purge_after) WHERE purge_after IS NOT NULL AND purged_at IS NULL",
        "ALTER TABLE credentials ADD COLUMN thumbprint TEXT DEFAULT '' NOT NULL",
        f"ALTER TABLE credentials ADD COLUMN active_since {time}",
        "UPDATE credentials SET active_since = stored_at WHERE slot = 'active'",
        "ALTER TABLE consent_requests ADD COLUMN answer_provider_code TEXT",
        f"ALTER TABLE audit_entries ADD COLUMN tenant_id {number}",
        "CREATE INDEX ix_audit_entries_workspace_id_tenant_id_id ON audit_entries (workspace_id, tenant_id, id)",
        "CREATE INDEX ix_audit_entries_workspace_id_action_id ON audit_entries (workspace_id, action, id)",
        "CREATE INDEX ix_audit_entries_workspace_id_actor_id ON audit_entries (workspace_id, actor, id)",
        "CREATE INDEX ix_audit_entries_refused ON audit_entries (workspace_id, id) WHERE outcome = 'refused'",
        "CREATE INDEX ix_audit_entries_ticket ON audit_entries (workspace_id, ticket, id) WHERE ticket IS NOT NULL",
    ):
        op.execute(statement)
    _read_tenants()
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
        Index("ix_onboardings_tenant_id_id", "tenant_id", "id"),
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
    cut = "substr(sort_name, 1, instr(sort_name, char(31)) - 1)" if is_sqlite() else "split_part(sort_name, chr(31), 1)"
    for statement in (
        "ALTER TABLE consent_requests DROP COLUMN answer_provider_code",
        "ALTER TABLE credentials DROP COLUMN active_since",
        "ALTER TABLE credentials DROP COLUMN thumbprint",
        "DROP INDEX ix_tenants_purge_due",
        f"UPDATE tenants SET sort_name = {cut}",
        "ALTER TABLE audit_entries DROP COLUMN tenant_id",
        "ALTER TABLE tenants DROP COLUMN purged_at",
        "ALTER TABLE provider_connections DROP COLUMN consent_manifest_version",
    ):
        op.execute(statement)
    set_version(8, min_reader=5, min_writer=8)


def _read_tenants() -> None:
    """Fills the new column from the bytes that were hashed; the guard against changes is open for this one statement."""
    if is_sqlite():
        guard = op.get_bind().execute(
            text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_entries_never_change'")
        )
        again = str(guard.scalar_one())
        op.execute("DROP TRIGGER audit_entries_never_change")
        op.execute(
            "UPDATE audit_entries SET tenant_id = json_extract(CAST(canonical AS TEXT), '$.tenant_id')"
            " WHERE json_extract(CAST(canonical AS TEXT), '$.tenant_id') IS NOT NULL"
        )
        op.execute(again)
        return
    for statement in (
        "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_never_change",
        "UPDATE audit_entries SET tenant_id = CAST(CAST(convert_from(canonical, 'UTF8') AS jsonb) ->> 'tenant_id' AS bigint)"
        " WHERE CAST(convert_from(canonical, 'UTF8') AS jsonb) ->> 'tenant_id' IS NOT NULL",
        "ALTER TABLE audit_entries ENABLE TRIGGER audit_entries_never_change",
    ):
        op.execute(statement)
