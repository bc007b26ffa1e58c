"""Inventory items, as lists and pages show them.

Promise: what a principal may not see is not there. An item that is gone is listed only where it is asked for. Reads only; how items come
here is in `inventory_publishing.py`, what the last sync found changed in `inventory_difference.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from storage import filters, inventory_kinds, operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import inventory_items, operation_runs, tenants

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "kind": set(inventory_kinds.KINDS),
    "platform": None,
    "tenant": None,
    "new": None,
    "removed": None,
    "changed": None,
}
_REMOVED_AT_ANY_TIME: Final = "yes"
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that is not known, where a list is sorted by it."""

_I: Final = inventory_items.c


class InventorySort(StrEnum):
    """What a list of items can be sorted by: kind then name, name, or when it was modified."""

    KIND = "kind"
    NAME = "name"
    MODIFIED = "modified"


@dataclass(frozen=True, slots=True)
class InventoryQuery:
    """What a list of items shall show.

    Attributes:
        workspace_id: of which workspace.
        text: the filter line: words of the name, `kind:`, `platform:`, `tenant:`, `new:7d` (seen first since), `changed:7d` (changed since,
            by the provider's clock), `removed:yes` or `removed:7d` (gone, or gone since; else only what is there).
        tenant_id: only this tenant's.
        connection_id: only this connection's.
        sort: the order within a tenant; a list of several tenants is always by tenant, kind and name, which is what an index has.
        descending: the other way round.
    """

    workspace_id: int
    text: str = ""
    tenant_id: int | None = None
    connection_id: int | None = None
    sort: InventorySort = InventorySort.KIND
    descending: bool = False

    @property
    def is_of_one_tenant(self) -> bool:
        """Whether every item is of the same tenant."""
        return self.tenant_id is not None or self.connection_id is not None


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """One item.

    Attributes:
        platform: `windows`, `ios` …; empty when it is for none or several.
        modified_at: when it was last changed, by the provider's clock; None when that is not known.
        first_seen_run_id, first_seen_at: the sync that first found it (or found it again).
        last_seen_run_id, last_seen_at: the last sync that found it.
        removed_at: when a sync found it gone.
    """

    id: int
    tenant_id: int
    tenant_name: str
    connection_id: int
    kind: str
    external_id: str
    name: str
    platform: str
    modified_at: datetime | None
    first_seen_run_id: int
    first_seen_at: datetime | None
    last_seen_run_id: int
    last_seen_at: datetime | None
    removed_at: datetime | None

    @property
    def kind_label(self) -> str:
        """What people call its kind."""
        return inventory_kinds.label(self.kind)


