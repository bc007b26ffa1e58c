"""Provider identity and consent: consent and verification as truths of their own, connection types, credential slots, generation.

Upgrade, from the old columns (which stay until 0005):

| old | new |
|---|---|
| status `connected` | consent `granted` |
| status `needs_consent` | consent `required` |
| any other status | consent `unknown` |
| health `ok` | verification `healthy`, last good = last checked |
| health `degraded` | verification `degraded` |
| any other health | verification `unknown` |

A column of that name that is already there with a canonical value in it keeps that value.

Connection type: the client id of its workspace's platform app for the tenant's cloud → `platform`, with that app; a credential of its
own → `dedicated`; else `platform` without an app, and `provider_credential_missing` where no older reason stands.
Reason codes come along when they look like one (else `unknown_error`); the old free text does not, since it held Microsoft's words.
A connection's `sort_name` is its tenant's name, its own (both folded) and the tenant's domain, with U+001F between.
The first connection of a (tenant, provider) becomes the default where none is. A credential becomes the `active` one of its connection.

Downgrade: status and health are rebuilt (the truths of this revision win over what the old columns say):

| new | old |
|---|---|
| status already `disabled` | `disabled` |
| consent `granted` | `connected` |
| consent `required`, `failed`, `revoked` | `needs_consent` |
| consent `unknown` | `error` |
| verification `healthy` / `degraded` | `ok` / `degraded` |
| verification `blocked`, `error` | `down` |
| verification `unknown`, `pending` | `unknown` |

The active credential of a connection stays; staged, previous and platform apps' credentials go, with consent requests and permissions.
A connection of a platform app without a client id of its own gets the app's.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

import re
from typing import Final

from alembic import op
from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, Text, inspect, text

from migrations import connection_shapes, credential_shapes
from migrations.facts import batches, fold, is_sqlite, set_version
from migrations.tables import Time, create, drop, one_of, rebuild, references, row_id

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PLATFORM_APP: Final = (
    "(SELECT a.id FROM platform_apps a JOIN tenants t ON t.id = provider_connections.tenant_id"
    " WHERE a.workspace_id = provider_connections.workspace_id AND a.cloud = t.cloud"
    " AND lower(a.client_id) = lower(provider_connections.client_id))"
)
HAS_CREDENTIAL: Final = "EXISTS (SELECT 1 FROM credentials k WHERE k.connection_id = provider_connections.id)"
CONNECTION_TYPE: Final = (
    f"CASE WHEN {PLATFORM_APP} IS NOT NULL THEN 'platform' WHEN {HAS_CREDENTIAL} THEN 'dedicated' ELSE 'platform' END"
)
CONSENT: Final = "CASE status WHEN 'connected' THEN 'granted' WHEN 'needs_consent' THEN 'required' ELSE 'unknown' END"
VERIFICATION: Final = "CASE health_status WHEN 'ok' THEN 'healthy' WHEN 'degraded' THEN 'degraded' ELSE 'unknown' END"
IS_DEFAULT: Final = (
    "is_default OR (id = (SELECT min(o.id) FROM provider_connections o"
    " WHERE o.tenant_id = provider_connections.tenant_id AND o.provider = provider_connections.provider)"
    " AND NOT EXISTS (SELECT 1 FROM provider_connections o WHERE o.tenant_id = provider_connections.tenant_id"
    " AND o.provider = provider_connections.provider AND o.is_default))"
)
CONSENT_TO_STATUS: Final = (
    "CASE consent_status WHEN 'granted' THEN 'connected' WHEN 'unknown' THEN 'error' ELSE 'needs_consent' END"
)
STATUS: Final = f"CASE WHEN status = 'disabled' THEN 'disabled' ELSE {CONSENT_TO_STATUS} END"
HEALTH: Final = (
    "CASE verification_status WHEN 'healthy' THEN 'ok' WHEN 'degraded' THEN 'degraded'"
    " WHEN 'blocked' THEN 'down' WHEN 'error' THEN 'down' ELSE 'unknown' END"
)
CLIENT_ID: Final = (
    "coalesce(client_id, (SELECT a.client_id FROM platform_apps a WHERE a.id = provider_connections.platform_app_id))"
)
REASON_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def upgrade() -> None:
    """Splits the one status into truths of their own."""
    there = {column["name"] for column in inspect(op.get_bind()).get_columns("provider_connections")}
    consent, verification = CONSENT, VERIFICATION
    if "consent_status" in there:
        consent = _unless_canonical("consent_status", connection_shapes.CONSENT, CONSENT)
    if "verification_status" in there:
        verification = _unless_canonical("verification_status", connection_shapes.VERIFICATION, VERIFICATION)
    if is_sqlite():
        _upgrade_sqlite(consent, verification)
    else:
        _upgrade_postgresql(consent, verification, there)
    _fill_sort_names_and_reasons()
    op.execute(
        "UPDATE provider_connections SET last_reason_code = 'provider_credential_missing' WHERE last_reason_code IS NULL"
        f" AND connection_type = 'platform' AND platform_app_id IS NULL AND NOT {HAS_CREDENTIAL}"
    )
    if not is_sqlite():
        _finish_postgresql()
    _create_children()
    set_version(3, min_reader=3, min_writer=3)


def downgrade() -> None:
    """Folds the truths back into one status and one health."""
    drop("connection_permissions", "consent_requests")
    if is_sqlite():
        rebuild(
            "provider_connections",
            connection_shapes.foundation(owned=True),
            {
                "status": STATUS,
                "health_status": HEALTH,
                "client_id": CLIENT_ID,
                "last_health_check_at": "last_checked_at",
                "last_error_reason_code": "last_reason_code",
                "last_error_message": "last_reason_sentence",
            },
        )
        rebuild(
            "credentials",
            credential_shapes.one_per_connection(),
            {},
            where="connection_id IS NOT NULL AND slot = 'active'",
        )
    else:
        _downgrade_postgresql()
    set_version(2, min_reader=2, min_writer=2)


def _unless_canonical(column: str, words: tuple[str, ...], otherwise: str) -> str:
    known = ", ".join(f"'{word}'" for word in words)
    return f"CASE WHEN {column} IN ({known}) THEN {column} ELSE {otherwise} END"


def _upgrade_sqlite(consent: str, verification: str) -> None:
    empty = (
        "last_reason_sentence",
        "manifest_version",
        "consent_changed_at",
        "consent_granted_at",
        "consent_checked_at",
        "consent_doubt_since",
        "verification_changed_at",
        "credential_changed_at",
        "first_run_at",
        "offboarded_at",
    )
    rebuild(
        "provider_connections",
        connection_shapes.canonical(lifecycle=False, legacy=True),
        {
            **dict.fromkeys(empty, "NULL"),
            "sort_name": "''",
            "connection_type": CONNECTION_TYPE,
            "platform_app_id": PLATFORM_APP,
            "is_default": IS_DEFAULT,
            "consent_status": consent,
            "verification_status": verification,
            "last_reason_code": "last_error_reason_code",
            "last_checked_at": "last_health_check_at",
            "last_good_at": "CASE WHEN health_status = 'ok' THEN last_health_check_at END",
            "generation": "1",
        },
    )
    rebuild(
        "credentials",
        credential_shapes.slots(alert_channels=False),
        {"platform_app_id": "NULL", "slot": "'active'", "removal_confirmed_at": "NULL"},
    )


def _upgrade_postgresql(consent: str, verification: str, there: set[str]) -> None:
    for column in ("consent_status", "verification_status"):
        if column not in there:
            op.execute(f"ALTER TABLE provider_connections ADD COLUMN {column} TEXT")
    for statement in (
        "ALTER TABLE provider_connections DROP COLUMN last_error_message",
        "ALTER TABLE provider_connections RENAME COLUMN last_health_check_at TO last_checked_at",
        "ALTER TABLE provider_connections RENAME COLUMN last_error_reason_code TO last_reason_code",
        "ALTER TABLE provider_connections ADD COLUMN sort_name TEXT, ADD COLUMN connection_type TEXT,"
        " ADD COLUMN platform_app_id BIGINT, ADD COLUMN last_reason_sentence TEXT,"
        " ADD COLUMN last_good_at TIMESTAMP WITH TIME ZONE, ADD COLUMN manifest_version INTEGER,"
        " ADD COLUMN consent_changed_at TIMESTAMP WITH TIME ZONE, ADD COLUMN consent_granted_at TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN consent_checked_at TIMESTAMP WITH TIME ZONE, ADD COLUMN consent_doubt_since TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN verification_changed_at TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN credential_changed_at TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN generation INTEGER NOT NULL DEFAULT 1, ADD COLUMN first_run_at TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN offboarded_at TIMESTAMP WITH TIME ZONE",
        f"UPDATE provider_connections SET sort_name = '', connection_type = {CONNECTION_TYPE},"
        f" platform_app_id = {PLATFORM_APP}, is_default = {IS_DEFAULT}, consent_status = {consent},"
        f" verification_status = {verification},"
        " last_good_at = CASE WHEN health_status = 'ok' THEN last_checked_at END",
        "ALTER TABLE credentials ADD COLUMN platform_app_id BIGINT, ADD COLUMN slot TEXT NOT NULL DEFAULT 'active',"
        " ADD COLUMN removal_confirmed_at TIMESTAMP WITH TIME ZONE, ALTER COLUMN connection_id DROP NOT NULL,"
        " DROP CONSTRAINT uq_credentials_connection_id",
        "ALTER TABLE credentials ALTER COLUMN slot DROP DEFAULT,"
        " ADD CONSTRAINT fk_credentials_platform_app_id FOREIGN KEY (platform_app_id) REFERENCES platform_apps (id)"
        " ON DELETE CASCADE,"
        " ADD CONSTRAINT ck_credentials_slot CHECK (slot IN ('active', 'staged', 'previous')),"
        f" ADD CONSTRAINT ck_credentials_one_owner CHECK ({credential_shapes.ONE_OF_TWO_OWNERS})",
        "CREATE UNIQUE INDEX uq_credentials_connection_id_slot ON credentials (connection_id, slot)",
        "CREATE UNIQUE INDEX uq_credentials_platform_app_id_slot ON credentials (platform_app_id, slot)",
    ):
        op.execute(statement)


def _finish_postgresql() -> None:
    """Constraints and indexes come after the rows, which is quicker and is what SQLite's rebuild cannot do."""
    consents = ", ".join(f"'{word}'" for word in connection_shapes.CONSENT)
    verifications = ", ".join(f"'{word}'" for word in connection_shapes.VERIFICATION)
    op.execute(
        "ALTER TABLE provider_connections ALTER COLUMN sort_name SET NOT NULL, ALTER COLUMN connection_type SET NOT NULL,"
        " ALTER COLUMN consent_status SET NOT NULL, ALTER COLUMN verification_status SET NOT NULL,"
        " ADD CONSTRAINT ck_provider_connections_connection_type CHECK (connection_type IN ('platform', 'dedicated')),"
        f" ADD CONSTRAINT ck_provider_connections_consent_status CHECK (consent_status IN ({consents})),"
        f" ADD CONSTRAINT ck_provider_connections_verification_status CHECK (verification_status IN ({verifications})),"
        " ADD CONSTRAINT ck_provider_connections_dedicated_has_no_platform_app"
        " CHECK (connection_type = 'platform' OR platform_app_id IS NULL),"
        " ADD CONSTRAINT fk_provider_connections_platform_app_identity FOREIGN KEY (platform_app_id, workspace_id)"
        " REFERENCES platform_apps (id, workspace_id)"
    )
    for columns in connection_shapes.LISTS:
        name = connection_shapes.list_index_name(columns)
        op.execute(f"CREATE INDEX {name} ON provider_connections (workspace_id, {', '.join(columns)})")
    op.execute("CREATE INDEX ix_provider_connections_platform_app_id ON provider_connections (platform_app_id)")


