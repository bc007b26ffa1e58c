"""From a tenant to the connection that operations on it use: the default one, if it can be used.

Promise: what cannot be used has exactly one reason, the first of this order, and the start gate says the same:

1. `tenant_archived`                 the tenant is archived
2. `provider_connection_missing`     the tenant has no connection of the provider
3. `provider_connection_disabled`    people disabled it
4. `platform_app_missing`            it is of type platform, and its workspace has no platform app for the cloud
5. `provider_credential_missing`     neither an active nor a staged credential
6. `provider_consent_missing`        consent is unknown or required
   `provider_consent_failed`         the customer declined
   `provider_consent_revoked`        the customer or we took it back
7. the badge's own reason            the last check blocked it (`provider_verification_blocked` when it gave none)

Another connection of the tenant is never taken instead: which one is used is for people to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from storage import reasons
from storage.access import Principal, authority, who_may
from storage.capabilities import Capability
from storage.connection_locks import select_with_tenant
from storage.connections import ConnectionRow, rows_by_id
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.gate import Obstacle, find_unusable
from storage.reasons import FixBy
from storage.schema import provider_connections as pc
from storage.schema import tenants
from storage.states import Provider, TenantLifecycle


@dataclass(frozen=True, slots=True)
class Resolved:
    """The connection that operations on the tenant use."""

    connection: ConnectionRow


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No connection can be used.

    Attributes:
        reason: the reason code.
        sentence: why, with names where there are any.
        next_step: what to do, or who can, for the principal who asked.
        connection: the default connection that cannot be used; None when there is none.
    """

    reason: str
    sentence: str
    next_step: str
    connection: ConnectionRow | None = None


def resolve(
    db: Database, who: Principal, tenant_id: int, provider: str = Provider.MICROSOFT.value
) -> Resolved | Unresolved:
    """Finds the connection to use for a tenant.

    Args:
        db: the database.
        who: who asks.
        tenant_id: for which tenant.
        provider: a registered provider.

    Raises:
        InvalidInput: the provider is not registered.
        NotFound: the tenant is not visible.
    """
    if provider not in set(Provider):
        raise InvalidInput("provider", "is not registered", f"Use one of: {', '.join(Provider)}.")
    with db.read() as tx:
        tenant = tx.run(select(tenants.c.workspace_id, tenants.c.lifecycle).where(tenants.c.id == tenant_id)).first()
        if tenant is None:
            raise NotFound(f"Tenant {tenant_id} does not exist.")
        rights, view = authority(tx, who), Capability.PROVIDER_VIEW
        rights.require(tx, view, tenant.workspace_id, tenant_id, see=view, what=f"Tenant {tenant_id}")
        connection = tx.run(
            select_with_tenant().where(pc.c.tenant_id == tenant_id, pc.c.provider == provider, pc.c.is_default)
        ).first()
        row = None if connection is None else rows_by_id(tx, [connection.id])[0]
        obstacle = _absence(tenant.lifecycle) if connection is None else find_unusable(tx, connection)
        if obstacle is None:
            assert row is not None
            return Resolved(row)
        next_step = obstacle.reason.next_step
        manages = rights.may(tx, Capability.PROVIDER_MANAGE, tenant.workspace_id, tenant_id)
        if not manages and obstacle.reason.fix_by in (FixBy.US, FixBy.CUSTOMER):
            next_step += f" {who_may(tx, Capability.PROVIDER_MANAGE, tenant.workspace_id, tenant_id)}"
        return Unresolved(obstacle.reason.code, obstacle.sentence, next_step, row)


def _absence(lifecycle: str) -> Obstacle:
    archived = lifecycle == TenantLifecycle.ARCHIVED
    reason = reasons.find("tenant_archived" if archived else "provider_connection_missing")
    return Obstacle(reason, reason.sentence)


def default_ids(tx: Transaction, tenant_ids: Sequence[int]) -> Mapping[int, int]:
    """Returns the default connection of each of some tenants, whether it can be used or not; a tenant without one is not in it.

    The caller has asked for authority.
    """
    rows = tx.run(
        select(pc.c.tenant_id, pc.c.id).where(
            pc.c.tenant_id.in_(list(tenant_ids)), pc.c.provider == Provider.MICROSOFT.value, pc.c.is_default
        )
    ).all()
    return {row.tenant_id: row.id for row in rows}
