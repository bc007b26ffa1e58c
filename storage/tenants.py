"""Tenants: the customers' Entra tenants that a workspace looks after.

Promise: an Entra tenant id is unique within a workspace, and a clash in another workspace is never revealed. Renaming a tenant keeps the
sort names of its connections.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, or_, select, update

from storage import audit, filters
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.fields import read_domain, read_guid, read_name
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import provider_connections, tags, tenant_tags, tenants
from storage.states import Cloud, TenantLifecycle, Topic

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "archived": {"yes"},
    "cloud": set(Cloud),
    "lifecycle": set(TenantLifecycle),
    "tag": None,
}


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant in a list.

    Attributes:
        microsoft_name: what Microsoft calls it; None until a check has asked.
        connections: how many provider connections it has.
    """

    id: int
    workspace_id: int
    entra_tenant_id: str
    name: str
    microsoft_name: str | None
    primary_domain: str | None
    cloud: Cloud
    lifecycle: TenantLifecycle
    connections: int
    tags: tuple[str, ...]
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TenantQuery:
    """What a list of tenants shall show. `text` is the filter line."""

    workspace_id: int
    text: str = ""


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
    note: str = "",
) -> TenantRow:
    """Adds a tenant to a workspace.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: this workspace has the tenant already.
        NotFound, Forbidden: no member, or not allowed.
    """
    guid = read_guid("tenant id", entra_tenant_id)
    name = read_name("tenant name", name)
    domain = read_domain("primary domain", primary_domain) if primary_domain else None

    def work(tx: Transaction) -> TenantRow:
        authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        clash = tx.run(
            select(tenants.c.name).where(tenants.c.workspace_id == workspace_id, tenants.c.entra_tenant_id == guid)
        ).scalar_one_or_none()
        if clash is not None:
            raise Conflict(f"tenant id: this workspace has it already, as {clash}.", "Open that tenant instead.")
        now = tx.now()
        tenant_id = tx.run(
            insert(tenants)
            .values(
                workspace_id=workspace_id,
                entra_tenant_id=guid,
                name=name,
                sort_name=filters.fold(name),
                primary_domain=domain,
                cloud=cloud.value,
                lifecycle=lifecycle.value,
                note=note,
                created_at=now,
                updated_at=now,
            )
            .returning(tenants.c.id)
        ).scalar_one()
        _set_tags(tx, workspace_id, tenant_id, tag_names)
        audit.record(
            tx,
            who,
            "tenant.create",
            target_kind="tenant",
            target_id=tenant_id,
            workspace_id=workspace_id,
            detail={"name": name, "entra_tenant_id": guid, "cloud": cloud.value, "domain": domain},
        )
        tx.touch(Topic.TENANTS)
        return _rows(tx, tx.run(_select().where(tenants.c.id == tenant_id)).all())[0]

    return audit.attempt(db, who, "tenant.create", work, target_kind="workspace", target_id=workspace_id)


def rename(db: Database, who: Principal, tenant_id: int, name: str) -> TenantRow:
    """Gives a tenant another name of ours; Microsoft's own stays beside it.

    Raises:
        InvalidInput: the name cannot be used.
        NotFound, Forbidden: not visible, or not allowed.
    """
    name = read_name("tenant name", name)

    def work(tx: Transaction) -> TenantRow:
        row = _require(tx, who, tenant_id, Capability.PROVIDER_MANAGE)
        tx.run(
            update(tenants)
            .where(tenants.c.id == tenant_id)
            .values(name=name, sort_name=filters.fold(name), updated_at=tx.now())
        )
        for connection in tx.run(
            select(provider_connections.c.id, provider_connections.c.display_name)
            .where(provider_connections.c.tenant_id == tenant_id)
            .order_by(provider_connections.c.id)
        ).all():
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == connection.id)
                .values(sort_name=sort_name(name, connection.display_name, row.primary_domain))
            )
        audit.record(
            tx,
            who,
            "tenant.rename",
            target_kind="tenant",
            target_id=tenant_id,
            workspace_id=row.workspace_id,
            detail={"before": row.name, "after": name},
        )
        tx.touch(Topic.TENANTS, Topic.CONNECTIONS)
        return _rows(tx, tx.run(_select().where(tenants.c.id == tenant_id)).all())[0]

    return audit.attempt(db, who, "tenant.rename", work, target_kind="tenant", target_id=tenant_id)


