"""The hash chain of the audit trail: what is hashed, and how a chain is verified.

The algorithm, which docs/audit.md states for those who verify without this program: an entry's hash is the SHA-256, in lower-case hex, of
the previous entry's hash (64 hex digits; for the first entry 64 zeros) followed by the entry's canonical bytes: one JSON object, UTF-8,
keys sorted, no blanks.

Promise: verifying reads in chunks, each in a short transaction of its own, so it takes the same memory for any chain and holds nobody up;
it finds the first entry that does not fit. Must not know: who may verify (`audit_trail`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import LargeBinary, cast, func, select

from storage.access import Principal
from storage.columns import format_sqlite_time
from storage.database import Database, Transaction
from storage.schema import audit_checkpoints, audit_entries, audit_heads

GENESIS: Final = "0" * 64
"""The hash before the first entry."""

SYSTEM_CHAIN: Final = "system"
CHUNK: Final = 1000

_ALWAYS: Final = ("workspace_id", "action", "target_kind", "target_id", "outcome", "ticket")
_LATER: Final = ("tenant_id", "actor_id")
"""Columns that entries did not have at first: an entry whose bytes name one must show it, and one whose bytes do not must not."""

Progress = Callable[[int, int], None]


def chain_of(workspace_id: int | None) -> str:
    """Returns the name of a workspace's chain, or of the system's."""
    return SYSTEM_CHAIN if workspace_id is None else f"workspace:{workspace_id}"


def canonical_bytes(
    *,
    chain: str,
    sequence: int,
    at: datetime,
    who: Principal,
    values: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> bytes:
    """Makes the bytes of an entry that are hashed and stored."""
    return msgspec.json.encode(
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


def document_of(canonical: bytes) -> dict[str, Any]:
    """Reads what was hashed; empty when somebody wrote over it: verifying is what says so."""
    try:
        return msgspec.json.decode(canonical, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def detail_of(canonical: bytes) -> dict[str, Any]:
    """Reads an entry's detail of its bytes."""
    return document_of(canonical).get("detail") or {}


def digest_of(previous_hash: str, canonical: bytes) -> str:
    """Returns the hash of an entry."""
    return hashlib.sha256(previous_hash.encode() + canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verifying a chain found.

    Attributes:
        chain: its name.
        entries: how many were read and fit.
        pruned: the newest checkpoint: entries up to it may be gone; 0 when there is none.
        head_sequence: the sequence of the last entry, as the chain's head says.
        head_hash: its hash: kept elsewhere, it proves later that nothing up to here was rewritten.
        first_bad: the first sequence that does not fit; None when all do.
    """

    chain: str
    entries: int
    pruned: int
    head_sequence: int
    head_hash: str
    first_bad: int | None


def verify(db: Database, chain: str, progress: Progress | None = None) -> ChainReport:
    """Recomputes a chain up to where its head is now, in chunks.

    Found are: changed bytes or hashes, a column that differs from the bytes that were hashed, an entry missing anywhere (below the newest
    checkpoint they may be pruned), and a head that is not the last entry's.

    Args:
        db: the database.
        chain: which.
        progress: told after every chunk how far it is, and where it ends.
    """
    return _verify(db.read, chain, progress)


def verify_chain(tx: Transaction, chain: str) -> int | None:
    """As `verify`, inside one transaction; returns the first sequence that does not fit, or None when all do."""
    return _verify(lambda: nullcontext(tx), chain, None).first_bad


def _verify(
    read: Callable[[], AbstractContextManager[Transaction]], chain: str, progress: Progress | None
) -> ChainReport:
    with read() as tx:
        head = tx.run(select(audit_heads.c.sequence, audit_heads.c.hash).where(audit_heads.c.chain == chain)).first()
        checkpoints = {
            row.sequence: row.hash
            for row in tx.run(
                select(audit_checkpoints.c.sequence, audit_checkpoints.c.hash).where(audit_checkpoints.c.chain == chain)
            )
        }
    pruned = max(checkpoints, default=0)
    ends_at = None if head is None else head.sequence
    seen, sequence, digest = 0, 0, GENESIS

    def report(first_bad: int | None) -> ChainReport:
        return ChainReport(chain, seen, pruned, ends_at or 0, GENESIS if head is None else head.hash, first_bad)

    for row in _rows(read, chain, ends_at):
        if row.sequence != sequence + 1:
            if row.sequence > pruned + 1:
                return report(int(row.sequence))
            digest = checkpoints.get(row.sequence - 1, row.previous_hash)
        if row.previous_hash != digest or not _is_as_written(row):
            return report(int(row.sequence))
        if checkpoints.get(row.sequence, row.hash) != row.hash:
            return report(int(row.sequence))
        seen, sequence, digest = seen + 1, row.sequence, row.hash
        if progress is not None and seen % CHUNK == 0:
            progress(sequence, ends_at or sequence)
    if head is None:
        return report(sequence or None)
    if not seen:
        return report(None if head.sequence == pruned else pruned + 1)
    if (head.sequence, head.hash) != (sequence, digest):
        return report(int(head.sequence))
    return report(_beyond_the_head(read, chain))


def _beyond_the_head(read: Callable[[], AbstractContextManager[Transaction]], chain: str) -> int | None:
    """The first entry that no head tells of, in one statement: what others append meanwhile moves the head too."""
    head = select(audit_heads.c.sequence).where(audit_heads.c.chain == chain).scalar_subquery()
    with read() as tx:
        found = tx.run(
            select(func.min(audit_entries.c.sequence)).where(
                audit_entries.c.chain == chain, audit_entries.c.sequence > head
            )
        ).scalar_one_or_none()
    return None if found is None else int(found)


def _rows(read: Callable[[], AbstractContextManager[Transaction]], chain: str, ends_at: int | None) -> Iterator[Any]:
    """The entries up to the head, a chunk at a time; what is appended meanwhile is another day's business."""
    after = 0
    while True:
        statement = (
            select(
                *(column for column in audit_entries.c if column.name != "canonical"),
                cast(audit_entries.c.canonical, LargeBinary).label("hashed"),
            )
            .where(audit_entries.c.chain == chain, audit_entries.c.sequence > after)
            .order_by(audit_entries.c.sequence)
            .limit(CHUNK)
        )
        if ends_at is not None:
            statement = statement.where(audit_entries.c.sequence <= ends_at)
        with read() as tx:
            rows = tx.run(statement).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].sequence


def _is_as_written(row: Any) -> bool:
    hashed = bytes(row.hashed)
    if digest_of(row.previous_hash, hashed) != row.hash:
        return False
    try:
        document = msgspec.json.decode(hashed, type=dict[str, Any])
    except msgspec.DecodeError:
        return False
    shown = {
        "chain": row.chain,
        "sequence": row.sequence,
        "at": format_sqlite_time(row.at),
        "actor": row.actor,
        **{name: getattr(row, name) for name in _ALWAYS},
    }
    if row.plane != ("system" if row.workspace_id is None else "workspace"):
        return False
    if "actor_id" in document:
        shown |= {name: getattr(row, name) for name in _LATER}
    elif row.tenant_id is not None:
        return False
    return all(name in document and document[name] == value for name, value in shown.items())
