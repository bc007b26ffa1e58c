"""Operations: runs and their steps, batches, schedules, workers, reports, notifications, the change feed's topics.

A completed run never changes: a trigger refuses it. The one exception is the schedule it came from going away, which empties the
reference.

Downgrade: all of it is dropped; what the runs brought to the connections stays.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from migrations.facts import is_sqlite, set_version
from migrations.tables import Id, Json, Time, create, drop, one_of, references, row_id

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TYPES: Final = (
    "provider.connection.check",
    "inventory.sync",
    "compliance.snapshot",
    "entra.admin_roles.scan",
    "directory.sync",
)
TOPICS: Final = ("connections", "runs", "tenants", "audit", "workers", "notifications", "members", "schedules")


def upgrade() -> None:
    """Creates the tables of the run protocol."""
    create("change_topics", Column("topic", Text, primary_key=True), Column("sequence", Id, nullable=False))
    for topic in TOPICS:
        op.execute(f"INSERT INTO change_topics (topic, sequence) VALUES ('{topic}', 0)")
    _create_workers()
    _create_schedules()
    _create_batches()
    create("operation_runs", *_runs())
    _create_steps()
    _create_reports()
    _create_notifications()
    _guard_completed_runs([item.name for item in _runs() if isinstance(item, Column)])
    set_version(6, min_reader=5, min_writer=5)


def downgrade() -> None:
    """Drops them, children first."""
    drop(
        "notifications",
        "verification_reports",
        "run_steps",
        "operation_runs",
        "run_batches",
        "schedules",
        "workers",
        "change_topics",
    )
    if not is_sqlite():
        op.execute("DROP FUNCTION refuse_change_of_completed_run()")
    set_version(5, min_reader=5, min_writer=5)


def _runs() -> list[SchemaItem]:
    return [
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
        Column("queued_at", Time, nullable=False),
        Column("not_before", Time),
        Column("dispatched_at", Time),
        Column("dispatched_to", Text),
        Column("started_at", Time),
        Column("claimed_at", Time),
        Column("deadline_at", Time),
        Column("lease_until", Time),
        Column("worker_id", Text),
        Column("fence", Integer, nullable=False, server_default=text("0")),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("deferrals", Integer, nullable=False, server_default=text("0")),
        Column("cancel_requested_at", Time),
        Column("cancel_requested_by", Text),
        Column("completed_at", Time),
        Column("progress_done", Integer),
        Column("progress_total", Integer),
        Column("phase", Text),
        Column("waiting_until", Time),
        Column("reason_code", Text),
        Column("reason_sentence", Text),
        Column("summary_counts", Json),
        Column("failures", Json),
        one_of("type", *TYPES),
        one_of("status", "waiting", "queued", "running", "completed"),
        one_of("outcome", "succeeded", "partially_succeeded", "failed", "blocked", "cancelled", "lost"),
        one_of("cause", "person", "schedule", "bulk", "follow_up", "retry"),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
        CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completed_has_time"),
        CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name="completed_has_outcome"),
        _partial("uq_run_active", "status IN ('queued','running')", "connection_id", unique=True),
        _partial("uq_run_waiting", "status = 'waiting'", "connection_id", "type", unique=True),
        _partial("ix_run_dispatch", "status = 'queued'", "priority", "queued_at", "id"),
        _partial("ix_run_lease", "status = 'running'", "lease_until"),
        _partial("ix_run_unfinished", "status <> 'completed'", "workspace_id", "id"),
        Index("ix_operation_runs_workspace_id_id", "workspace_id", "id"),
        Index("ix_operation_runs_connection_id_id", "connection_id", "id"),
        Index("ix_operation_runs_tenant_id_id", "tenant_id", "id"),
        Index("ix_operation_runs_batch_id", "batch_id"),
        Index("ix_operation_runs_workspace_id_outcome_id", "workspace_id", "outcome", "id"),
    ]


def _partial(name: str, where: str, *columns: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _guard_completed_runs(columns: list[str]) -> None:
    """Refuses every change of a completed run; only its schedule may be emptied, which is what deleting the schedule does."""
    others = ", ".join(column for column in columns if column != "schedule_id")
    cases = (
        ("operation_runs_completed_stay", others, "OLD.status = 'completed'"),
        (
            "operation_runs_completed_stay_scheduled",
            "schedule_id",
            "OLD.status = 'completed' AND NEW.schedule_id IS NOT NULL",
        ),
    )
    if not is_sqlite():
        op.execute(
            "CREATE FUNCTION refuse_change_of_completed_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'a completed run never changes' USING ERRCODE = 'restrict_violation'; END $$"
        )
    for name, watched, condition in cases:
        if is_sqlite():
            op.execute(
                f"CREATE TRIGGER {name} BEFORE UPDATE OF {watched} ON operation_runs WHEN {condition}"
                " BEGIN SELECT RAISE(ABORT, 'a completed run never changes'); END"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE UPDATE OF {watched} ON operation_runs FOR EACH ROW WHEN ({condition})"
                " EXECUTE FUNCTION refuse_change_of_completed_run()"
            )


def _create_workers() -> None:
    create(
        "workers",
        Column("id", Text, primary_key=True),
        Column("host", Text, nullable=False),
        Column("pid", Integer, nullable=False),
        Column("version", Text, nullable=False),
        Column("slots", Integer, nullable=False),
        Column("busy", Integer, nullable=False, server_default=text("0")),
        Column("seal_key_id", Text),
        Column("is_local", Boolean, nullable=False, server_default=text("false")),
        Column("started_at", Time, nullable=False),
        Column("beat_at", Time, nullable=False),
        Column("stopping_at", Time),
        Column("stopped_at", Time),
        Index("ix_workers_beat_at", "beat_at"),
    )


def _create_schedules() -> None:
    create(
        "schedules",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("type", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("scope_kind", Text, nullable=False),
        references("tenant_id", "tenants", nullable=True, ondelete="CASCADE"),
        references("tag_id", "tags", nullable=True, ondelete="CASCADE"),
        references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
        Column("cron", Text, nullable=False),
        Column("time_zone", Text, nullable=False),
        Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
        Column("next_due_at", Time),
        Column("last_due_at", Time),
        Column("last_result", Json),
        references("created_by_id", "users", nullable=True),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        one_of("type", *TYPES),
        one_of("scope_kind", "workspace", "tenant", "tag", "connection"),
        _partial("ix_schedules_due", "is_enabled", "next_due_at"),
        Index("ix_schedules_workspace_id", "workspace_id"),
    )


def _create_batches() -> None:
    create(
        "run_batches",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("type", Text, nullable=False),
        references("initiator_id", "users", nullable=True),
        Column("initiator", Text, nullable=False),
        Column("filter_text", Text, nullable=False, server_default=""),
        Column("ticket", Text),
        Column("classes", Json, nullable=False),
        Column("created_at", Time, nullable=False),
        Column("completed_at", Time),
        one_of("type", *TYPES),
        Index("ix_run_batches_workspace_id_id", "workspace_id", "id"),
    )


def _create_steps() -> None:
    create(
        "run_steps",
        references("run_id", "operation_runs", ondelete="CASCADE"),
        Column("key", Text, nullable=False),
        Column("position", Integer, nullable=False),
        Column("label", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("reason_code", Text),
        Column("sentence", Text, nullable=False, server_default=""),
        Column("started_at", Time, nullable=False),
        Column("ended_at", Time),
        PrimaryKeyConstraint("run_id", "key"),
        one_of("status", "running", "pass", "warn", "fail", "skip"),
    )


def _create_reports() -> None:
    create(
        "verification_reports",
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
        Column("created_at", Time, nullable=False),
        one_of("verdict", "unknown", "pending", "healthy", "degraded", "blocked", "error"),
        UniqueConstraint("run_id"),
        Index("ix_verification_reports_connection_id_id", "connection_id", "id"),
    )


def _create_notifications() -> None:
    create(
        "notifications",
        row_id(),
        references("user_id", "users"),
        references("workspace_id", "workspaces"),
        Column("kind", Text, nullable=False),
        references("run_id", "operation_runs", nullable=True, ondelete="CASCADE"),
        references("batch_id", "run_batches", nullable=True, ondelete="CASCADE"),
        Column("title", Text, nullable=False),
        Column("created_at", Time, nullable=False),
        Column("read_at", Time),
        one_of("kind", "run_completed", "batch_completed"),
        Index("uq_notifications_run_id", "run_id", unique=True),
        Index("uq_notifications_batch_id", "batch_id", unique=True),
        Index("ix_notifications_user_id_id", "user_id", "id"),
    )