def _downgrade_postgresql() -> None:
    indexes = [connection_shapes.list_index_name(columns) for columns in connection_shapes.LISTS]
    for statement in (
        f"UPDATE provider_connections SET status = {STATUS}, health_status = {HEALTH}, client_id = {CLIENT_ID}",
        f"DROP INDEX {', '.join(indexes)}, ix_provider_connections_platform_app_id",
        "ALTER TABLE provider_connections RENAME COLUMN last_checked_at TO last_health_check_at",
        "ALTER TABLE provider_connections RENAME COLUMN last_reason_code TO last_error_reason_code",
        "ALTER TABLE provider_connections RENAME COLUMN last_reason_sentence TO last_error_message",
        "ALTER TABLE provider_connections DROP CONSTRAINT fk_provider_connections_platform_app_identity,"
        " DROP CONSTRAINT ck_provider_connections_dedicated_has_no_platform_app,"
        " DROP COLUMN sort_name, DROP COLUMN connection_type, DROP COLUMN platform_app_id, DROP COLUMN consent_status,"
        " DROP COLUMN verification_status, DROP COLUMN last_good_at, DROP COLUMN manifest_version,"
        " DROP COLUMN consent_changed_at, DROP COLUMN consent_granted_at, DROP COLUMN consent_checked_at,"
        " DROP COLUMN consent_doubt_since, DROP COLUMN verification_changed_at, DROP COLUMN credential_changed_at,"
        " DROP COLUMN generation, DROP COLUMN first_run_at, DROP COLUMN offboarded_at",
        "DELETE FROM credentials WHERE connection_id IS NULL OR slot <> 'active'",
        "DROP INDEX uq_credentials_connection_id_slot, uq_credentials_platform_app_id_slot",
        "ALTER TABLE credentials DROP CONSTRAINT ck_credentials_one_owner, DROP COLUMN platform_app_id, DROP COLUMN slot,"
        " DROP COLUMN removal_confirmed_at, ALTER COLUMN connection_id SET NOT NULL,"
        " ADD CONSTRAINT uq_credentials_connection_id UNIQUE (connection_id)",
    ):
        op.execute(statement)


