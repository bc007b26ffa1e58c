"""Editing a tenant.

Promise: each change is one transaction with its audit entry and asks for `provider.manage`. Two people who edit the same tenant lose
nothing (`edits.merge`). The tenant id and the cloud stay as they are once Microsoft gave a token for them. What connections hold of their
tenant (tenant id, sort name) stays in step, and what makes a running check's answer stale bumps their generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, text, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.consent_withdrawals import ANOTHER_TENANT, withdraw
from storage.database import Database, Transaction
from storage.edits import last_change, merge
from storage.errors import Conflict, InvalidInput
from storage.schema import consent_requests, platform_apps, provider_connections, tenants
from storage.states import (
    ConnectionType,
    ConsentStatus,
    TenantLifecycle,
    Topic,
    VerificationStatus,
)
from storage.tags import replace_tags, tags_of
from storage.tenant_fields import LABELS, read_changes, read_tags
from storage.tenants import TenantRow, lock, row_in, sort_name, tenant_sort_name

EDIT: Final = "tenant.edit"
_FOLLOWS: Final[Mapping[TenantLifecycle, frozenset[TenantLifecycle]]] = {
    TenantLifecycle.DRAFT: frozenset({TenantLifecycle.ONBOARDING, TenantLifecycle.ACTIVE}),
    TenantLifecycle.ONBOARDING: frozenset({TenantLifecycle.DRAFT, TenantLifecycle.ACTIVE}),
    TenantLifecycle.ACTIVE: frozenset({TenantLifecycle.ONBOARDING}),
    TenantLifecycle.ARCHIVED: frozenset(),
}
"""What a lifecycle may be edited to. Into and out of `archived` go verbs of their own."""

_IN_THE_ARCHIVE: Final = frozenset({"contact", "note"})


def edit(
    db: Database,
    who: Principal,
    tenant_id: int,
    *,
    changes: Mapping[str, Any],
    seen: Mapping[str, Any] | None = None,
    ticket: str | None = None,
) -> TenantRow:
    """Edits a tenant.

    Args:
        db: the database.
        who: who does it.
        tenant_id: which.
        changes: the values the editor wants, by the names of `tenant_fields.LABELS`.
        seen: the values the editor was shown; a field that is not here is written outright.
        ticket: a reference for the audit trail.

    Returns:
        The tenant as it is now, with what others changed meanwhile.

    Raises:
        InvalidInput: a field cannot be used.
        EditConflict: somebody else changed the same field meanwhile; it says what to.
        Conflict: the tenant is archived; its tenant id or cloud is settled; this workspace has that tenant id.
        NotFound, Forbidden: not visible, or not allowed.
    """
    wanted = read_changes(changes)
    shown = {name: _as_stored(name, value) for name, value in (seen or {}).items()}

    def work(tx: Transaction) -> TenantRow:
        tenant, connections = lock(tx, who, tenant_id)
        current = current_values(tx, tenant)
        effective = merge(
            shown, current, wanted, by=lambda: last_change(tx, tenant.workspace_id, "tenant", tenant_id, [EDIT])
        )
        if effective:
            check(tx, who, tenant, current, effective)
            write(tx, who, tenant, connections, effective, ticket=ticket)
            audit.record(
                tx,
                who,
                EDIT,
                target_kind="tenant",
                target_id=tenant_id,
                workspace_id=tenant.workspace_id,
                ticket=ticket,
                detail=differences(current, effective),
            )
            tx.touch(Topic.TENANTS, *([Topic.CONNECTIONS] if connections else []))
        return row_in(tx, tenant_id)

    return audit.attempt(db, who, EDIT, work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def _as_stored(name: str, value: Any) -> Any:
    """What the editor was shown, in the form that stored values are compared in."""
    if name == "tags":
        return read_tags(value)
    return value or None if name == "primary_domain" else value


def current_values(tx: Transaction, tenant: Row[Any]) -> dict[str, Any]:
    """Returns a tenant's editable fields as they are stored."""
    columns = {name: getattr(tenant, name) for name in LABELS if name != "tags"}
    return columns | {"tags": tags_of(tx, [tenant.id]).get(tenant.id, ())}


def differences(current: Mapping[str, Any], effective: Mapping[str, Any]) -> dict[str, audit.DetailValue]:
    """Returns what a trail says about an edit: each field before and after."""

    def told(value: Any) -> audit.DetailValue:
        return list(value) if isinstance(value, tuple) else None if value is None else str(value)

    return {f"{name}_before": told(current[name]) for name in effective} | {
        name: told(value) for name, value in effective.items()
    }


def check(
    tx: Transaction, who: Principal, tenant: Row[Any], current: Mapping[str, Any], effective: Mapping[str, Any]
) -> None:
    """Refuses an edit that may not be.

    Raises:
        Conflict, InvalidInput: saying what is in the way and what to do instead.
        Forbidden: tags decide who reaches a tenant, so they are the whole workspace's business.
    """
    lifecycle = TenantLifecycle(current["lifecycle"])
    if lifecycle is TenantLifecycle.ARCHIVED and set(effective) - _IN_THE_ARCHIVE:
        raise Conflict(f"{tenant.name} is archived.", "Bring it back first; its contact and note can be edited.")
    if "lifecycle" in effective and effective["lifecycle"] not in _FOLLOWS[lifecycle]:
        after = ", ".join(sorted(_FOLLOWS[lifecycle]))
        raise InvalidInput("lifecycle", f"does not go from {lifecycle} to {effective['lifecycle']}", f"Use: {after}.")
    for name in ("entra_tenant_id", "cloud"):
        if name in effective and tenant.first_token_at is not None:
            raise Conflict(
                f"{LABELS[name]}: Microsoft gave a token for it at {tenant.first_token_at:%Y-%m-%d %H:%M}Z, so it stays.",
                "Offboard this tenant and add a new one.",
            )
    if "entra_tenant_id" in effective:
        _refuse_taken(tx, who, tenant, effective["entra_tenant_id"])
    if "tags" in effective:
        require_tagging(tx, who, tenant)


