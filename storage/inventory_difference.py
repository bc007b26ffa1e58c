"""What the last inventory sync of a connection found, against the one before it: new, gone, changed.

Promise: a sync that was set aside or did not publish is neither the last one nor the one before. "Changed" goes by the provider's clock, so
an item that was edited and looks the same is told, and one that only we read differently is not. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, case, false, func, or_, select

from storage import filters, inventory, inventory_kinds, operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.inventory import InventoryItem
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import inventory_items, operation_runs, provider_connections
from storage.states import RunOutcome

DIFFERENCE_LIMIT: Final = 500
"""Items that each part of a whole difference names at most."""

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Nothing was changed since then: without a sync before, all is new.

The question keeps its form, so a place in the list outlives the next sync.
"""

_I: Final = inventory_items.c


class Change(StrEnum):
    """What became of an item, in the order in which people read it."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


_KEYS: Final[dict[str, Collection[str] | None]] = {
    "change": set(Change),
    "kind": set(inventory_kinds.KINDS),
    "platform": None,
}


@dataclass(frozen=True, slots=True)
class InventoryChange:
    """One line of a difference."""

    change: Change
    item: InventoryItem


@dataclass(frozen=True, slots=True)
class InventorySyncs:
    """The two syncs of a connection that a difference is between.

    Attributes:
        run_id, run_at: the last sync that published something; None when there is none.
        before_run_id, before_at: the one before; None when there is none, then everything is new.
    """

    connection_id: int
    tenant_id: int
    run_id: int | None
    run_at: datetime | None
    before_run_id: int | None
    before_at: datetime | None


@dataclass(frozen=True, slots=True)
class InventoryChanges:
    """How many items a connection's last sync found new, gone and changed."""

    syncs: InventorySyncs
    added: int
    removed: int
    changed: int


@dataclass(frozen=True, slots=True)
class InventoryDifference:
    """What a connection's last sync found, against the one before it.

    Attributes:
        run_id, run_at, before_run_id, before_at: as in `InventorySyncs`.
        created: what was not there before.
        removed: what is gone.
        changed: what was changed since the sync before began, by the provider's clock.
        is_cut: a part has more than `DIFFERENCE_LIMIT` items; the run's summary has the whole numbers.
    """

    connection_id: int
    run_id: int | None
    run_at: datetime | None
    before_run_id: int | None
    before_at: datetime | None
    created: tuple[InventoryItem, ...] = ()
    removed: tuple[InventoryItem, ...] = ()
    changed: tuple[InventoryItem, ...] = ()
    is_cut: bool = False


def difference(db: Database, who: Principal, connection_id: int) -> InventoryDifference:
    """Returns what a connection's last sync found new, gone and changed, at most `DIFFERENCE_LIMIT` of each.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        between = _Between(tx, _home(tx, who, connection_id))
        parts = {change: between.some(tx, change) for change in Change}
    syncs = between.syncs
    return InventoryDifference(
        connection_id,
        syncs.run_id,
        syncs.run_at,
        syncs.before_run_id,
        syncs.before_at,
        created=tuple(parts[Change.ADDED][:DIFFERENCE_LIMIT]),
        removed=tuple(parts[Change.REMOVED][:DIFFERENCE_LIMIT]),
        changed=tuple(parts[Change.CHANGED][:DIFFERENCE_LIMIT]),
        is_cut=any(len(part) > DIFFERENCE_LIMIT for part in parts.values()),
    )


def page(
    db: Database, who: Principal, connection_id: int, text: str, place: Place, limit: int = 100
) -> Page[InventoryChange]:
    """Returns a page of the same difference: what is new, then what is gone, then what changed, each by kind and name.

    Args:
        db: the database.
        who: who asks.
        connection_id: of which connection.
        text: the filter line: words of the name, `change:removed`, `kind:`, `platform:`.
        place: which page.
        limit: rows wanted.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the connection is not visible.
    """
    wanted = filters.read_filter(text, _KEYS)
    with db.read() as tx:
        home = _home(tx, who, connection_id)
        between = _Between(tx, home)
        rank = between.rank
        keys = [SortKey(rank, "rank"), SortKey(_I.kind, "kind"), SortKey(_I.name, "name"), SortKey(_I.id, "id")]
        rest = filters.Filter(
            wanted.words,
            wanted.not_words,
            {key: values for key, values in wanted.values.items() if key != "change"},
            {key: values for key, values in wanted.not_values.items() if key != "change"},
        )
        conditions = [between.any, *inventory.conditions_of(tx, home.workspace_id, rest)]
        if "change" in wanted.values:
            conditions.append(or_(*(between.where[Change(value)] for value in wanted.values["change"])))
        conditions += [~between.where[Change(value)] for value in wanted.not_values.get("change", ())]
        statement = select(rank.label("rank"), _I.kind, _I.name, _I.id).where(*conditions)
        found = read_page(tx, statement, keys, place, limit, lambda row: (row.rank, row.id), _I.id)
        by_id = {item.id: item for item in inventory.items_by_id(tx, [item_id for _, item_id in found.rows])}
    order = tuple(Change)
    rows = tuple(InventoryChange(order[at], by_id[item_id]) for at, item_id in found.rows)
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def counts(db: Database, who: Principal, connection_id: int) -> InventoryChanges:
    """Returns how many items a connection's last sync found new, gone and changed, and which syncs that is between.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        return counts_in(tx, _home(tx, who, connection_id))


