"""Tables for what operations collect: inventory, compliance, roles, directory counts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from storage.columns import Json, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id

inventory_items = Table(
    "inventory_items",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("connection_id", "provider_connections"),
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("platform", Text, nullable=False, server_default=""),
    Column("modified_at", UtcTime),
    references("first_seen_run_id", "operation_runs"),
    references("last_seen_run_id", "operation_runs"),
    Column("removed_at", UtcTime),
    UniqueConstraint("connection_id", "kind", "external_id"),
    Index("ix_inventory_items_tenant_id_kind_name_id", "tenant_id", "kind", "name", "id"),
)

inventory_staging = Table(
    "inventory_staging",
    METADATA,
    references("run_id", "operation_runs", ondelete="CASCADE"),
    Column("fence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("platform", Text, nullable=False, server_default=""),
    Column("modified_at", UtcTime),
    PrimaryKeyConstraint("run_id", "fence", "kind", "external_id"),
)

compliance_snapshots = Table(
    "compliance_snapshots",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("connection_id", "provider_connections"),
    references("run_id", "operation_runs"),
    Column("taken_at", UtcTime, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("total", Integer, nullable=False),
    Column("counts", Json, nullable=False),
    Column("by_platform", Json, nullable=False),
    UniqueConstraint("run_id"),
    Index("ix_compliance_snapshots_tenant_id_taken_at", "tenant_id", "taken_at"),
)

role_reports = Table(
    "role_reports",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("connection_id", "provider_connections"),
    references("run_id", "operation_runs"),
    Column("taken_at", UtcTime, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("counts", Json, nullable=False),
    Column("difference", Json, nullable=False),
    UniqueConstraint("run_id"),
    Index("ix_role_reports_tenant_id_taken_at", "tenant_id", "taken_at"),
)

role_assignments = Table(
    "role_assignments",
    METADATA,
    row_id(),
    references("report_id", "role_reports", ondelete="CASCADE"),
    Column("principal_id", Text, nullable=False),
    Column("principal_name", Text, nullable=False),
    Column("principal_kind", Text, nullable=False),
    Column("role_template_id", Text, nullable=False),
    Column("role_name", Text, nullable=False),
    Column("is_privileged", Boolean, nullable=False),
    Column("assignment", Text, nullable=False),
    Column("via_group_id", Text),
    Column("directory_scope", Text, nullable=False, server_default=text("'/'")),
    one_of("assignment", ("active", "activated", "eligible")),
    Index("ix_role_assignments_report_id_role_name", "report_id", "role_name"),
)

role_findings = Table(
    "role_findings",
    METADATA,
    row_id(),
    references("report_id", "role_reports", ondelete="CASCADE"),
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Index("ix_role_findings_report_id", "report_id"),
)

directory_counts = Table(
    "directory_counts",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("connection_id", "provider_connections"),
    references("run_id", "operation_runs"),
    Column("taken_at", UtcTime, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("users", Integer),
    Column("guests", Integer),
    Column("groups", Integer),
    Column("devices", Integer),
    Column("domains", Integer),
    UniqueConstraint("run_id"),
    Index("ix_directory_counts_tenant_id_taken_at", "tenant_id", "taken_at"),
)
