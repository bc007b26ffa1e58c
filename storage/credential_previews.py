"""What changing credentials would do, said before it is done: storing one, promoting by hand, rolling back, removing.

Promise: the sentences follow the rules of `credentials` and `credential_changes`, which decide again when it is done; what those would
refuse is refused here with the same words. Reads only, and asks for the right to make the change.
"""

from __future__ import annotations

from sqlalchemy import func, select

from storage import credential_changes, credential_owners
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.consequences import Consequences, count
from storage.credential_owners import Owner
from storage.credentials import CredentialInfo, infos
from storage.database import Database, Transaction
from storage.errors import Conflict
from storage.schema import provider_connections
from storage.states import CredentialOwner, CredentialSlot


def preview_store(db: Database, who: Principal, owner: CredentialOwner, owner_id: int) -> Consequences:
    """Says where a new credential goes and what that does.

    Raises:
        Conflict: the connection signs in with its platform app's credential, or its tenant is archived.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="credential.store") as tx:
        place, slots = _changeable(tx, who, owner, owner_id)
        credential_owners.refuse_archived(tx, place)
        heading = f"Store a credential for {place.label}"
        if CredentialSlot.ACTIVE not in slots:
            return Consequences(heading, ("It becomes the active credential at once.", _verification(tx, place)), False)
        sentences = [
            "It is staged: the active one stays in use until a check has passed with the new one, which makes it active."
        ]
        staged = slots.get(CredentialSlot.STAGED)
        if staged is not None:
            sentences.insert(0, f"The {_named(staged)} that is staged now is destroyed here and replaced.")
        return Consequences(heading, tuple(sentences), hurts=staged is not None)


def preview_promote(db: Database, who: Principal, owner: CredentialOwner, owner_id: int) -> Consequences:
    """Says what making the staged credential the active one without a check does.

    Raises:
        Conflict: nothing is staged, or it has expired; or the connection signs in with its platform app's credential.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="credential.promote") as tx:
        place, slots = _changeable(tx, who, owner, owner_id)
        credential_changes.need_staged(tx, place)
        sentences = [f"The {_named(slots[CredentialSlot.STAGED])} is used from now on. No check has tried it."]
        if CredentialSlot.ACTIVE in slots:
            sentences.append(f"The {_named(slots[CredentialSlot.ACTIVE])} becomes the previous one; you can roll back.")
        if CredentialSlot.PREVIOUS in slots:
            sentences.append(
                f"The {_named(slots[CredentialSlot.PREVIOUS])} that is previous now is destroyed here; a reminder to remove it "
                "at Microsoft stays."
            )
        sentences.append(_verification(tx, place))
        return Consequences(f"Promote the staged credential of {place.label} by hand", tuple(sentences), hurts=True)


def preview_roll_back(db: Database, who: Principal, owner: CredentialOwner, owner_id: int) -> Consequences:
    """Says what going back to the previous credential does.

    Raises:
        Conflict: there is no previous one, it has expired or was removed at Microsoft; or the connection signs in with its
            platform app's credential.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="credential.roll_back") as tx:
        place, slots = _changeable(tx, who, owner, owner_id)
        credential_changes.need_previous(tx, place)
        sentences = [
            f"The {_named(slots[CredentialSlot.PREVIOUS])} is used again from now on; it must still be valid at Microsoft."
        ]
        if CredentialSlot.ACTIVE in slots:
            sentences.append(f"The {_named(slots[CredentialSlot.ACTIVE])} becomes the previous one.")
        sentences.append(_verification(tx, place))
        return Consequences(f"Roll back the credential of {place.label}", tuple(sentences), hurts=True)


def preview_remove(
    db: Database, who: Principal, owner: CredentialOwner, owner_id: int, slot: CredentialSlot
) -> Consequences:
    """Says what destroying a stored credential does.

    Raises:
        Conflict: the slot is empty, or the connection signs in with its platform app's credential.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="credential.remove") as tx:
        place, slots = _changeable(tx, who, owner, owner_id)
        if slot not in slots:
            raise Conflict(f"There is no {slot.value} credential.", "See what is stored.")
        sentences = [
            f"The {_named(slots[slot])} is destroyed here. At Microsoft it stays valid until it is removed there."
        ]
        if slot is CredentialSlot.ACTIVE:
            sentences.insert(0, _without(tx, place))
            sentences.append(_verification(tx, place))
        elif slot is CredentialSlot.PREVIOUS:
            sentences.append("Rolling back is not possible any more.")
        return Consequences(f"Remove the {slot.value} credential of {place.label}", tuple(sentences), hurts=True)


def _changeable(
    tx: Transaction, who: Principal, kind: CredentialOwner, owner_id: int
) -> tuple[Owner, dict[CredentialSlot, CredentialInfo]]:
    """The owner and what is in its slots, for somebody who may change them."""
    place = credential_owners.see(tx, who, kind, owner_id)
    what = f"{'Connection' if kind is CredentialOwner.CONNECTION else 'Platform app'} {owner_id}"
    authority(tx, who).require(
        tx, Capability.PROVIDER_MANAGE, place.workspace_id, place.tenant_id, see=Capability.PROVIDER_VIEW, what=what
    )
    return place, {info.slot: info for info in infos(tx, place.clause)}


def _named(info: CredentialInfo) -> str:
    kind = info.kind.value
    return f"{kind} {info.client_key_id[:36]}" if info.client_key_id else f"{kind} without a known id"


def _users(tx: Transaction, place: Owner) -> int:
    app = provider_connections.c.platform_app_id == place.id
    return int(tx.run(select(func.count()).select_from(provider_connections).where(app)).scalar_one())


def _verification(tx: Transaction, place: Owner) -> str:
    """`credential_owners.note_change`, in words."""
    if place.kind is CredentialOwner.CONNECTION:
        return "Verification becomes unknown until a check has looked; consent stays as it is."
    return f"{count(_users(tx, place), 'connection')} sign in with it; their badges stay until their next check."


def _without(tx: Transaction, place: Owner) -> str:
    if place.kind is CredentialOwner.CONNECTION:
        return f"Nothing can sign in for {place.label} afterwards."
    return f"Nothing can sign in for any of its {count(_users(tx, place), 'connection')} afterwards."