def sort_name(tenant_name: str, connection_name: str, primary_domain: str | None) -> str:
    """Returns what a connection sorts and is searched by: its tenant's folded name, its own, and the tenant's domain.

    One indexed column for the whole search: an OR over a join took seconds at a million connections.
    """
    return "\x1f".join((filters.fold(tenant_name), filters.fold(connection_name), primary_domain or ""))


def get(db: Database, who: Principal, tenant_id: int) -> TenantRow:
    """Returns one tenant.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        _require(tx, who, tenant_id, Capability.TENANT_VIEW)
        return _rows(tx, tx.run(_select().where(tenants.c.id == tenant_id)).all())[0]


def page(db: Database, who: Principal, query: TenantQuery, place: Place, limit: int = 100) -> Page[TenantRow]:
    """Returns a page of tenants, by name. Drafts and archived ones are found only with `archived:yes`.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        statement = _select().where(
            tenants.c.workspace_id == query.workspace_id,
            rights.tenant_clause(query.workspace_id, Capability.TENANT_VIEW, tenants.c.id),
            *_conditions(wanted),
        )
        keys = [SortKey(tenants.c.sort_name, "sort_name"), SortKey(tenants.c.id, "id")]
        found = read_page(tx, statement, keys, place, limit, lambda row: row, tenants.c.id)
        rows = tuple(_rows(tx, found.rows))
        return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


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
    pattern = filters.like(word)
    return or_(
        tenants.c.sort_name.like(pattern, escape="\\"),
        func.coalesce(tenants.c.primary_domain, "").like(pattern, escape="\\"),
        tenants.c.entra_tenant_id == word,
    )


def _select() -> Select[Any]:
    connections = (
        select(func.count())
        .select_from(provider_connections)
        .where(provider_connections.c.tenant_id == tenants.c.id)
        .scalar_subquery()
    )
    return select(tenants, connections.label("connections"))


def _rows(tx: Transaction, rows: Sequence[Row[Any]]) -> list[TenantRow]:
    labels: dict[int, list[str]] = {}
    for label in tx.run(
        select(tenant_tags.c.tenant_id, tags.c.name)
        .join(tags, tags.c.id == tenant_tags.c.tag_id)
        .where(tenant_tags.c.tenant_id.in_([row.id for row in rows]))
        .order_by(tags.c.name)
    ).all():
        labels.setdefault(label.tenant_id, []).append(label.name)
    return [
        TenantRow(
            id=row.id,
            workspace_id=row.workspace_id,
            entra_tenant_id=row.entra_tenant_id,
            name=row.name,
            microsoft_name=row.microsoft_name,
            primary_domain=row.primary_domain,
            cloud=Cloud(row.cloud),
            lifecycle=TenantLifecycle(row.lifecycle),
            connections=row.connections,
            tags=tuple(labels.get(row.id, ())),
            note=row.note,
            created_at=row.created_at,
        )
        for row in rows
    ]


def _set_tags(tx: Transaction, workspace_id: int, tenant_id: int, names: Sequence[str]) -> None:
    for tag_id in sorted({find_or_make_tag(tx, workspace_id, name) for name in names}):
        tx.run(insert(tenant_tags).values(tenant_id=tenant_id, tag_id=tag_id))


def find_or_make_tag(tx: Transaction, workspace_id: int, name: str) -> int:
    """Returns the id of a workspace's tag, made when it is new; tags are folded, as the filter line folds what it looks for.

    Raises:
        InvalidInput: the name cannot be used.
    """
    folded = filters.fold(read_name("tag", name))
    found = tx.run(
        select(tags.c.id).where(tags.c.workspace_id == workspace_id, tags.c.name == folded)
    ).scalar_one_or_none()
    if found is not None:
        return int(found)
    return int(tx.run(insert(tags).values(workspace_id=workspace_id, name=folded).returning(tags.c.id)).scalar_one())


def _require(tx: Transaction, who: Principal, tenant_id: int, capability: Capability) -> Row[Any]:
    row = tx.run(select(tenants).where(tenants.c.id == tenant_id)).first()
    if row is None:
        raise NotFound(f"Tenant {tenant_id} does not exist.")
    authority(tx, who).require(tx, capability, row.workspace_id, tenant_id, what=f"Tenant {tenant_id}")
    return row
