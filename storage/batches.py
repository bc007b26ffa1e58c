"""Bulk starts, as lists and pages show them. Starting and ending them is elsewhere (`batch_starting`, `batch_ending`); here they are read.

Promise: a batch is seen by whoever started it and by whoever sees the whole workspace's runs; to others it does not exist. What an open
batch comes to is counted when it is asked, what a completed one came to is kept with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, or_, select, true

from storage import batch_tallies, filters, operations
from storage.access import Authority, Principal, authority, who_may
from storage.batch_pace import expected_end
from storage.batch_tallies import Tally
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import run_batches, tenants
from storage.states import RunOutcome

KEYS: Final[dict[str, Collection[str] | None]] = {"type": None, "by": None, "state": {"open", "over"}, "since": None}
"""The filter line's keys, with their values where these are a closed set."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One bulk start.

    Attributes:
        type: the operation.
        initiator: who started it.
        filter_text: the filter that chose its connections; empty when they were marked, or all were meant.
        completed_at: when the last of its runs had ended; None before that.
        of_batch_id: the batch whose failures it retries.
        member_count: how many connections were meant.
        tally: how they stand.
    """

    id: int
    workspace_id: int
    type: str
    initiator: str
    filter_text: str
    ticket: str | None
    created_at: datetime
    completed_at: datetime | None
    of_batch_id: int | None
    member_count: int
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    tally: Tally

    @property
    def label(self) -> str:
        """What people call its operation."""
        return operations.find(self.type).label

    @property
    def result(self) -> RunOutcome | None:
        """How it ended as a whole, in the words of a run: what command lines and scripts go by. None while it is open."""
        if self.completed_at is None:
            return None
        if self.cancel_requested_at is not None:
            return RunOutcome.CANCELLED
        good = self.tally.outcomes.get(RunOutcome.SUCCEEDED, 0)
        if good == self.member_count:
            return RunOutcome.SUCCEEDED
        if good or self.tally.outcomes.get(RunOutcome.PARTIALLY_SUCCEEDED):
            return RunOutcome.PARTIALLY_SUCCEEDED
        return RunOutcome.FAILED if self.tally.done else RunOutcome.BLOCKED


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How a bulk start stands, and what its reader may do about it.

    Attributes:
        row: the batch.
        now: the database's time when it was counted.
        ends_at: when it will be over if it goes on as it did lately, later than `now`; None while that is not known, or it is over.
        may_cancel: whether the rest can be cancelled, by the reader, now.
        may_retry: whether there is something to retry, and the reader may.
        why_not: why the reader's role does not allow both; empty when it does.
    """

    row: BatchRow
    now: datetime
    ends_at: datetime | None
    may_cancel: bool
    may_retry: bool
    why_not: str


