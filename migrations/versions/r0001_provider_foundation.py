"""Provider foundation: tenants, their provider connections with one status and one health, one credential per connection.

Downgrade: everything is dropped.
"""

from __future__ import annotations

import uuid

from alembic import op
from sqlalchemy import Boolean, Column, Text, UniqueConstraint, text

from migrations.connection_shapes import foundation
from migrations.credential_shapes import one_per_connection
from migrations.facts import set_version
from migrations.tables import Time, create, drop, row_id

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the first tables and gives the database its own id."""
    create("meta", Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
    op.get_bind().execute(
        text("INSERT INTO meta (key, value) VALUES ('database_id', :value)"), {"value": str(uuid.uuid4())}
    )
    create(
        "users",
        row_id(),
        Column("login", Text, nullable=False, unique=True),
        Column("display_name", Text, nullable=False),
        Column("is_active", Boolean, nullable=False, server_default=text("true")),
        Column("created_at", Time, nullable=False),
        Column("left_at", Time),
    )
    create(
        "tenants",
        row_id(),
        Column("entra_tenant_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("primary_domain", Text),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=False),
        UniqueConstraint("entra_tenant_id"),
    )
    create("provider_connections", *foundation(owned=False))
    create("credentials", *one_per_connection())
    set_version(1, min_reader=1, min_writer=1)


def downgrade() -> None:
    """Drops everything."""
    drop("credentials", "provider_connections", "tenants", "users", "meta")
