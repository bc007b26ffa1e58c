"""Reading credential slots for a worker: which sealed credentials a connection signs in with, and moving them between slots.

Promise: what leaves here is sealed. Functions take a transaction, because they are part of a claim or a finish; people's functions are in
`credentials.py`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, literal, select, update

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
    return tuple(as_sealed(row, database_id) for row in sorted(rows, key=lambda row: _USE_ORDER[row.slot]))


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


def promote_staged(tx: Transaction, connection: Row[Any]) -> bool:
    """Makes the staged credential the active one, and the active one the previous. Returns whether there was one to promote."""
    owner = owner_clause(connection)
    staged = tx.run(
        select(credentials.c.id).where(owner, credentials.c.slot == CredentialSlot.STAGED.value)
    ).scalar_one_or_none()
    if staged is None:
        return False
    tx.run(delete(credentials).where(owner, credentials.c.slot == CredentialSlot.PREVIOUS.value))
    tx.run(
        update(credentials)
        .where(owner, credentials.c.slot == CredentialSlot.ACTIVE.value)
        .values(slot=CredentialSlot.PREVIOUS.value)
    )
    tx.run(update(credentials).where(credentials.c.id == staged).values(slot=CredentialSlot.ACTIVE.value))
    return True
