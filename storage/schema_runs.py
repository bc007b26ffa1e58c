"""Tables about work: runs and their steps, batches, schedules and their firings, what became of each operation, workers.

The two partial indexes are the heart of the run protocol: at most one active run per connection, at most one waiting run of a type.
Their predicates are constants that the statements use word for word, since a bound value defeats the index.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage import operations
from storage.columns import Id, Json, UtcTime
from storage.schema_core import METADATA, one_of, references, row_id
from storage.states import BatchClass, RunCause, RunOutcome, RunStatus, ScopeKind, StepStatus

ACTIVE_RUN: Final = text("status IN ('queued','running')")
WAITING_RUN: Final = text("status = 'waiting'")

operation_runs = Table(
    "operation_runs",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("connection_id", "provider_connections"),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("cause", Text, nullable=False),
    references("initiator_id", "users", nullable=True),
    Column("initiator", Text, nullable=False),
    references("batch_id", "run_batches", nullable=True),
    references("schedule_id", "schedules", nullable=True, ondelete="SET NULL"),
    references("retry_of_id", "operation_runs", nullable=True),
    references("follow_up_of_id", "operation_runs", nullable=True),
    Column("follow_up_depth", Integer, nullable=False, server_default=text("0")),
    Column("ticket", Text),
    Column("priority", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("context", Json, nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("not_before", UtcTime),
    Column("dispatched_at", UtcTime),
    Column("dispatched_to", Text),
    Column("started_at", UtcTime),
    Column("claimed_at", UtcTime),
    Column("deadline_at", UtcTime),
    Column("lease_until", UtcTime),
    Column("worker_id", Text),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("deferrals", Integer, nullable=False, server_default=text("0")),
    Column("cancel_requested_at", UtcTime),
    Column("cancel_requested_by", Text),
    Column("completed_at", UtcTime),
    Column("progress_done", Integer),
    Column("progress_total", Integer),
    Column("phase", Text),
    Column("waiting_until", UtcTime),
    Column("reason_code", Text),
    Column("reason_sentence", Text),
    Column("summary_counts", Json),
    Column("failures", Json),
    one_of("type", operations.CATALOG),
    one_of("status", RunStatus),
    one_of("outcome", RunOutcome),
    one_of("cause", RunCause),
    CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
    CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completed_has_time"),
    CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name="completed_has_outcome"),
    Index("uq_run_active", "connection_id", unique=True, sqlite_where=ACTIVE_RUN, postgresql_where=ACTIVE_RUN),
    Index(
        "uq_run_waiting", "connection_id", "type", unique=True, sqlite_where=WAITING_RUN, postgresql_where=WAITING_RUN
    ),
    Index(
        "ix_run_dispatch",
        "priority",
        "queued_at",
        "id",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
    Index(
        "ix_run_lease",
        "lease_until",
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
    ),
    Index(
        "ix_run_hinted",
        "dispatched_at",
        sqlite_where=text("status = 'queued' AND dispatched_at IS NOT NULL"),
        postgresql_where=text("status = 'queued' AND dispatched_at IS NOT NULL"),
    ),
    Index(
        "ix_run_unfinished",
        "workspace_id",
        "id",
        sqlite_where=text("status <> 'completed'"),
        postgresql_where=text("status <> 'completed'"),
    ),
    Index("ix_operation_runs_workspace_id_id", "workspace_id", "id"),
    Index("ix_operation_runs_connection_id_id", "connection_id", "id"),
    Index("ix_operation_runs_tenant_id_id", "tenant_id", "id"),
    Index("ix_operation_runs_batch_id", "batch_id"),
    Index("ix_operation_runs_workspace_id_outcome_id", "workspace_id", "outcome", "id"),
    Index(
        "ix_operation_runs_schedule_id_id",
        "schedule_id",
        "id",
        sqlite_where=text("schedule_id IS NOT NULL"),
        postgresql_where=text("schedule_id IS NOT NULL"),
    ),
    Index(
        "ix_operation_runs_completed",
        "workspace_id",
        "completed_at",
        "id",
        sqlite_where=text("status = 'completed'"),
        postgresql_where=text("status = 'completed'"),
    ),
)

run_steps = Table(
    "run_steps",
    METADATA,
    references("run_id", "operation_runs", ondelete="CASCADE"),
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason_code", Text),
    Column("sentence", Text, nullable=False, server_default=""),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    PrimaryKeyConstraint("run_id", "key"),
    one_of("status", StepStatus),
)

run_batches = Table(
    "run_batches",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("type", Text, nullable=False),
    references("initiator_id", "users", nullable=True),
    Column("initiator", Text, nullable=False),
    Column("filter_text", Text, nullable=False, server_default=""),
    Column("ticket", Text),
    Column("classes", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    Column("of_batch_id", Id),
    Column("member_count", Integer, nullable=False, server_default=text("0")),
    Column("cancel_requested_at", UtcTime),
    Column("cancel_requested_by", Text),
    one_of("type", operations.CATALOG),
    Index("ix_run_batches_workspace_id_id", "workspace_id", "id"),
    Index(
        "ix_run_batches_open",
        "id",
        sqlite_where=text("completed_at IS NULL"),
        postgresql_where=text("completed_at IS NULL"),
    ),
)

_UNTRIED: Final = text("class IS NULL")

run_batch_members = Table(
    "run_batch_members",
    METADATA,
    references("batch_id", "run_batches", ondelete="CASCADE"),
    references("connection_id", "provider_connections", ondelete="CASCADE"),
    Column("class", Text),
    Column("reason_code", Text),
    references("run_id", "operation_runs", nullable=True),
    PrimaryKeyConstraint("batch_id", "connection_id"),
    one_of("class", BatchClass),
    Index(
        "ix_run_batch_members_untried", "batch_id", "connection_id", sqlite_where=_UNTRIED, postgresql_where=_UNTRIED
    ),
    Index("ix_run_batch_members_run_id", "run_id"),
)

schedules = Table(
    "schedules",
    METADATA,
    row_id(),
    references("workspace_id", "workspaces"),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scope_kind", Text, nullable=False),
    references("tenant_id", "tenants", nullable=True, ondelete="CASCADE"),
    references("tag_id", "tags", nullable=True, ondelete="CASCADE"),
    references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
    Column("cron", Text),
    Column("interval_minutes", Integer),
    Column("jitter_minutes", Integer, nullable=False, server_default=text("0")),
    Column("quiet_from", Text),
    Column("quiet_until", Text),
    Column("time_zone", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("next_due_at", UtcTime),
    Column("last_due_at", UtcTime),
    Column("last_result", Json),
    references("created_by_id", "users", nullable=True),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    one_of("type", operations.CATALOG),
    one_of("scope_kind", (*ScopeKind, "connection")),
    CheckConstraint("(cron IS NULL) <> (interval_minutes IS NULL)", name="cron_or_interval"),
    UniqueConstraint("workspace_id", "name"),
    Index(
        "ix_schedules_due",
        "next_due_at",
        sqlite_where=text("is_enabled"),
        postgresql_where=text("is_enabled"),
    ),
    Index("ix_schedules_workspace_id", "workspace_id"),
)

schedule_firings = Table(
    "schedule_firings",
    METADATA,
    row_id(),
    references("schedule_id", "schedules", ondelete="CASCADE"),
    references("workspace_id", "workspaces"),
    Column("due_at", UtcTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("last_connection_id", Id, nullable=False, server_default=text("0")),
    Column("counts", Json, nullable=False),
    Column("worker_id", Text),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("created_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    one_of("status", ("open", "done")),
    UniqueConstraint("schedule_id", "due_at"),
    Index(
        "ix_schedule_firings_open",
        "lease_until",
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
)

_FAILING: Final = text("failing_since IS NOT NULL")
_BLOCKED: Final = text("blocked_since IS NOT NULL")
_OPEN: Final = text("opened_at IS NOT NULL")

connection_operations = Table(
    "connection_operations",
    METADATA,
    references("connection_id", "provider_connections", ondelete="CASCADE"),
    Column("type", Text, nullable=False),
    references("workspace_id", "workspaces"),
    references("tenant_id", "tenants"),
    references("last_run_id", "operation_runs", nullable=True),
    Column("last_outcome", Text),
    Column("last_reason_code", Text),
    Column("last_completed_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("consecutive_failures", Integer, nullable=False, server_default=text("0")),
    references("last_good_run_id", "operation_runs", nullable=True),
    Column("last_good_at", UtcTime),
    Column("blocked_reason_code", Text),
    Column("blocked_since", UtcTime),
    Column("reason_since", UtcTime),
    PrimaryKeyConstraint("connection_id", "type"),
    one_of("type", operations.CATALOG),
    one_of("last_outcome", RunOutcome),
    Index(
        "ix_connection_operations_failing",
        "workspace_id",
        "last_reason_code",
        "connection_id",
        sqlite_where=_FAILING,
        postgresql_where=_FAILING,
    ),
    Index(
        "ix_connection_operations_blocked",
        "workspace_id",
        "blocked_reason_code",
        "connection_id",
        sqlite_where=_BLOCKED,
        postgresql_where=_BLOCKED,
    ),
)
"""What became of each operation on each connection: its last run, since when it fails, the last good one, why its schedule is blocked."""

circuit_breakers = Table(
    "circuit_breakers",
    METADATA,
    Column(
        "connection_id",
        Id,
        ForeignKey("provider_connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    references("workspace_id", "workspaces"),
    Column("failures", Integer, nullable=False),
    Column("reason_code", Text),
    Column("opened_at", UtcTime),
    Column("open_until", UtcTime),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_circuit_breakers_open", "workspace_id", "open_until", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

workers = Table(
    "workers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("busy", Integer, nullable=False, server_default=text("0")),
    Column("seal_key_id", Text),
    Column("is_local", Boolean, nullable=False, server_default=text("false")),
    Column("started_at", UtcTime, nullable=False),
    Column("beat_at", UtcTime, nullable=False),
    Column("stopping_at", UtcTime),
    Column("stopped_at", UtcTime),
    Index("ix_workers_beat_at", "beat_at"),
)
