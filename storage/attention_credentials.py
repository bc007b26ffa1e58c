"""Credentials in use that have run out or soon will, as problems of whoever holds them.

Promise: what has run out is told before the next check finds it. Only the credential that is signed in with counts: a staged one is not
in use yet. Reads by the index of expiry dates, a bounded number. Must not know: how problems are put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, case, func, or_, select

from storage.attention_sources import COUNTED, Reach
from storage.database import Transaction
from storage.schema import credentials as c
from storage.schema import platform_apps, tenants
from storage.schema import provider_connections as pc
from storage.states import ConnectionType, CredentialKind, CredentialSlot, TenantLifecycle

SOON: Final = timedelta(days=7)
"""So long before its end a credential becomes a problem; the horizon tells of it much earlier."""

MOST: Final = 5_000

_EXPIRED: Final = {CredentialKind.SECRET: "secret_expired_local", CredentialKind.CERTIFICATE: "cert_expired"}
_EXPIRING: Final = {CredentialKind.SECRET: "secret_expiring", CredentialKind.CERTIFICATE: "cert_expiring"}

EXPIRED_REASONS: Final = frozenset({"secret_expired_local", "secret_expired", "cert_expired"})
"""What a check or a sign-in says of a credential that has run out: the same problem, told by somebody else."""


@dataclass(frozen=True, slots=True)
class RunningOut:
    """A credential that has run out or soon will.

    Attributes:
        connection_id: the dedicated connection that holds it; None when an app does.
        platform_app_id: the app that holds it; None when a connection does.
        tenant_id: the connection's tenant.
        since: since when it is a problem: its end, or the beginning of its last days.
        users: how many enabled connections sign in with it, counted up to 10,000 and one.
    """

    reason_code: str
    connection_id: int | None
    platform_app_id: int | None
    tenant_id: int | None
    since: datetime
    users: int


def running_out(tx: Transaction, reach: Reach, only: str | None = None) -> tuple[RunningOut, ...]:
    """Returns the credentials in use that have run out or will within `SOON`. Those of apps are for whoever sees the whole workspace.

    Args:
        tx: a read transaction.
        reach: whose.
        only: only this reason's; nothing is read for a reason that is not one of running out.
    """
    now = tx.now()
    which = [c.c.slot == CredentialSlot.ACTIVE.value, c.c.expires_at <= now + SOON]
    if only is not None:
        over = [kind.value for kind, code in _EXPIRED.items() if code == only]
        soon = [kind.value for kind, code in _EXPIRING.items() if code == only]
        if not (over or soon):
            return ()
        which += [c.c.kind.in_(over or soon), c.c.expires_at <= now if over else c.c.expires_at > now]
    user = pc.alias("user")
    some = select(user.c.id).where(user.c.platform_app_id == c.c.platform_app_id, user.c.is_enabled).limit(COUNTED + 1)
    used = select(func.count()).select_from(some.correlate(c).subquery()).scalar_subquery()
    of_connections = and_(
        pc.c.is_enabled,
        pc.c.connection_type == ConnectionType.DEDICATED.value,
        tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value,
        reach.clause(),
    )
    app = platform_apps.c.workspace_id == reach.workspace_id
    if isinstance(reach.client, int):
        app = and_(app, platform_apps.c.id == reach.client)
    whole = reach.sees_whole and reach.tenant_id is None and reach.connection_ids is None
    visible = or_(of_connections, app) if whole else of_connections
    rows = tx.run(
        select(
            c.c.kind,
            c.c.expires_at,
            c.c.connection_id,
            c.c.platform_app_id,
            pc.c.tenant_id,
            case((c.c.platform_app_id.is_(None), 1), else_=used).label("users"),
        )
        .select_from(c)
        .outerjoin(pc, pc.c.id == c.c.connection_id)
        .outerjoin(tenants, tenants.c.id == pc.c.tenant_id)
        .outerjoin(platform_apps, platform_apps.c.id == c.c.platform_app_id)
        .where(*which, visible)
        .order_by(c.c.expires_at)
        .limit(MOST)
    ).all()
    return tuple(
        RunningOut(
            (_EXPIRED if row.expires_at <= now else _EXPIRING)[CredentialKind(row.kind)],
            row.connection_id,
            row.platform_app_id,
            row.tenant_id,
            row.expires_at if row.expires_at <= now else row.expires_at - SOON,
            int(row.users),
        )
        for row in rows
    )
