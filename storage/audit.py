"""Writing the audit trail: who did what, to what, when, and whether it was refused.

Promise: append-only (the database refuses changes), one hash chain per workspace and one for the system, over the bytes that are
stored. An entry is written in the transaction of what it tells, as its last statement, since everybody wants the chain's head. Secret
values never come here. Must not know: how the trail is read (`audit_trail`), verified (`audit_chain`) or taken away (`audit_export`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, func, insert, select, text, update

from storage.access import Principal
from storage.audit_chain import GENESIS, canonical_bytes, chain_of, digest_of
from storage.database import Database, Transaction
from storage.errors import Forbidden, InvalidInput
from storage.fields import read_ticket
from storage.schema import audit_entries, audit_heads, consent_requests, onboardings, operation_runs, schedules, tenants
from storage.schema import provider_connections as pc
from storage.states import Topic

T = TypeVar("T")

DetailValue = str | int | bool | None | list[str]

_LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Entry:
    who: Principal
    values: dict[str, Any]
    detail: dict[str, DetailValue]


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
    tenant_id: int | None = None,
) -> None:
    """Adds an entry when the transaction commits.

    Which tenant the entry is about is looked up by the target at once, while the target is surely there.

    Args:
        tx: the transaction of what is told.
        who: who did it.
        action: what, an entry of `audit_actions.CATALOG`, as `connection.disable`.
        target_kind: what kind of thing.
        target_id: which one.
        workspace_id: whose chain; None for the system's.
        outcome: `done` or `refused`.
        ticket: the reference the person gave.
        detail: before and after, never a secret value.
        tenant_id: the tenant, for a target that is gone already or says nothing of its tenant.

    Raises:
        InvalidInput: the ticket cannot be used.
    """
    ticket = read_ticket(ticket)
    tx.touch(Topic.AUDIT)
    about = tenant_id
    if about is None and workspace_id is not None:
        about = _tenant_of(tx, target_kind, str(target_id), workspace_id)
    values = {
        "workspace_id": workspace_id,
        "tenant_id": about,
        "actor_id": who.user_id,
        "action": action,
        "target_kind": target_kind,
        "target_id": str(target_id),
        "outcome": outcome,
        "ticket": ticket,
    }
    tx.at_the_end(_append, _Entry(who, values, dict(detail or {})))


def _tenant_of(tx: Transaction, target_kind: str, target_id: str, workspace_id: int) -> int | None:
    """The tenant of a target; None for what belongs to no tenant, is not there, or is another workspace's."""
    make = _TENANTS_OF.get(target_kind)
    if make is None or not (target_id.isascii() and target_id.isdigit()) or int(target_id) > _LARGEST_ID:
        return None
    found = tx.run(make(int(target_id)).where(tenants.c.workspace_id == workspace_id)).scalar_one_or_none()
    return None if found is None else int(found)


def _through(table: Any, column: ColumnElement[Any]) -> Callable[[int], Select[Any]]:
    return lambda id: select(tenants.c.id).join(table, column == tenants.c.id).where(table.c.id == id)


_TENANTS_OF: Final[Mapping[str, Callable[[int], Select[Any]]]] = {
    "tenant": lambda id: select(tenants.c.id).where(tenants.c.id == id),
    "connection": _through(pc, pc.c.tenant_id),
    "run": _through(operation_runs, operation_runs.c.tenant_id),
    "onboarding": _through(onboardings, onboardings.c.tenant_id),
    "schedule": lambda id: (
        select(tenants.c.id)
        .select_from(schedules)
        .outerjoin(pc, pc.c.id == schedules.c.connection_id)
        .join(tenants, tenants.c.id == func.coalesce(schedules.c.tenant_id, pc.c.tenant_id))
        .where(schedules.c.id == id)
    ),
    "consent_request": lambda id: (
        select(tenants.c.id)
        .join(pc, pc.c.tenant_id == tenants.c.id)
        .join(consent_requests, consent_requests.c.connection_id == pc.c.id)
        .where(consent_requests.c.id == id)
    ),
}
"""How the tenant of each kind of target is found."""


def _append(tx: Transaction, entries: list[_Entry]) -> None:
    """Adds a transaction's entries: each chain's head is locked once, however many there are."""
    at = tx.now()
    chains: dict[str, list[_Entry]] = {}
    for entry in entries:
        chains.setdefault(chain_of(entry.values["workspace_id"]), []).append(entry)
    # In one order for everybody, so that two transactions that write to both chains do not wait for each other.
    for chain, told in sorted(chains.items()):
        head = tx.run(_lock_head(tx, chain)).first()
        if head is None:
            tx.run(_new_head(), {"chain": chain, "hash": GENESIS})
            head = tx.run(_lock_head(tx, chain)).one()
        sequence, previous, rows = head.sequence, head.hash, []
        for entry in told:
            sequence += 1
            canonical = canonical_bytes(
                chain=chain, sequence=sequence, at=at, who=entry.who, values=entry.values, detail=entry.detail
            )
            digest = digest_of(previous, canonical)
            rows.append(
                {
                    "chain": chain,
                    "sequence": sequence,
                    "at": at,
                    "actor": entry.who.label,
                    "plane": "system" if entry.values["workspace_id"] is None else "workspace",
                    "canonical": canonical,
                    "previous_hash": previous,
                    "hash": digest,
                    **entry.values,
                }
            )
            previous = digest
        tx.run(insert(audit_entries), rows)
        tx.run(update(audit_heads).where(audit_heads.c.chain == chain).values(sequence=sequence, hash=previous))


def _lock_head(tx: Transaction, chain: str) -> Any:
    statement = select(audit_heads.c.sequence, audit_heads.c.hash).where(audit_heads.c.chain == chain)
    return statement if tx.is_sqlite else statement.with_for_update()


def _new_head() -> Any:
    return text(
        "INSERT INTO audit_heads (chain, sequence, hash) VALUES (:chain, 0, :hash) ON CONFLICT (chain) DO NOTHING"
    )


def _usable(ticket: str | None) -> str | None:
    """The ticket of a refusal, which is told in any case."""
    try:
        return read_ticket(ticket)
    except InvalidInput:
        return None


def attempt(
    db: Database,
    who: Principal,
    action: str,
    work: Callable[[Transaction], T],
    *,
    target_kind: str,
    target_id: int | str,
    ticket: str | None = None,
    detail: Mapping[str, DetailValue] | None = None,
) -> T:
    """Runs what a person asked for in one write transaction; when it is forbidden, that is written down in another one.

    Args:
        db: the database.
        who: who asks.
        action: what, as in `record`.
        work: the change with its own audit entry, as for `Database.write`.
        target_kind: what kind of thing the refusal is about.
        target_id: which one.
        ticket: the reference the person gave, for the refusal.
        detail: what else the refusal shall tell.

    Raises:
        Forbidden: it was refused, and the trail says so.
        AtlasError: whatever `work` raised; nothing was written.
    """
    try:
        return db.write(work)
    except Forbidden as error:
        workspace_id, told = error.workspace_id, {**(detail or {}), "why": error.message}
        reference = _usable(ticket)
        db.write(
            lambda tx: record(
                tx,
                who,
                action,
                target_kind=target_kind,
                target_id=target_id,
                workspace_id=workspace_id,
                outcome="refused",
                ticket=reference,
                detail=told,
            )
        )
        raise
