"""Credentials, as people handle them: storing one, and what is known about those that are stored.

Promise: a value goes in sealed and never comes out. A new credential is staged while an active one exists, and changes no badge then; with
none it becomes active, and the verification badge starts anew. Reading sealed values is for workers, in `credential_slots.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.credential_material import Material
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.gate import lock_connection
from storage.schema import credentials, platform_apps, provider_connections, users
from storage.sealing import SEAL_VERSION, Binding, fingerprint, seal
from storage.states import (
    ConnectionType,
    CredentialKind,
    CredentialOwner,
    CredentialSlot,
    Topic,
    VerificationStatus,
)


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """What may be known about a stored credential: everything but its value.

    Attributes:
        client_key_id: Microsoft's key id, or the certificate's thumbprint; empty when unknown.
        stored_by: who stored it.
    """

    slot: CredentialSlot
    kind: CredentialKind
    client_key_id: str
    starts_at: datetime | None
    expires_at: datetime | None
    stored_at: datetime
    stored_by: str | None


def store(
    db: Database,
    who: Principal,
    owner: CredentialOwner,
    owner_id: int,
    material: Material,
    public_key: bytes,
    *,
    expires_at: datetime | None = None,
    client_key_id: str = "",
    ticket: str | None = None,
) -> CredentialInfo:
    """Seals and stores a credential.

    Args:
        db: the database.
        who: who does it.
        owner: a dedicated connection or a platform app.
        owner_id: which.
        material: what was read by `credential_material`.
        public_key: the worker's public key.
        expires_at: when a secret expires, as the portal says; a certificate says it itself.
        client_key_id: the secret's ID in the portal, to tell two secrets apart.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the connection signs in with its platform app's credential.
        NotFound, Forbidden: not visible, or not allowed.
    """
    database_id = db.database_id

    def work(tx: Transaction) -> CredentialInfo:
        if owner is CredentialOwner.CONNECTION:
            place, tenant_id = _lock_dedicated(tx, who, owner_id)
        elif owner is CredentialOwner.PLATFORM_APP:
            place, tenant_id = _lock_app(tx, who, owner_id), ""
        else:
            raise InvalidInput("owner", "cannot hold a sign-in credential")
        binding = Binding(
            database_id=database_id,
            owner=owner,
            owner_id=owner_id,
            kind=CredentialKind(material.secret.kind),
            key_id=fingerprint(public_key),
            entra_tenant_id=tenant_id,
        )
        sealed = seal(material.secret, public_key, binding)
        info = _put(tx, who, binding, sealed, material, expires_at, client_key_id)
        _note(tx, owner, owner_id, info.slot)
        audit.record(
            tx,
            who,
            "credential.store",
            target_kind=owner.value,
            target_id=owner_id,
            workspace_id=place.workspace_id,
            ticket=ticket,
            detail={"slot": info.slot.value, "kind": info.kind.value, "expires": str(info.expires_at or "")},
        )
        tx.touch(Topic.CONNECTIONS)
        return info

    return audit.attempt(db, who, "credential.store", work, target_kind=owner.value, target_id=owner_id)


def _lock_dedicated(tx: Transaction, who: Principal, connection_id: int) -> tuple[Row[Any], str]:
    connection = lock_connection(tx, connection_id)
    if connection is None:
        raise NotFound(f"Connection {connection_id} does not exist.")
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_MANAGE,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=f"Connection {connection_id}",
    )
    if connection.connection_type != ConnectionType.DEDICATED:
        raise Conflict(
            "This connection signs in with its platform app.", "Store the credential with the platform app instead."
        )
    return connection, connection.entra_tenant_id


def _lock_app(tx: Transaction, who: Principal, app_id: int) -> Row[Any]:
    statement = select(platform_apps).where(platform_apps.c.id == app_id)
    app = tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).first()
    if app is None:
        raise NotFound(f"Platform app {app_id} does not exist.")
    authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, app.workspace_id, what=f"Platform app {app_id}")
    return app


def _owner(owner: CredentialOwner, owner_id: int) -> ColumnElement[bool]:
    column = credentials.c.connection_id if owner is CredentialOwner.CONNECTION else credentials.c.platform_app_id
    return column == owner_id


def _put(
    tx: Transaction,
    who: Principal,
    binding: Binding,
    sealed: bytes,
    material: Material,
    expires_at: datetime | None,
    client_key_id: str,
) -> CredentialInfo:
    now = tx.now()
    mine = _owner(binding.owner, binding.owner_id)
    active = tx.run(select(credentials.c.id).where(mine, credentials.c.slot == CredentialSlot.ACTIVE.value)).first()
    slot = CredentialSlot.ACTIVE if active is None else CredentialSlot.STAGED
    tx.run(delete(credentials).where(mine, credentials.c.slot == slot.value))
    values = {
        "slot": slot.value,
        "kind": binding.kind.value,
        "sealed": sealed,
        "seal_key_id": binding.key_id,
        "seal_version": SEAL_VERSION,
        "seal_tenant_id": binding.entra_tenant_id,
        "client_key_id": material.client_key_id or client_key_id.strip()[:100],
        "starts_at": material.starts_at,
        "expires_at": material.expires_at or expires_at,
        "stored_at": now,
        "stored_by_id": who.user_id,
    }
    column = "connection_id" if binding.owner is CredentialOwner.CONNECTION else "platform_app_id"
    tx.run(insert(credentials).values(**values, **{column: binding.owner_id}))
    return CredentialInfo(
        slot,
        binding.kind,
        str(values["client_key_id"]),
        material.starts_at,
        material.expires_at or expires_at,
        now,
        who.login,
    )


def _note(tx: Transaction, owner: CredentialOwner, owner_id: int, slot: CredentialSlot) -> None:
    """A credential change bumps the generation; one that is used at once also makes the verification unknown.

    A platform app's rotation resets nobody: its connections' badges stay (product rule "Credential slots").
    """
    now = tx.now()
    if owner is CredentialOwner.PLATFORM_APP:
        tx.run(
            update(platform_apps)
            .where(platform_apps.c.id == owner_id)
            .values(generation=platform_apps.c.generation + 1, credential_changed_at=now, updated_at=now)
        )
        return
    changes: dict[str, Any] = {
        "generation": provider_connections.c.generation + 1,
        "credential_changed_at": now,
        "updated_at": now,
    }
    if slot is CredentialSlot.ACTIVE:
        changes |= {
            "verification_status": VerificationStatus.UNKNOWN.value,
            "verification_changed_at": now,
            "last_reason_code": None,
            "last_reason_sentence": None,
        }
    tx.run(update(provider_connections).where(provider_connections.c.id == owner_id).values(**changes))


def infos(tx: Transaction, clause: ColumnElement[bool]) -> tuple[CredentialInfo, ...]:
    """Returns what is known about the credentials that a condition selects, the active one first."""
    rows = tx.run(
        select(credentials, users.c.login).outerjoin(users, users.c.id == credentials.c.stored_by_id).where(clause)
    ).all()
    found = [
        CredentialInfo(
            CredentialSlot(row.slot),
            CredentialKind(row.kind),
            row.client_key_id,
            row.starts_at,
            row.expires_at,
            row.stored_at,
            row.login,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda info: list(CredentialSlot).index(info.slot)))
