"""Writing many tenants at once: the set-based twin of `tenants.create` and `tenant_changes.write`, for the import.

Promise: the same rows come out as if each tenant had been added or edited by itself (a test compares); only in few statements, since the
transaction is one and holds the database. The caller has judged every row, asked for authority, and writes the audit entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from storage.access import Principal
from storage.database import Transaction, chunks
from storage.schema import provider_connections, tenant_tags, tenants
from storage.states import Cloud, TenantLifecycle
from storage.tags import find_or_make_tag
from storage.tenant_changes import write
from storage.tenants import lock_with_connections, sort_name, tenant_sort_name

_AT_ONCE = 2000
"""Rows of one statement: large enough for speed, small enough for memory."""


def at_once(tx: Transaction) -> int:
    """Returns how many keys one question may name.

    PostgreSQL scans the table once for each question while it has no statistics of rows that came a moment ago, so it is asked few large
    ones (a statement takes 65,535 parameters); SQLite seeks for each key.
    """
    return 500 if tx.is_sqlite else 20_000


def lock_for_import(tx: Transaction, tenant_ids: Sequence[int]) -> None:
    """Locks tenants that will be updated, with their connections: connections first, by id. SQLite has one lock for all."""
    if tx.is_sqlite:
        return
    connections: list[int] = []
    for part in chunks(sorted(tenant_ids), at_once(tx)):
        mine = select(provider_connections.c.id).where(provider_connections.c.tenant_id.in_(part))
        connections += tx.run(mine).scalars()
    for table, ids in ((provider_connections, sorted(connections)), (tenants, sorted(tenant_ids))):
        for part in chunks(ids, at_once(tx)):
            tx.run(
                select(table.c.id).where(table.c.id.in_(part)).order_by(table.c.id).with_for_update(key_share=True)
            ).all()


def write_fleet(
    tx: Transaction,
    who: Principal,
    workspace_id: int,
    created: Mapping[str, Mapping[str, Any]],
    updated: Mapping[int, Mapping[str, Any]],
    *,
    ticket: str | None = None,
) -> dict[str, int]:
    """Writes new tenants and changes of others.

    Args:
        tx: a write transaction.
        who: who imports.
        workspace_id: where.
        created: tenant id (GUID) → the new tenant's fields.
        updated: row id → the fields that change; locked by `lock_for_import`.
        ticket: the import's reference.

    Returns:
        GUID → row id of the created ones.
    """
    now = tx.now()
    words = {name for values in (*created.values(), *updated.values()) for name in values.get("tags", ())}
    tag_ids = {name: find_or_make_tag(tx, workspace_id, name) for name in sorted(words)}
    for part in chunks(created.items(), _AT_ONCE):
        tx.run(insert(tenants), [_new_row(workspace_id, guid, values, now) for guid, values in part])
    ids: dict[str, int] = {}
    for names in chunks(created, at_once(tx)):
        found = select(tenants.c.entra_tenant_id, tenants.c.id).where(
            tenants.c.workspace_id == workspace_id, tenants.c.entra_tenant_id.in_(names)
        )
        ids |= {row.entra_tenant_id: row.id for row in tx.run(found).all()}
    _update(tx, who, updated, now, ticket)
    _tag(tx, tag_ids, [(ids[guid], values["tags"]) for guid, values in created.items()])
    retagged = [(tenant_id, values["tags"]) for tenant_id, values in updated.items() if "tags" in values]
    for some in chunks(retagged, at_once(tx)):
        tx.run(delete(tenant_tags).where(tenant_tags.c.tenant_id.in_([tenant_id for tenant_id, _ in some])))
    _tag(tx, tag_ids, retagged)
    return ids


def _new_row(workspace_id: int, guid: str, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    domain = values.get("primary_domain")
    return {
        "workspace_id": workspace_id,
        "entra_tenant_id": guid,
        "name": values["name"],
        "sort_name": tenant_sort_name(values["name"], domain),
        "primary_domain": domain,
        "cloud": str(values.get("cloud", Cloud.GLOBAL)),
        "lifecycle": TenantLifecycle.ACTIVE.value,
        "contact": values.get("contact", ""),
        "time_zone": values.get("time_zone", "UTC"),
        "note": values.get("note", ""),
        "created_at": now,
        "updated_at": now,
    }


def _tag(tx: Transaction, tag_ids: Mapping[str, int], given: Iterable[tuple[int, Iterable[str]]]) -> None:
    rows = ({"tenant_id": tenant_id, "tag_id": tag_ids[name]} for tenant_id, names in given for name in names)
    for part in chunks(rows, _AT_ONCE):
        tx.run(insert(tenant_tags), part)


def _update(
    tx: Transaction,
    who: Principal,
    updated: Mapping[int, Mapping[str, Any]],
    now: datetime,
    ticket: str | None,
) -> None:
    alike: dict[tuple[str, ...], list[int]] = {}
    for tenant_id, values in updated.items():
        if "cloud" in values:  # rare, and means more than a column
            tenant, connections = lock_with_connections(tx, tenant_id)
            changed = {name: value for name, value in values.items() if name != "tags"}
            write(tx, who, tenant, connections, changed, ticket=ticket)
            continue
        alike.setdefault(tuple(sorted(set(values) - {"tags"})), []).append(tenant_id)
    for columns, tenant_ids in alike.items():
        for part in chunks(tenant_ids, at_once(tx)):
            _update_alike(tx, columns, {tenant_id: updated[tenant_id] for tenant_id in part}, now)


def _update_alike(
    tx: Transaction, columns: Sequence[str], updated: Mapping[int, Mapping[str, Any]], now: datetime
) -> None:
    """Updates tenants of which the same columns change."""
    named = bool({"name", "primary_domain"} & set(columns))
    stored = {}
    if named:
        stored = {
            row.id: row
            for row in tx.run(
                select(tenants.c.id, tenants.c.name, tenants.c.primary_domain).where(tenants.c.id.in_(list(updated)))
            ).all()
        }
    rows, called = [], {}
    for tenant_id, values in updated.items():
        row = {f"new_{column}": values[column] for column in columns} | {"key": tenant_id}
        if named:
            name = values.get("name", stored[tenant_id].name)
            domain = values.get("primary_domain", stored[tenant_id].primary_domain)
            called[tenant_id] = (name, domain)
            row["new_sort_name"] = tenant_sort_name(name, domain)
        rows.append(row)
    written = [*columns, *(["sort_name"] if named else [])]
    tx.run(
        update(tenants)
        .where(tenants.c.id == bindparam("key"))
        .values(updated_at=now, **{column: bindparam(f"new_{column}") for column in written}),
        rows,
    )
    if named:
        _follow(tx, called, now, new_domain="primary_domain" in columns)


def _follow(tx: Transaction, called: Mapping[int, tuple[str, str | None]], now: datetime, *, new_domain: bool) -> None:
    """Keeps the connections of renamed tenants in step, as `tenant_changes` does for one."""
    found = tx.run(
        select(provider_connections.c.id, provider_connections.c.tenant_id, provider_connections.c.display_name).where(
            provider_connections.c.tenant_id.in_(list(called))
        )
    ).all()
    rows = []
    for row in found:
        name, domain = called[row.tenant_id]
        rows.append({"key": row.id, "new_sort_name": sort_name(name, row.display_name, domain)})
    if not rows:
        return
    changed: dict[str, Any] = {"generation": provider_connections.c.generation + 1} if new_domain else {}
    tx.run(
        update(provider_connections)
        .where(provider_connections.c.id == bindparam("key"))
        .values(sort_name=bindparam("new_sort_name"), updated_at=now, **changed),
        rows,
    )
