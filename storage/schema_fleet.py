"""Tables about the fleet: tenants, tags, applications, connections, and how many have which badge."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.columns import Id, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id
from storage.states import (
    Cloud,
    ConnectionType,
    ConsentStatus,
    Provider,
    TenantLifecycle,
    VerificationStatus,
)

tenants = Table(
    "tenants",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("entra_tenant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sort_name", Text, nullable=False),
    Column("microsoft_name", Text),
    Column("primary_domain", Text),
    Column("cloud", Text, nullable=False, server_default=Cloud.GLOBAL.value),
    Column("lifecycle", Text, nullable=False, server_default=TenantLifecycle.DRAFT.value),
    Column("contact", Text, nullable=False, server_default=""),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("note", Text, nullable=False, server_default=""),
    Column("first_token_at", UtcTime),
    Column("archived_at", UtcTime),
    Column("purge_after", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("purged_at", UtcTime),
    one_of("cloud", Cloud),
    one_of("lifecycle", TenantLifecycle),
    UniqueConstraint("workspace_id", "entra_tenant_id"),
    UniqueConstraint("id", "workspace_id", "entra_tenant_id", name="uq_tenants_identity"),
    Index("ix_tenants_sort_name_id", "sort_name", "id"),
    Index("ix_tenants_workspace_id_sort_name_id", "workspace_id", "sort_name", "id"),
    Index("ix_tenants_workspace_id_primary_domain", "workspace_id", "primary_domain"),
    Index(
        "ix_tenants_purge_due",
        "purge_after",
        sqlite_where=text("purge_after IS NOT NULL AND purged_at IS NULL"),
        postgresql_where=text("purge_after IS NOT NULL AND purged_at IS NULL"),
    ),
)

tags = Table(
    "tags",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("name", Text, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)

tenant_tags = Table(
    "tenant_tags",
    METADATA,
    references("tenant_id", "tenants", ondelete="CASCADE"),
    references("tag_id", "tags", ondelete="CASCADE"),
    PrimaryKeyConstraint("tenant_id", "tag_id"),
    Index("ix_tenant_tags_tag_id", "tag_id"),
)

platform_apps = Table(
    "platform_apps",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("cloud", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("home_tenant_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("credential_changed_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    one_of("cloud", Cloud),
    UniqueConstraint("workspace_id", "cloud"),
    UniqueConstraint("id", "workspace_id", name="uq_platform_apps_identity"),
)

provider_connections = Table(
    "provider_connections",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("tenant_id", Id, nullable=False),
    Column("entra_tenant_id", Text, nullable=False),
    Column("provider", Text, nullable=False, server_default=Provider.MICROSOFT.value),
    Column("display_name", Text, nullable=False),
    Column("sort_name", Text, nullable=False),
    Column("connection_type", Text, nullable=False),
    Column("platform_app_id", Id),
    Column("client_id", Text),
    Column("is_default", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("consent_status", Text, nullable=False),
    Column("verification_status", Text, nullable=False),
    Column("last_reason_code", Text),
    Column("last_reason_sentence", Text),
    Column("last_checked_at", UtcTime),
    Column("last_good_at", UtcTime),
    Column("manifest_version", Integer),
    Column("lifecycle_changed_at", UtcTime, nullable=False),
    references("lifecycle_changed_by_id", "users", nullable=True),
    Column("consent_changed_at", UtcTime),
    Column("consent_granted_at", UtcTime),
    Column("consent_checked_at", UtcTime),
    Column("consent_doubt_since", UtcTime),
    Column("verification_changed_at", UtcTime),
    Column("credential_changed_at", UtcTime),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("first_run_at", UtcTime),
    Column("offboarded_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("consent_manifest_version", Integer),
    Column("reason_since", UtcTime),
    one_of("provider", Provider),
    one_of("connection_type", ConnectionType),
    one_of("consent_status", ConsentStatus),
    one_of("verification_status", VerificationStatus),
    CheckConstraint("connection_type = 'platform' OR platform_app_id IS NULL", name="dedicated_has_no_platform_app"),
    ForeignKeyConstraint(
        ["tenant_id", "workspace_id", "entra_tenant_id"],
        ["tenants.id", "tenants.workspace_id", "tenants.entra_tenant_id"],
        name="fk_provider_connections_tenant_identity",
    ),
    ForeignKeyConstraint(
        ["platform_app_id", "workspace_id"],
        ["platform_apps.id", "platform_apps.workspace_id"],
        name="fk_provider_connections_platform_app_identity",
    ),
    Index(
        "uq_provider_connections_default",
        "tenant_id",
        "provider",
        unique=True,
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    ),
    Index("ix_provider_connections_workspace_id_sort_name_id", "workspace_id", "sort_name", "id"),
    Index("ix_provider_connections_workspace_id_last_checked_at_id", "workspace_id", "last_checked_at", "id"),
    Index("ix_provider_connections_tenant_id", "tenant_id"),
    Index("ix_provider_connections_platform_app_id", "platform_app_id"),
    Index(
        "ix_provider_connections_client_id",
        "workspace_id",
        "client_id",
        sqlite_where=text("client_id IS NOT NULL"),
        postgresql_where=text("client_id IS NOT NULL"),
    ),
    Index(
        "ix_provider_connections_workspace_id_last_reason_code", "workspace_id", "last_reason_code", "sort_name", "id"
    ),
    Index("ix_provider_connections_workspace_id_consent_status", "workspace_id", "consent_status", "sort_name", "id"),
    Index(
        "ix_provider_connections_workspace_id_verification_status",
        "workspace_id",
        "verification_status",
        "sort_name",
        "id",
    ),
    Index(
        "ix_provider_connections_default_verification",
        "verification_status",
        "sort_name",
        "id",
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    ),
    Index(
        "ix_provider_connections_default_consent",
        "consent_status",
        "sort_name",
        "id",
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    ),
    Index(
        "ix_provider_connections_problems",
        "workspace_id",
        "sort_name",
        "id",
        sqlite_where=text("NOT (is_enabled AND consent_status = 'granted' AND verification_status = 'healthy')"),
        postgresql_where=text("NOT (is_enabled AND consent_status = 'granted' AND verification_status = 'healthy')"),
    ),
)
"""`sort_name` is the tenant's folded name, the connection's and the tenant's domain, kept by the functions that change one of them."""

badge_counts = Table(
    "badge_counts",
    METADATA,
    references("workspace_id", "workspaces"),
    Column("dimension", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("count", Id, nullable=False),
    PrimaryKeyConstraint("workspace_id", "dimension", "value"),
    one_of("dimension", ("lifecycle", "consent", "verification")),
)
"""How many connections have each badge. On SQLite triggers keep it; on PostgreSQL a worker folds the deltas into it."""

badge_count_deltas = Table(
    "badge_count_deltas",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("dimension", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("delta", Integer, nullable=False),
)
"""PostgreSQL only: a trigger appends here, because ±1 on shared rows deadlocks."""