def counts_in(tx: Transaction, home: Row[Any]) -> InventoryChanges:
    """Returns the same of a connection's row (`id`, `workspace_id`, `tenant_id`). The caller has asked for authority."""
    between = _Between(tx, home)
    found = tx.run(
        select(*(func.count(case((between.where[change], 1))).label(change.value) for change in Change)).where(
            between.any
        )
    ).one()
    return InventoryChanges(between.syncs, found.added, found.removed, found.changed)


def _home(tx: Transaction, who: Principal, connection_id: int) -> Row[Any]:
    """The connection's place, for somebody who may see it."""
    pc, what = provider_connections.c, f"Connection {connection_id}"
    home = tx.run(select(pc.id, pc.workspace_id, pc.tenant_id).where(pc.id == connection_id)).first()
    if home is None:
        raise NotFound(f"{what} does not exist.")
    view = Capability.PROVIDER_VIEW
    authority(tx, who).require(tx, view, home.workspace_id, home.tenant_id, see=view, what=what)
    return home


class _Between:
    """The last two syncs of a connection, and what tells the items that differ between them."""

    def __init__(self, tx: Transaction, home: Row[Any]) -> None:
        found = tx.run(_published(home.id)).all()
        last, before = (*found, None, None)[:2]
        self.syncs = InventorySyncs(
            home.id,
            home.tenant_id,
            None if last is None else last.id,
            None if last is None else last.completed_at,
            None if before is None else before.id,
            None if before is None else before.completed_at,
        )
        self.where = {change: false() for change in Change} if last is None else _told_apart(home.id, last, before)
        self.any = or_(*self.where.values())
        self.rank = case((self.where[Change.ADDED], 0), (self.where[Change.REMOVED], 1), else_=2)

    def some(self, tx: Transaction, change: Change) -> list[InventoryItem]:
        """One part of the difference, one more than a whole difference names."""
        statement = select(_I.id).where(self.where[change]).order_by(_I.kind, _I.name, _I.id)
        ids = list(tx.run(statement.limit(DIFFERENCE_LIMIT + 1)).scalars())
        by_id = {item.id: item for item in inventory.items_by_id(tx, ids)}
        return [by_id[item_id] for item_id in ids]


def _told_apart(connection_id: int, last: Row[Any], before: Row[Any] | None) -> dict[Change, ColumnElement[bool]]:
    mine = _I.connection_id == connection_id
    return {
        Change.ADDED: and_(mine, _I.first_seen_run_id == last.id, _I.removed_at.is_(None)),
        # One run at a time works on a connection, so whatever was found gone meanwhile, this run found gone.
        Change.REMOVED: and_(mine, func.coalesce(_I.removed_at >= last.claimed_at, False)),
        Change.CHANGED: and_(
            mine,
            _I.removed_at.is_(None),
            _I.last_seen_run_id == last.id,
            _I.first_seen_run_id != last.id,
            func.coalesce(_I.modified_at >= (_NEVER if before is None else before.claimed_at), False),
        ),
    }


def _published(connection_id: int) -> Select[Any]:
    """The last two syncs that changed what is stored: one that was set aside did not."""
    runs = operation_runs.c
    return (
        select(runs.id, runs.claimed_at, runs.completed_at)
        .where(
            runs.connection_id == connection_id,
            runs.type == operations.INVENTORY_SYNC,
            runs.outcome.in_([RunOutcome.SUCCEEDED.value, RunOutcome.PARTIALLY_SUCCEEDED.value]),
            func.coalesce(runs.reason_code, "") != "superseded",
        )
        .order_by(runs.id.desc())
        .limit(2)
    )
