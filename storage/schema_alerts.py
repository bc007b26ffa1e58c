"""Tables about alerts: where they go, when they are sent, what was sent."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.columns import Id, Json, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id

alert_channels = Table(
    "alert_channels",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime),
    Column("last_delivered_at", UtcTime),
    Column("last_reason_code", Text),
    UniqueConstraint("workspace_id", "name"),
)

alert_rules = Table(
    "alert_rules",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("channel_id", "alert_channels"),
    Column("name", Text, nullable=False),
    Column("conditions", Json, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcTime, nullable=False),
    Column("time_zone", Text, nullable=False, server_default=""),
    Column("quiet_from", Text),
    Column("quiet_until", Text),
    Column("digest_minutes", Integer, nullable=False, server_default=text("0")),
    Column("updated_at", UtcTime),
    UniqueConstraint("workspace_id", "name"),
)

alert_deliveries = Table(
    "alert_deliveries",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("rule_id", "alert_rules", nullable=True),
    references("channel_id", "alert_channels"),
    Column("subject_key", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", UtcTime),
    Column("reason_code", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Column("tenant_id", Id),
    Column("connection_id", Id),
    Column("document", Json),
    Column("message_id", Text, nullable=False, server_default=""),
    Column("digest_key", Text),
    Column("worker_id", Text),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    one_of("status", ("queued", "sending", "delivered", "failed", "suppressed")),
    UniqueConstraint("rule_id", "subject_key"),
    Index("ix_alert_deliveries_status_next_try_at", "status", "next_try_at"),
)