def page(db: Database, who: Principal, query: InventoryQuery, place: Place, limit: int = 100) -> Page[InventoryItem]:
    """Returns a page of items.

    Raises:
        InvalidInput: the filter line or the place cannot be read, or several tenants' items shall be sorted by something else than kind.
        NotFound: the principal is no member of the workspace.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    if query.sort is not InventorySort.KIND and not query.is_of_one_tenant:
        raise InvalidInput("sort", f"by {query.sort.value} needs one tenant", "Name the tenant, or sort by kind.")
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        conditions: list[ColumnElement[bool]] = [
            _I.workspace_id == query.workspace_id,
            rights.tenant_clause(query.workspace_id, Capability.PROVIDER_VIEW, _I.tenant_id),
        ]
        if query.tenant_id is not None:
            conditions.append(_I.tenant_id == query.tenant_id)
        if query.connection_id is not None:
            conditions.append(_I.connection_id == query.connection_id)
        if "removed" not in wanted.values:
            conditions.append(_I.removed_at.is_(None))
        conditions += conditions_of(tx, query.workspace_id, wanted)
        keys = _sort_keys(query)
        statement = select(*(key.expression.label(key.label) for key in keys)).where(*conditions)
        found = read_page(tx, statement, keys, place, limit, lambda row: int(row.id), _I.id)
        by_id = {item.id: item for item in items_by_id(tx, found.rows)}
    rows = tuple(by_id[key] for key in found.rows)
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def get(db: Database, who: Principal, item_id: int) -> InventoryItem:
    """Returns one item.

    Raises:
        NotFound: it is not visible.
    """
    what, view = f"Inventory item {item_id}", Capability.PROVIDER_VIEW
    with db.read() as tx:
        home = tx.run(select(_I.workspace_id, _I.tenant_id).where(_I.id == item_id)).first()
        if home is None:
            raise NotFound(f"{what} does not exist.")
        authority(tx, who).require(tx, view, home.workspace_id, home.tenant_id, see=view, what=what)
        return items_by_id(tx, [item_id])[0]


def _sort_keys(query: InventoryQuery) -> list[SortKey]:
    by_id = SortKey(_I.id, "id", query.descending)
    if query.sort is InventorySort.NAME:
        return [SortKey(_I.name, "name", query.descending), by_id]
    if query.sort is InventorySort.MODIFIED:
        return [SortKey(func.coalesce(_I.modified_at, _NEVER), "modified_at", query.descending), by_id]
    columns = (_I.tenant_id, _I.kind, _I.name)
    return [*(SortKey(column, column.name, query.descending) for column in columns), by_id]


def conditions_of(tx: Transaction, workspace_id: int, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    """Returns what a filter line asks of items, but for what it leaves out by itself.

    Args:
        tx: an open transaction, for its clock.
        workspace_id: whose items.
        wanted: the filter, of keys that are known here.

    Raises:
        InvalidInput: a span of time cannot be read.
    """
    return [
        *(_named(word) for word in wanted.words),
        *(~_named(word) for word in wanted.not_words),
        *(_matches(tx, workspace_id, key, values) for key, values in wanted.values.items()),
        *(~_matches(tx, workspace_id, key, values) for key, values in wanted.not_values.items()),
    ]


def _named(word: str) -> ColumnElement[bool]:
    return or_(
        func.lower(_I.name).like(filters.like(word), escape="\\"),
        _I.external_id == word,
    )


def _matches(tx: Transaction, workspace_id: int, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "kind":
        return _I.kind.in_(values)
    if key == "platform":
        return _I.platform.in_(values)
    if key == "tenant":
        named = or_(*(tenants.c.sort_name.like(filters.like(value), escape="\\") for value in values))
        return _I.tenant_id.in_(select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, named))
    if key == "removed" and values[-1] == _REMOVED_AT_ANY_TIME:
        return _I.removed_at.is_not(None)
    since = tx.now() - filters.read_span(values[-1])
    if key == "removed":
        return func.coalesce(_I.removed_at >= since, False)
    if key == "changed":
        return func.coalesce(_I.modified_at >= since, False)
    runs = select(operation_runs.c.id).where(
        operation_runs.c.workspace_id == workspace_id,
        operation_runs.c.type == operations.INVENTORY_SYNC,
        operation_runs.c.completed_at >= since,
    )
    return _I.first_seen_run_id.in_(runs)


def items_by_id(tx: Transaction, ids: Sequence[int]) -> list[InventoryItem]:
    """Returns some items, in no order. The caller has asked for authority."""
    return [_item(row) for row in tx.run(_select().where(_I.id.in_(list(ids)))).all()] if ids else []


def _select() -> Select[Any]:
    first, last = operation_runs.alias("first_run"), operation_runs.alias("last_run")
    return (
        select(
            inventory_items,
            tenants.c.name.label("tenant_name"),
            first.c.completed_at.label("first_seen_at"),
            last.c.completed_at.label("last_seen_at"),
        )
        .join(tenants, tenants.c.id == _I.tenant_id)
        .join(first, first.c.id == _I.first_seen_run_id)
        .join(last, last.c.id == _I.last_seen_run_id)
    )


def _item(row: Row[Any]) -> InventoryItem:
    return InventoryItem(
        row.id,
        row.tenant_id,
        row.tenant_name,
        row.connection_id,
        row.kind,
        row.external_id,
        row.name,
        row.platform,
        row.modified_at,
        row.first_seen_run_id,
        row.first_seen_at,
        row.last_seen_run_id,
        row.last_seen_at,
        row.removed_at,
    )
