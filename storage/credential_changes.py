"""Moving credentials between their slots by hand: verify, promote, roll back, remove, and confirm that an old key is gone at Microsoft.

Promise: each change is one transaction with its audit entry, asks for `provider.manage`, and bumps the generation. A dedicated connection's
verification starts anew when what it signs in with changes without a check; a platform app's rotation resets nobody. What leaves while
Microsoft may still accept it stays a reminder. Storing is in `credentials.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from storage import audit, credential_owners, operations, retired_keys, starting
from storage.access import Principal
from storage.credential_owners import Owner
from storage.credential_slots import promote_in
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_name
from storage.retired_keys import Reminder, open_reminders
from storage.schema import credentials, platform_apps, provider_connections, tenants
from storage.starting import StartResult
from storage.states import ConsentStatus, CredentialOwner, CredentialSlot, Topic

MOST_CHECKED: Final = 3
"""A platform app's new credential is tried on its home tenant and up to this many other connections."""


@dataclass(frozen=True, slots=True)
class StartedCheck:
    """A check that carries the staged credential.

    Attributes:
        connection_id: of which connection.
        tenant_name: its tenant.
        result: what the start gate answered.
    """

    connection_id: int
    tenant_name: str
    result: StartResult


def verify(
    db: Database,
    who: Principal,
    owner: CredentialOwner,
    owner_id: int,
    *,
    connection_ids: Sequence[int] = (),
    ticket: str | None = None,
) -> tuple[StartedCheck, ...]:
    """Starts the check that carries the staged credential; when it passes, the check itself promotes it.

    Args:
        db: the database.
        who: who asks; starting a check needs `provider.run`.
        owner: a dedicated connection or a platform app.
        owner_id: which.
        connection_ids: for an app, up to three connections to try it on; when none are named, its home tenant's and the first ones that
            are enabled and granted.
        ticket: a reference for the audit trail.

    Returns:
        What the start gate answered for each connection, the home tenant's first.

    Raises:
        Conflict: nothing is staged, or the app has no connection that could be checked.
        InvalidInput: too many connections, or one that does not sign in with the app.
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read() as tx:
        place = credential_owners.see(tx, who, owner, owner_id)
        if _slots(tx, place).get(CredentialSlot.STAGED) is None:
            raise Conflict("No credential is staged.", "Store the new one first: atlas-tui credential stage")
        own = owner is CredentialOwner.CONNECTION
        chosen = [(owner_id, place.label)] if own else _connections_of_app(tx, place, connection_ids)
    return tuple(
        StartedCheck(
            connection_id,
            name,
            start_check(db, who, connection_id, ticket=ticket),
        )
        for connection_id, name in chosen
    )


def start_check(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> StartResult:
    """Starts the check that carries a connection's newest credential; it waits for another operation that is active.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    return starting.start(db, who, connection_id, operations.CONNECTION_CHECK, run_after=True, ticket=ticket)


def _connections_of_app(tx: Transaction, app: Owner, wanted: Sequence[int]) -> list[tuple[int, str]]:
    if len(wanted) > MOST_CHECKED:
        raise InvalidInput("connections", f"are more than {MOST_CHECKED}", "A few are enough to try a credential.")
    pc = provider_connections
    mine = (
        select(pc.c.id, tenants.c.name)
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.platform_app_id == app.id)
    )
    home_tenant = select(platform_apps.c.home_tenant_id).where(platform_apps.c.id == app.id).scalar_subquery()
    home = tx.run(mine.where(pc.c.entra_tenant_id == home_tenant, pc.c.is_enabled).order_by(pc.c.id).limit(1)).all()
    if wanted:
        others = tx.run(mine.where(pc.c.id.in_(list(wanted))).order_by(pc.c.id)).all()
        foreign = set(wanted) - {row.id for row in others}
        if foreign:
            raise InvalidInput("connections", f"{min(foreign)} does not sign in with this platform app")
    else:
        others = tx.run(
            mine.where(pc.c.is_enabled, pc.c.consent_status == ConsentStatus.GRANTED.value)
            .order_by(pc.c.id)
            .limit(MOST_CHECKED)
        ).all()
    chosen = {row.id: row.name for row in (*home, *others)}
    if not chosen:
        raise Conflict(
            "No enabled and granted connection signs in with this platform app, so nothing can try its credential.",
            "Name one, or add a connection of the app's home tenant.",
        )
    return list(chosen.items())


