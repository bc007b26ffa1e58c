"""Taking the audit trail away: entries with the bytes that were hashed, so that others can verify them without this program.

Promise: taking entries away is itself an entry, written before the first one is given out; what is given out ends where the trail ended at
that moment; entries come oldest first, a chunk at a time, so memory stays flat. Must not know: file formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from storage import audit
from storage.access import Principal, authority
from storage.audit_filters import AuditQuery, conditions_of
from storage.audit_trail import AuditEntry, entries_of, reach_of
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schema import audit_entries, tenants

CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """One entry with its place in the chain.

    Attributes:
        entry: as lists show it.
        chain, previous_hash, hash: its place.
        canonical: the text whose UTF-8 bytes were hashed behind `previous_hash`.
    """

    entry: AuditEntry
    chain: str
    previous_hash: str
    hash: str
    canonical: str

    @property
    def id(self) -> int:
        """The entry's number."""
        return self.entry.id

    @property
    def at(self) -> datetime:
        """When it was."""
        return self.entry.at


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was written down and may be read now.

    Attributes:
        query: what it holds.
        up_to_id: the newest entry it may hold.
    """

    query: AuditQuery
    up_to_id: int


def begin(db: Database, who: Principal, query: AuditQuery, *, format: str, ticket: str | None = None) -> Export:
    """Writes down that somebody takes entries away, and says which.

    Args:
        db: the database.
        who: who does.
        query: which entries.
        format: the file's format, for the entry.
        ticket: a reference for the trail.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member of the workspace, or no platform staff for the system's trail; or sees no such tenant.
        Forbidden: they are, but may not read the trail (audited).
    """

    def work(tx: Transaction) -> Export:
        reach_of(tx, who, query.workspace_id)
        if query.tenant_id is not None:
            _see_tenant(tx, who, query)
        conditions_of(tx, query)
        whole = conditions_of(tx, AuditQuery(query.workspace_id))
        last = tx.run(select(func.coalesce(func.max(audit_entries.c.id), 0)).where(*whole)).scalar_one()
        audit.record(
            tx,
            who,
            "audit.export",
            target_kind="audit_trail",
            target_id=_name(query),
            workspace_id=query.workspace_id,
            ticket=ticket,
            tenant_id=query.tenant_id,
            detail={"format": format, "filter": query.text or None, "up_to": last},
        )
        return Export(query, last)

    return audit.attempt(
        db, who, "audit.export", work, target_kind="audit_trail", target_id=_name(query), ticket=ticket,
        detail={"format": format},
    )  # fmt: skip


def _see_tenant(tx: Transaction, who: Principal, query: AuditQuery) -> None:
    """The entry says which tenant the export is about, so that must be one of this workspace, and known to who asks."""
    known = tx.run(
        select(tenants.c.id).where(tenants.c.id == query.tenant_id, tenants.c.workspace_id == query.workspace_id)
    ).first()
    seen = known is not None and authority(tx, who).may(
        tx, Capability.TENANT_VIEW, query.workspace_id or 0, query.tenant_id
    )
    if not seen:
        raise NotFound(f"Tenant {query.tenant_id} does not exist.")


def _name(query: AuditQuery) -> str:
    return "system" if query.workspace_id is None else str(query.workspace_id)


def read(db: Database, who: Principal, export: Export) -> Iterator[ExportedEntry]:
    """Gives out the entries of an export, oldest first. Authority is asked again for every chunk.

    Raises:
        NotFound, Forbidden: the principal lost the right to read the trail meanwhile.
    """
    after = 0
    while True:
        with db.read() as tx:
            statement = (
                select(audit_entries)
                .where(
                    *conditions_of(tx, export.query),
                    *reach_of(tx, who, export.query.workspace_id),
                    audit_entries.c.id > after,
                    audit_entries.c.id <= export.up_to_id,
                )
                .order_by(audit_entries.c.id)
                .limit(CHUNK)
            )
            rows = tx.run(statement).all()
            chunk = [_exported(row, entry) for row, entry in zip(rows, entries_of(tx, rows), strict=True)]
        yield from chunk
        if len(chunk) < CHUNK:
            return
        after = chunk[-1].id


def _exported(row: Any, entry: AuditEntry) -> ExportedEntry:
    return ExportedEntry(entry, row.chain, row.previous_hash, row.hash, bytes(row.canonical).decode("utf-8", "replace"))
