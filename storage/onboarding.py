"""Bringing a tenant on: begin, take over, finish, cancel.

Promise: at most one onboarding of a tenant is open; anybody entitled may go on with what another one began, and taking it over is
audited. Where it stands is read from the truth every time (`onboarding_state.py`), so it survives a lost session, a kill and a second
pair of hands; everything may be done twice. It ends as done only when a check found the connection healthy or degraded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from storage import audit, tenants
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.connection_locks import refuse_archived
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.fields import read_guid, read_name
from storage.gate import lock_connection
from storage.onboarding_facts import read_facts
from storage.onboarding_state import OnboardingState, is_open, read_row, select_onboardings, states_of
from storage.onboarding_steps import SETTLED, StepKey
from storage.schema import onboardings, users
from storage.schema import tenants as tenant_table
from storage.states import Cloud, OnboardingStatus, TenantLifecycle, Topic
from storage.tenants import require


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant that is brought on and not known yet; the fields as `tenants.create` takes them."""

    name: str
    entra_tenant_id: str
    primary_domain: str | None = None
    cloud: Cloud = Cloud.GLOBAL
    tag_names: tuple[str, ...] = ()


def begin(db: Database, who: Principal, tenant_id: int, *, ticket: str | None = None) -> OnboardingState:
    """Begins a tenant's onboarding, or goes on with the open one, taking it over when it is somebody else's.

    A draft tenant becomes `onboarding`; an active one stays active.

    Raises:
        NotFound, Forbidden: the tenant is not visible, or not allowed.
        Conflict: the tenant is archived.
    """

    def work(tx: Transaction) -> OnboardingState:
        require(tx, who, tenant_id, Capability.PROVIDER_MANAGE)
        tenant = _lock_tenant(tx, tenant_id)
        refuse_archived(tenant.lifecycle)
        row = tx.run(_locked(tx).where(onboardings.c.tenant_id == tenant_id, is_open())).first()
        now = tx.now()
        if row is None:
            onboarding_id = tx.run(
                insert(onboardings)
                .values(
                    workspace_id=tenant.workspace_id,
                    tenant_id=tenant_id,
                    status=OnboardingStatus.OPEN.value,
                    started_by_id=who.user_id,
                    started_at=now,
                )
                .returning(onboardings.c.id)
            ).scalar_one()
            _note(tx, who, "onboarding.begin", onboarding_id, tenant.workspace_id, ticket, {"tenant": tenant.name})
        else:
            onboarding_id = int(row.id)
            if row.started_by_id != who.user_id:
                before = tx.run(select(users.c.login).where(users.c.id == row.started_by_id)).scalar_one_or_none()
                tx.run(update(onboardings).where(onboardings.c.id == row.id).values(started_by_id=who.user_id))
                _note(
                    tx,
                    who,
                    "onboarding.take_over",
                    onboarding_id,
                    tenant.workspace_id,
                    ticket,
                    {"from": before, "to": who.login},
                )
        _move(tx, tenant_id, [TenantLifecycle.DRAFT], TenantLifecycle.ONBOARDING)
        return states_of(tx, who, [read_row(tx, onboarding_id)])[0]

    return audit.attempt(db, who, "onboarding.begin", work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def begin_new(
    db: Database, who: Principal, workspace_id: int, fields: NewTenant, *, ticket: str | None = None
) -> OnboardingState:
    """Adds a tenant as a draft and begins its onboarding; when an earlier try has added it, goes on with that one.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: this workspace has the tenant, and it is no draft and not being brought on.
        NotFound, Forbidden: no member, or not allowed.
    """
    guid = read_guid("tenant id", fields.entra_tenant_id)
    with db.read() as tx:
        rights = authority(tx, who)
        known = tx.run(
            select(tenant_table.c.id).where(
                tenant_table.c.workspace_id == workspace_id,
                tenant_table.c.entra_tenant_id == guid,
                tenant_table.c.lifecycle.in_([TenantLifecycle.DRAFT.value, TenantLifecycle.ONBOARDING.value]),
                rights.tenant_clause(workspace_id, Capability.TENANT_VIEW, tenant_table.c.id),
            )
        ).scalar_one_or_none()
    if known is None:
        known = tenants.create(
            db,
            who,
            workspace_id,
            entra_tenant_id=guid,
            name=fields.name,
            primary_domain=fields.primary_domain,
            cloud=fields.cloud,
            lifecycle=TenantLifecycle.DRAFT,
            tag_names=fields.tag_names,
            ticket=ticket,
        ).id
    return begin(db, who, known, ticket=ticket)


def permissions_seen(db: Database, who: Principal, onboarding_id: int, *, ticket: str | None = None) -> OnboardingState:
    """Writes down that what the app registration must be given was shown. The first time counts.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: the onboarding has ended.
    """

    def work(tx: Transaction) -> OnboardingState:
        row = _lock(tx, who, onboarding_id)
        _refuse_ended(row)
        if row.permissions_seen_at is None:
            tx.run(update(onboardings).where(onboardings.c.id == onboarding_id).values(permissions_seen_at=tx.now()))
            _note(tx, who, "onboarding.permissions_seen", onboarding_id, row.workspace_id, ticket, {})
        return states_of(tx, who, [read_row(tx, onboarding_id)])[0]

    return _attempt(db, who, "onboarding.permissions_seen", work, onboarding_id, ticket)


def finish(db: Database, who: Principal, onboarding_id: int, *, ticket: str | None = None) -> OnboardingState:
    """Ends an onboarding as done, and its tenant becomes active. Doing it twice is harmless.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: a step is not done, above all when the last check did not find the connection healthy or degraded.
    """

    def work(tx: Transaction) -> OnboardingState:
        row = _lock(tx, who, onboarding_id)
        found = states_of(tx, who, [row])[0]
        if found.status is OnboardingStatus.DONE:
            return found
        _refuse_ended(row)
        for step in found.steps:
            if step.key is not StepKey.DONE and step.state not in SETTLED:
                raise Conflict(f"The onboarding is not done: {step.label}: {step.sentence}", step.next_step)
        _end(tx, who, row, OnboardingStatus.DONE, "")
        _move(tx, row.tenant_id, [TenantLifecycle.DRAFT, TenantLifecycle.ONBOARDING], TenantLifecycle.ACTIVE)
        verified = next(step for step in found.steps if step.key is StepKey.VERIFY)
        detail: dict[str, audit.DetailValue] = {"verification": verified.sentence, "reason": verified.reason_code}
        _note(tx, who, "onboarding.finish", onboarding_id, row.workspace_id, ticket, detail)
        return states_of(tx, who, [read_row(tx, onboarding_id)])[0]

    return _attempt(db, who, "onboarding.finish", work, onboarding_id, ticket)


def cancel(
    db: Database, who: Principal, onboarding_id: int, reason: str, *, ticket: str | None = None
) -> OnboardingState:
    """Ends an onboarding without an outcome. What exists is kept; the tenant becomes a draft again. Doing it twice is harmless.

    Raises:
        InvalidInput: the reason cannot be used.
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: it has ended as done.
    """
    why = read_name("reason", reason)

    def work(tx: Transaction) -> OnboardingState:
        row = _lock(tx, who, onboarding_id)
        if row.status == OnboardingStatus.CANCELLED:
            return states_of(tx, who, [row])[0]
        _refuse_ended(row)
        _end(tx, who, row, OnboardingStatus.CANCELLED, why)
        _move(tx, row.tenant_id, [TenantLifecycle.ONBOARDING], TenantLifecycle.DRAFT)
        _note(tx, who, "onboarding.cancel", onboarding_id, row.workspace_id, ticket, {"reason": why})
        return states_of(tx, who, [read_row(tx, onboarding_id)])[0]

    return _attempt(db, who, "onboarding.cancel", work, onboarding_id, ticket)


def _attempt(
    db: Database, who: Principal, action: str, work: Any, onboarding_id: int, ticket: str | None
) -> OnboardingState:
    found: OnboardingState = audit.attempt(
        db, who, action, work, target_kind="onboarding", target_id=onboarding_id, ticket=ticket
    )
    return found


def _locked(tx: Transaction) -> Any:
    return (
        select_onboardings() if tx.is_sqlite else select_onboardings().with_for_update(key_share=True, of=onboardings)
    )


def _lock(tx: Transaction, who: Principal, onboarding_id: int) -> Row[Any]:
    """Locks an onboarding: its default connection first, so that no check changes the truth while it is judged, then its tenant."""
    row = read_row(tx, onboarding_id)
    authority(tx, who).require(
        tx, Capability.PROVIDER_MANAGE, row.workspace_id, row.tenant_id, what=f"Onboarding {onboarding_id}"
    )
    facts = read_facts(tx, [row])[row.id]
    if facts.connection is not None:
        lock_connection(tx, facts.connection.id)
    _lock_tenant(tx, row.tenant_id)
    locked: Row[Any] = tx.run(_locked(tx).where(onboardings.c.id == onboarding_id)).one()
    return locked


def _lock_tenant(tx: Transaction, tenant_id: int) -> Row[Any]:
    """A tenant's lifecycle follows its onboarding, so nobody archives it meanwhile. Authority was asked."""
    statement = select(tenant_table).where(tenant_table.c.id == tenant_id)
    return tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).one()


def _refuse_ended(row: Row[Any]) -> None:
    if row.status != OnboardingStatus.OPEN:
        raise Conflict(f"The onboarding has ended: {row.status}.", "Begin it again: atlas-tui onboard TENANT")


def _end(tx: Transaction, who: Principal, row: Row[Any], status: OnboardingStatus, reason: str) -> None:
    tx.run(
        update(onboardings)
        .where(onboardings.c.id == row.id)
        .values(status=status.value, ended_at=tx.now(), ended_by_id=who.user_id, ended_reason=reason)
    )


def _move(tx: Transaction, tenant_id: int, before: Sequence[TenantLifecycle], after: TenantLifecycle) -> None:
    tx.run(
        update(tenant_table)
        .where(tenant_table.c.id == tenant_id, tenant_table.c.lifecycle.in_([one.value for one in before]))
        .values(lifecycle=after.value, updated_at=tx.now())
    )


def _note(
    tx: Transaction,
    who: Principal,
    action: str,
    onboarding_id: int,
    workspace_id: int,
    ticket: str | None,
    detail: dict[str, audit.DetailValue],
) -> None:
    audit.record(
        tx,
        who,
        action,
        target_kind="onboarding",
        target_id=onboarding_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.TENANTS)
