"""The audit trail: who did what, to what, when, and whether it was refused.

Promise: append-only (the database refuses changes), one hash chain per workspace and one for the system, over the bytes that are
stored. An entry is written in the transaction of what it tells, as its last statement, since everybody wants the chain's head. Secret
values never come here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import LargeBinary, cast, insert, select, text, update

from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.columns import format_sqlite_time
from storage.database import Database, Transaction
from storage.errors import Forbidden, NotFound
from storage.schema import audit_checkpoints, audit_entries, audit_heads, provider_connections
from storage.states import Topic

T = TypeVar("T")

GENESIS: Final = "0" * 64
_SYSTEM_CHAIN: Final = "system"
_COLUMNS: Final = ("workspace_id", "action", "target_kind", "target_id", "outcome", "ticket")

DetailValue = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail."""

    id: int
    sequence: int
    at: datetime
    actor: str
    action: str
    target_kind: str
    target_id: str
    outcome: str
    ticket: str | None
    detail: Mapping[str, Any]


def record(
    tx: Transaction,
    who: Principal,
    action: str,
    *,
    target_kind: str,
    target_id: int | str,
    workspace_id: int | None,
    outcome: str = "done",
    ticket: str | None = None,
    detail: Mapping[str, DetailValue] | None = None,
) -> None:
    """Adds an entry when the transaction commits.

    Args:
        tx: the transaction of what is told.
        who: who did it.
        action: what, as `connection.disable`.
        target_kind: what kind of thing.
        target_id: which one.
        workspace_id: whose chain; None for the system's.
        outcome: `done` or `refused`.
        ticket: the reference the person gave.
        detail: before and after, never a secret value.
    """
    tx.touch(Topic.AUDIT)
    tx.at_the_end(
        lambda: _append(
            tx,
            who,
            chain=_SYSTEM_CHAIN if workspace_id is None else f"workspace:{workspace_id}",
            values={
                "workspace_id": workspace_id,
                "action": action,
                "target_kind": target_kind,
                "target_id": str(target_id),
                "outcome": outcome,
                "ticket": ticket,
            },
            detail=dict(detail or {}),
        )
    )


def _append(
    tx: Transaction, who: Principal, *, chain: str, values: dict[str, Any], detail: dict[str, DetailValue]
) -> None:
    head = tx.run(_lock_head(tx, chain)).first()
    if head is None:
        tx.run(_new_head(tx), {"chain": chain, "hash": GENESIS})
        head = tx.run(_lock_head(tx, chain)).one()
    sequence = head.sequence + 1
    at = tx.now()
    canonical = msgspec.json.encode(
        {
            "chain": chain,
            "sequence": sequence,
            "at": format_sqlite_time(at),
            "actor": who.label,
            "via": who.via,
            **values,
            "detail": detail,
        },
        order="sorted",
    )
    digest = hashlib.sha256(head.hash.encode() + canonical).hexdigest()
    tx.run(
        insert(audit_entries).values(
            chain=chain,
            sequence=sequence,
            at=at,
            actor_id=who.user_id,
            actor=who.label,
            plane="system" if values["workspace_id"] is None else "workspace",
            canonical=canonical,
            previous_hash=head.hash,
            hash=digest,
            **values,
        )
    )
    tx.run(update(audit_heads).where(audit_heads.c.chain == chain).values(sequence=sequence, hash=digest))


def _lock_head(tx: Transaction, chain: str) -> Any:
    statement = select(audit_heads.c.sequence, audit_heads.c.hash).where(audit_heads.c.chain == chain)
    return statement if tx.is_sqlite else statement.with_for_update()


def _new_head(tx: Transaction) -> Any:
    return text(
        "INSERT INTO audit_heads (chain, sequence, hash) VALUES (:chain, 0, :hash) ON CONFLICT (chain) DO NOTHING"
    )


