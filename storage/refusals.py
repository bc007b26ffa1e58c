"""Refused reads in the audit trail.

Promise: whoever asks to see what they may know of but not read is told no, and the trail says so, as it does of refused changes
(`audit.attempt`). Every read comes through `Database.read`, which calls `tell`, so no function can forget it. A screen asks again
whenever something changes; the same refusal is one entry an hour. Must not know: what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from storage import audit
from storage.access import Principal
from storage.audit_chain import detail_of
from storage.database import Database, Transaction
from storage.errors import Forbidden
from storage.schema import audit_entries as ae

AGAIN_AFTER: Final = timedelta(hours=1)
_ACTION: Final = "access.read"
_LOOKED_AT: Final = 500
"""Entries of one target that are looked through, so that asking stays quick however long the trail is."""


def tell(db: Database, refusal: Forbidden, wanting: str = "") -> None:
    """Writes down that a read was refused, unless the same was within the hour. Nothing is written when nobody is known to have asked.

    The entry's target is the tenant or the workspace that it was about; on the system plane, the account that asked.

    Args:
        db: the database.
        refusal: what the read was answered with.
        wanting: the change that it came before.

    Raises:
        DatabaseError: it could not be written; the read is refused all the same.
    """
    if refusal.who is None:
        return
    who = refusal.who
    detail = {
        "what": refusal.what or None,
        "needs": refusal.capability or None,
        "wanting": wanting or None,
        "why": refusal.message,
    }
    with db.read() as tx:
        if _is_told(tx, refusal, who, detail):
            return

    def work(tx: Transaction) -> None:
        if _is_told(tx, refusal, who, detail):
            return
        kind, id = _target(refusal, who)
        audit.record(
            tx,
            who,
            _ACTION,
            target_kind=kind,
            target_id=id,
            workspace_id=refusal.workspace_id,
            outcome="refused",
            detail=detail,
        )

    db.write(work)


def _target(refusal: Forbidden, who: Principal) -> tuple[str, str]:
    if refusal.workspace_id is None:
        return "account", who.login
    if refusal.tenant_id is None:
        return "workspace", str(refusal.workspace_id)
    return "tenant", str(refusal.tenant_id)


def _is_told(tx: Transaction, refusal: Forbidden, who: Principal, detail: Mapping[str, str | None]) -> bool:
    """Whether the same is among the newest entries of its target, and not an hour old."""
    kind, id = _target(refusal, who)
    chain = ae.c.workspace_id.is_(None) if refusal.workspace_id is None else ae.c.workspace_id == refusal.workspace_id
    newest = (
        select(ae.c.actor, ae.c.action, ae.c.at, ae.c.canonical)
        .where(chain, ae.c.target_kind == kind, ae.c.target_id == id)
        .order_by(ae.c.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    told = select(newest.c.canonical).where(
        newest.c.actor == who.label, newest.c.action == _ACTION, newest.c.at > tx.now() - AGAIN_AFTER
    )
    return any(detail_of(row.canonical) == detail for row in tx.run(told).all())
