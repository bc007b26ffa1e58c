"""Which credentials run out, and of which nobody knows when.

Promise: an unknown expiry is a bucket of its own and never counts as fine. Only what is signed in with, or is about to be, is looked at:
active and staged. A read; what the check itself says about expiry is in its report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.schema import credentials as c
from storage.schema import platform_apps, provider_connections, tenants
from storage.states import CredentialKind, CredentialOwner, CredentialSlot, TenantLifecycle

WITHIN: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=3650)


class Bucket(StrEnum):
    """Where a credential is in its life."""

    EXPIRED = "expired"
    EXPIRING = "expiring"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Expiry:
    """A credential that runs out, has run out, or of which nobody knows.

    Attributes:
        owner: kind of owner.
        owner_id: its row.
        owner_name: the tenant's name, or the platform app's.
        slot: active or staged.
        expires_at: None in the bucket `unknown`.
        days_left: whole days, negative when it is over; None when unknown.
    """

    bucket: Bucket
    owner: CredentialOwner
    owner_id: int
    owner_name: str
    slot: CredentialSlot
    kind: CredentialKind
    client_key_id: str
    expires_at: datetime | None
    days_left: int | None


@dataclass(frozen=True, slots=True)
class Expiries:
    """What runs out.

    Attributes:
        rows: expired first, then by date, then the unknown ones; at most as many as asked.
        expired: how many have expired.
        expiring: how many will within the span.
        unknown: of how many nobody knows.
    """

    rows: tuple[Expiry, ...]
    expired: int
    expiring: int
    unknown: int


def expiring(
    db: Database, who: Principal, workspace_id: int, within: timedelta = WITHIN, *, limit: int = 1000
) -> Expiries:
    """Returns the credentials of a workspace that run out within a span, have run out, or have no known expiry.

    Platform apps are seen by whoever sees the whole workspace; archived tenants are left out.

    Raises:
        InvalidInput: the span is negative or longer than ten years.
        NotFound: the principal is no member.
    """
    if not timedelta(0) <= within <= LONGEST:
        raise InvalidInput("--within", "must be from 0 to 3650 days")
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        now = tx.now()
        visible = _visible(rights, workspace_id)
        counts = {bucket: _count(tx, visible, _condition(bucket, now, within)) for bucket in Bucket}
        wanted = or_(*(_condition(bucket, now, within) for bucket in Bucket))
        rows = tx.run(
            _joined(
                c.c.slot,
                c.c.kind,
                c.c.client_key_id,
                c.c.expires_at,
                c.c.connection_id,
                c.c.platform_app_id,
                tenants.c.name.label("tenant_name"),
                platform_apps.c.display_name.label("app_name"),
            )
            .where(visible, wanted)
            .order_by(c.c.expires_at.is_(None), c.c.expires_at, c.c.id)
            .limit(limit)
        ).all()
    return Expiries(
        tuple(_row(row, now) for row in rows),
        counts[Bucket.EXPIRED],
        counts[Bucket.EXPIRING],
        counts[Bucket.UNKNOWN],
    )


def _joined(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(c)
        .outerjoin(provider_connections, provider_connections.c.id == c.c.connection_id)
        .outerjoin(tenants, tenants.c.id == provider_connections.c.tenant_id)
        .outerjoin(platform_apps, platform_apps.c.id == c.c.platform_app_id)
    )


def _visible(rights: Authority, workspace_id: int) -> ColumnElement[bool]:
    of_connections = and_(
        provider_connections.c.workspace_id == workspace_id,
        tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value,
        rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, provider_connections.c.tenant_id),
    )
    in_use = c.c.slot.in_([CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value])
    if rights.reaches_whole(workspace_id, Capability.PROVIDER_VIEW):
        return and_(in_use, or_(of_connections, platform_apps.c.workspace_id == workspace_id))
    return and_(in_use, of_connections)


def _condition(bucket: Bucket, now: datetime, within: timedelta) -> ColumnElement[bool]:
    if bucket is Bucket.UNKNOWN:
        return c.c.expires_at.is_(None)
    if bucket is Bucket.EXPIRED:
        return c.c.expires_at <= now
    return and_(c.c.expires_at > now, c.c.expires_at <= now + within)


def _count(tx: Transaction, visible: ColumnElement[bool], condition: ColumnElement[bool]) -> int:
    return int(tx.run(_joined(func.count()).where(visible, condition)).scalar_one())


def _row(row: Row[Any], now: datetime) -> Expiry:
    of_connection = row.connection_id is not None
    expires = row.expires_at
    dated = Bucket.EXPIRED if expires is not None and expires <= now else Bucket.EXPIRING
    return Expiry(
        Bucket.UNKNOWN if expires is None else dated,
        CredentialOwner.CONNECTION if of_connection else CredentialOwner.PLATFORM_APP,
        row.connection_id if of_connection else row.platform_app_id,
        row.tenant_name if of_connection else row.app_name,
        CredentialSlot(row.slot),
        CredentialKind(row.kind),
        row.client_key_id,
        expires,
        None if expires is None else (expires - now).days,
    )
