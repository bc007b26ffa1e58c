"""Inventory items, as lists and pages show them, and what the last sync of a connection found changed.

Promise: what a principal may not see is not there. An item that is gone is listed only where it is asked for. Reads only; how items come
here is in `inventory_publishing.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from storage import filters, inventory_kinds, operations
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import inventory_items, operation_runs, provider_connections, tenants
from storage.states import RunOutcome

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "kind": set(inventory_kinds.KINDS),
    "platform": None,
    "tenant": None,
    "new": None,
    "removed": None,
    "changed": None,
}
_REMOVED_AT_ANY_TIME: Final = "yes"
DIFFERENCE_LIMIT: Final = 500
"""Items that each part of a difference names at most."""

_I: Final = inventory_items.c


@dataclass(frozen=True, slots=True)
class InventoryQuery:
    """What a list of items shall show, ordered by tenant, kind and name.

    Attributes:
        workspace_id: of which workspace.
        text: the filter line: words of the name, `kind:`, `platform:`, `tenant:`, `new:7d` (seen first since), `changed:7d` (changed since,
            by the provider's clock), `removed:yes` or `removed:7d` (gone, or gone since; else only what is there).
        tenant_id: only this tenant's.
        connection_id: only this connection's.
    """

    workspace_id: int
    text: str = ""
    tenant_id: int | None = None
    connection_id: int | None = None


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


@dataclass(frozen=True, slots=True)
class InventoryDifference:
    """What a connection's last sync found, against the one before it.

    Attributes:
        run_id, run_at: the last sync that published something; None when there is none.
        before_run_id, before_at: the one before; None when there is none, then everything is new.
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


def page(db: Database, who: Principal, query: InventoryQuery, place: Place, limit: int = 100) -> Page[InventoryItem]:
    """Returns a page of items.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member of the workspace.
    """
    wanted = filters.read_filter(query.text, _KEYS)
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
        conditions += [_named(word) for word in wanted.words]
        conditions += [~_named(word) for word in wanted.not_words]
        conditions += [_matches(tx, query, key, values) for key, values in wanted.values.items()]
        conditions += [~_matches(tx, query, key, values) for key, values in wanted.not_values.items()]
        keys = [
            SortKey(_I.tenant_id, "tenant_id"),
            SortKey(_I.kind, "kind"),
            SortKey(_I.name, "name"),
            SortKey(_I.id, "id"),
        ]
        return read_page(tx, _select().where(*conditions), keys, place, limit, _item, _I.id)


def _named(word: str) -> ColumnElement[bool]:
    return or_(
        func.lower(_I.name).like(filters.like(word), escape="\\"),
        _I.external_id == word,
    )


def _matches(tx: Transaction, query: InventoryQuery, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "kind":
        return _I.kind.in_(values)
    if key == "platform":
        return _I.platform.in_(values)
    if key == "tenant":
        return or_(*(tenants.c.sort_name.like(filters.like(value), escape="\\") for value in values))
    if key == "removed" and values[-1] == _REMOVED_AT_ANY_TIME:
        return _I.removed_at.is_not(None)
    since = tx.now() - filters.read_span(values[-1])
    if key == "removed":
        return func.coalesce(_I.removed_at >= since, False)
    if key == "changed":
        return func.coalesce(_I.modified_at >= since, False)
    runs = select(operation_runs.c.id).where(
        operation_runs.c.workspace_id == query.workspace_id,
        operation_runs.c.type == operations.INVENTORY_SYNC,
        operation_runs.c.completed_at >= since,
    )
    return _I.first_seen_run_id.in_(runs)


def difference(db: Database, who: Principal, connection_id: int) -> InventoryDifference:
    """Returns what a connection's last sync found new, gone and changed.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        pc = provider_connections.c
        home = tx.run(select(pc.workspace_id, pc.tenant_id).where(pc.id == connection_id)).first()
        if home is None:
            raise NotFound(f"Connection {connection_id} does not exist.")
        view, what = Capability.PROVIDER_VIEW, f"Connection {connection_id}"
        authority(tx, who).require(tx, view, home.workspace_id, home.tenant_id, see=view, what=what)
        syncs = tx.run(_published(connection_id)).all()
        if not syncs:
            return InventoryDifference(connection_id, None, None, None, None)
        last, before = syncs[0], syncs[1] if len(syncs) > 1 else None
        of_connection = _I.connection_id == connection_id
        created = _some(tx, of_connection, _I.first_seen_run_id == last.id)
        # One run at a time works on a connection, so whatever was found gone meanwhile, this run found gone.
        removed = _some(tx, of_connection, _I.removed_at >= last.claimed_at)
        changed: list[InventoryItem] = []
        if before is not None:
            changed = _some(
                tx,
                of_connection,
                _I.last_seen_run_id == last.id,
                _I.first_seen_run_id != last.id,
                _I.modified_at >= before.claimed_at,
            )
    return InventoryDifference(
        connection_id,
        last.id,
        last.completed_at,
        None if before is None else before.id,
        None if before is None else before.completed_at,
        created=tuple(created[:DIFFERENCE_LIMIT]),
        removed=tuple(removed[:DIFFERENCE_LIMIT]),
        changed=tuple(changed[:DIFFERENCE_LIMIT]),
        is_cut=any(len(part) > DIFFERENCE_LIMIT for part in (created, removed, changed)),
    )


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


def _some(tx: Transaction, *conditions: ColumnElement[bool]) -> list[InventoryItem]:
    statement = _select().where(*conditions).order_by(_I.kind, _I.name, _I.id).limit(DIFFERENCE_LIMIT + 1)
    return [_item(row) for row in tx.run(statement).all()]


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
