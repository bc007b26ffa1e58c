"""Writing a batch down: its row and its members, in parts when they are many.

Promise: until its last member is written a batch exists for nobody: it is in no list, nothing of it starts, and the trail does not tell of
it. Then it begins as a whole, in the transaction with its entry in the trail. A draft whose writer died is thrown away by the workers;
a writer that was only slow finds it gone, and nothing was started. A draft is a batch that counts no members yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, delete, exists, insert, literal, select, update

from storage import audit
from storage.access import Principal, authority
from storage.batch_selection import IDS_AT_ONCE, Chosen
from storage.batch_tallies import members
from storage.columns import Id
from storage.database import Database, Transaction, chunks
from storage.errors import Conflict
from storage.fields import read_ticket
from storage.operations import Operation
from storage.schema import operation_runs, run_batch_members, run_batches
from storage.schema import provider_connections as pc
from storage.states import Topic
from storage.turns import in_turn

T = TypeVar("T")

MEMBERS_AT_ONCE: Final = 2_000
"""Members that one transaction writes: a few tens of milliseconds."""

ABANDONED_AFTER: Final = timedelta(minutes=10)
"""The age from which on a draft has no writer any more: the largest takes seconds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch shall be.

    Attributes:
        who: whose it is; the connections were chosen with their authority.
        operation: what shall run.
        workspace_id: where.
        chosen: on which connections.
        filter_text: the filter that chose them; empty when they were named.
        ticket: a reference for the audit trail.
        of_batch_id: the batch whose failures it retries.
    """

    who: Principal
    operation: Operation
    workspace_id: int
    chosen: Chosen
    filter_text: str
    ticket: str | None
    of_batch_id: int | None = None

    @property
    def action(self) -> str:
        """What the audit trail calls it."""
        return "run.batch_start" if self.of_batch_id is None else "run.batch_retry"


def write_down(db: Database, wanted: Wanted) -> int:
    """Writes a batch down and begins it; starting its runs is what `batch_starting.advance` does.

    Returns:
        Its number.

    Raises:
        Forbidden: the principal may start it on none of the connections (audited).
        InvalidInput: the ticket cannot be used.
        Conflict: writing it took so long that it was given up; nothing was started.
    """
    first, *others = chunks(wanted.chosen.ids, MEMBERS_AT_ONCE)

    def draft(tx: Transaction) -> int:
        _require(tx, wanted)
        batch_id = _draft(tx, wanted)
        _add(tx, batch_id, first)
        if not others:
            _begin(tx, wanted, batch_id)
        return batch_id

    def go_on(tx: Transaction, batch_id: int, part: Sequence[int]) -> None:
        _lock(tx, batch_id)
        _add(tx, batch_id, part)

    def begin(tx: Transaction, batch_id: int) -> None:
        _lock(tx, batch_id)
        _require(tx, wanted)
        _begin(tx, wanted, batch_id)

    made = _attempt(db, wanted, draft)
    for part in in_turn(others):
        db.write(partial(go_on, batch_id=made, part=part))
    if others:
        _attempt(db, wanted, lambda tx: begin(tx, made))
    return made


def _attempt(db: Database, wanted: Wanted, work: Callable[[Transaction], T]) -> T:
    """Does something of it as the principal; a refusal is told of the workspace, or of the batch whose failures it retries."""
    return audit.attempt(
        db,
        wanted.who,
        wanted.action,
        work,
        target_kind="workspace" if wanted.of_batch_id is None else "batch",
        target_id=wanted.workspace_id if wanted.of_batch_id is None else wanted.of_batch_id,
        ticket=wanted.ticket,
        detail={
            "type": wanted.operation.type,
            "connections": wanted.chosen.total,
            "of_batch": wanted.of_batch_id,
        },
    )


def is_abandoned(tx: Transaction) -> ColumnElement[bool]:
    """Makes the condition that a batch is a draft that nobody writes any more. What has a run was never one."""
    has_run = exists().where(operation_runs.c.batch_id == run_batches.c.id)
    return (run_batches.c.member_count == 0) & (run_batches.c.created_at < tx.now() - ABANDONED_AFTER) & ~has_run


def throw_away(db: Database, batch_id: int) -> bool:
    """Deletes some of an abandoned draft, at last the draft. Returns whether there was anything to delete."""
    return db.write(lambda tx: _throw_away(tx, batch_id))


def _throw_away(tx: Transaction, batch_id: int) -> bool:
    statement = select(run_batches.c.id).where(run_batches.c.id == batch_id, is_abandoned(tx))
    if not tx.is_sqlite:
        statement = statement.with_for_update(skip_locked=True, of=run_batches)
    if tx.run(statement).first() is None:
        return False
    some = select(members.connection_id).where(members.batch_id == batch_id).limit(MEMBERS_AT_ONCE)
    deleted = tx.run(
        delete(run_batch_members).where(members.batch_id == batch_id, members.connection_id.in_(some.scalar_subquery()))
    ).rowcount
    if deleted < MEMBERS_AT_ONCE:
        tx.run(delete(run_batches).where(run_batches.c.id == batch_id))
    return True


def _require(tx: Transaction, wanted: Wanted) -> None:
    """Asks that the principal may start it on one of the connections at least; the others become a class of their own."""
    rights, capability, workspace_id = authority(tx, wanted.who), wanted.operation.capability, wanted.workspace_id
    if rights.reaches_whole(workspace_id, capability):
        return
    reach = rights.tenant_clause(workspace_id, capability, pc.c.tenant_id)
    for part in chunks(wanted.chosen.ids, IDS_AT_ONCE):
        if tx.run(select(pc.c.id).where(pc.c.id.in_(part), reach).limit(1)).first() is not None:
            return
    rights.require(tx, capability, workspace_id, what=f"Workspace {workspace_id}")


def _draft(tx: Transaction, wanted: Wanted) -> int:
    batch_id: int = tx.run(
        insert(run_batches)
        .values(
            workspace_id=wanted.workspace_id,
            type=wanted.operation.type,
            initiator_id=wanted.who.user_id,
            initiator=wanted.who.label,
            filter_text=wanted.filter_text,
            ticket=read_ticket(wanted.ticket),
            classes={},
            created_at=tx.now(),
            of_batch_id=wanted.of_batch_id,
            member_count=0,
        )
        .returning(run_batches.c.id)
    ).scalar_one()
    return batch_id


def _lock(tx: Transaction, batch_id: int) -> None:
    """Sees to it that the draft stays while something is added to it."""
    statement = select(run_batches.c.id).where(run_batches.c.id == batch_id)
    if not tx.is_sqlite:
        statement = statement.with_for_update(key_share=True)
    if tx.run(statement).first() is None:
        raise Conflict(
            "Writing the batch down took too long, so it was given up; nothing was started.", "Start it again."
        )


def _add(tx: Transaction, batch_id: int, part: Sequence[int]) -> None:
    """Adds members: those that are still there."""
    there = select(literal(batch_id, Id), pc.c.id).where(pc.c.id.in_(part))
    tx.run(insert(run_batch_members).from_select(["batch_id", "connection_id"], there))


def _begin(tx: Transaction, wanted: Wanted, batch_id: int) -> None:
    tx.run(
        update(run_batches)
        .where(run_batches.c.id == batch_id)
        .values(member_count=wanted.chosen.total, created_at=tx.now())
    )
    audit.record(
        tx,
        wanted.who,
        wanted.action,
        target_kind="batch",
        target_id=batch_id,
        workspace_id=wanted.workspace_id,
        ticket=wanted.ticket,
        detail={
            "type": wanted.operation.type,
            "connections": wanted.chosen.total,
            "filter": wanted.filter_text,
            "of_batch": wanted.of_batch_id,
        },
    )
    tx.touch(Topic.BATCHES)