def attempt(
    db: Database,
    who: Principal,
    action: str,
    work: Callable[[Transaction], T],
    *,
    target_kind: str,
    target_id: int | str,
) -> T:
    """Runs what a person asked for in one write transaction; when it is forbidden, that is written down in another one.

    Args:
        db: the database.
        who: who asks.
        action: what, as in `record`.
        work: the change with its own audit entry, as for `Database.write`.
        target_kind: what kind of thing the refusal is about.
        target_id: which one.

    Raises:
        Forbidden: it was refused, and the trail says so.
        AtlasError: whatever `work` raised; nothing was written.
    """
    try:
        return db.write(work)
    except Forbidden as error:
        workspace_id, why = error.workspace_id, error.message
        db.write(
            lambda tx: record(
                tx,
                who,
                action,
                target_kind=target_kind,
                target_id=target_id,
                workspace_id=workspace_id,
                outcome="refused",
                detail={"why": why},
            )
        )
        raise


def of_connection(db: Database, who: Principal, connection_id: int, *, limit: int = 100) -> tuple[AuditEntry, ...]:
    """Returns the newest entries about one connection, newest first.

    Raises:
        NotFound: the connection is not visible.
        Forbidden: it is, but the trail is not.
    """
    with db.read() as tx:
        where = tx.run(
            select(provider_connections.c.workspace_id, provider_connections.c.tenant_id).where(
                provider_connections.c.id == connection_id
            )
        ).first()
        if where is None:
            raise NotFound(f"Connection {connection_id} does not exist.")
        authority(tx, who).require(
            tx, Capability.AUDIT_VIEW, where.workspace_id, where.tenant_id, what=f"Connection {connection_id}"
        )
        rows = tx.run(
            select(audit_entries)
            .where(
                audit_entries.c.workspace_id == where.workspace_id,
                audit_entries.c.target_kind == "connection",
                audit_entries.c.target_id == str(connection_id),
            )
            .order_by(audit_entries.c.id.desc())
            .limit(limit)
        ).all()
    return tuple(_entry(row) for row in rows)


def _entry(row: Any) -> AuditEntry:
    document = msgspec.json.decode(row.canonical)
    return AuditEntry(
        row.id,
        row.sequence,
        row.at,
        row.actor,
        row.action,
        row.target_kind,
        row.target_id,
        row.outcome,
        row.ticket,
        document["detail"],
    )


def verify_chain(tx: Transaction, chain: str) -> int | None:
    """Recomputes a chain and returns the first sequence that does not fit, or None when all do.

    Found are: changed bytes or hashes, a column that differs from the bytes that were hashed, an entry missing anywhere (below the newest
    checkpoint they may be pruned), and a head that is not the last entry's.
    """
    checkpoints = {
        row.sequence: row.hash
        for row in tx.run(
            select(audit_checkpoints.c.sequence, audit_checkpoints.c.hash).where(audit_checkpoints.c.chain == chain)
        )
    }
    pruned = max(checkpoints, default=0)
    head = tx.run(select(audit_heads.c.sequence, audit_heads.c.hash).where(audit_heads.c.chain == chain)).first()
    sequence, digest = 0, GENESIS
    rows = tx.run(
        select(
            *(column for column in audit_entries.c if column.name != "canonical"),
            cast(audit_entries.c.canonical, LargeBinary).label("hashed"),
        )
        .where(audit_entries.c.chain == chain)
        .order_by(audit_entries.c.sequence)
    ).all()
    for row in rows:
        if row.sequence != sequence + 1:
            if row.sequence > pruned + 1:
                return int(row.sequence)
            digest = checkpoints.get(row.sequence - 1, row.previous_hash)
        if row.previous_hash != digest or not _is_as_written(row):
            return int(row.sequence)
        if checkpoints.get(row.sequence, row.hash) != row.hash:
            return int(row.sequence)
        sequence, digest = row.sequence, row.hash
    if head is None:
        return sequence or None
    if not rows:
        return None if head.sequence == pruned else pruned + 1
    return None if (head.sequence, head.hash) == (sequence, digest) else int(head.sequence)


def _is_as_written(row: Any) -> bool:
    hashed = bytes(row.hashed)
    if hashlib.sha256(row.previous_hash.encode() + hashed).hexdigest() != row.hash:
        return False
    document = msgspec.json.decode(hashed)
    shown = {
        "chain": row.chain,
        "sequence": row.sequence,
        "at": format_sqlite_time(row.at),
        "actor": row.actor,
        **{name: getattr(row, name) for name in _COLUMNS},
    }
    return all(document[name] == value for name, value in shown.items())
