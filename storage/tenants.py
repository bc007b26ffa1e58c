"""Tenants: the customers' Entra tenants that a workspace looks after, as lists show them, and adding one.

Promise: an Entra tenant id is unique within a workspace, and a clash in another workspace is never revealed. Microsoft's own name for a
tenant stands beside ours and is never written over it. Changing a tenant is in `tenant_changes.py`, its end in `offboarding.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, select

from storage import audit, filters
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_guid, read_name
from storage.gate import lock_connection
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import provider_connections, tags, tenant_tags, tenants
from storage.states import Cloud, TenantLifecycle, Topic
from storage.tags import replace_tags, tags_of
from storage.tenant_fields import read_contact, read_note, read_primary_domain, read_time_zone

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "archived": {"yes"},
    "cloud": set(Cloud),
    "lifecycle": set(TenantLifecycle),
    "tag": None,
}
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant in a list.

    Attributes:
        microsoft_name: what Microsoft calls it; None until a check has asked.
        name_differs: Microsoft calls it something else than we do (case and spaces aside).
        connections: how many provider connections it has.
        first_token_at: when Microsoft first gave a token for it; from then on its tenant id and cloud stay as they are.
        purge_after: when what was collected of it is deleted; None unless it was offboarded.
        purged_at: when that was done.
    """

    id: int
    workspace_id: int
    entra_tenant_id: str
    name: str
    microsoft_name: str | None
    name_differs: bool
    primary_domain: str | None
    cloud: Cloud
    lifecycle: TenantLifecycle
    connections: int
    tags: tuple[str, ...]
    contact: str
    time_zone: str
    note: str
    first_token_at: datetime | None
    archived_at: datetime | None
    purge_after: datetime | None
    purged_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TenantQuery:
    """What a list of tenants shall show, by name. `text` is the filter line, `tenant_id` leaves only that one."""

    workspace_id: int
    text: str = ""
    descending: bool = False
    tenant_id: int | None = None


def create(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    entra_tenant_id: str,
    name: str,
    primary_domain: str | None = None,
    cloud: Cloud = Cloud.GLOBAL,
    lifecycle: TenantLifecycle = TenantLifecycle.ACTIVE,
    tag_names: Sequence[str] = (),
    contact: str = "",
    time_zone: str = "UTC",
    note: str = "",
    ticket: str | None = None,
) -> TenantRow:
    """Adds a tenant to a workspace.

    Args:
        db: the database.
        who: who does it.
        workspace_id: where.
        entra_tenant_id: its Entra tenant id.
        name: what we call it.
        primary_domain: a domain of it; checks compare the two.
        cloud: its Microsoft cloud.
        lifecycle: `draft`, `onboarding` or `active`.
        tag_names: its tags.
        contact: whom to ask there.
        time_zone: where they work, such as `Europe/Berlin`.
        note: anything.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: this workspace has the tenant already.
        NotFound, Forbidden: no member, or not allowed.
    """
    guid = read_guid("tenant id", entra_tenant_id)
    name = read_name("tenant name", name)
    domain = read_primary_domain(primary_domain)
    contact, time_zone, note = read_contact(contact), read_time_zone(time_zone), read_note(note)
    if lifecycle is TenantLifecycle.ARCHIVED:
        raise InvalidInput("lifecycle", "cannot begin as archived", "Add it, then archive it.")

    def work(tx: Transaction) -> TenantRow:
        authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        clash = tx.run(
            select(tenants.c.name, tenants.c.lifecycle).where(
                tenants.c.workspace_id == workspace_id, tenants.c.entra_tenant_id == guid
            )
        ).first()
        if clash is not None:
            archived = clash.lifecycle == TenantLifecycle.ARCHIVED
            raise Conflict(
                f"tenant id: this workspace has it already, as {clash.name}.",
                "It is archived: bring it back instead." if archived else "Open that tenant instead.",
            )
        now = tx.now()
        tenant_id = tx.run(
            insert(tenants)
            .values(
                workspace_id=workspace_id,
                entra_tenant_id=guid,
                name=name,
                sort_name=tenant_sort_name(name, domain),
                primary_domain=domain,
                cloud=cloud.value,
                lifecycle=lifecycle.value,
                contact=contact,
                time_zone=time_zone,
                note=note,
                created_at=now,
                updated_at=now,
            )
            .returning(tenants.c.id)
        ).scalar_one()
        replace_tags(tx, workspace_id, tenant_id, tag_names)
        audit.record(
            tx,
            who,
            "tenant.create",
            target_kind="tenant",
            target_id=tenant_id,
            workspace_id=workspace_id,
            ticket=ticket,
            detail={"name": name, "entra_tenant_id": guid, "cloud": cloud.value, "domain": domain},
        )
        tx.touch(Topic.TENANTS)
        return row_in(tx, tenant_id)

    return audit.attempt(db, who, "tenant.create", work, target_kind="workspace", target_id=workspace_id, ticket=ticket)


