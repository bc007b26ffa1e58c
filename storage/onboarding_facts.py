"""Reading the facts that onboarding steps are derived from, for many onboardings at once.

Promise: five queries however many there are. Judges nothing; asks for no authority, since its callers have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, or_, select

from storage import operations
from storage.database import Transaction
from storage.onboarding_steps import ConnectionFacts, CredentialFacts, Facts
from storage.schema import credentials, operation_runs, platform_apps, tenants
from storage.schema import provider_connections as pc
from storage.states import (
    Cloud,
    ConnectionType,
    ConsentStatus,
    CredentialKind,
    CredentialSlot,
    OnboardingStatus,
    Provider,
    RunStatus,
    TenantLifecycle,
    VerificationStatus,
)

_USABLE = [CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value]


def read_facts(tx: Transaction, rows: Sequence[Row[Any]]) -> dict[int, Facts]:
    """Returns the facts of onboardings, by the onboarding's id.

    Args:
        tx: the transaction.
        rows: rows of `onboardings`.
    """
    tenant_ids = sorted({row.tenant_id for row in rows})
    tenant_rows = {row.id: row for row in tx.run(select(tenants).where(tenants.c.id.in_(tenant_ids)))}
    connections = _connections(tx, tenant_ids)
    workspace_ids = sorted({row.workspace_id for row in rows})
    of_workspaces = select(platform_apps.c.workspace_id, platform_apps.c.cloud).where(
        platform_apps.c.workspace_id.in_(workspace_ids)
    )
    apps = {(app.workspace_id, app.cloud) for app in tx.run(of_workspaces)}
    return {
        row.id: Facts(
            tenant_name=tenant_rows[row.tenant_id].name,
            entra_tenant_id=tenant_rows[row.tenant_id].entra_tenant_id,
            cloud=Cloud(tenant_rows[row.tenant_id].cloud),
            is_archived=tenant_rows[row.tenant_id].lifecycle == TenantLifecycle.ARCHIVED,
            status=OnboardingStatus(row.status),
            permissions_seen_at=row.permissions_seen_at,
            connection=connections.get(row.tenant_id),
            has_platform_app=(row.workspace_id, tenant_rows[row.tenant_id].cloud) in apps,
        )
        for row in rows
    }


def _connections(tx: Transaction, tenant_ids: list[int]) -> dict[int, ConnectionFacts]:
    check = operation_runs.alias("check")
    active_check = and_(
        check.c.connection_id == pc.c.id,
        check.c.type == operations.CONNECTION_CHECK,
        check.c.status != RunStatus.COMPLETED.value,
    )
    rows = tx.run(
        select(pc, check.c.id.label("check_run_id"), check.c.status.label("check_run_status"))
        .outerjoin(check, active_check)
        .where(pc.c.tenant_id.in_(tenant_ids), pc.c.provider == Provider.MICROSOFT.value, pc.c.is_default)
        .order_by(check.c.id.desc())  # an active check and a waiting one: the older is the one that runs
    ).all()
    held = _credentials(tx, rows)
    return {row.tenant_id: _connection(row, held.get(row.id, ())) for row in rows}


def _connection(row: Row[Any], held: tuple[CredentialFacts, ...]) -> ConnectionFacts:
    kind = ConnectionType(row.connection_type)
    return ConnectionFacts(
        id=row.id,
        display_name=row.display_name,
        connection_type=kind,
        is_enabled=row.is_enabled,
        has_application=kind is ConnectionType.DEDICATED or row.platform_app_id is not None,
        consent_status=ConsentStatus(row.consent_status),
        verification_status=VerificationStatus(row.verification_status),
        reason_code=row.last_reason_code,
        reason_sentence=row.last_reason_sentence,
        credentials=held,
        check_run_id=row.check_run_id,
        check_run_status=None if row.check_run_status is None else RunStatus(row.check_run_status),
    )


def _credentials(tx: Transaction, rows: Sequence[Row[Any]]) -> dict[int, tuple[CredentialFacts, ...]]:
    """What each connection signs in with: a dedicated one's own credentials, a platform one's app's."""
    own = {row.id for row in rows if row.connection_type == ConnectionType.DEDICATED}
    apps = {row.platform_app_id for row in rows if row.connection_type == ConnectionType.PLATFORM} - {None}
    found = tx.run(
        select(credentials)
        .where(
            or_(credentials.c.connection_id.in_(sorted(own)), credentials.c.platform_app_id.in_(sorted(apps))),
            credentials.c.slot.in_(_USABLE),
        )
        .order_by(credentials.c.slot)
    ).all()
    facts: dict[int, tuple[CredentialFacts, ...]] = {}
    for row in rows:
        facts[row.id] = tuple(
            CredentialFacts(CredentialKind(one.kind), one.starts_at, one.expires_at)
            for one in found
            if (
                one.connection_id == row.id
                if row.connection_type == ConnectionType.DEDICATED
                else one.platform_app_id is not None and one.platform_app_id == row.platform_app_id
            )
        )
    return facts
