"""Collected data: inventory and its staging, compliance snapshots, role reports, directory counts.

Downgrade: all of it is dropped; operations collect it again.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Text, UniqueConstraint, text

from migrations.facts import set_version
from migrations.tables import Json, Time, create, drop, one_of, references, row_id

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    create(
        "inventory_items",
        row_id(),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        references("connection_id", "provider_connections"),
        Column("kind", Text, nullable=False),
        Column("external_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("platform", Text, nullable=False, server_default=""),
        Column("modified_at", Time),
        references("first_seen_run_id", "operation_runs"),
        references("last_seen_run_id", "operation_runs"),
        Column("removed_at", Time),
        UniqueConstraint("connection_id", "kind", "external_id"),
        Index("ix_inventory_items_tenant_id_kind_name_id", "tenant_id", "kind", "name", "id"),
    )
    create(
        "inventory_staging",
        references("run_id", "operation_runs", ondelete="CASCADE"),
        Column("fence", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("external_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("platform", Text, nullable=False, server_default=""),
        Column("modified_at", Time),
        PrimaryKeyConstraint("run_id", "fence", "kind", "external_id"),
    )
    create(
        "compliance_snapshots",
        row_id(),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        references("connection_id", "provider_connections"),
        references("run_id", "operation_runs"),
        Column("taken_at", Time, nullable=False),
        Column("is_complete", Boolean, nullable=False),
        Column("total", Integer, nullable=False),
        Column("counts", Json, nullable=False),
        Column("by_platform", Json, nullable=False),
        UniqueConstraint("run_id"),
        Index("ix_compliance_snapshots_tenant_id_taken_at", "tenant_id", "taken_at"),
    )
    create(
        "role_reports",
        row_id(),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        references("connection_id", "provider_connections"),
        references("run_id", "operation_runs"),
        Column("taken_at", Time, nullable=False),
        Column("is_complete", Boolean, nullable=False),
        Column("counts", Json, nullable=False),
        Column("difference", Json, nullable=False),
        UniqueConstraint("run_id"),
        Index("ix_role_reports_tenant_id_taken_at", "tenant_id", "taken_at"),
    )
    create(
        "role_assignments",
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
        one_of("assignment", "active", "activated", "eligible"),
        Index("ix_role_assignments_report_id_role_name", "report_id", "role_name"),
    )
    create(
        "role_findings",
        row_id(),
        references("report_id", "role_reports", ondelete="CASCADE"),
        Column("code", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("sentence", Text, nullable=False),
        Index("ix_role_findings_report_id", "report_id"),
    )
    create(
        "directory_counts",
        row_id(),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        references("connection_id", "provider_connections"),
        references("run_id", "operation_runs"),
        Column("taken_at", Time, nullable=False),
        Column("is_complete", Boolean, nullable=False),
        Column("users", Integer),
        Column("guests", Integer),
        Column("groups", Integer),
        Column("devices", Integer),
        Column("domains", Integer),
        UniqueConstraint("run_id"),
        Index("ix_directory_counts_tenant_id_taken_at", "tenant_id", "taken_at"),
    )
    set_version(7, min_reader=5, min_writer=5)


def downgrade() -> None:
    """Drops them, children first."""
    drop(
        "directory_counts",
        "role_findings",
        "role_assignments",
        "role_reports",
        "compliance_snapshots",
        "inventory_staging",
        "inventory_items",
    )
    set_version(6, min_reader=5, min_writer=5)
