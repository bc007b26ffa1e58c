"""Provider connections, as lists and pages show them.

Promise: the three dimensions come out as they are stored, side by side, never merged; an order such as "problems first" is made in the
query. A page costs the same at a million connections as at ten: ids first by keyset, then the rows of those ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, select

from storage import breakers, connection_operations, credentials, filters, operations, rollups
from storage.access import Authority, Principal, authority, who_may
from storage.breakers import OpenBreaker
from storage.capabilities import Capability
from storage.connection_filters import KEYS, SORTS, ConnectionQuery, conditions_of, needs_tenant, sort_keys
from storage.connection_operations import OperationStanding
from storage.credential_slots import owner_clause
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.gate import Obstacle, judge, read_facts
from storage.pages import Page, Place, read_page
from storage.reasons import catalog
from storage.rollups import BadgeCounts, counts
from storage.schema import (
    connection_permissions,
    operation_runs,
    platform_apps,
    tenants,
    users,
    workspaces,
)
from storage.schema import provider_connections as pc
from storage.states import Cloud, ConnectionType, ConsentStatus, CredentialSlot, RunStatus, VerificationStatus

__all__ = [
    "SORTS",
    "BadgeCounts",
    "ConnectionDetail",
    "ConnectionQuery",
    "ConnectionRow",
    "PermissionTruth",
    "counts",
    "find_by_name",
    "get",
    "page",
    "rows_by_id",
]

COUNT_LIMIT: Final = 10_000
"""A filtered list is counted up to here; beyond it people read "10,000+"."""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection.

    Attributes:
        siblings: how many connections its tenant has, itself included.
        reason_code: why the last check was not content; None when it was, or never was one.
        reason_since: since when that has been the reason; it may be older than the verdict, or newer.
        active_run_id: the queued or running run, if any.
    """

    id: int
    workspace_id: int
    tenant_id: int
    tenant_name: str
    display_name: str
    siblings: int
    entra_tenant_id: str
    primary_domain: str | None
    cloud: Cloud
    connection_type: ConnectionType
    is_default: bool
    is_enabled: bool
    consent_status: ConsentStatus
    verification_status: VerificationStatus
    reason_code: str | None
    reason_sentence: str | None
    reason_since: datetime | None
    last_checked_at: datetime | None
    last_good_at: datetime | None
    lifecycle_changed_at: datetime
    lifecycle_changed_by: str | None
    consent_changed_at: datetime | None
    verification_changed_at: datetime | None
    active_run_id: int | None
    active_run_type: str | None
    active_run_status: RunStatus | None


@dataclass(frozen=True, slots=True)
class PermissionTruth:
    """Whether a permission was granted, as of the last check that had a token."""

    permission: str
    is_granted: bool
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionDetail:
    """Everything about one connection that a person may see.

    Attributes:
        row: as in the list.
        may_run: whether the principal may start operations on it.
        may_manage: whether the principal may change it.
        who_may_run: who could, when the principal may not; empty otherwise.
        who_may_manage: the same for changing it.
        obstacles: what would stop an operation now, by its type; what may start is not in it.
        consent_manifest_version: what the permission manifest asked for when consent was granted; older than `manifest_version` means
            that it may cover less than is needed today.
        checked_with_previous_credential: the credential in use is newer than the last check, whose badges stand all the same (a
            platform app's rotation resets nobody).
        operations: what became of each operation, and when it is due next.
        breaker: what holds scheduled work back; None while nothing does.
    """

    row: ConnectionRow
    workspace_slug: str
    client_id: str | None
    platform_app: str | None
    microsoft_name: str | None
    generation: int
    manifest_version: int | None
    consent_granted_at: datetime | None
    consent_checked_at: datetime | None
    created_at: datetime
    credentials: tuple[credentials.CredentialInfo, ...]
    permissions: tuple[PermissionTruth, ...]
    may_run: bool
    may_manage: bool
    who_may_run: str
    who_may_manage: str
    obstacles: Mapping[str, Obstacle]
    consent_manifest_version: int | None
    checked_with_previous_credential: bool
    operations: tuple[OperationStanding, ...]
    breaker: OpenBreaker | None

    @property
    def check_obstacle(self) -> Obstacle | None:
        """What would stop a connection check now."""
        return self.obstacles.get(operations.CONNECTION_CHECK)


