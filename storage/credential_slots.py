"""Reading credential slots for a worker: which sealed credentials a connection signs in with, and moving them between slots.

Promise: what leaves here is sealed. Functions take a transaction, because they are part of a claim or a finish; people's functions are in
`credentials.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, literal, select, update

from storage import retired_keys
from storage.access import WORKER, Principal
from storage.credential_owners import Owner
from storage.database import Transaction
from storage.schema import credentials, meta
from storage.sealing import Binding, SealedCredential
from storage.states import ConnectionType, CredentialKind, CredentialOwner, CredentialSlot

_USE_ORDER: Final = {CredentialSlot.STAGED.value: 0, CredentialSlot.ACTIVE.value: 1}


def owner_clause(connection: Row[Any]) -> ColumnElement[bool]:
    """Makes the condition for the credentials that a connection signs in with: its own, or its platform app's."""
    if connection.connection_type == ConnectionType.PLATFORM:
        return credentials.c.platform_app_id == literal(connection.platform_app_id)
    return credentials.c.connection_id == literal(connection.id)


def sealed_for(tx: Transaction, connection: Row[Any]) -> tuple[SealedCredential, ...]:
    """Returns what a connection may sign in with: the staged credential first when there is one, then the active one."""
    rows = tx.run(select(credentials).where(owner_clause(connection), credentials.c.slot.in_(list(_USE_ORDER)))).all()
    database_id = tx.run(select(meta.c.value).where(meta.c.key == "database_id")).scalar_one()
    found = (as_sealed(row, database_id) for row in sorted(rows, key=lambda row: _USE_ORDER[row.slot]))
    return tuple(replace(one, binding=_for_tenant(one.binding, connection)) for one in found)


def _for_tenant(binding: Binding, connection: Row[Any]) -> Binding:
    """The binding as the connection has it: what was sealed for another tenant does not open, whatever its row says.

    An app's credential is for no tenant, and neither is what was stored before bindings named one.
    """
    if not binding.entra_tenant_id:
        return binding
    return replace(binding, entra_tenant_id=connection.entra_tenant_id)


def as_sealed(row: Row[Any], database_id: str) -> SealedCredential:
    """Makes the sealed credential of a row, with the binding it must open under."""
    if row.connection_id is not None:
        owner, owner_id = CredentialOwner.CONNECTION, row.connection_id
    elif row.platform_app_id is not None:
        owner, owner_id = CredentialOwner.PLATFORM_APP, row.platform_app_id
    else:
        owner, owner_id = CredentialOwner.ALERT_CHANNEL, row.alert_channel_id
    return SealedCredential(
        id=row.id,
        slot=CredentialSlot(row.slot),
        binding=Binding(
            database_id=database_id,
            owner=owner,
            owner_id=owner_id,
            kind=CredentialKind(row.kind),
            key_id=row.seal_key_id,
            version=row.seal_version,
            entra_tenant_id=row.seal_tenant_id,
        ),
        sealed=bytes(row.sealed),
        client_key_id=row.client_key_id,
        expires_at=row.expires_at,
        stored_at=row.stored_at,
    )


def owner_of(connection: Row[Any]) -> Owner:
    """Returns who owns the credentials that a connection signs in with: itself, or its platform app."""
    if connection.connection_type == ConnectionType.PLATFORM:
        return Owner(CredentialOwner.PLATFORM_APP, connection.platform_app_id, connection.workspace_id, None, "", "")
    return Owner(
        CredentialOwner.CONNECTION,
        connection.id,
        connection.workspace_id,
        connection.tenant_id,
        connection.entra_tenant_id,
        "",
    )


def promote_staged(tx: Transaction, connection: Row[Any], at: datetime) -> bool:
    """Makes the staged credential the active one, and the active one the previous. Returns whether there was one to promote.

    A previous one that is pushed out stays a reminder (`retired_keys`).
    """
    return promote_in(tx, WORKER, owner_of(connection), at=at)


def promote_in(
    tx: Transaction, who: Principal, owner: Owner, *, at: datetime | None = None, ticket: str | None = None
) -> bool:
    """As `promote_staged`, for an owner whose row the transaction has locked."""
    rows = {row.slot: row for row in tx.run(select(credentials).where(owner.clause))}
    staged, active = rows.get(CredentialSlot.STAGED.value), rows.get(CredentialSlot.ACTIVE.value)
    if staged is None:
        return False
    if active is not None:
        previous = rows.get(CredentialSlot.PREVIOUS.value)
        if previous is not None:
            tx.run(delete(credentials).where(credentials.c.id == previous.id))
            retired_keys.retire(tx, who, owner, previous, ticket=ticket)
        tx.run(
            update(credentials)
            .where(credentials.c.id == active.id)
            .values(slot=CredentialSlot.PREVIOUS.value, removal_confirmed_at=None, active_since=None)
        )
    tx.run(
        update(credentials)
        .where(credentials.c.id == staged.id)
        .values(slot=CredentialSlot.ACTIVE.value, active_since=at or tx.now())
    )
    return True
