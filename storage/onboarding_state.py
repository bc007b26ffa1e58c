"""Where onboardings stand, as people see them.

Promise: read from the truth every time, for as many as are asked in a fixed number of queries. Changing them is in `onboarding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from storage import onboarding_steps
from storage.access import Principal, authority, who_may_each
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.onboarding_facts import read_facts
from storage.onboarding_steps import Step
from storage.schema import onboardings, tenants, users
from storage.states import Cloud, ConnectionType, OnboardingStatus


@dataclass(frozen=True, slots=True)
class OnboardingState:
    """One onboarding, as of now.

    Attributes:
        held_by: who began it, or took it over last.
        connection_id: the tenant's default connection, which the steps are about.
        has_platform_app: a new connection would be of type platform.
        check_run_id: its unfinished connection check, if any.
        steps: the seven steps, in order.
        may_manage: whether the principal may go on with it.
        who_may_manage: who could, when the principal may not; empty otherwise.
    """

    id: int
    workspace_id: int
    tenant_id: int
    tenant_name: str
    entra_tenant_id: str
    cloud: Cloud
    status: OnboardingStatus
    held_by: str | None
    started_at: datetime
    permissions_seen_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_reason: str
    connection_id: int | None
    connection_type: ConnectionType | None
    has_platform_app: bool
    check_run_id: int | None
    steps: tuple[Step, ...]
    may_manage: bool
    who_may_manage: str

    @property
    def current(self) -> Step:
        """The step that wants something now; the last one when nothing does."""
        return onboarding_steps.current(self.steps)


def state(db: Database, who: Principal, onboarding_id: int) -> OnboardingState:
    """Returns where an onboarding stands.

    Raises:
        NotFound: it is not visible.
    """
    with db.read() as tx:
        row = read_row(tx, onboarding_id)
        authority(tx, who).require(
            tx, Capability.TENANT_VIEW, row.workspace_id, row.tenant_id, what=f"Onboarding {onboarding_id}"
        )
        return states_of(tx, who, [row])[0]


def of_tenant(db: Database, who: Principal, tenant_id: int) -> OnboardingState | None:
    """Returns a tenant's open onboarding, else its newest one, else None.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant = tx.run(select(tenants.c.workspace_id).where(tenants.c.id == tenant_id)).first()
        if tenant is None:
            raise NotFound(f"Tenant {tenant_id} does not exist.")
        authority(tx, who).require(
            tx, Capability.TENANT_VIEW, tenant.workspace_id, tenant_id, what=f"Tenant {tenant_id}"
        )
        # The open one is the newest: another begins only after it has ended.
        row = tx.run(
            select_onboardings().where(onboardings.c.tenant_id == tenant_id).order_by(onboardings.c.id.desc())
        ).first()
        return None if row is None else states_of(tx, who, [row])[0]


def open_ones(db: Database, who: Principal, workspace_id: int, *, limit: int = 200) -> tuple[OnboardingState, ...]:
    """Returns the open onboardings of the tenants within reach, the oldest first.

    Raises:
        NotFound: the principal is no member of the workspace.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        rows = tx.run(
            select_onboardings()
            .where(
                onboardings.c.workspace_id == workspace_id,
                is_open(),
                rights.tenant_clause(workspace_id, Capability.TENANT_VIEW, onboardings.c.tenant_id),
            )
            .order_by(onboardings.c.id)
            .limit(limit)
        ).all()
        return states_of(tx, who, rows)


def states_of(tx: Transaction, who: Principal, rows: Sequence[Row[Any]]) -> tuple[OnboardingState, ...]:
    """Returns where onboardings stand, in the order of their rows. The caller has asked for authority."""
    now, known, whom_to_ask = tx.now(), read_facts(tx, rows), _whom_to_ask(tx, who, rows)
    found = []
    for row in rows:
        facts = known[row.id]
        connection = facts.connection
        found.append(
            OnboardingState(
                id=row.id,
                workspace_id=row.workspace_id,
                tenant_id=row.tenant_id,
                tenant_name=facts.tenant_name,
                entra_tenant_id=facts.entra_tenant_id,
                cloud=facts.cloud,
                status=facts.status,
                held_by=row.held_by,
                started_at=row.started_at,
                permissions_seen_at=row.permissions_seen_at,
                ended_at=row.ended_at,
                ended_by=row.ended_by,
                ended_reason=row.ended_reason,
                connection_id=None if connection is None else connection.id,
                connection_type=None if connection is None else connection.connection_type,
                has_platform_app=facts.has_platform_app,
                check_run_id=None if connection is None else connection.check_run_id,
                steps=onboarding_steps.derive(facts, now),
                may_manage=row.id not in whom_to_ask,
                who_may_manage=whom_to_ask.get(row.id, ""),
            )
        )
    return tuple(found)


def _whom_to_ask(tx: Transaction, who: Principal, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Who may go on with those onboardings that the principal may not; by workspace, of which a page has one."""
    rights, found = authority(tx, who), dict[int, str]()
    for workspace_id in {row.workspace_id for row in rows}:
        here = {row.id: row.tenant_id for row in rows if row.workspace_id == workspace_id}
        mine = rights.may_each(tx, Capability.PROVIDER_MANAGE, workspace_id, set(here.values()))
        others = {id: tenant_id for id, tenant_id in here.items() if tenant_id not in mine}
        if others:
            names = who_may_each(tx, Capability.PROVIDER_MANAGE, workspace_id, set(others.values()))
            found |= {id: names[tenant_id] for id, tenant_id in others.items()}
    return found


def read_row(tx: Transaction, onboarding_id: int) -> Row[Any]:
    """Returns an onboarding's row. The caller asks for authority.

    Raises:
        NotFound: there is none.
    """
    row: Row[Any] | None = tx.run(select_onboardings().where(onboardings.c.id == onboarding_id)).first()
    if row is None:
        raise NotFound(f"Onboarding {onboarding_id} does not exist.")
    return row


def select_onboardings() -> Select[Any]:
    """Makes the query for onboardings with the logins of who holds and who ended them."""
    held, ended = users.alias("held"), users.alias("ended")
    return (
        select(onboardings, held.c.login.label("held_by"), ended.c.login.label("ended_by"))
        .outerjoin(held, held.c.id == onboardings.c.started_by_id)
        .outerjoin(ended, ended.c.id == onboardings.c.ended_by_id)
    )


def is_open() -> ColumnElement[bool]:
    """Makes the condition that an onboarding is open."""
    return onboardings.c.status == OnboardingStatus.OPEN.value
