"""Credentials, as people handle them: storing one, and what is known about those that are stored.

Promise: a value goes in sealed and never comes out. A new credential is staged while an active one exists, and changes no badge then; with
none it becomes active, and the verification badge starts anew. Reading sealed values is for workers, in `credential_slots.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select

from storage import audit, credential_owners, retired_keys
from storage.access import Principal
from storage.credential_material import Material
from storage.credential_owners import Owner
from storage.database import Database, Transaction
from storage.schema import credentials, users
from storage.sealing import SEAL_VERSION, Binding, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner, CredentialSlot, Topic


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """What may be known about a stored credential: everything but its value.

    Attributes:
        client_key_id: Microsoft's key id, or the certificate's thumbprint; empty when unknown.
        stored_by: who stored it.
        thumbprint: a certificate's SHA-1 thumbprint as the portal shows it; empty for a secret.
        active_since: since when it is the one in use; None in the other slots.
        removal_confirmed_at: when somebody confirmed that it was removed at Microsoft, where it cannot be gone back to.
    """

    slot: CredentialSlot
    kind: CredentialKind
    client_key_id: str
    starts_at: datetime | None
    expires_at: datetime | None
    stored_at: datetime
    stored_by: str | None
    thumbprint: str = ""
    active_since: datetime | None = None
    removal_confirmed_at: datetime | None = None


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
        Conflict: the connection signs in with its platform app's credential, or its tenant is archived.
        NotFound, Forbidden: not visible, or not allowed.
    """
    database_id = db.database_id

    def work(tx: Transaction) -> CredentialInfo:
        place = credential_owners.lock(tx, who, owner, owner_id)
        credential_owners.refuse_archived(tx, place)
        binding = Binding(
            database_id=database_id,
            owner=owner,
            owner_id=owner_id,
            kind=CredentialKind(material.secret.kind),
            key_id=fingerprint(public_key),
            entra_tenant_id=place.entra_tenant_id,
        )
        sealed = seal(material.secret, public_key, binding)
        info = _put(tx, who, place, binding, sealed, material, expires_at, client_key_id, ticket)
        credential_owners.note_change(tx, place, tx.now(), in_use=info.slot is CredentialSlot.ACTIVE)
        detail: dict[str, audit.DetailValue] = {
            "slot": info.slot.value,
            "kind": info.kind.value,
            "key_id": info.client_key_id,
            "expires": str(info.expires_at or ""),
        }
        audit.record(
            tx,
            who,
            "credential.store",
            target_kind=owner.value,
            target_id=owner_id,
            workspace_id=place.workspace_id,
            ticket=ticket,
            detail=detail | ({"thumbprint": material.thumbprint} if material.thumbprint else {}),
        )
        tx.touch(Topic.CONNECTIONS)
        return info

    return audit.attempt(db, who, "credential.store", work, target_kind=owner.value, target_id=owner_id, ticket=ticket)


def _put(
    tx: Transaction,
    who: Principal,
    owner: Owner,
    binding: Binding,
    sealed: bytes,
    material: Material,
    expires_at: datetime | None,
    client_key_id: str,
    ticket: str | None,
) -> CredentialInfo:
    now = tx.now()
    rows = {row.slot: row for row in tx.run(select(credentials).where(owner.clause))}
    slot = CredentialSlot.ACTIVE if CredentialSlot.ACTIVE.value not in rows else CredentialSlot.STAGED
    replaced = rows.get(slot.value)
    if replaced is not None:
        tx.run(delete(credentials).where(credentials.c.id == replaced.id))
        new_key_id = material.client_key_id or client_key_id.strip()
        # A staged one without a key id was most likely mistyped; one with another id is a key of its own at Microsoft.
        if replaced.client_key_id and replaced.client_key_id != new_key_id:
            retired_keys.retire(tx, who, owner, replaced, ticket=ticket)
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
        "thumbprint": material.thumbprint,
        "active_since": now if slot is CredentialSlot.ACTIVE else None,
    }
    tx.run(insert(credentials).values(**values, **owner.columns))
    return CredentialInfo(
        slot,
        binding.kind,
        str(values["client_key_id"]),
        material.starts_at,
        material.expires_at or expires_at,
        now,
        who.login,
        material.thumbprint,
        now if slot is CredentialSlot.ACTIVE else None,
    )


def of_owner(db: Database, who: Principal, owner: CredentialOwner, owner_id: int) -> tuple[CredentialInfo, ...]:
    """Returns what is known about the stored credentials of a dedicated connection or a platform app, the active one first.

    Raises:
        Conflict: the connection signs in with its platform app's credential.
        NotFound: not visible.
    """
    with db.read() as tx:
        return infos(tx, credential_owners.see(tx, who, owner, owner_id).clause)


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
            row.thumbprint,
            row.active_since,
            row.removal_confirmed_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda info: list(CredentialSlot).index(info.slot)))