def promote(
    db: Database, who: Principal, owner: CredentialOwner, owner_id: int, *, reason: str, ticket: str | None = None
) -> None:
    """Makes the staged credential the active one without a check, for people who know why.

    Args:
        reason: why no check shall decide; audited.

    Raises:
        InvalidInput: no reason was given.
        Conflict: nothing is staged, or it has expired.
        NotFound, Forbidden: not visible, or not allowed.
    """
    reason = read_name("reason", reason)

    def work(tx: Transaction) -> None:
        place = credential_owners.lock(tx, who, owner, owner_id)
        staged = need_staged(tx, place)
        promote_in(tx, who, place, ticket=ticket)
        _close(
            tx,
            who,
            place,
            "credential.promote",
            ticket,
            {"from": "staged", "key_id": staged.client_key_id, "reason": reason},
        )

    audit.attempt(db, who, "credential.promote", work, target_kind=owner.value, target_id=owner_id, ticket=ticket)


def roll_back(
    db: Database, who: Principal, owner: CredentialOwner, owner_id: int, *, ticket: str | None = None
) -> None:
    """Makes the previous credential the active one again, and the active one the previous.

    Raises:
        Conflict: there is no previous one, it has expired, or its removal at Microsoft was confirmed.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> None:
        place = credential_owners.lock(tx, who, owner, owner_id)
        previous = need_previous(tx, place)
        active = _slots(tx, place).get(CredentialSlot.ACTIVE)
        # One row a slot is the database's own rule, so that two rows cannot be renamed past each other.
        if active is not None:
            tx.run(delete(credentials).where(credentials.c.id == active.id))
        tx.run(
            update(credentials)
            .where(credentials.c.id == previous.id)
            .values(slot=CredentialSlot.ACTIVE.value, active_since=tx.now())
        )
        if active is not None:
            values = {name: value for name, value in active._mapping.items() if name != "id"}
            tx.run(insert(credentials).values(**values | {"slot": CredentialSlot.PREVIOUS.value, "active_since": None}))
        _close(tx, who, place, "credential.roll_back", ticket, {"to": "previous", "key_id": previous.client_key_id})

    audit.attempt(db, who, "credential.roll_back", work, target_kind=owner.value, target_id=owner_id, ticket=ticket)


def remove(
    db: Database,
    who: Principal,
    owner: CredentialOwner,
    owner_id: int,
    slot: CredentialSlot,
    *,
    ticket: str | None = None,
) -> None:
    """Destroys a stored credential. At Microsoft it stays valid until it is removed there, which stays a reminder.

    Without an active one nothing can sign in any more, but for a check that carries a staged one.

    Raises:
        Conflict: the slot is empty.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> None:
        place = credential_owners.lock(tx, who, owner, owner_id)
        row = _slots(tx, place).get(slot)
        if row is None:
            raise Conflict(f"There is no {slot.value} credential.", "See what is stored: atlas-tui credential show")
        tx.run(delete(credentials).where(credentials.c.id == row.id))
        if slot is not CredentialSlot.STAGED or row.client_key_id:
            retired_keys.retire(tx, who, place, row, ticket=ticket)
        _close(
            tx,
            who,
            place,
            "credential.remove",
            ticket,
            {"slot": slot.value, "kind": row.kind, "key_id": row.client_key_id},
            in_use=slot is CredentialSlot.ACTIVE,
        )

    audit.attempt(db, who, "credential.remove", work, target_kind=owner.value, target_id=owner_id, ticket=ticket)


def discard_all(tx: Transaction, who: Principal, owner: Owner, *, ticket: str | None = None) -> int:
    """Destroys every credential of an owner, inside a change that makes them useless: another client id, offboarding.

    The caller holds the owner's lock, asked for authority, bumps the generation and writes its own audit entry. What Microsoft may still
    accept stays a reminder. Returns how many there were.
    """
    rows = tx.run(select(credentials).where(owner.clause)).all()
    tx.run(delete(credentials).where(owner.clause))
    for row in rows:
        retired_keys.retire(tx, who, owner, row, ticket=ticket)
    return len(rows)


