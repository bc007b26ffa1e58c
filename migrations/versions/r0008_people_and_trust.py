"""People and trust: platform grants, SSH keys, sessions, saved filters, drafts, acknowledgements, alerts, the audit trail, badge counts.

Upgrade counts the badges that are there. A credential may from now on belong to an alert channel.

Downgrade: all of it is dropped, the audit trail too, and alert channels' credentials.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text, UniqueConstraint, text

from migrations import credential_shapes
from migrations.audit_guard import create_audit_guard, drop_audit_functions
from migrations.badge_counting import create_badge_counting, drop_badge_counting
from migrations.facts import is_sqlite, set_version
from migrations.tables import Id, Json, Time, create, drop, one_of, rebuild, references, row_id

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables and the triggers that guard and count."""
    _create_access()
    _create_personal()
    _create_attention()
    _let_alert_channels_own_credentials()
    _create_audit()
    create_audit_guard()
    _create_badge_counts()
    create_badge_counting()
    set_version(8, min_reader=5, min_writer=8)


def downgrade() -> None:
    """Drops them, children first."""
    drop_badge_counting()
    drop("badge_count_deltas", "badge_counts", "audit_checkpoints", "audit_heads", "audit_entries")
    drop_audit_functions()
    if is_sqlite():
        rebuild("credentials", credential_shapes.slots(alert_channels=False), {}, where="alert_channel_id IS NULL")
    else:
        for statement in (
            "DELETE FROM credentials WHERE alert_channel_id IS NOT NULL",
            "ALTER TABLE credentials DROP CONSTRAINT ck_credentials_one_owner, DROP COLUMN alert_channel_id,"
            f" ADD CONSTRAINT ck_credentials_one_owner CHECK ({credential_shapes.ONE_OF_TWO_OWNERS})",
        ):
            op.execute(statement)
    drop(
        "alert_deliveries",
        "alert_rules",
        "alert_channels",
        "acknowledgements",
        "user_views",
        "drafts",
        "saved_filters",
        "sessions",
        "ssh_keys",
        "platform_grants",
    )
    set_version(7, min_reader=5, min_writer=5)


def _let_alert_channels_own_credentials() -> None:
    if is_sqlite():
        rebuild("credentials", credential_shapes.slots(alert_channels=True), {"alert_channel_id": "NULL"})
        return
    for statement in (
        "ALTER TABLE credentials ADD COLUMN alert_channel_id BIGINT,"
        " ADD CONSTRAINT fk_credentials_alert_channel_id FOREIGN KEY (alert_channel_id) REFERENCES alert_channels (id)"
        " ON DELETE CASCADE",
        "ALTER TABLE credentials DROP CONSTRAINT ck_credentials_one_owner,"
        f" ADD CONSTRAINT ck_credentials_one_owner CHECK ({credential_shapes.ONE_OF_THREE_OWNERS})",
        "CREATE UNIQUE INDEX uq_credentials_alert_channel_id_slot ON credentials (alert_channel_id, slot)",
    ):
        op.execute(statement)


