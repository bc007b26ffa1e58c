"""Open consent links that an edit, an offboarding or a deletion makes worthless.

Promise: an answer to a link that names another application, address or tenant than the connection's is not accepted, and the trail of
the connection says which link ended and what ended it. Must not know: how links are made, answered or revoked by a person.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, update

from storage import audit
from storage.access import Principal
from storage.database import Transaction
from storage.schema import consent_requests
from storage.states import ConsentRequestStatus

ANOTHER_APPLICATION: Final = "the connection signs in as another application"
ANOTHER_REDIRECT_URI: Final = "the platform app has another redirect URI"
ANOTHER_TENANT: Final = "the tenant has another id or cloud"
DELETED: Final = "the connection was deleted"
OFFBOARDED: Final = "the tenant was offboarded"


def answerable_links(tx: Transaction) -> ColumnElement[bool]:
    """Makes the condition that an answer to a link would be recorded now."""
    return _is_open() & (consent_requests.c.expires_at > tx.now())


def _is_open() -> ColumnElement[bool]:
    return consent_requests.c.status == ConsentRequestStatus.OPEN.value


def withdraw(
    tx: Transaction, who: Principal, which: ColumnElement[bool], because: str, *, ticket: str | None = None
) -> int:
    """Ends the open links among some, in the transaction of what made them worthless.

    A late answer to an open link still starts a check, so links whose time is over are ended too; they are not told, since nobody lost
    anything by it.

    Args:
        tx: the transaction; the caller has asked for authority and holds the connections' locks.
        who: who changed what the links name.
        which: the links, such as those of some connections.
        because: what ended them, one of this module's.
        ticket: the reference of the change.

    Returns:
        How many could still have been answered.
    """
    ended = tx.run(
        update(consent_requests)
        .where(which, _is_open())
        .values(status=ConsentRequestStatus.REVOKED.value)
        .returning(
            consent_requests.c.id,
            consent_requests.c.workspace_id,
            consent_requests.c.connection_id,
            consent_requests.c.expires_at,
        )
    ).all()
    now = tx.now()
    answerable = sorted((row for row in ended if row.expires_at > now), key=lambda row: row.id)
    for row in answerable:
        audit.record(
            tx,
            who,
            "consent.withdraw_link",
            target_kind="connection",
            target_id=row.connection_id,
            workspace_id=row.workspace_id,
            ticket=ticket,
            detail={"request": row.id, "because": because},
        )
    return len(answerable)
