"""Reading the audit trail: pages of it, one entry with its neighbours, what is about one connection.

Promise: newest first, by keyset; who reaches only some tenants sees only what is about these; the system's own trail is for platform
staff. An entry shows what was hashed: before and after come from the stored bytes. Must not know: how entries are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from storage import audit_actions
from storage.access import Authority, Principal, authority, forbidden
from storage.audit_chain import ChainReport, Progress, chain_of, detail_of, digest_of, document_of, verify
from storage.audit_filters import AuditQuery, conditions_of
from storage.audit_names import names_of, tenant_names
from storage.capabilities import PLATFORM_CAPABILITIES, Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import audit_entries, operation_runs, provider_connections, tenants
from storage.system_plane import has_platform_grant

__all__ = ["AuditDetail", "AuditEntry", "AuditQuery", "Change", "get", "of_connection", "page", "verify_trail"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail.

    Attributes:
        sentence: the action in words.
        target_name: what the target is called now; its kind and number when it has no name any more.
        tenant_id, tenant_name: which tenant it is about, when it is about one.
    """

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
    workspace_id: int | None = None
    tenant_id: int | None = None
    tenant_name: str | None = None
    sentence: str = ""
    target_name: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether it was refused."""
        return self.outcome == "refused"


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditDetail:
    """Everything about one entry.

    Attributes:
        via: how the actor was known: `os`, `ssh`, `postgres` or `system`.
        changes: what has a before and an after.
        facts: the rest of the detail.
        chain, previous_hash, hash: its place in the chain.
        fits: whether its hash is that of its bytes; whether the whole chain fits is for `verify_trail`.
        older_id, newer_id: its neighbours, of those the reader may see.
        connection_id, run_id: what it leads to, when that is still there.
        canonical: the bytes that were hashed.
    """

    row: AuditEntry
    via: str
    changes: tuple[Change, ...]
    facts: Mapping[str, Any]
    chain: str
    previous_hash: str
    hash: str
    fits: bool
    older_id: int | None
    newer_id: int | None
    connection_id: int | None
    run_id: int | None
    canonical: str


def page(db: Database, who: Principal, query: AuditQuery, place: Place, limit: int = 100) -> Page[AuditEntry]:
    """Returns a page of entries, newest first.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member of the workspace, or no platform staff for the system's trail.
        Forbidden: they are, but may not read the trail.
    """
    with db.read() as tx:
        reach = reach_of(tx, who, query.workspace_id)
        statement = select(audit_entries).where(*conditions_of(tx, query), *reach)
        keys = [SortKey(audit_entries.c.id, "id", descending=True)]
        found = read_page(tx, statement, keys, place, limit, lambda row: row, audit_entries.c.id)
        return Page(
            entries_of(tx, found.rows), found.cursors, found.has_before, found.has_after, position=found.position
        )


def reach_of(tx: Transaction, who: Principal, workspace_id: int | None) -> list[ColumnElement[bool]]:
    """Returns the conditions that hold an audit reader to what they may see.

    Raises:
        NotFound, Forbidden: as `page`.
    """
    if workspace_id is None:
        if not any(has_platform_grant(tx, who, capability) for capability in PLATFORM_CAPABILITIES):
            raise NotFound("There is no such trail.", "The system's own trail is for platform staff.")
        return []
    rights = authority(tx, who)
    if not rights.may_enter(workspace_id):
        raise NotFound(f"Workspace {workspace_id} does not exist.")
    if rights.reaches_whole(workspace_id, Capability.AUDIT_VIEW):
        return []
    clause = rights.tenant_clause(workspace_id, Capability.AUDIT_VIEW, audit_entries.c.tenant_id)
    if not _reads_somewhere(tx, rights, workspace_id):
        raise forbidden(tx, who, Capability.AUDIT_VIEW, workspace_id, what="The audit trail")
    return [audit_entries.c.tenant_id.is_not(None), clause]


def _reads_somewhere(tx: Transaction, rights: Authority, workspace_id: int) -> bool:
    clause = rights.tenant_clause(workspace_id, Capability.AUDIT_VIEW, tenants.c.id)
    return (
        tx.run(select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, clause).limit(1)).first() is not None
    )


def get(db: Database, who: Principal, entry_id: int) -> AuditDetail:
    """Returns everything about one entry.

    Raises:
        NotFound: it does not exist, or is not within the principal's reach.
        Forbidden: the principal is a member of its workspace but may not read the trail.
    """
    missing = NotFound(f"Audit entry {entry_id} does not exist.")
    with db.read() as tx:
        row = tx.run(select(audit_entries).where(audit_entries.c.id == entry_id)).first()
        if row is None:
            raise missing
        try:
            reach = reach_of(tx, who, row.workspace_id)
        except NotFound:
            raise missing from None
        mine = [*conditions_of(tx, AuditQuery(row.workspace_id)), *reach]
        if tx.run(select(audit_entries.c.id).where(audit_entries.c.id == entry_id, *mine)).first() is None:
            raise missing
        older = select(audit_entries.c.id).where(*mine, audit_entries.c.id < entry_id)
        newer = select(audit_entries.c.id).where(*mine, audit_entries.c.id > entry_id)
        (entry,) = entries_of(tx, (row,))
        canonical = bytes(row.canonical)
        document = document_of(canonical)
        changes, facts = split_changes(entry.detail)
        return AuditDetail(
            row=entry,
            via=str(document.get("via", "")),
            changes=changes,
            facts=facts,
            chain=row.chain,
            previous_hash=row.previous_hash,
            hash=row.hash,
            fits=digest_of(row.previous_hash, canonical) == row.hash,
            older_id=tx.run(older.order_by(audit_entries.c.id.desc()).limit(1)).scalar_one_or_none(),
            newer_id=tx.run(newer.order_by(audit_entries.c.id.asc()).limit(1)).scalar_one_or_none(),
            connection_id=_there(tx, provider_connections, entry, "connection", "connection"),
            run_id=_there(tx, operation_runs, entry, "run", "run"),
            canonical=canonical.decode("utf-8", errors="replace"),
        )


def _there(tx: Transaction, table: Any, entry: AuditEntry, kind: str, key: str) -> int | None:
    """The id of what an entry is about or names, if that is still there in the same workspace."""
    named = entry.target_id if entry.target_kind == kind else entry.detail.get(key)
    if not str(named).isascii() or not str(named).isdigit() or len(str(named)) > 18:
        return None
    found = tx.run(select(table.c.id).where(table.c.id == int(str(named)), table.c.workspace_id == entry.workspace_id))
    value = found.scalar_one_or_none()
    return None if value is None else int(value)


def split_changes(detail: Mapping[str, Any]) -> tuple[tuple[Change, ...], Mapping[str, Any]]:
    """Splits a detail into what has a before and an after, and the rest.

    `before` and `after`; `from` and `to`; and `x_before` beside `x_after` or `x`, are pairs.
    """
    changes: list[Change] = []
    used: set[str] = set()
    for before, after, name in (("before", "after", "value"), ("from", "to", "value")):
        if before in detail and after in detail:
            changes.append(Change(name, detail[before], detail[after]))
            used |= {before, after}
    for key in detail:
        if not key.endswith("_before"):
            continue
        name = key.removesuffix("_before")
        after = f"{name}_after" if f"{name}_after" in detail else name
        if after in detail:
            changes.append(Change(name, detail[key], detail[after]))
            used |= {key, after}
    return tuple(changes), {key: value for key, value in detail.items() if key not in used}


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
        return entries_of(tx, rows)


def verify_trail(
    db: Database, who: Principal, workspace_id: int | None, progress: Progress | None = None
) -> ChainReport:
    """Verifies the chain of a workspace, or with None the system's.

    Raises:
        NotFound, Forbidden: as `page`; the whole workspace must be within reach, since a chain is verified whole or not at all.
    """
    with db.read() as tx:
        if reach_of(tx, who, workspace_id) and workspace_id is not None:
            authority(tx, who).require(tx, Capability.AUDIT_VIEW, workspace_id, what=f"Workspace {workspace_id}")
    return verify(db, chain_of(workspace_id), progress)


def entries_of(tx: Transaction, rows: Sequence[Any]) -> tuple[AuditEntry, ...]:
    """Makes what people read of rows of the table, all of one chain: the action in words, the names of target and tenant."""
    workspace_id = rows[0].workspace_id if rows else None
    names = names_of(tx, workspace_id, rows)
    called = tenant_names(tx, workspace_id, {row.tenant_id for row in rows} - {None})
    made = []
    for row in rows:
        detail = detail_of(bytes(row.canonical))
        thing = f"{row.target_kind.replace('_', ' ')} {row.target_id}"
        made.append(
            AuditEntry(
                row.id,
                row.sequence,
                row.at,
                row.actor,
                row.action,
                row.target_kind,
                row.target_id,
                row.outcome,
                row.ticket,
                detail,
                row.workspace_id,
                row.tenant_id,
                called.get(row.tenant_id),
                audit_actions.describe(row.action, detail),
                names.get((row.target_kind, row.target_id), thing),
            )
        )
    return tuple(made)