def _create_access() -> None:
    create(
        "platform_grants",
        row_id(),
        references("user_id", "users"),
        Column("capability", Text, nullable=False),
        Column("created_at", Time, nullable=False),
        UniqueConstraint("user_id", "capability"),
        one_of("capability", "platform.directory.view", "platform.runs.view"),
    )
    create(
        "ssh_keys",
        row_id(),
        references("user_id", "users"),
        Column("fingerprint", Text, nullable=False, unique=True),
        Column("public_key", Text, nullable=False),
        Column("label", Text, nullable=False),
        references("added_by_id", "users", nullable=True),
        Column("added_at", Time, nullable=False),
        Column("expires_at", Time),
        Column("revoked_at", Time),
    )
    create(
        "sessions",
        Column("id", Text, primary_key=True),
        references("user_id", "users"),
        Column("via", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("started_at", Time, nullable=False),
        Column("seen_at", Time, nullable=False),
        Column("ended_at", Time),
        Column("end_reason", Text),
        Index("ix_sessions_user_id", "user_id"),
    )


def _create_personal() -> None:
    create(
        "saved_filters",
        row_id(),
        references("user_id", "users"),
        references("workspace_id", "workspaces"),
        Column("view", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("filter_text", Text, nullable=False),
        Column("created_at", Time, nullable=False),
        UniqueConstraint("user_id", "workspace_id", "view", "name"),
    )
    create(
        "drafts",
        row_id(),
        references("user_id", "users"),
        references("workspace_id", "workspaces", nullable=True),
        Column("form", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("document", Json, nullable=False),
        Column("updated_at", Time, nullable=False),
        UniqueConstraint("user_id", "form", "subject"),
    )
    create(
        "user_views",
        references("user_id", "users"),
        references("workspace_id", "workspaces"),
        Column("view", Text, nullable=False),
        Column("looked_at", Time, nullable=False),
        UniqueConstraint("user_id", "workspace_id", "view"),
    )


def _create_attention() -> None:
    create(
        "acknowledgements",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("reason_code", Text, nullable=False),
        references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
        references("platform_app_id", "platform_apps", nullable=True, ondelete="CASCADE"),
        Column("note", Text, nullable=False, server_default=""),
        Column("ticket", Text),
        references("user_id", "users"),
        Column("created_at", Time, nullable=False),
        Column("expires_at", Time),
        Column("ended_at", Time),
        Index("ix_acknowledgements_workspace_id_reason_code", "workspace_id", "reason_code"),
    )
    create(
        "alert_channels",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("settings", Json, nullable=False),
        Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
        Column("created_at", Time, nullable=False),
        UniqueConstraint("workspace_id", "name"),
    )
    create(
        "alert_rules",
        row_id(),
        references("workspace_id", "workspaces"),
        references("channel_id", "alert_channels"),
        Column("name", Text, nullable=False),
        Column("conditions", Json, nullable=False),
        Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
        Column("created_at", Time, nullable=False),
        UniqueConstraint("workspace_id", "name"),
    )
    create(
        "alert_deliveries",
        row_id(),
        references("workspace_id", "workspaces"),
        references("rule_id", "alert_rules"),
        references("channel_id", "alert_channels"),
        Column("subject_key", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("next_try_at", Time),
        Column("reason_code", Text),
        Column("created_at", Time, nullable=False),
        Column("delivered_at", Time),
        one_of("status", "queued", "sending", "delivered", "failed", "suppressed"),
        UniqueConstraint("rule_id", "subject_key"),
        Index("ix_alert_deliveries_status_next_try_at", "status", "next_try_at"),
    )


def _create_audit() -> None:
    create(
        "audit_entries",
        row_id(),
        Column("chain", Text, nullable=False),
        Column("sequence", Id, nullable=False),
        references("workspace_id", "workspaces", nullable=True),
        Column("at", Time, nullable=False),
        references("actor_id", "users", nullable=True),
        Column("actor", Text, nullable=False),
        Column("plane", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("target_kind", Text, nullable=False),
        Column("target_id", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("ticket", Text),
        Column("canonical", LargeBinary, nullable=False),
        Column("previous_hash", Text, nullable=False),
        Column("hash", Text, nullable=False),
        one_of("plane", "workspace", "system"),
        one_of("outcome", "done", "refused"),
        UniqueConstraint("chain", "sequence"),
        Index("ix_audit_entries_workspace_id_id", "workspace_id", "id"),
        Index("ix_audit_entries_workspace_id_target_kind_target_id", "workspace_id", "target_kind", "target_id", "id"),
    )
    create(
        "audit_heads",
        Column("chain", Text, primary_key=True),
        Column("sequence", Id, nullable=False),
        Column("hash", Text, nullable=False),
    )
    create(
        "audit_checkpoints",
        row_id(),
        Column("chain", Text, nullable=False),
        Column("sequence", Id, nullable=False),
        Column("hash", Text, nullable=False),
        Column("signature", LargeBinary),
        Column("created_at", Time, nullable=False),
        UniqueConstraint("chain", "sequence"),
    )


def _create_badge_counts() -> None:
    create(
        "badge_counts",
        references("workspace_id", "workspaces"),
        Column("dimension", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("count", Id, nullable=False),
        PrimaryKeyConstraint("workspace_id", "dimension", "value"),
        one_of("dimension", "lifecycle", "consent", "verification"),
    )
    create(
        "badge_count_deltas",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("dimension", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("delta", Integer, nullable=False),
    )
