"""Acknowledgements that hold: which there are, and what they cover.

Promise: one is of one reason on one connection, or on everything that signs in with one platform app; one whose time is over does not hold
any more, whether the sweep has ended it yet or not. Must not know: how one is made or ends (`acknowledging`, `acknowledgement_sweep`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from storage import attention_breakers
from storage.access import Authority, Principal, authority
from storage.attention_credentials import running_out
from storage.attention_grouping import Acked
from storage.attention_sources import Reach
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import acknowledgements as a
from storage.schema import platform_apps, tenants, users
from storage.schema import provider_connections as pc


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One that holds.

    Attributes:
        name: the tenant's name, or the app's.
        owner: who owns it.
        since: since when.
        until: when it ends by itself; None when it is solved.
    """

    id: int
    reason_code: str
    connection_id: int | None
    platform_app_id: int | None
    name: str
    owner: str
    note: str
    ticket: str | None
    since: datetime
    until: datetime | None


def holding(now: datetime) -> ColumnElement[bool]:
    """The condition of acknowledgements that hold."""
    return and_(a.c.ended_at.is_(None), or_(a.c.expires_at.is_(None), a.c.expires_at > now))


def acked_now(tx: Transaction, workspace_id: int) -> Acked:
    """Returns what is acknowledged in a workspace. The caller has asked for authority."""
    rows = tx.run(
        select(a.c.connection_id, a.c.platform_app_id, a.c.reason_code).where(
            a.c.workspace_id == workspace_id, holding(tx.now())
        )
    ).all()
    return Acked(
        frozenset((row.connection_id, row.reason_code) for row in rows if row.connection_id is not None),
        frozenset((row.platform_app_id, row.reason_code) for row in rows if row.platform_app_id is not None),
    )


def page(db: Database, who: Principal, workspace_id: int, place: Place, limit: int = 100) -> Page[Acknowledgement]:
    """Returns a page of the acknowledgements that hold, the oldest first, within what the principal may see.

    Raises:
        InvalidInput: the place cannot be read.
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        statement = _visible(tx, rights, workspace_id)
        return read_page(tx, statement, [SortKey(a.c.id, "id")], place, limit, acknowledgement_of, a.c.id)


def _visible(tx: Transaction, rights: Authority, workspace_id: int) -> Select[Any]:
    of_connection = and_(
        a.c.connection_id.is_not(None),
        rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id),
    )
    whole = rights.reaches_whole(workspace_id, Capability.PROVIDER_VIEW)
    seen = or_(of_connection, a.c.platform_app_id.is_not(None)) if whole else of_connection
    return rows().where(a.c.workspace_id == workspace_id, holding(tx.now()), seen)


def rows() -> Select[Any]:
    """Makes the query of what `acknowledgement_of` reads."""
    return (
        select(
            a,
            users.c.login.label("owner"),
            tenants.c.name.label("tenant_name"),
            pc.c.tenant_id,
            platform_apps.c.display_name.label("app_name"),
        )
        .select_from(a)
        .join(users, users.c.id == a.c.user_id)
        .outerjoin(pc, pc.c.id == a.c.connection_id)
        .outerjoin(tenants, tenants.c.id == pc.c.tenant_id)
        .outerjoin(platform_apps, platform_apps.c.id == a.c.platform_app_id)
    )


def acknowledgement_of(row: Any) -> Acknowledgement:
    """Makes an acknowledgement of a row of `rows`."""
    return Acknowledgement(
        row.id,
        row.reason_code,
        row.connection_id,
        row.platform_app_id,
        row.tenant_name or row.app_name or "",
        row.owner,
        row.note,
        row.ticket,
        row.created_at,
        row.expires_at,
    )


def app_has(tx: Transaction, workspace_id: int, platform_app_id: int, reason_code: str) -> bool:
    """Says whether anything that signs in with an app has a problem, or the app itself. The caller has asked for authority."""
    reach = Reach(None, workspace_id, client=platform_app_id)
    if attention_breakers.read(tx, reach, reason_code).rows:
        return True
    return any(found.platform_app_id == platform_app_id for found in running_out(tx, reach, reason_code))


def connections_having(
    tx: Transaction, workspace_id: int, connection_ids: Sequence[int], reason_code: str
) -> frozenset[int]:
    """Returns those of some connections that have a problem now. The caller has asked for authority."""
    reach = Reach(None, workspace_id, connection_ids=tuple(connection_ids))
    found = {symptom.connection_id for symptom in attention_breakers.read(tx, reach, reason_code).rows}
    found |= {
        credential.connection_id
        for credential in running_out(tx, reach, reason_code)
        if credential.connection_id is not None
    }
    return frozenset(found)
