"""Ending acknowledgements: those whose time is over, and those of problems that are solved.

Promise: every worker may do it; each end is written once, with its entry in the trail. A problem counts as solved when its connection does
not show it and somebody knows: while a connection waits for its first check after a change, nothing ends. Must not know: screens, who
acknowledged why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import update

from storage import audit
from storage.access import WORKER
from storage.acknowledgements import app_has, connections_having, rows
from storage.database import Database, Transaction
from storage.schema import acknowledgements as a
from storage.schema import provider_connections as pc
from storage.states import Topic, VerificationStatus

CHUNK: Final = 200

_UNDECIDED: Final = (VerificationStatus.UNKNOWN.value, VerificationStatus.PENDING.value)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one look did.

    Attributes:
        ended: how many acknowledgements it ended.
        last_id: where the next look goes on; 0 when it begins again.
    """

    ended: int
    last_id: int


def sweep(db: Database, after_id: int = 0) -> Swept:
    """Looks at some open acknowledgements and ends those that are over or solved.

    Args:
        db: the database.
        after_id: where the look before ended; 0 at the beginning.
    """
    with db.read() as tx:
        looked_at = _open(tx, a.c.id > after_id)
        due = _due(tx, looked_at)
    ended = 0
    if due:
        # Asked again where it is written: what was solved a moment ago may be back.
        ended = db.write(lambda tx: _end(tx, _due(tx, _open(tx, a.c.id.in_(sorted(due))))))
    return Swept(ended, looked_at[-1].id if len(looked_at) == CHUNK else 0)


def _open(tx: Transaction, which: Any) -> Sequence[Any]:
    statement = rows().add_columns(pc.c.is_enabled, pc.c.verification_status)
    return tx.run(statement.where(a.c.ended_at.is_(None), which).order_by(a.c.id).limit(CHUNK)).all()


def _due(tx: Transaction, looked_at: Sequence[Any]) -> dict[int, tuple[Any, str]]:
    """Those that end: their id → the row, and why."""
    now = tx.now()
    found = {row.id: (row, "expired") for row in looked_at if row.expires_at is not None and row.expires_at <= now}
    others: dict[tuple[int, str], list[Any]] = {}
    for row in looked_at:
        if row.id not in found and row.connection_id is not None:
            others.setdefault((row.workspace_id, row.reason_code), []).append(row)
        elif row.id not in found and not app_has(tx, row.workspace_id, row.platform_app_id, row.reason_code):
            found[row.id] = (row, "solved")
    for (workspace_id, code), several in others.items():
        having = connections_having(tx, workspace_id, [row.connection_id for row in several], code)
        for row in several:
            if row.connection_id not in having and (how := _how(row)):
                found[row.id] = (row, how)
    return found


def _how(row: Any) -> str:
    """Why a problem does not show any more; empty while nobody knows."""
    if not row.is_enabled:
        return "disabled"
    return "" if row.verification_status in _UNDECIDED else "solved"


def _end(tx: Transaction, due: Mapping[int, tuple[Any, str]]) -> int:
    now, ended = tx.now(), 0
    for row, how in due.values():
        mine = tx.run(
            update(a)
            .where(a.c.id == row.id, a.c.ended_at.is_(None))
            .values(ended_at=now, ended_by=WORKER.login, ended_reason=how)
        ).rowcount
        if not mine:
            continue
        ended += 1
        audit.record(
            tx,
            WORKER,
            "problem.expire" if how == "expired" else "problem.solve",
            target_kind="connection" if row.connection_id is not None else "platform_app",
            target_id=row.platform_app_id if row.connection_id is None else row.connection_id,
            workspace_id=row.workspace_id,
            detail={"reason": row.reason_code, "owner": row.owner, "how": how},
        )
    if ended:
        tx.touch(Topic.ATTENTION)
    return ended
