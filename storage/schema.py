"""The tables, as the newest migration leaves them.

Promise: what stands here is what queries are built from; a test compares it with what the migrations make, on SQLite and on
PostgreSQL, so the two cannot drift. Triggers (append-only audit, badge counts) live in the migrations alone. No other room sees these
objects.

The tables are split over `schema_*.py` by subject; this module puts them together.
"""

from __future__ import annotations

from storage.schema_alerts import alert_channels, alert_deliveries, alert_rules
from storage.schema_collected import (
    compliance_snapshots,
    directory_counts,
    inventory_items,
    inventory_staging,
    role_assignments,
    role_findings,
    role_reports,
)
from storage.schema_core import METADATA, change_topics, meta
from storage.schema_fleet import (
    badge_count_deltas,
    badge_counts,
    platform_apps,
    provider_connections,
    tags,
    tenant_tags,
    tenants,
)
from storage.schema_people import (
    acknowledgements,
    audit_checkpoints,
    audit_entries,
    audit_heads,
    drafts,
    memberships,
    notifications,
    platform_grants,
    saved_filters,
    sessions,
    ssh_keys,
    user_views,
    users,
    workspaces,
)
from storage.schema_runs import (
    ACTIVE_RUN,
    WAITING_RUN,
    circuit_breakers,
    connection_operations,
    operation_runs,
    run_batch_members,
    run_batches,
    run_steps,
    schedule_firings,
    schedules,
    workers,
)
from storage.schema_trust import (
    connection_permissions,
    consent_requests,
    credentials,
    onboardings,
    verification_reports,
)

__all__ = [
    "ACTIVE_RUN",
    "METADATA",
    "WAITING_RUN",
    "acknowledgements",
    "alert_channels",
    "alert_deliveries",
    "alert_rules",
    "audit_checkpoints",
    "audit_entries",
    "audit_heads",
    "badge_count_deltas",
    "badge_counts",
    "change_topics",
    "circuit_breakers",
    "compliance_snapshots",
    "connection_operations",
    "connection_permissions",
    "consent_requests",
    "credentials",
    "directory_counts",
    "drafts",
    "inventory_items",
    "inventory_staging",
    "memberships",
    "meta",
    "notifications",
    "onboardings",
    "operation_runs",
    "platform_apps",
    "platform_grants",
    "provider_connections",
    "role_assignments",
    "role_findings",
    "role_reports",
    "run_batch_members",
    "run_batches",
    "run_steps",
    "saved_filters",
    "schedule_firings",
    "schedules",
    "sessions",
    "ssh_keys",
    "tags",
    "tenant_tags",
    "tenants",
    "user_views",
    "users",
    "verification_reports",
    "workers",
    "workspaces",
]
