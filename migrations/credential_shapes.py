"""The shapes that `credentials` had, by the revision that made them. Frozen."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.schema import SchemaItem

from migrations.tables import Time, one_of, references, row_id

ONE_OF_TWO_OWNERS = "(connection_id IS NOT NULL) <> (platform_app_id IS NOT NULL)"
ONE_OF_THREE_OWNERS = (
    "(connection_id IS NOT NULL AND platform_app_id IS NULL AND alert_channel_id IS NULL)"
    " OR (connection_id IS NULL AND platform_app_id IS NOT NULL AND alert_channel_id IS NULL)"
    " OR (connection_id IS NULL AND platform_app_id IS NULL AND alert_channel_id IS NOT NULL)"
)


def one_per_connection() -> list[SchemaItem]:
    """Revision 0001: a connection has at most one credential."""
    return [
        row_id(),
        references("connection_id", "provider_connections", ondelete="CASCADE"),
        *_sealed(),
        UniqueConstraint("connection_id"),
    ]


def slots(*, alert_channels: bool) -> list[SchemaItem]:
    """Revision 0003: three slots, of a connection or a platform app; from 0008 also of an alert channel."""
    items: list[SchemaItem] = [
        row_id(),
        references("connection_id", "provider_connections", nullable=True, ondelete="CASCADE"),
        references("platform_app_id", "platform_apps", nullable=True, ondelete="CASCADE"),
        Column("slot", Text, nullable=False),
        *_sealed(),
        Column("removal_confirmed_at", Time),
        one_of("slot", "active", "staged", "previous"),
        CheckConstraint(ONE_OF_THREE_OWNERS if alert_channels else ONE_OF_TWO_OWNERS, name="one_owner"),
        Index("uq_credentials_connection_id_slot", "connection_id", "slot", unique=True),
        Index("uq_credentials_platform_app_id_slot", "platform_app_id", "slot", unique=True),
    ]
    if alert_channels:
        items += [
            references("alert_channel_id", "alert_channels", nullable=True, ondelete="CASCADE"),
            Index("uq_credentials_alert_channel_id_slot", "alert_channel_id", "slot", unique=True),
        ]
    return items


def _sealed() -> list[SchemaItem]:
    return [
        Column("kind", Text, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        Column("seal_key_id", Text, nullable=False),
        Column("seal_version", Integer, nullable=False),
        Column("seal_tenant_id", Text, nullable=False, server_default=""),
        Column("client_key_id", Text, nullable=False, server_default=""),
        Column("starts_at", Time),
        Column("expires_at", Time),
        Column("stored_at", Time, nullable=False),
        references("stored_by_id", "users", nullable=True),
        one_of("kind", "secret", "certificate"),
        Index("ix_credentials_expires_at", "expires_at"),
        Index("ix_credentials_seal_key_id", "seal_key_id"),
    ]