def reminders(db: Database, who: Principal, owner: CredentialOwner, owner_id: int) -> tuple[Reminder, ...]:
    """Returns the old keys that must still be removed at Microsoft.

    Raises:
        Conflict: the connection signs in with its platform app.
        NotFound: not visible.
    """
    with db.read() as tx:
        return open_reminders(tx, credential_owners.see(tx, who, owner, owner_id))


def confirm_removed(
    db: Database,
    who: Principal,
    owner: CredentialOwner,
    owner_id: int,
    key: str = "",
    *,
    ticket: str | None = None,
) -> Reminder:
    """Writes down that an old key was removed at Microsoft, which ends its reminder.

    Args:
        key: its key id, the beginning of it, or the reminder's reference; may be left out when there is one reminder.

    Returns:
        The reminder that ended.

    Raises:
        NotFound: no reminder fits, or the owner is not visible.
        Conflict: several fit.
        Forbidden: not allowed.
    """

    def work(tx: Transaction) -> Reminder:
        place = credential_owners.lock(tx, who, owner, owner_id)
        reminder = _choose(open_reminders(tx, place), key.strip().lower())
        if reminder.is_kept:
            tx.run(
                update(credentials)
                .where(place.clause, credentials.c.slot == CredentialSlot.PREVIOUS.value)
                .values(removal_confirmed_at=tx.now())
            )
        audit.record(
            tx,
            who,
            retired_keys.CONFIRMED,
            target_kind=owner.value,
            target_id=owner_id,
            workspace_id=place.workspace_id,
            ticket=ticket,
            detail={"reference": reminder.reference, "key_id": reminder.client_key_id},
        )
        tx.touch(Topic.CONNECTIONS)
        return reminder

    return audit.attempt(
        db, who, retired_keys.CONFIRMED, work, target_kind=owner.value, target_id=owner_id, ticket=ticket
    )


def _choose(found: tuple[Reminder, ...], key: str) -> Reminder:
    fitting = [r for r in found if not key or r.reference == key or r.client_key_id.lower().startswith(key)]
    if not fitting:
        raise NotFound("No old key fits that is still to be removed at Microsoft.", "See: atlas-tui credential show")
    if len(fitting) > 1:
        names = ", ".join(r.client_key_id or r.reference for r in fitting[:5])
        raise Conflict(f"{len(fitting)} old keys are still to be removed at Microsoft.", f"Name one of: {names}.")
    return fitting[0]


def _slots(tx: Transaction, owner: Owner) -> dict[CredentialSlot, Row[Any]]:
    rows = tx.run(select(credentials).where(owner.clause)).all()
    return {CredentialSlot(row.slot): row for row in rows}


def need_staged(tx: Transaction, owner: Owner) -> Row[Any]:
    """Returns the staged credential's row.

    Raises:
        Conflict: nothing is staged, or it has expired.
    """
    return _need(tx, owner, CredentialSlot.STAGED, "Store the new one first: atlas-tui credential stage")


def need_previous(tx: Transaction, owner: Owner) -> Row[Any]:
    """Returns the row of the credential that can be gone back to.

    Raises:
        Conflict: there is no previous one, it has expired, or its removal at Microsoft was confirmed.
    """
    previous = _need(tx, owner, CredentialSlot.PREVIOUS, "Stage a new credential instead.")
    if previous.removal_confirmed_at is not None:
        raise Conflict(
            "The previous credential was removed at Microsoft, as somebody confirmed.",
            "Stage a new credential instead.",
        )
    return previous


def _need(tx: Transaction, owner: Owner, slot: CredentialSlot, hint: str) -> Row[Any]:
    row = _slots(tx, owner).get(slot)
    if row is None:
        raise Conflict(f"There is no {slot.value} credential.", hint)
    if row.expires_at is not None and row.expires_at <= tx.now():
        raise Conflict(f"The {slot.value} credential expired on {row.expires_at:%Y-%m-%d}.", "Stage a new credential.")
    return row


def _close(
    tx: Transaction,
    who: Principal,
    owner: Owner,
    action: str,
    ticket: str | None,
    detail: dict[str, audit.DetailValue],
    *,
    in_use: bool = True,
) -> None:
    """What every change ends with: generation and badge, audit, the change feed."""
    credential_owners.note_change(tx, owner, tx.now(), in_use=in_use)
    audit.record(
        tx,
        who,
        action,
        target_kind=owner.kind.value,
        target_id=owner.id,
        workspace_id=owner.workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.CONNECTIONS)
