"""Attention: what became of each operation on each connection, circuit breakers, schedules by interval and their firings, the members of a
bulk start, acknowledgements that end, alerts that are retried and digested; indexes for the directory of all workspaces and for the inbox.

Upgrade: the state of each operation, and since when it fails for its reason, is read from the runs that completed; a badge has its reason
since its verdict changed, as far as older revisions know; every workspace gets the daily check it lacks.

Downgrade: the tables and columns are dropped; schedules by interval and deliveries without a rule, which the older tables cannot hold, go.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from migrations.facts import is_sqlite, now, set_version
from migrations.tables import Id, Json, Time, create, drop, one_of, rebuild, references, row_id

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TYPES: Final = (
    "provider.connection.check",
    "inventory.sync",
    "compliance.snapshot",
    "entra.admin_roles.scan",
    "directory.sync",
)
OUTCOMES: Final = ("succeeded", "partially_succeeded", "failed", "blocked", "cancelled", "lost")
TOPICS: Final = ("attention", "alerts", "batches")
_COLUMNS: Final = (
    ("provider_connections", "reason_since", "{time}"),
    ("run_batches", "of_batch_id", "{number}"),
    ("run_batches", "member_count", "INTEGER DEFAULT 0 NOT NULL"),
    ("run_batches", "cancel_requested_at", "{time}"),
    ("run_batches", "cancel_requested_by", "TEXT"),
    ("acknowledgements", "ended_by", "TEXT"),
    ("acknowledgements", "ended_reason", "TEXT DEFAULT '' NOT NULL"),
    ("alert_channels", "updated_at", "{time}"),
    ("alert_channels", "last_delivered_at", "{time}"),
    ("alert_channels", "last_reason_code", "TEXT"),
    ("alert_rules", "time_zone", "TEXT DEFAULT '' NOT NULL"),
    ("alert_rules", "quiet_from", "TEXT"),
    ("alert_rules", "quiet_until", "TEXT"),
    ("alert_rules", "digest_minutes", "INTEGER DEFAULT 0 NOT NULL"),
    ("alert_rules", "updated_at", "{time}"),
)
_INDEXES: Final = (
    ("ix_operation_runs_completed", "operation_runs (workspace_id, completed_at, id) WHERE status = 'completed'"),
    ("ix_run_hinted", "operation_runs (dispatched_at) WHERE status = 'queued' AND dispatched_at IS NOT NULL"),
    ("ix_run_batches_open", "run_batches (id) WHERE completed_at IS NULL"),
    (
        "uq_acknowledgements_connection",
        "acknowledgements (connection_id, reason_code) WHERE ended_at IS NULL AND connection_id IS NOT NULL",
    ),
    (
        "uq_acknowledgements_platform_app",
        "acknowledgements (platform_app_id, reason_code) WHERE ended_at IS NULL AND platform_app_id IS NOT NULL",
    ),
    ("ix_acknowledgements_open", "acknowledgements (workspace_id, expires_at) WHERE ended_at IS NULL"),
    ("ix_operation_runs_schedule_id_id", "operation_runs (schedule_id, id) WHERE schedule_id IS NOT NULL"),
    ("ix_tenants_sort_name_id", "tenants (sort_name, id)"),
    ("ix_provider_connections_client_id", "provider_connections (workspace_id, client_id) WHERE client_id IS NOT NULL"),
    (
        "ix_provider_connections_default_verification",
        "provider_connections (verification_status, sort_name, id) WHERE is_default",
    ),
    (
        "ix_provider_connections_default_consent",
        "provider_connections (consent_status, sort_name, id) WHERE is_default",
    ),
    ("ix_connection_permissions_missing", "connection_permissions (permission, connection_id) WHERE NOT is_granted"),
    ("ix_notifications_unread", "notifications (user_id, id) WHERE read_at IS NULL"),
    ("ix_notifications_read_at", "notifications (read_at) WHERE read_at IS NOT NULL"),
    ("ix_notifications_created_at", "notifications (created_at)"),
)


def upgrade() -> None:
    """Adds the tables and columns, and fills them."""
    types = _types()
    for table, column, kind in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind.format(**types)}")
    for name, what in _INDEXES:
        op.execute(f"CREATE {'UNIQUE ' if name.startswith('uq') else ''}INDEX {name} ON {what}")
    _change_schedules(types)
    _change_deliveries(types)
    _create_firings()
    _create_batch_members()
    _create_connection_operations()
    _create_breakers()
    for topic in TOPICS:
        op.execute(f"INSERT INTO change_topics (topic, sequence) VALUES ('{topic}', 0)")
    _read_runs()
    op.execute(
        "UPDATE provider_connections SET reason_since = coalesce(verification_changed_at, last_checked_at)"
        " WHERE last_reason_code IS NOT NULL"
    )
    op.execute(
        "INSERT INTO schedules (workspace_id, type, name, scope_kind, cron, time_zone, jitter_minutes, created_at, updated_at)"
        f" SELECT id, 'provider.connection.check', 'Daily check', 'workspace', '0 2 * * *', 'UTC', 240, {now()}, {now()}"
        " FROM workspaces WHERE NOT EXISTS (SELECT 1 FROM schedules s WHERE s.workspace_id = workspaces.id AND s.name = 'Daily check')"
    )
    set_version(10, min_reader=9, min_writer=10)


def downgrade() -> None:
    """Drops them."""
    topics = ", ".join(f"'{topic}'" for topic in TOPICS)
    op.execute(f"DELETE FROM change_topics WHERE topic IN ({topics})")
    drop("circuit_breakers", "connection_operations", "run_batch_members", "schedule_firings")
    op.execute("DELETE FROM alert_deliveries WHERE rule_id IS NULL")
    op.execute("DELETE FROM schedules WHERE cron IS NULL")
    if is_sqlite():
        rebuild("alert_deliveries", _deliveries(old=True), {})
        rebuild("schedules", _schedules(old=True), {})
    else:
        for column in (
            "tenant_id",
            "connection_id",
            "document",
            "message_id",
            "digest_key",
            "worker_id",
            "lease_until",
            "fence",
        ):
            op.execute(f"ALTER TABLE alert_deliveries DROP COLUMN {column}")
        op.execute("ALTER TABLE alert_deliveries ALTER COLUMN rule_id SET NOT NULL")
        op.execute("ALTER TABLE schedules DROP CONSTRAINT uq_schedules_workspace_id_name")
        op.execute("ALTER TABLE schedules DROP CONSTRAINT ck_schedules_cron_or_interval")
        for column in ("interval_minutes", "jitter_minutes", "quiet_from", "quiet_until"):
            op.execute(f"ALTER TABLE schedules DROP COLUMN {column}")
        op.execute("ALTER TABLE schedules ALTER COLUMN cron SET NOT NULL")
    for name, _ in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    for table, column, _ in _COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    set_version(9, min_reader=9, min_writer=9)


def _types() -> dict[str, str]:
    if is_sqlite():
        return {"number": "INTEGER", "time": "VARCHAR(23)", "json": "JSON"}
    return {"number": "BIGINT", "time": "TIMESTAMP WITH TIME ZONE", "json": "JSONB"}


def _change_schedules(types: dict[str, str]) -> None:
    """A schedule may be an interval instead of a cron expression; names are unique in a workspace."""
    op.execute(
        "UPDATE schedules SET name = name || ' ' || id WHERE EXISTS"
        " (SELECT 1 FROM schedules s WHERE s.workspace_id = schedules.workspace_id AND s.name = schedules.name AND s.id < schedules.id)"
    )
    if is_sqlite():
        new = {"interval_minutes": "NULL", "jitter_minutes": "0", "quiet_from": "NULL", "quiet_until": "NULL"}
        rebuild("schedules", _schedules(), new)
        return
    for statement in (
        "ALTER COLUMN cron DROP NOT NULL",
        "ADD COLUMN interval_minutes INTEGER",
        "ADD COLUMN jitter_minutes INTEGER DEFAULT 0 NOT NULL",
        "ADD COLUMN quiet_from TEXT",
        "ADD COLUMN quiet_until TEXT",
        "ADD CONSTRAINT ck_schedules_cron_or_interval CHECK ((cron IS NULL) <> (interval_minutes IS NULL))",
        "ADD CONSTRAINT uq_schedules_workspace_id_name UNIQUE (workspace_id, name)",
    ):
        op.execute(f"ALTER TABLE schedules {statement}")


def _schedules(*, old: bool = False) -> list[SchemaItem]:
    items: list[SchemaItem] = [
        row_id(),
        references("workspace_id", "workspaces"),
        Column("type", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("scope_kind", Text, nullable=False),
        references("tenant_id", "tenants", nullable=True, ondelete="CASCADE"),
        references("tag_id", "tags", nullable=True, ondelete="CASCADE"),
        references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
        Column("cron", Text, nullable=not old),
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
        Index("ix_schedules_due", "next_due_at", sqlite_where=text("is_enabled"), postgresql_where=text("is_enabled")),
        Index("ix_schedules_workspace_id", "workspace_id"),
    ]
    if not old:
        items += [
            Column("interval_minutes", Integer),
            Column("jitter_minutes", Integer, nullable=False, server_default=text("0")),
            Column("quiet_from", Text),
            Column("quiet_until", Text),
            CheckConstraint("(cron IS NULL) <> (interval_minutes IS NULL)", name="cron_or_interval"),
            UniqueConstraint("workspace_id", "name"),
        ]
    return items


def _change_deliveries(types: dict[str, str]) -> None:
    """A delivery is leased while it is sent, says what it says, and needs no rule (a test has none)."""
    if is_sqlite():
        new = dict.fromkeys(
            ("tenant_id", "connection_id", "document", "digest_key", "worker_id", "lease_until"), "NULL"
        )
        rebuild("alert_deliveries", _deliveries(), new | {"message_id": "''", "fence": "0"})
        return
    op.execute("ALTER TABLE alert_deliveries ALTER COLUMN rule_id DROP NOT NULL")
    for column, kind in (
        ("tenant_id", "{number}"),
        ("connection_id", "{number}"),
        ("document", "{json}"),
        ("message_id", "TEXT DEFAULT '' NOT NULL"),
        ("digest_key", "TEXT"),
        ("worker_id", "TEXT"),
        ("lease_until", "{time}"),
        ("fence", "INTEGER DEFAULT 0 NOT NULL"),
    ):
        op.execute(f"ALTER TABLE alert_deliveries ADD COLUMN {column} {kind.format(**types)}")


def _deliveries(*, old: bool = False) -> list[SchemaItem]:
    items: list[SchemaItem] = [
        row_id(),
        references("workspace_id", "workspaces"),
        references("rule_id", "alert_rules", nullable=not old),
        references("channel_id", "alert_channels"),
        Column("subject_key", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("next_try_at", Time),
        Column("reason_code", Text),
        Column("created_at", Time, nullable=False),
        Column("delivered_at", Time),
        one_of("status", "queued", "sending", "delivered", "failed", "suppressed"),
        UniqueConstraint("rule_id", "subject_key"),
        Index("ix_alert_deliveries_status_next_try_at", "status", "next_try_at"),
    ]
    if not old:
        items += [
            Column("tenant_id", Id),
            Column("connection_id", Id),
            Column("document", Json),
            Column("message_id", Text, nullable=False, server_default=""),
            Column("digest_key", Text),
            Column("worker_id", Text),
            Column("lease_until", Time),
            Column("fence", Integer, nullable=False, server_default=text("0")),
        ]
    return items


def _create_firings() -> None:
    create(
        "schedule_firings",
        row_id(),
        references("schedule_id", "schedules", ondelete="CASCADE"),
        references("workspace_id", "workspaces"),
        Column("due_at", Time, nullable=False),
        Column("status", Text, nullable=False),
        Column("last_connection_id", Id, nullable=False, server_default=text("0")),
        Column("counts", Json, nullable=False),
        Column("worker_id", Text),
        Column("lease_until", Time),
        Column("fence", Integer, nullable=False, server_default=text("0")),
        Column("created_at", Time, nullable=False),
        Column("completed_at", Time),
        one_of("status", "open", "done"),
        UniqueConstraint("schedule_id", "due_at"),
        Index(
            "ix_schedule_firings_open",
            "lease_until",
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
    )


def _create_batch_members() -> None:
    untried = text("class IS NULL")
    create(
        "run_batch_members",
        references("batch_id", "run_batches", ondelete="CASCADE"),
        references("connection_id", "provider_connections", ondelete="CASCADE"),
        Column("class", Text),
        Column("reason_code", Text),
        references("run_id", "operation_runs", nullable=True),
        PrimaryKeyConstraint("batch_id", "connection_id"),
        one_of("class", "started", "attached", "waiting", "blocked", "not_permitted", "gone", "cancelled"),
        Index(
            "ix_run_batch_members_untried", "batch_id", "connection_id", sqlite_where=untried, postgresql_where=untried
        ),
        Index("ix_run_batch_members_run_id", "run_id"),
    )


def _create_connection_operations() -> None:
    failing, blocked = text("failing_since IS NOT NULL"), text("blocked_since IS NOT NULL")
    create(
        "connection_operations",
        references("connection_id", "provider_connections", ondelete="CASCADE"),
        Column("type", Text, nullable=False),
        references("workspace_id", "workspaces"),
        references("tenant_id", "tenants"),
        references("last_run_id", "operation_runs", nullable=True),
        Column("last_outcome", Text),
        Column("last_reason_code", Text),
        Column("last_completed_at", Time),
        Column("failing_since", Time),
        Column("consecutive_failures", Integer, nullable=False, server_default=text("0")),
        references("last_good_run_id", "operation_runs", nullable=True),
        Column("last_good_at", Time),
        Column("blocked_reason_code", Text),
        Column("blocked_since", Time),
        Column("reason_since", Time),
        PrimaryKeyConstraint("connection_id", "type"),
        one_of("type", *TYPES),
        one_of("last_outcome", *OUTCOMES),
        Index(
            "ix_connection_operations_failing",
            "workspace_id",
            "last_reason_code",
            "connection_id",
            sqlite_where=failing,
            postgresql_where=failing,
        ),
        Index(
            "ix_connection_operations_blocked",
            "workspace_id",
            "blocked_reason_code",
            "connection_id",
            sqlite_where=blocked,
            postgresql_where=blocked,
        ),
    )


def _create_breakers() -> None:
    is_open = text("opened_at IS NOT NULL")
    create(
        "circuit_breakers",
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
        Column("opened_at", Time),
        Column("open_until", Time),
        Column("updated_at", Time, nullable=False),
        Index("ix_circuit_breakers_open", "workspace_id", "open_until", sqlite_where=is_open, postgresql_where=is_open),
    )


def _read_runs() -> None:
    """Fills the state of each operation from its runs; a cancelled one says nothing."""
    good = (
        "SELECT connection_id, type, max(id) AS id FROM operation_runs"
        " WHERE status = 'completed' AND outcome IN ('succeeded', 'partially_succeeded') GROUP BY connection_id, type"
    )
    op.execute(
        "INSERT INTO connection_operations (connection_id, type, workspace_id, tenant_id, last_run_id, last_outcome,"
        " last_reason_code, last_completed_at, failing_since, consecutive_failures, last_good_run_id, last_good_at, reason_since)"
        " SELECT r.connection_id, r.type, r.workspace_id, r.tenant_id, r.id, r.outcome, r.reason_code, r.completed_at,"
        " f.since, coalesce(f.times, 0), g.id, g.completed_at,"
        " CASE WHEN f.since IS NOT NULL THEN (SELECT min(s.completed_at) FROM operation_runs s"
        " WHERE s.connection_id = r.connection_id AND s.type = r.type AND s.status = 'completed' AND s.outcome <> 'cancelled'"
        " AND s.id > coalesce((SELECT max(o.id) FROM operation_runs o WHERE o.connection_id = r.connection_id AND o.type = r.type"
        " AND o.status = 'completed' AND (o.outcome IN ('succeeded', 'partially_succeeded') OR (o.outcome <> 'cancelled'"
        " AND coalesce(o.reason_code, '') <> coalesce(r.reason_code, '')))), 0)) END"
        " FROM (SELECT connection_id, type, max(id) AS id FROM operation_runs"
        " WHERE status = 'completed' AND outcome <> 'cancelled' GROUP BY connection_id, type) l"
        " JOIN operation_runs r ON r.id = l.id"
        f" LEFT JOIN ({good}) lg ON lg.connection_id = r.connection_id AND lg.type = r.type"
        " LEFT JOIN operation_runs g ON g.id = lg.id"
        " LEFT JOIN (SELECT b.connection_id, b.type, min(b.completed_at) AS since, count(*) AS times FROM operation_runs b"
        f" LEFT JOIN ({good}) bg ON bg.connection_id = b.connection_id AND bg.type = b.type"
        " WHERE b.status = 'completed' AND b.outcome IN ('failed', 'blocked', 'lost') AND b.id > coalesce(bg.id, 0)"
        " GROUP BY b.connection_id, b.type) f ON f.connection_id = r.connection_id AND f.type = r.type"
    )
