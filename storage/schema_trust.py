"""Tables about trust: credentials, consent, permissions, what checks reported, and bringing a tenant on."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.columns import Json, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id
from storage.states import ConsentRequestStatus, CredentialKind, CredentialSlot, OnboardingStatus, VerificationStatus

credentials = Table(
    "credentials",
    METADATA,
    row_id(),
    references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
    references("platform_app_id", "platform_apps", nullable=True, ondelete="CASCADE"),
    references("alert_channel_id", "alert_channels", nullable=True, ondelete="CASCADE"),
    Column("slot", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seal_key_id", Text, nullable=False),
    Column("seal_version", Integer, nullable=False),
    Column("seal_tenant_id", Text, nullable=False, server_default=""),
    Column("client_key_id", Text, nullable=False, server_default=""),
    Column("starts_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("stored_at", UtcTime, nullable=False),
    references("stored_by_id", "users", nullable=True),
    Column("removal_confirmed_at", UtcTime),
    Column("thumbprint", Text, nullable=False, server_default=""),
    Column("active_since", UtcTime),
    one_of("slot", CredentialSlot),
    one_of("kind", CredentialKind),
    CheckConstraint(
        "(connection_id IS NOT NULL AND platform_app_id IS NULL AND alert_channel_id IS NULL)"
        " OR (connection_id IS NULL AND platform_app_id IS NOT NULL AND alert_channel_id IS NULL)"
        " OR (connection_id IS NULL AND platform_app_id IS NULL AND alert_channel_id IS NOT NULL)",
        name="one_owner",
    ),
    Index("uq_credentials_connection_id_slot", "connection_id", "slot", unique=True),
    Index("uq_credentials_platform_app_id_slot", "platform_app_id", "slot", unique=True),
    Index("uq_credentials_alert_channel_id_slot", "alert_channel_id", "slot", unique=True),
    Index("ix_credentials_expires_at", "expires_at"),
    Index("ix_credentials_seal_key_id", "seal_key_id"),
)

consent_requests = Table(
    "consent_requests",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("connection_id", "provider_connections", ondelete="CASCADE"),
    Column("state_hash", Text, nullable=False, unique=True),
    Column("expected_tenant_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("status", Text, nullable=False),
    references("created_by_id", "users", nullable=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    references("answered_by_id", "users", nullable=True),
    Column("answer_reason_code", Text),
    Column("answer_tenant_id", Text),
    Column("answer_correlation_id", Text),
    Column("answer_provider_code", Text),
    one_of("status", ConsentRequestStatus),
    Index("ix_consent_requests_connection_id_id", "connection_id", "id"),
)

onboardings = Table(
    "onboardings",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    Column("status", Text, nullable=False),
    references("started_by_id", "users", nullable=True),
    Column("started_at", UtcTime, nullable=False),
    Column("permissions_seen_at", UtcTime),
    Column("ended_at", UtcTime),
    references("ended_by_id", "users", nullable=True),
    Column("ended_reason", Text, nullable=False, server_default=""),
    one_of("status", OnboardingStatus),
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
"""Somebody brings a tenant on. Where it stands is read from the tenant itself; here is only what nothing else tells."""

connection_permissions = Table(
    "connection_permissions",
    METADATA,
    references("connection_id", "provider_connections", ondelete="CASCADE"),
    Column("permission", Text, nullable=False),
    Column("is_granted", Boolean, nullable=False),
    Column("checked_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("connection_id", "permission"),
    Index(
        "ix_connection_permissions_missing",
        "permission",
        "connection_id",
        sqlite_where=text("NOT is_granted"),
        postgresql_where=text("NOT is_granted"),
    ),
)

verification_reports = Table(
    "verification_reports",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("connection_id", "provider_connections"),
    references("run_id", "operation_runs"),
    Column("generation", Integer, nullable=False),
    Column("is_superseded", Boolean, nullable=False),
    Column("verdict", Text),
    Column("reason_code", Text),
    Column("manifest_version", Integer, nullable=False),
    Column("document", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    one_of("verdict", VerificationStatus),
    UniqueConstraint("run_id"),
    Index("ix_verification_reports_connection_id_id", "connection_id", "id"),
)
