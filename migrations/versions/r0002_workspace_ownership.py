"""Workspace ownership: a workspace owns tenants, a tenant owns connections, members have roles; platform apps belong to a workspace.

Upgrade, when there are tenants:
* they and their connections go to one new workspace, `default` ("Default");
* every active user becomes an Owner of it: until now everybody could do everything;
* Entra tenant ids become lower case; a tenant with a connection is `active`, another a `draft`; its `sort_name` is its name, folded.
Refused: tenants whose Entra ids differ only in case; a connection that names another Entra tenant than its tenant.

Downgrade: workspaces, memberships, tags and platform apps are dropped, with the tenants' new columns.
Refused: two workspaces that have the same Entra tenant, since it was unique before.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

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

from migrations.connection_shapes import foundation
from migrations.facts import batches, fold, is_sqlite, now, refuse_rows, set_version
from migrations.tables import Time, create, drop, one_of, rebuild, references, row_id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CLOUDS = ("global", "usgov", "dod", "china")
LIFECYCLES = ("draft", "onboarding", "active", "archived")
HAS_CONNECTION = "EXISTS (SELECT 1 FROM provider_connections c WHERE c.tenant_id = tenants.id)"
LIFECYCLE = f"CASE WHEN {HAS_CONNECTION} THEN 'active' ELSE 'draft' END"


def upgrade() -> None:
    """Brings workspaces and gives them what is there."""
    _refuse_unfit_rows()
    create(
        "workspaces",
        row_id(),
        Column("slug", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("device_detail", Boolean, nullable=False, server_default=text("false")),
        Column("created_at", Time, nullable=False),
    )
    workspace = _workspace_for_what_is_there()
    if is_sqlite():
        _upgrade_sqlite(workspace)
    else:
        _upgrade_postgresql(workspace)
    _create_platform_apps()
    _create_tags_and_memberships()
    if workspace is not None:
        op.execute(
            "INSERT INTO memberships (user_id, workspace_id, scope_kind, role, created_at)"
            f" SELECT id, {workspace}, 'workspace', 'owner', {now()} FROM users WHERE is_active"
        )
    set_version(2, min_reader=2, min_writer=2)


def downgrade() -> None:
    """Takes ownership away again."""
    refuse_rows(
        "SELECT entra_tenant_id FROM tenants GROUP BY entra_tenant_id HAVING count(*) > 1",
        "The same Entra tenant belongs to several workspaces, which the older schema cannot hold",
    )
    drop("memberships", "tenant_tags", "tags", "platform_apps")
    if is_sqlite():
        rebuild("provider_connections", foundation(owned=False), {})
        rebuild("tenants", _unowned_tenants(), {})
    else:
        for statement in (
            "ALTER TABLE provider_connections DROP CONSTRAINT fk_provider_connections_tenant_identity",
            "ALTER TABLE provider_connections DROP COLUMN workspace_id",
            "ALTER TABLE tenants DROP COLUMN workspace_id, DROP COLUMN sort_name, DROP COLUMN microsoft_name, DROP COLUMN cloud,"
            " DROP COLUMN lifecycle, DROP COLUMN contact, DROP COLUMN time_zone, DROP COLUMN note, DROP COLUMN first_token_at,"
            " DROP COLUMN archived_at, DROP COLUMN purge_after",
            "ALTER TABLE tenants ADD CONSTRAINT uq_tenants_entra_tenant_id UNIQUE (entra_tenant_id)",
            "ALTER TABLE provider_connections ADD CONSTRAINT fk_provider_connections_tenant_id"
            " FOREIGN KEY (tenant_id) REFERENCES tenants (id)",
        ):
            op.execute(statement)
    drop("workspaces")
    set_version(1, min_reader=1, min_writer=1)


def _refuse_unfit_rows() -> None:
    refuse_rows(
        "SELECT lower(entra_tenant_id) FROM tenants GROUP BY lower(entra_tenant_id) HAVING count(*) > 1",
        "The same Entra tenant was entered twice, in different case",
    )
    refuse_rows(
        "SELECT c.id FROM provider_connections c JOIN tenants t ON t.id = c.tenant_id"
        " WHERE lower(c.entra_tenant_id) <> lower(t.entra_tenant_id) ORDER BY c.id",
        "These provider connections name another Entra tenant than the tenant they belong to",
    )


def _workspace_for_what_is_there() -> int | None:
    connection = op.get_bind()
    if connection.execute(text("SELECT 1 FROM tenants LIMIT 1")).first() is None:
        return None
    connection.execute(text(f"INSERT INTO workspaces (slug, name, created_at) VALUES ('default', 'Default', {now()})"))
    return int(connection.execute(text("SELECT id FROM workspaces")).scalar_one())


def _owned_tenants() -> list[SchemaItem]:
    return [
        row_id(),
        references("workspace_id", "workspaces"),
        Column("entra_tenant_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("sort_name", Text, nullable=False),
        Column("microsoft_name", Text),
        Column("primary_domain", Text),
        Column("cloud", Text, nullable=False, server_default="global"),
        Column("lifecycle", Text, nullable=False, server_default="draft"),
        Column("contact", Text, nullable=False, server_default=""),
        Column("time_zone", Text, nullable=False, server_default="UTC"),
        Column("note", Text, nullable=False, server_default=""),
        Column("first_token_at", Time),
        Column("archived_at", Time),
        Column("purge_after", Time),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        one_of("cloud", *CLOUDS),
        one_of("lifecycle", *LIFECYCLES),
        UniqueConstraint("workspace_id", "entra_tenant_id"),
        UniqueConstraint("id", "workspace_id", "entra_tenant_id", name="uq_tenants_identity"),
        Index("ix_tenants_workspace_id_sort_name_id", "workspace_id", "sort_name", "id"),
        Index("ix_tenants_workspace_id_primary_domain", "workspace_id", "primary_domain"),
    ]


def _unowned_tenants() -> list[SchemaItem]:
    return [
        row_id(),
        Column("entra_tenant_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("primary_domain", Text),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        UniqueConstraint("entra_tenant_id"),
    ]


def _upgrade_sqlite(workspace: int | None) -> None:
    owner = str(workspace) if workspace is not None else "NULL"
    rebuild(
        "tenants",
        _owned_tenants(),
        {
            "workspace_id": owner,
            "entra_tenant_id": "lower(entra_tenant_id)",
            "sort_name": "''",
            "microsoft_name": "NULL",
            "cloud": "'global'",
            "lifecycle": LIFECYCLE,
            "contact": "''",
            "time_zone": "'UTC'",
            "note": "''",
            "first_token_at": "NULL",
            "archived_at": "NULL",
            "purge_after": "NULL",
        },
    )
    rebuild(
        "provider_connections",
        foundation(owned=True),
        {"workspace_id": owner, "entra_tenant_id": "lower(entra_tenant_id)"},
    )
    _fill_sort_names()


def _upgrade_postgresql(workspace: int | None) -> None:
    connection = op.get_bind()
    op.execute(
        "ALTER TABLE tenants ADD COLUMN workspace_id BIGINT, ADD COLUMN sort_name TEXT, ADD COLUMN microsoft_name TEXT,"
        " ADD COLUMN cloud TEXT NOT NULL DEFAULT 'global', ADD COLUMN lifecycle TEXT NOT NULL DEFAULT 'draft',"
        " ADD COLUMN contact TEXT NOT NULL DEFAULT '', ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC',"
        " ADD COLUMN note TEXT NOT NULL DEFAULT '', ADD COLUMN first_token_at TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN archived_at TIMESTAMP WITH TIME ZONE, ADD COLUMN purge_after TIMESTAMP WITH TIME ZONE"
    )
    op.execute("ALTER TABLE provider_connections ADD COLUMN workspace_id BIGINT")
    connection.execute(
        text(
            f"UPDATE tenants SET workspace_id = :workspace, entra_tenant_id = lower(entra_tenant_id), lifecycle = {LIFECYCLE}"
        ),
        {"workspace": workspace},
    )
    connection.execute(
        text("UPDATE provider_connections SET workspace_id = :workspace, entra_tenant_id = lower(entra_tenant_id)"),
        {"workspace": workspace},
    )
    _fill_sort_names()
    clouds = ", ".join(f"'{cloud}'" for cloud in CLOUDS)
    lifecycles = ", ".join(f"'{lifecycle}'" for lifecycle in LIFECYCLES)
    for statement in (
        "ALTER TABLE tenants ALTER COLUMN workspace_id SET NOT NULL, ALTER COLUMN sort_name SET NOT NULL,"
        " DROP CONSTRAINT uq_tenants_entra_tenant_id,"
        f" ADD CONSTRAINT ck_tenants_cloud CHECK (cloud IN ({clouds})),"
        f" ADD CONSTRAINT ck_tenants_lifecycle CHECK (lifecycle IN ({lifecycles})),"
        " ADD CONSTRAINT fk_tenants_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),"
        " ADD CONSTRAINT uq_tenants_workspace_id_entra_tenant_id UNIQUE (workspace_id, entra_tenant_id),"
        " ADD CONSTRAINT uq_tenants_identity UNIQUE (id, workspace_id, entra_tenant_id)",
        "CREATE INDEX ix_tenants_workspace_id_sort_name_id ON tenants (workspace_id, sort_name, id)",
        "CREATE INDEX ix_tenants_workspace_id_primary_domain ON tenants (workspace_id, primary_domain)",
        "ALTER TABLE provider_connections ALTER COLUMN workspace_id SET NOT NULL,"
        " DROP CONSTRAINT fk_provider_connections_tenant_id,"
        " ADD CONSTRAINT fk_provider_connections_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),"
        " ADD CONSTRAINT fk_provider_connections_tenant_identity FOREIGN KEY (tenant_id, workspace_id, entra_tenant_id)"
        " REFERENCES tenants (id, workspace_id, entra_tenant_id)",
    ):
        op.execute(statement)


def _fill_sort_names() -> None:
    for rows in batches("SELECT id, name FROM tenants WHERE id > :after ORDER BY id LIMIT :limit"):
        op.get_bind().execute(
            text("UPDATE tenants SET sort_name = :sort_name WHERE id = :id"),
            [{"id": row.id, "sort_name": fold(row.name)} for row in rows],
        )


def _create_platform_apps() -> None:
    create(
        "platform_apps",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("cloud", Text, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("display_name", Text, nullable=False),
        Column("home_tenant_id", Text, nullable=False),
        Column("redirect_uri", Text, nullable=False),
        Column("generation", Integer, nullable=False, server_default=text("1")),
        Column("credential_changed_at", Time),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        one_of("cloud", *CLOUDS),
        UniqueConstraint("workspace_id", "cloud"),
        UniqueConstraint("id", "workspace_id", name="uq_platform_apps_identity"),
    )


def _create_tags_and_memberships() -> None:
    create(
        "tags",
        row_id(),
        references("workspace_id", "workspaces"),
        Column("name", Text, nullable=False),
        UniqueConstraint("workspace_id", "name"),
    )
    create(
        "tenant_tags",
        references("tenant_id", "tenants", ondelete="CASCADE"),
        references("tag_id", "tags", ondelete="CASCADE"),
        PrimaryKeyConstraint("tenant_id", "tag_id"),
        Index("ix_tenant_tags_tag_id", "tag_id"),
    )
    create(
        "memberships",
        row_id(),
        references("user_id", "users"),
        references("workspace_id", "workspaces"),
        Column("scope_kind", Text, nullable=False),
        references("tenant_id", "tenants", nullable=True, ondelete="CASCADE"),
        references("tag_id", "tags", nullable=True, ondelete="CASCADE"),
        Column("role", Text, nullable=False),
        Column("expires_at", Time),
        references("granted_by_id", "users", nullable=True),
        Column("created_at", Time, nullable=False),
        Column("revoked_at", Time),
        one_of("scope_kind", "workspace", "tenant", "tag"),
        one_of("role", "owner", "manager", "operator", "auditor", "readonly"),
        CheckConstraint(
            "(scope_kind = 'tenant') = (tenant_id IS NOT NULL) AND (scope_kind = 'tag') = (tag_id IS NOT NULL)",
            name="scope_target",
        ),
        Index("ix_memberships_user_id_workspace_id", "user_id", "workspace_id"),
        Index("ix_memberships_workspace_id", "workspace_id"),
    )