def sort_name(tenant_name: str, connection_name: str, primary_domain: str | None) -> str:
    """Returns what a connection sorts and is searched by: its tenant's folded name, its own, and the tenant's domain.

    One indexed column for the whole search: an OR over a join took seconds at a million connections.
    """
    return "\x1f".join((filters.fold(tenant_name), filters.fold(connection_name), primary_domain or ""))


def tenant_sort_name(name: str, primary_domain: str | None) -> str:
    """Returns what a tenant sorts and is searched by: its folded name and its domain, in one indexed column."""
    return f"{filters.fold(name)}\x1f{primary_domain or ''}"


def get(db: Database, who: Principal, tenant_id: int) -> TenantRow:
    """Returns one tenant.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        require(tx, who, tenant_id, Capability.TENANT_VIEW)
        return row_in(tx, tenant_id)


def page(db: Database, who: Principal, query: TenantQuery, place: Place, limit: int = 100) -> Page[TenantRow]:
    """Returns a page of tenants, by name. Drafts and archived ones are there only with `archived:yes`, or when `lifecycle:` asks for them.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        statement = _select().where(*conditions_for(tx, who, query))
        keys = [SortKey(column, column.name, query.descending) for column in (tenants.c.sort_name, tenants.c.id)]
        found = read_page(tx, statement, keys, place, limit, lambda row: row, tenants.c.id)
        rows = tuple(_rows(tx, found.rows))
        return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def conditions_for(tx: Transaction, who: Principal, query: TenantQuery) -> list[ColumnElement[bool]]:
    """Returns what a list asks of tenants, who may see them included: for other lists of tenants.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    rights = authority(tx, who)
    if not rights.may_enter(query.workspace_id):
        raise NotFound(f"Workspace {query.workspace_id} does not exist.")
    conditions = [
        tenants.c.workspace_id == query.workspace_id,
        rights.tenant_clause(query.workspace_id, Capability.TENANT_VIEW, tenants.c.id),
        *_conditions(wanted),
    ]
    return conditions if query.tenant_id is None else [*conditions, tenants.c.id == query.tenant_id]


def _conditions(wanted: filters.Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for word in wanted.words:
        conditions.append(_mentions(word))
    for word in wanted.not_words:
        conditions.append(~_mentions(word))
    conditions += [_matches(key, values) for key, values in wanted.values.items() if key != "archived"]
    conditions += [~_matches(key, values) for key, values in wanted.not_values.items() if key != "archived"]
    if not {"archived", "lifecycle"} & set(wanted.values):
        conditions.append(tenants.c.lifecycle.in_([TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value]))
    return conditions


def _matches(key: str, values: Sequence[str]) -> ColumnElement[bool]:
    if key == "tag":
        return exists().where(
            and_(
                tenant_tags.c.tenant_id == tenants.c.id,
                tenant_tags.c.tag_id == tags.c.id,
                tags.c.name.in_(values),
            )
        )
    return {"lifecycle": tenants.c.lifecycle, "cloud": tenants.c.cloud}[key].in_(values)


def _mentions(word: str) -> ColumnElement[bool]:
    """Name and domain are one indexed column; a tenant id is looked for only when the word is one."""
    if _GUID.fullmatch(word):
        return tenants.c.entra_tenant_id == word
    return tenants.c.sort_name.like(filters.like(word), escape="\\")


def _select() -> Select[Any]:
    connections = (
        select(func.count())
        .select_from(provider_connections)
        .where(provider_connections.c.tenant_id == tenants.c.id)
        .scalar_subquery()
    )
    return select(tenants, connections.label("connections"))


def rows_by_id(tx: Transaction, ids: Sequence[int]) -> list[TenantRow]:
    """Returns the rows of some tenants, in the order of `ids`. The caller has asked for authority."""
    if not ids:
        return []
    by_id = {row.id: row for row in _rows(tx, tx.run(_select().where(tenants.c.id.in_(list(ids)))).all())}
    return [by_id[tenant_id] for tenant_id in ids if tenant_id in by_id]


def row_in(tx: Transaction, tenant_id: int) -> TenantRow:
    """Returns a tenant's row as it is in this transaction. The caller has asked for authority."""
    return rows_by_id(tx, [tenant_id])[0]