def require_tagging(tx: Transaction, who: Principal, tenant: Row[Any]) -> None:
    """Lets pass whoever may change which tags a tenant has: memberships reach by tag, so that takes the whole workspace.

    Raises:
        Forbidden: the principal reaches only some tenants.
    """
    authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, tenant.workspace_id, what=f"Tenant {tenant.id}")


def _refuse_taken(tx: Transaction, who: Principal, tenant: Row[Any], guid: str) -> None:
    clash = tx.run(
        select(tenants.c.id, tenants.c.name).where(
            tenants.c.workspace_id == tenant.workspace_id, tenants.c.entra_tenant_id == guid
        )
    ).first()
    if clash is None:
        return
    visible = authority(tx, who).may(tx, Capability.TENANT_VIEW, tenant.workspace_id, clash.id)
    named = f", as {clash.name}" if visible else ""
    raise Conflict(f"tenant id: this workspace has it already{named}.", "Open that tenant instead.")


def write(
    tx: Transaction,
    who: Principal,
    tenant: Row[Any],
    connections: Sequence[Row[Any]],
    effective: Mapping[str, Any],
    *,
    ticket: str | None = None,
) -> None:
    """Writes an edit that was checked. The tenant and its connections are locked; the caller writes the audit entry."""
    now = tx.now()
    values = {
        name: str(value) if value is not None else None
        for name, value in effective.items()
        if name not in ("tags", "entra_tenant_id")
    }
    name, domain = effective.get("name", tenant.name), effective.get("primary_domain", tenant.primary_domain)
    if "tags" in effective:
        replace_tags(tx, tenant.workspace_id, tenant.id, effective["tags"])
    tx.run(
        update(tenants)
        .where(tenants.c.id == tenant.id)
        .values(**values, sort_name=tenant_sort_name(name, domain), updated_at=now)
    )
    if "entra_tenant_id" in effective:
        _move_tenant_id(tx, tenant, effective["entra_tenant_id"])
    for connection in connections:
        changed = _follow(tx, tenant, connection, effective, now)
        if changed:
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == connection.id)
                .values(**changed, updated_at=now)
            )
    if {"entra_tenant_id", "cloud"} & set(effective):
        mine = consent_requests.c.connection_id.in_([connection.id for connection in connections])
        withdraw(tx, who, mine, ANOTHER_TENANT, ticket=ticket)


def _follow(
    tx: Transaction, tenant: Row[Any], connection: Row[Any], effective: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """What changes on a connection when its tenant does."""
    changed: dict[str, Any] = {}
    if {"name", "primary_domain"} & set(effective):
        changed["sort_name"] = sort_name(
            effective.get("name", tenant.name),
            connection.display_name,
            effective.get("primary_domain", tenant.primary_domain),
        )
    if {"primary_domain", "entra_tenant_id", "cloud"} & set(effective):
        # A check that runs now compares with what the tenant was.
        changed["generation"] = provider_connections.c.generation + 1
    if not {"entra_tenant_id", "cloud"} & set(effective):
        return changed
    changed |= {
        "verification_status": VerificationStatus.UNKNOWN.value,
        "verification_changed_at": now,
        "last_reason_code": None,
        "last_reason_sentence": None,
    }
    if connection.consent_status != ConsentStatus.UNKNOWN:
        # What was recorded was recorded about another tenant.
        changed |= {
            "consent_status": ConsentStatus.UNKNOWN.value,
            "consent_changed_at": now,
            "consent_granted_at": None,
            "consent_checked_at": None,
            "consent_doubt_since": None,
            "consent_manifest_version": None,
        }
    if "cloud" in effective and connection.connection_type == ConnectionType.PLATFORM:
        changed["platform_app_id"] = tx.run(
            select(platform_apps.c.id).where(
                platform_apps.c.workspace_id == tenant.workspace_id, platform_apps.c.cloud == str(effective["cloud"])
            )
        ).scalar_one_or_none()
    return changed


def _move_tenant_id(tx: Transaction, tenant: Row[Any], guid: str) -> None:
    """Changes both ends of the composite foreign key at once.

    SQLite checks foreign keys at COMMIT when told so for the transaction (SQLite, "PRAGMA defer_foreign_keys"). PostgreSQL checks them
    at the end of the statement, and a WITH that updates both tables is one statement (PostgreSQL, "Data-Modifying Statements in WITH").
    """
    if tx.is_sqlite:
        tx.run(text("PRAGMA defer_foreign_keys=ON"))
        tx.run(update(tenants).where(tenants.c.id == tenant.id).values(entra_tenant_id=guid))
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.tenant_id == tenant.id)
            .values(entra_tenant_id=guid)
        )
        return
    tx.run(
        text(
            "WITH moved AS (UPDATE tenants SET entra_tenant_id = :guid WHERE id = :id RETURNING id) "
            "UPDATE provider_connections SET entra_tenant_id = :guid WHERE tenant_id IN (SELECT id FROM moved)"
        ),
        {"guid": guid, "id": tenant.id},
    )
