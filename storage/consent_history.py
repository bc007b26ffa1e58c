"""Admin-consent links as they are remembered: without their addresses, with what became of them.

Promise: reads only. A link whose last day has passed reads as `expired`, whether or not an answer came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schema import consent_requests, provider_connections, users
from storage.states import ConsentRequestStatus


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A link as it is remembered: without its address.

    Attributes:
        status: `open` only while an answer would still be recorded.
        answered_at: when the newest answer came, also one that did not settle it.
        answer_reason_code: what that answer said; None when it granted, or none came.
        answer_tenant_id: the tenant it named.
    """

    id: int
    connection_id: int
    status: ConsentRequestStatus
    expected_tenant_id: str
    client_id: str
    redirect_uri: str
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    answer_reason_code: str | None
    answer_tenant_id: str | None
    answer_correlation_id: str | None
    answer_provider_code: str | None


def open_requests(db: Database, who: Principal, connection_id: int) -> tuple[ConsentRequest, ...]:
    """Returns the links that may still be answered, the newest first.

    Raises:
        NotFound: the connection is not visible.
    """
    return tuple(found for found in requests(db, who, connection_id) if found.status is ConsentRequestStatus.OPEN)


def requests(db: Database, who: Principal, connection_id: int, *, limit: int = 100) -> tuple[ConsentRequest, ...]:
    """Returns a connection's links, whatever became of them, the newest first.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        see_connection(tx, who, connection_id)
        return requests_in(tx, connection_id, limit=limit)


def requests_in(tx: Transaction, connection_id: int, *, limit: int = 100) -> tuple[ConsentRequest, ...]:
    """Returns a connection's links inside a transaction that has asked for the authority."""
    return rows_in(tx, consent_requests.c.connection_id == connection_id, limit=limit)


def see_connection(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    """Returns a connection's row, without a lock, for whoever may see it.

    Raises:
        NotFound: it is not visible.
    """
    row = tx.run(select(provider_connections).where(provider_connections.c.id == connection_id)).first()
    if row is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_VIEW,
        row.workspace_id,
        row.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=f"Connection {connection_id}",
    )
    return row


def rows_in(tx: Transaction, condition: ColumnElement[bool], *, limit: int = 100) -> tuple[ConsentRequest, ...]:
    makers, answerers = users.alias("makers"), users.alias("answerers")
    now = tx.now()
    found = tx.run(
        select(consent_requests, makers.c.login.label("created_by"), answerers.c.login.label("answered_by"))
        .outerjoin(makers, makers.c.id == consent_requests.c.created_by_id)
        .outerjoin(answerers, answerers.c.id == consent_requests.c.answered_by_id)
        .where(condition)
        .order_by(consent_requests.c.id.desc())
        .limit(limit)
    ).all()
    return tuple(_request(row, now) for row in found)


def _request(row: Row[Any], now: datetime) -> ConsentRequest:
    status = ConsentRequestStatus(row.status)
    if status is ConsentRequestStatus.OPEN and row.expires_at <= now:
        status = ConsentRequestStatus.EXPIRED
    return ConsentRequest(
        id=row.id,
        connection_id=row.connection_id,
        status=status,
        expected_tenant_id=row.expected_tenant_id,
        client_id=row.client_id,
        redirect_uri=row.redirect_uri,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        answered_at=row.answered_at,
        answered_by=row.answered_by,
        answer_reason_code=row.answer_reason_code,
        answer_tenant_id=row.answer_tenant_id,
        answer_correlation_id=row.answer_correlation_id,
        answer_provider_code=row.answer_provider_code,
    )