def _fill_sort_names_and_reasons() -> None:
    query = (
        "SELECT c.id, t.name, t.primary_domain, c.display_name, c.last_reason_code FROM provider_connections c"
        " JOIN tenants t ON t.id = c.tenant_id WHERE c.id > :after ORDER BY c.id LIMIT :limit"
    )
    for rows in batches(query):
        op.get_bind().execute(
            text("UPDATE provider_connections SET sort_name = :sort_name, last_reason_code = :code WHERE id = :id"),
            [
                {
                    "id": row.id,
                    "sort_name": f"{fold(row.name)}\x1f{fold(row.display_name)}\x1f{row.primary_domain or ''}",
                    "code": _reason_code(row.last_reason_code),
                }
                for row in rows
            ],
        )


def _reason_code(old: str | None) -> str | None:
    if old is None or REASON_CODE.fullmatch(old):
        return old
    return "unknown_error"


def _create_children() -> None:
    create(
        "consent_requests",
        row_id(),
        references("workspace_id", "workspaces"),
        references("connection_id", "provider_connections", ondelete="CASCADE"),
        Column("state_hash", Text, nullable=False, unique=True),
        Column("expected_tenant_id", Text, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("redirect_uri", Text, nullable=False),
        Column("status", Text, nullable=False),
        references("created_by_id", "users", nullable=True),
        Column("created_at", Time, nullable=False),
        Column("expires_at", Time, nullable=False),
        Column("answered_at", Time),
        references("answered_by_id", "users", nullable=True),
        Column("answer_reason_code", Text),
        Column("answer_tenant_id", Text),
        Column("answer_correlation_id", Text),
        one_of("status", "open", "used", "revoked", "expired"),
        Index("ix_consent_requests_connection_id_id", "connection_id", "id"),
    )
    create(
        "connection_permissions",
        references("connection_id", "provider_connections", ondelete="CASCADE"),
        Column("permission", Text, nullable=False),
        Column("is_granted", Boolean, nullable=False),
        Column("checked_at", Time, nullable=False),
        PrimaryKeyConstraint("connection_id", "permission"),
    )
