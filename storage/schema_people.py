"""Tables about people: users, workspaces, memberships, keys, and what belongs to one person; audit."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.capabilities import PLATFORM_CAPABILITIES, Role
from storage.columns import Id, Json, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id
from storage.states import NotificationKind, ScopeKind

workspaces = Table(
    "workspaces",
    METADATA,
    row_id(),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("device_detail", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcTime, nullable=False),
)

users = Table(
    "users",
    METADATA,
    row_id(),
    Column("login", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcTime, nullable=False),
    Column("left_at", UtcTime),
)

memberships = Table(
    "memberships",
    METADATA,
    row_id(),
    references("user_id", "users"),
    references("workspace_id", "workspaces"),
    Column("scope_kind", Text, nullable=False),
    references("tenant_id", "tenants", nullable=True, ondelete="CASCADE"),
    references("tag_id", "tags", nullable=True, ondelete="CASCADE"),
    Column("role", Text, nullable=False),
    Column("expires_at", UtcTime),
    references("granted_by_id", "users", nullable=True),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    one_of("scope_kind", ScopeKind),
    one_of("role", Role),
    CheckConstraint(
        "(scope_kind = 'tenant') = (tenant_id IS NOT NULL) AND (scope_kind = 'tag') = (tag_id IS NOT NULL)",
        name="scope_target",
    ),
    Index("ix_memberships_user_id_workspace_id", "user_id", "workspace_id"),
    Index("ix_memberships_workspace_id", "workspace_id"),
)

platform_grants = Table(
    "platform_grants",
    METADATA,
    row_id(),
    references("user_id", "users"),
    Column("capability", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("user_id", "capability"),
    one_of("capability", sorted(PLATFORM_CAPABILITIES)),
)

ssh_keys = Table(
    "ssh_keys",
    METADATA,
    row_id(),
    references("user_id", "users"),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("label", Text, nullable=False),
    references("added_by_id", "users", nullable=True),
    Column("added_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    references("user_id", "users"),
    Column("via", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("end_reason", Text),
    Index("ix_sessions_user_id", "user_id"),
)

saved_filters = Table(
    "saved_filters",
    METADATA,
    row_id(),
    references("user_id", "users"),
    references("workspace_id", "workspaces"),
    Column("view", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("filter_text", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("user_id", "workspace_id", "view", "name"),
)

drafts = Table(
    "drafts",
    METADATA,
    row_id(),
    references("user_id", "users"),
    references("workspace_id", "workspaces", nullable=True),
    Column("form", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("document", Json, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("user_id", "form", "subject"),
)

user_views = Table(
    "user_views",
    METADATA,
    references("user_id", "users"),
    references("workspace_id", "workspaces"),
    Column("view", Text, nullable=False),
    Column("looked_at", UtcTime, nullable=False),
    UniqueConstraint("user_id", "workspace_id", "view"),
)

notifications = Table(
    "notifications",
    METADATA,
    row_id(),
    references("user_id", "users"),
    references("workspace_id", "workspaces"),
    Column("kind", Text, nullable=False),
    references("run_id", "operation_runs", nullable=True, ondelete="CASCADE"),
    references("batch_id", "run_batches", nullable=True, ondelete="CASCADE"),
    Column("title", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("read_at", UtcTime),
    one_of("kind", NotificationKind),
    Index("uq_notifications_run_id", "run_id", unique=True),
    Index("uq_notifications_batch_id", "batch_id", unique=True),
    Index("ix_notifications_user_id_id", "user_id", "id"),
    Index(
        "ix_notifications_unread",
        "user_id",
        "id",
        sqlite_where=text("read_at IS NULL"),
        postgresql_where=text("read_at IS NULL"),
    ),
    Index(
        "ix_notifications_read_at",
        "read_at",
        sqlite_where=text("read_at IS NOT NULL"),
        postgresql_where=text("read_at IS NOT NULL"),
    ),
    Index("ix_notifications_created_at", "created_at"),
)

_OPEN_ON_CONNECTION: Final = text("ended_at IS NULL AND connection_id IS NOT NULL")
_OPEN_ON_APP: Final = text("ended_at IS NULL AND platform_app_id IS NOT NULL")

acknowledgements = Table(
    "acknowledgements",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("reason_code", Text, nullable=False),
    references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
    references("platform_app_id", "platform_apps", nullable=True, ondelete="CASCADE"),
    Column("note", Text, nullable=False, server_default=""),
    Column("ticket", Text),
    references("user_id", "users"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("ended_by", Text),
    Column("ended_reason", Text, nullable=False, server_default=""),
    Index("ix_acknowledgements_workspace_id_reason_code", "workspace_id", "reason_code"),
    Index(
        "uq_acknowledgements_connection",
        "connection_id",
        "reason_code",
        unique=True,
        sqlite_where=_OPEN_ON_CONNECTION,
        postgresql_where=_OPEN_ON_CONNECTION,
    ),
    Index(
        "uq_acknowledgements_platform_app",
        "platform_app_id",
        "reason_code",
        unique=True,
        sqlite_where=_OPEN_ON_APP,
        postgresql_where=_OPEN_ON_APP,
    ),
    Index(
        "ix_acknowledgements_open",
        "workspace_id",
        "expires_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

audit_entries = Table(
    "audit_entries",
    METADATA,
    row_id(),
    Column("chain", Text, nullable=False),
    Column("sequence", Id, nullable=False),
    references("workspace_id", "workspaces", nullable=True),
    Column("at", UtcTime, nullable=False),
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
    Column("tenant_id", Id),
    one_of("plane", ("workspace", "system")),
    one_of("outcome", ("done", "refused")),
    UniqueConstraint("chain", "sequence"),
    Index("ix_audit_entries_workspace_id_id", "workspace_id", "id"),
    Index("ix_audit_entries_workspace_id_tenant_id_id", "workspace_id", "tenant_id", "id"),
    Index("ix_audit_entries_workspace_id_action_id", "workspace_id", "action", "id"),
    Index("ix_audit_entries_workspace_id_actor_id", "workspace_id", "actor", "id"),
    Index(
        "ix_audit_entries_refused",
        "workspace_id",
        "id",
        sqlite_where=text("outcome = 'refused'"),
        postgresql_where=text("outcome = 'refused'"),
    ),
    Index(
        "ix_audit_entries_ticket",
        "workspace_id",
        "ticket",
        "id",
        sqlite_where=text("ticket IS NOT NULL"),
        postgresql_where=text("ticket IS NOT NULL"),
    ),
    Index("ix_audit_entries_workspace_id_target_kind_target_id", "workspace_id", "target_kind", "target_id", "id"),
)
"""Append-only: triggers refuse UPDATE, and DELETE below no checkpoint. `canonical` holds the bytes that were hashed.

`tenant_id` is no foreign key: an entry outlives what it is about, and is never changed."""

audit_heads = Table(
    "audit_heads",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("sequence", Id, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    METADATA,
    row_id(),
    Column("chain", Text, nullable=False),
    Column("sequence", Id, nullable=False),
    Column("hash", Text, nullable=False),
    Column("signature", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("chain", "sequence"),
)