def page(db: Database, who: Principal, query: ConnectionQuery, place: Place, limit: int = 100) -> Page[ConnectionRow]:
    """Returns a page of connections.

    Raises:
        InvalidInput: the filter line, the sort or the place cannot be read.
        NotFound: the principal is no member of the workspace.
    """
    wanted = filters.read_filter(query.text, KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        conditions = conditions_of(rights, query, wanted)
        keys = sort_keys(query)
        statement = select(*(key.expression.label(key.label) for key in keys)).select_from(pc).where(*conditions)
        if needs_tenant(wanted):
            statement = statement.join(tenants, tenants.c.id == pc.c.tenant_id)
        found = read_page(tx, statement, keys, place, limit, lambda row: int(row.id), pc.c.id)
        total, exact = _total(tx, rights, query, wanted, conditions)
        by_id = {row.id: row for row in rows_by_id(tx, found.rows)}
    rows = tuple(by_id[row_id] for row_id in found.rows if row_id in by_id)
    position = found.position
    if place.kind == "last" and total is not None and exact:
        position = total - len(rows)
    return Page(rows, found.cursors, found.has_before, found.has_after, total, exact, position)


def _total(
    tx: Transaction,
    rights: Authority,
    query: ConnectionQuery,
    wanted: filters.Filter,
    conditions: list[ColumnElement[bool]],
) -> tuple[int, bool]:
    plain = query.tenant_id is None and query.platform_app_id is None and not query.problems_only
    if plain and wanted.is_empty and rights.reaches_whole(query.workspace_id, Capability.PROVIDER_VIEW):
        return rollups.maintained(tx, query.workspace_id).total, True
    some = select(pc.c.id).select_from(pc).where(*conditions).limit(COUNT_LIMIT + 1)
    if needs_tenant(wanted):
        some = some.join(tenants, tenants.c.id == pc.c.tenant_id)
    found = tx.run(select(func.count()).select_from(some.subquery())).scalar_one()
    return min(found, COUNT_LIMIT), found <= COUNT_LIMIT


def rows_by_id(tx: Transaction, ids: Sequence[int]) -> list[ConnectionRow]:
    """Returns the rows of some connections, in no order. The caller has asked for authority."""
    if not ids:
        return []
    active = operation_runs.alias("active")
    other = pc.alias("other")
    siblings = select(func.count()).where(other.c.tenant_id == pc.c.tenant_id).scalar_subquery()
    statement = (
        select(
            pc,
            tenants.c.name.label("tenant_name"),
            tenants.c.primary_domain,
            tenants.c.cloud,
            users.c.login.label("lifecycle_changed_by"),
            siblings.label("siblings"),
            active.c.id.label("active_run_id"),
            active.c.type.label("active_run_type"),
            active.c.status.label("active_run_status"),
        )
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .outerjoin(users, users.c.id == pc.c.lifecycle_changed_by_id)
        .outerjoin(active, and_(active.c.connection_id == pc.c.id, active.c.status.in_(["queued", "running"])))
        .where(pc.c.id.in_(list(ids)))
    )
    return [_row(row) for row in tx.run(statement).all()]


def _row(row: Row[Any]) -> ConnectionRow:
    return ConnectionRow(
        id=row.id,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        tenant_name=row.tenant_name,
        display_name=row.display_name,
        siblings=row.siblings,
        entra_tenant_id=row.entra_tenant_id,
        primary_domain=row.primary_domain,
        cloud=Cloud(row.cloud),
        connection_type=ConnectionType(row.connection_type),
        is_default=row.is_default,
        is_enabled=row.is_enabled,
        consent_status=ConsentStatus(row.consent_status),
        verification_status=VerificationStatus(row.verification_status),
        reason_code=row.last_reason_code,
        reason_sentence=row.last_reason_sentence,
        reason_since=row.reason_since if row.last_reason_code is not None else None,
        last_checked_at=row.last_checked_at,
        last_good_at=row.last_good_at,
        lifecycle_changed_at=row.lifecycle_changed_at,
        lifecycle_changed_by=row.lifecycle_changed_by,
        consent_changed_at=row.consent_changed_at,
        verification_changed_at=row.verification_changed_at,
        active_run_id=row.active_run_id,
        active_run_type=row.active_run_type,
        active_run_status=None if row.active_run_status is None else RunStatus(row.active_run_status),
    )


def get(db: Database, who: Principal, connection_id: int) -> ConnectionDetail:
    """Returns everything about one connection.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        connection = tx.run(
            select(
                pc,
                tenants.c.microsoft_name,
                tenants.c.lifecycle.label("tenant_lifecycle"),
                workspaces.c.slug,
                platform_apps.c.display_name.label("app_name"),
                platform_apps.c.client_id.label("app_client_id"),
            )
            .join(tenants, tenants.c.id == pc.c.tenant_id)
            .join(workspaces, workspaces.c.id == pc.c.workspace_id)
            .outerjoin(platform_apps, platform_apps.c.id == pc.c.platform_app_id)
            .where(pc.c.id == connection_id)
        ).first()
        if connection is None:
            raise NotFound(f"Connection {connection_id} does not exist.")
        rights = authority(tx, who)
        place = (connection.workspace_id, connection.tenant_id)
        view = Capability.PROVIDER_VIEW
        rights.require(tx, view, *place, see=view, what=f"Connection {connection_id}")
        may_run = rights.may(tx, Capability.PROVIDER_RUN, *place)
        may_manage = rights.may(tx, Capability.PROVIDER_MANAGE, *place)
        permissions = tx.run(
            select(connection_permissions)
            .where(connection_permissions.c.connection_id == connection_id)
            .order_by(connection_permissions.c.is_granted, connection_permissions.c.permission)
        ).all()
        held = credentials.infos(tx, owner_clause(connection))
        facts = read_facts(tx, [connection])[connection_id]
        return ConnectionDetail(
            row=rows_by_id(tx, [connection_id])[0],
            workspace_slug=connection.slug,
            client_id=connection.app_client_id or connection.client_id,
            platform_app=connection.app_name,
            microsoft_name=connection.microsoft_name,
            generation=connection.generation,
            manifest_version=connection.manifest_version,
            consent_granted_at=connection.consent_granted_at,
            consent_checked_at=connection.consent_checked_at,
            created_at=connection.created_at,
            credentials=held,
            permissions=tuple(PermissionTruth(p.permission, p.is_granted, p.checked_at) for p in permissions),
            may_run=may_run,
            may_manage=may_manage,
            who_may_run="" if may_run else who_may(tx, Capability.PROVIDER_RUN, *place),
            who_may_manage="" if may_manage else who_may(tx, Capability.PROVIDER_MANAGE, *place),
            obstacles={
                operation.type: obstacle
                for operation in operations.CATALOG.values()
                if (obstacle := judge(connection, facts, operation)) is not None
            },
            consent_manifest_version=connection.consent_manifest_version,
            checked_with_previous_credential=_is_older_than_credential(connection.last_checked_at, held),
            operations=connection_operations.standings(tx, connection),
            breaker=breakers.read_open(tx, connection_id),
        )


def _is_older_than_credential(checked_at: datetime | None, held: tuple[credentials.CredentialInfo, ...]) -> bool:
    active = [info.active_since or info.stored_at for info in held if info.slot is CredentialSlot.ACTIVE]
    return checked_at is not None and bool(active) and checked_at < active[0]


def find_by_name(db: Database, who: Principal, workspace_id: int, text: str) -> ConnectionRow:
    """Finds the one connection that a person means: by number, tenant name, domain, GUID, or a part of the name.

    Raises:
        InvalidInput: it is blank, which would fit every connection (an unset variable in a script).
        NotFound: nothing fits, or the principal is no member.
        Conflict: several fit; the hint names some.
    """
    if not text.replace('"', " ").strip():
        raise InvalidInput("connection", "is blank", "Name it: number, tenant name, domain or tenant id.")
    number = text.strip()
    if number.isascii() and number.isdigit():
        if len(number) > 18:
            raise NotFound("Nothing has a number that large.")
        row = get(db, who, int(number)).row
        if row.workspace_id == workspace_id:
            return row
        raise NotFound(f"There is no connection {text.strip()} in this workspace.")
    quoted = text.replace('"', " ").strip()
    found = page(db, who, ConnectionQuery(workspace_id, f'"{quoted}"'), Place.first(), 20).rows
    folded = filters.fold(text)
    exact = [
        row
        for row in found
        if folded
        in (filters.fold(row.tenant_name), row.entra_tenant_id, row.primary_domain, filters.fold(row.display_name))
    ]
    candidates = exact or list(found)
    if len(candidates) > 1 and len({row.tenant_id for row in candidates}) == 1:
        candidates = [row for row in candidates if row.is_default] or candidates
    if not candidates:
        raise NotFound(f"No connection fits {quoted[:80]!r}.", "See `atlas-tui connections`.")
    if len(candidates) > 1:
        names = ", ".join(f"{row.id} {row.tenant_name}" for row in candidates[:5])
        raise Conflict(f"{len(candidates)} connections fit {quoted[:80]!r}.", f"Name one by its number: {names}.")
    return candidates[0]


def known_reasons() -> tuple[str, ...]:
    """Returns every reason code, for completion in the filter line."""
    return tuple(catalog())
