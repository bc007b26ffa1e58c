"""The shapes that `provider_connections` had, by the revision that made them.

SQLite rebuilds the table from these; PostgreSQL alters it, and a test holds the two against each other at every revision. Frozen.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, text
from sqlalchemy.schema import SchemaItem

from migrations.tables import Id, Time, one_of, references, row_id

PROBLEMS = "NOT (is_enabled AND consent_status = 'granted' AND verification_status = 'healthy')"
CONSENT = ("unknown", "required", "granted", "failed", "revoked")
VERIFICATION = ("unknown", "pending", "healthy", "degraded", "blocked", "error")


def foundation(*, owned: bool) -> list[SchemaItem]:
    """Revisions 0001 and 0002: one status, one health, and from 0002 (`owned`) a workspace."""
    identity: list[SchemaItem] = (
        [references("workspace_id", "workspaces"), Column("tenant_id", Id, nullable=False), _tenant_identity()]
        if owned
        else [references("tenant_id", "tenants")]
    )
    return [
        row_id(),
        *identity,
        Column("entra_tenant_id", Text, nullable=False),
        Column("provider", Text, nullable=False, server_default="microsoft"),
        Column("display_name", Text, nullable=False),
        Column("client_id", Text),
        Column("is_default", Boolean, nullable=False),
        *_legacy(),
        Column("last_health_check_at", Time),
        Column("last_error_reason_code", Text),
        Column("last_error_message", Text),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        one_of("provider", "microsoft"),
        _default_index(),
        Index("ix_provider_connections_tenant_id", "tenant_id"),
    ]


def canonical(*, lifecycle: bool, legacy: bool) -> list[SchemaItem]:
    """Revisions 0003 to 0005: the independent truths.

    Args:
        lifecycle: from 0004: `is_enabled` and who changed it.
        legacy: until 0004: the old status and health are still there.
    """
    items: list[SchemaItem] = [
        row_id(),
        references("workspace_id", "workspaces"),
        Column("tenant_id", Id, nullable=False),
        Column("entra_tenant_id", Text, nullable=False),
        Column("provider", Text, nullable=False, server_default="microsoft"),
        Column("display_name", Text, nullable=False),
        Column("sort_name", Text, nullable=False),
        Column("connection_type", Text, nullable=False),
        Column("platform_app_id", Id),
        Column("client_id", Text),
        Column("is_default", Boolean, nullable=False),
        Column("consent_status", Text, nullable=False),
        Column("verification_status", Text, nullable=False),
        Column("last_reason_code", Text),
        Column("last_reason_sentence", Text),
        Column("last_checked_at", Time),
        Column("last_good_at", Time),
        Column("manifest_version", Integer),
        Column("consent_changed_at", Time),
        Column("consent_granted_at", Time),
        Column("consent_checked_at", Time),
        Column("consent_doubt_since", Time),
        Column("verification_changed_at", Time),
        Column("credential_changed_at", Time),
        Column("generation", Integer, nullable=False, server_default=text("1")),
        Column("first_run_at", Time),
        Column("offboarded_at", Time),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        one_of("provider", "microsoft"),
        one_of("connection_type", "platform", "dedicated"),
        one_of("consent_status", *CONSENT),
        one_of("verification_status", *VERIFICATION),
        CheckConstraint(
            "connection_type = 'platform' OR platform_app_id IS NULL", name="dedicated_has_no_platform_app"
        ),
        _tenant_identity(),
        ForeignKeyConstraint(
            ["platform_app_id", "workspace_id"],
            ["platform_apps.id", "platform_apps.workspace_id"],
            name="fk_provider_connections_platform_app_identity",
        ),
        _default_index(),
        *(_list_index(*columns) for columns in LISTS),
        Index("ix_provider_connections_tenant_id", "tenant_id"),
        Index("ix_provider_connections_platform_app_id", "platform_app_id"),
    ]
    if lifecycle:
        items += [
            Column("is_enabled", Boolean, nullable=False),
            Column("lifecycle_changed_at", Time, nullable=False),
            references("lifecycle_changed_by_id", "users", nullable=True),
            Index(
                "ix_provider_connections_problems",
                "workspace_id",
                "sort_name",
                "id",
                sqlite_where=text(PROBLEMS),
                postgresql_where=text(PROBLEMS),
            ),
        ]
    if legacy:
        items += _legacy()
    return items


LISTS = (
    ("sort_name", "id"),
    ("last_checked_at", "id"),
    ("last_reason_code", "sort_name", "id"),
    ("consent_status", "sort_name", "id"),
    ("verification_status", "sort_name", "id"),
)
"""The orders in which a workspace's connections are read."""


def list_index_name(columns: tuple[str, ...]) -> str:
    """Names an index by the columns that tell it apart."""
    told_apart = columns if columns[0] in ("sort_name", "last_checked_at") else columns[:1]
    return "_".join(("ix_provider_connections_workspace_id", *told_apart))


def _list_index(*columns: str) -> Index:
    return Index(list_index_name(columns), "workspace_id", *columns)


def _legacy() -> list[SchemaItem]:
    return [
        Column("status", Text, nullable=False),
        Column("health_status", Text, nullable=False, server_default="unknown"),
        one_of("status", "connected", "needs_consent", "error", "disabled"),
        one_of("health_status", "ok", "degraded", "down", "unknown"),
        Index("ix_provider_connections_status", "status"),
        Index("ix_provider_connections_health_status", "health_status"),
    ]


def _tenant_identity() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "workspace_id", "entra_tenant_id"],
        ["tenants.id", "tenants.workspace_id", "tenants.entra_tenant_id"],
        name="fk_provider_connections_tenant_identity",
    )


def _default_index() -> Index:
    return Index(
        "uq_provider_connections_default",
        "tenant_id",
        "provider",
        unique=True,
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    )
