"""Keys that are gone from here and may still work at Microsoft: the reminder to remove them there, until somebody says it is done.

Promise: a reminder outlives the credential's row. What leaves the database while Microsoft may still accept it is written into the audit
trail, which nobody can change, and stays a reminder until a person confirms the removal or the key has expired; so a third credential that
pushes the previous one out loses nothing. Never holds a value: Microsoft's key id, the kind and the expiry only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select

from storage import audit
from storage.access import Principal
from storage.credential_owners import Owner
from storage.database import Transaction
from storage.schema import audit_entries, credentials
from storage.states import CredentialKind, CredentialSlot

RETIRED: Final = "credential.retire"
CONFIRMED: Final = "credential.confirm_removed"
PREVIOUS: Final = "previous"
"""The reference of the key that is still kept here, in the previous slot."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """An old key that Microsoft may still accept: remove it there.

    Attributes:
        reference: names it here: `previous`, or `retired-N`.
        client_key_id: Microsoft's key id of a secret, or a certificate's SHA-256 thumbprint; empty when nobody entered it.
        kind: secret or certificate.
        expires_at: when it ends by itself; None when unknown.
        since: since when it is not used any more; None when that is not known.
        is_kept: whether it is still here, so that rolling back is possible.
    """

    reference: str
    client_key_id: str
    kind: CredentialKind
    expires_at: datetime | None
    since: datetime | None
    is_kept: bool


def retire(tx: Transaction, who: Principal, owner: Owner, row: Row[Any], *, ticket: str | None = None) -> None:
    """Writes down that a credential leaves the database while Microsoft may still accept it; nothing when it cannot.

    Args:
        tx: the transaction that deletes the row.
        who: who causes it.
        owner: whose it is.
        row: the credential's row.
        ticket: a reference for the audit trail.
    """
    if row.removal_confirmed_at is not None or (row.expires_at is not None and row.expires_at <= tx.now()):
        return
    audit.record(
        tx,
        who,
        RETIRED,
        target_kind=owner.kind.value,
        target_id=owner.id,
        workspace_id=owner.workspace_id,
        ticket=ticket,
        detail={
            "slot": row.slot,
            "kind": row.kind,
            "key_id": row.client_key_id,
            "expires": None if row.expires_at is None else row.expires_at.isoformat(),
        },
    )


def open_reminders(tx: Transaction, owner: Owner) -> tuple[Reminder, ...]:
    """Returns what must still be removed at Microsoft, the newest first."""
    now = tx.now()
    rows = tx.run(select(credentials).where(owner.clause)).all()
    in_use = {row.client_key_id for row in rows if row.slot != CredentialSlot.PREVIOUS and row.client_key_id}
    found = [
        Reminder(PREVIOUS, row.client_key_id, CredentialKind(row.kind), row.expires_at, None, is_kept=True)
        for row in rows
        if row.slot == CredentialSlot.PREVIOUS and row.removal_confirmed_at is None
    ]
    kept = {reminder.client_key_id for reminder in found if reminder.client_key_id}
    found += [r for r in _retired(tx, owner) if not r.client_key_id or r.client_key_id not in kept]
    return tuple(
        reminder
        for reminder in found
        if (reminder.expires_at is None or reminder.expires_at > now) and reminder.client_key_id not in in_use
    )


def _retired(tx: Transaction, owner: Owner) -> list[Reminder]:
    rows = tx.run(
        select(audit_entries.c.sequence, audit_entries.c.at, audit_entries.c.action, audit_entries.c.canonical)
        .where(
            audit_entries.c.workspace_id == owner.workspace_id,
            audit_entries.c.target_kind == owner.kind.value,
            audit_entries.c.target_id == str(owner.id),
            audit_entries.c.action.in_([RETIRED, CONFIRMED]),
            audit_entries.c.outcome == "done",
        )
        .order_by(audit_entries.c.id)
    ).all()
    found: dict[str, Reminder] = {}
    for row in rows:
        detail = msgspec.json.decode(row.canonical)["detail"]
        if row.action == CONFIRMED:
            _forget(found, detail)
            continue
        reference = f"retired-{row.sequence}"
        expires = detail["expires"]
        found[reference] = Reminder(
            reference,
            detail["key_id"],
            CredentialKind(detail["kind"]),
            None if expires is None else datetime.fromisoformat(expires),
            row.at,
            is_kept=False,
        )
    return list(reversed(found.values()))


def _forget(found: dict[str, Reminder], detail: dict[str, Any]) -> None:
    """A key that is gone at Microsoft is gone under every reference that names it."""
    found.pop(detail["reference"], None)
    if detail["key_id"]:
        for reference in [r for r, reminder in found.items() if reminder.client_key_id == detail["key_id"]]:
            del found[reference]