def _rows(tx: Transaction, rows: Sequence[Row[Any]]) -> list[TenantRow]:
    labels = tags_of(tx, [row.id for row in rows])
    return [
        TenantRow(
            id=row.id,
            workspace_id=row.workspace_id,
            entra_tenant_id=row.entra_tenant_id,
            name=row.name,
            microsoft_name=row.microsoft_name,
            name_differs=row.microsoft_name is not None and _differ(row.name, row.microsoft_name),
            primary_domain=row.primary_domain,
            cloud=Cloud(row.cloud),
            lifecycle=TenantLifecycle(row.lifecycle),
            connections=row.connections,
            tags=labels.get(row.id, ()),
            contact=row.contact,
            time_zone=row.time_zone,
            note=row.note,
            first_token_at=row.first_token_at,
            archived_at=row.archived_at,
            purge_after=row.purge_after,
            purged_at=row.purged_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def require(tx: Transaction, who: Principal, tenant_id: int, capability: Capability) -> Row[Any]:
    """Returns a tenant's row, when the principal holds a capability on it.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    row = tx.run(select(tenants).where(tenants.c.id == tenant_id)).first()
    if row is None:
        raise NotFound(f"Tenant {tenant_id} does not exist.")
    authority(tx, who).require(tx, capability, row.workspace_id, tenant_id, what=f"Tenant {tenant_id}")
    return row


def lock(tx: Transaction, who: Principal, tenant_id: int) -> tuple[Row[Any], list[Row[Any]]]:
    """Locks a tenant with all its connections, for somebody who may manage it.

    Connections first, by id, as everywhere; then the tenant itself, so strongly that nobody adds a connection meanwhile.

    Returns:
        The tenant's row, and its connections as `gate.lock_connection` returns them, by id.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    require(tx, who, tenant_id, Capability.PROVIDER_MANAGE)
    return lock_with_connections(tx, tenant_id)


def lock_with_connections(tx: Transaction, tenant_id: int) -> tuple[Row[Any], list[Row[Any]]]:
    """Does what `lock` does, for a caller that has asked for authority or is a worker. The tenant exists."""
    locked = {row.id: row for row in _lock_connections(tx, tenant_id, frozenset())}
    statement = select(tenants).where(tenants.c.id == tenant_id)
    tenant = tx.run(statement if tx.is_sqlite else statement.with_for_update()).one()
    locked |= {row.id: row for row in _lock_connections(tx, tenant_id, frozenset(locked))}
    return tenant, [locked[key] for key in sorted(locked)]


def hold(tx: Transaction, tenant_id: int) -> Row[Any]:
    """Returns a tenant's row as it is and stays until this transaction ends, for what is added to it and copies something of it.

    The caller holds the locks of those of its connections that it wants, has asked for authority, and changes nothing of the tenant.
    """
    statement = select(tenants).where(tenants.c.id == tenant_id)
    return tx.run(statement if tx.is_sqlite else statement.with_for_update(read=True)).one()


def _lock_connections(tx: Transaction, tenant_id: int, but: frozenset[int]) -> list[Row[Any]]:
    ids = tx.run(
        select(provider_connections.c.id)
        .where(provider_connections.c.tenant_id == tenant_id)
        .order_by(provider_connections.c.id)
    ).scalars()
    rows = (lock_connection(tx, key) for key in ids.all() if key not in but)
    return [row for row in rows if row is not None]


def _differ(ours: str, microsofts: str) -> bool:
    return " ".join(filters.fold(ours).split()) != " ".join(filters.fold(microsofts).split())
