"""Credentials while the worker's key changes: which are sealed for another key, and putting the re-sealed value in their place.

Promise: a value is replaced only if it is still the one that was read (compare-and-set), so a credential that a person stores meanwhile
is never overwritten. What passes through here is sealed. For the key rotation only; not reachable from a screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select, update

from storage import audit
from storage.access import WORKER
from storage.credential_slots import as_sealed
from storage.database import Database
from storage.schema import credentials
from storage.sealing import SealedCredential
from storage.states import CredentialSlot


@dataclass(frozen=True, slots=True)
class SealedCount:
    """How many credentials are sealed for one key.

    Attributes:
        key_id: the public key's fingerprint.
        alert_channels: how many of them belong to alert channels.
    """

    key_id: str
    active: int
    staged: int
    previous: int
    alert_channels: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.active + self.staged + self.previous


def count_by_key(db: Database) -> tuple[SealedCount, ...]:
    """Returns how many credentials are sealed for which key, the one with the most first."""
    slots = {slot: func.sum(case((credentials.c.slot == slot.value, 1), else_=0)) for slot in CredentialSlot}
    of_channels = func.count(credentials.c.alert_channel_id)
    with db.read() as tx:
        rows = tx.run(
            select(credentials.c.seal_key_id, *slots.values(), of_channels)
            .group_by(credentials.c.seal_key_id)
            .order_by(func.count().desc(), credentials.c.seal_key_id)
        ).all()
    return tuple(SealedCount(row[0], *map(int, row[1:])) for row in rows)


def count_sealed(db: Database) -> int:
    """Returns how many sealed credentials the database holds, in any slot."""
    with db.read() as tx:
        return int(tx.run(select(func.count()).select_from(credentials)).scalar_one())


def sealed_for_others(db: Database, key_id: str, *, limit: int) -> list[SealedCredential]:
    """Returns credentials that are sealed for another key than this one, in any slot, at most so many, by row."""
    database_id = db.database_id
    with db.read() as tx:
        rows = tx.run(
            select(credentials).where(credentials.c.seal_key_id != key_id).order_by(credentials.c.id).limit(limit)
        ).all()
    return [as_sealed(row, database_id) for row in rows]


def replace(db: Database, old: SealedCredential, sealed: bytes, key_id: str) -> bool:
    """Puts a re-sealed value in the place of the old one. Returns False, writing nothing, when that has changed meanwhile."""
    return db.write(
        lambda tx: (
            tx.run(
                update(credentials)
                .where(
                    credentials.c.id == old.id,
                    credentials.c.seal_key_id == old.binding.key_id,
                    credentials.c.sealed == old.sealed,
                )
                .values(sealed=sealed, seal_key_id=key_id)
            ).rowcount
            == 1
        )
    )


def note_rotation(db: Database, key_id: str) -> None:
    """Writes into the system's audit trail that everything is sealed for this key now."""
    db.write(lambda tx: audit.record(tx, WORKER, "key.rotate", target_kind="key", target_id=key_id, workspace_id=None))