def page(db: Database, who: Principal, workspace_id: int, text: str, place: Place, limit: int = 100) -> Page[BatchRow]:
    """Returns a page of a workspace's bulk starts, newest first.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member of the workspace.
    """
    wanted = filters.read_filter(text, KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        conditions = [
            run_batches.c.workspace_id == workspace_id,
            is_begun(),
            _visible(rights, workspace_id),
            *(_mentions(word) for word in wanted.words),
            *(~_mentions(word) for word in wanted.not_words),
            *(_matches(tx, key, values) for key, values in wanted.values.items()),
            *(~_matches(tx, key, values) for key, values in wanted.not_values.items()),
        ]
        keys = [SortKey(run_batches.c.id, "id", descending=True)]
        found = read_page(
            tx, select(run_batches).where(*conditions), keys, place, limit, lambda row: row, run_batches.c.id
        )
        tallies = _tallies(tx, found.rows)
    rows = tuple(_row(row, tallies[row.id]) for row in found.rows)
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def status(db: Database, who: Principal, batch_id: int) -> BatchStatus:
    """Returns how a bulk start stands now.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        stored = find(tx, rights, batch_id)
        row = _row(stored, _tallies(tx, [stored])[batch_id])
        now = tx.now()
        capability = operations.find(row.type).capability
        allowed = may_anywhere(tx, rights, row.workspace_id, capability)
        can_cancel = may_cancel(tx, rights, stored)
        why_not = "" if allowed and can_cancel else f"Your role may not. {who_may(tx, capability, row.workspace_id)}"
    over = row.completed_at is not None
    return BatchStatus(
        row,
        now,
        None if over else _expected_end(row, now),
        may_cancel=can_cancel and not over and row.cancel_requested_at is None,
        may_retry=allowed and row.tally.retryable > 0,
        why_not=why_not,
    )


def is_begun() -> ColumnElement[bool]:
    """Makes the condition that a batch is no draft any more; see `batch_writing`."""
    return run_batches.c.member_count > 0


def find(tx: Transaction, rights: Authority, batch_id: int) -> Row[Any]:
    """Returns a batch's row.

    Raises:
        NotFound: it is not there, or not visible.
    """
    row = tx.run(select(run_batches).where(run_batches.c.id == batch_id, is_begun())).first()
    if row is not None and rights.may_enter(row.workspace_id):
        whole = rights.reaches_whole(row.workspace_id, Capability.RUN_VIEW)
        if whole or row.initiator_id == rights.who.user_id:
            return row
    raise NotFound(f"Batch {batch_id} does not exist.")


def may_anywhere(tx: Transaction, rights: Authority, workspace_id: int, capability: Capability) -> bool:
    """Says whether a capability is held for any tenant of a workspace."""
    if rights.reaches_whole(workspace_id, capability):
        return True
    clause = rights.tenant_clause(workspace_id, capability, tenants.c.id)
    return (
        tx.run(select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, clause).limit(1)).first() is not None
    )


def may_cancel(tx: Transaction, rights: Authority, batch: Row[Any]) -> bool:
    """Says whether a batch may be cancelled: one's own, or anybody's by whoever could cancel each of its runs by itself.

    Args:
        tx: a transaction.
        rights: whose; they see the batch.
        batch: its row.
    """
    capability = operations.find(batch.type).capability
    if batch.initiator_id == rights.who.user_id:
        return may_anywhere(tx, rights, batch.workspace_id, capability)
    return rights.reaches_whole(batch.workspace_id, capability)


def _visible(rights: Authority, workspace_id: int) -> ColumnElement[bool]:
    if rights.reaches_whole(workspace_id, Capability.RUN_VIEW):
        return true()
    return run_batches.c.initiator_id == rights.who.user_id


def _mentions(word: str) -> ColumnElement[bool]:
    pattern, number = filters.like(word), filters.read_number(word)
    alternatives: list[ColumnElement[bool]] = [
        run_batches.c.type.like(pattern, escape="\\"),
        func.lower(run_batches.c.filter_text).like(pattern, escape="\\"),
        func.lower(func.coalesce(run_batches.c.ticket, "")).like(pattern, escape="\\"),
    ]
    if number is not None:
        alternatives.append(run_batches.c.id == number)
    return or_(*alternatives)


def _matches(tx: Transaction, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "since":
        return run_batches.c.created_at >= tx.now() - filters.read_span(values[-1])
    if key == "state":
        ended = run_batches.c.completed_at
        return or_(*(ended.is_(None) if value == "open" else ended.is_not(None) for value in values))
    column = {"type": run_batches.c.type, "by": func.lower(run_batches.c.initiator)}[key]
    return or_(*(column.like(filters.like(value), escape="\\") for value in values))


def _expected_end(row: BatchRow, now: datetime) -> datetime | None:
    tally, first = row.tally, row.tally.first_started_at
    return expected_end(
        done=tally.done,
        done_lately=tally.done_lately,
        rest=tally.untried + tally.unfinished,
        # A run that was there before the batch may have begun long before it.
        began_at=None if first is None else max(first, row.created_at),
        now=now,
    )


def _tallies(tx: Transaction, rows: Collection[Row[Any]]) -> Mapping[int, Tally]:
    open_ones = [row for row in rows if row.completed_at is None]
    counted = batch_tallies.count(tx, [row.id for row in open_ones]) if open_ones else {}
    return {
        row.id: batch_tallies.with_gone(counted[row.id], row.member_count)
        if row.id in counted
        else batch_tallies.read_kept(row.classes)
        for row in rows
    }


def _row(row: Row[Any], tally: Tally) -> BatchRow:
    return BatchRow(
        id=row.id,
        workspace_id=row.workspace_id,
        type=row.type,
        initiator=row.initiator,
        filter_text=row.filter_text,
        ticket=row.ticket,
        created_at=row.created_at,
        completed_at=row.completed_at,
        of_batch_id=row.of_batch_id,
        member_count=row.member_count,
        cancel_requested_at=row.cancel_requested_at,
        cancel_requested_by=row.cancel_requested_by,
        tally=tally,
    )
