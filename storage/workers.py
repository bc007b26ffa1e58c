"""Workers: which processes are alive, and how busy they are.

Promise: a worker is a row with a heartbeat, one fresh id per process start. Alive means that its beat is at most fifteen seconds old and
that it has not said goodbye.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, update

from storage.database import Database, Transaction
from storage.schema import workers
from storage.states import Topic

ALIVE_WITHIN: Final = timedelta(seconds=15)
FORGET_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker process, alive or not long gone."""

    id: str
    host: str
    pid: int
    version: str
    slots: int
    busy: int
    seal_key_id: str | None
    is_local: bool
    started_at: datetime
    beat_at: datetime
    stopping_at: datetime | None
    stopped_at: datetime | None
    is_alive: bool


@dataclass(frozen=True, slots=True)
class WorkersStatus:
    """How many workers are alive and how busy they are together."""

    alive: int
    slots: int
    busy: int
    workers: tuple[WorkerRow, ...]


def register(
    db: Database,
    worker_id: str,
    *,
    host: str,
    pid: int,
    version: str,
    slots: int,
    seal_key_id: str | None,
    is_local: bool,
) -> None:
    """Says that a worker has started."""

    def work(tx: Transaction) -> None:
        now = tx.now()
        tx.run(delete(workers).where(workers.c.beat_at < now - FORGET_AFTER))
        tx.run(
            insert(workers).values(
                id=worker_id,
                host=host,
                pid=pid,
                version=version,
                slots=slots,
                seal_key_id=seal_key_id,
                is_local=is_local,
                started_at=now,
                beat_at=now,
            )
        )
        tx.touch(Topic.WORKERS)

    db.write(work)


def beat(db: Database, worker_id: str, *, busy: int) -> None:
    """Says that a worker is alive. No topic: a beat is no news."""
    db.write(
        lambda tx: tx.run(update(workers).where(workers.c.id == worker_id).values(beat_at=tx.now(), busy=busy)) and None
    )


def change_key(db: Database, worker_id: str, seal_key_id: str) -> None:
    """Says that a worker opens credentials with another key from now on: a rotation brought it."""

    def work(tx: Transaction) -> None:
        tx.run(update(workers).where(workers.c.id == worker_id).values(seal_key_id=seal_key_id))
        tx.touch(Topic.WORKERS)

    db.write(work)


def stopping(db: Database, worker_id: str) -> None:
    """Says that a worker takes no more runs."""

    def work(tx: Transaction) -> None:
        tx.run(update(workers).where(workers.c.id == worker_id).values(stopping_at=tx.now()))
        tx.touch(Topic.WORKERS)

    db.write(work)


def stopped(db: Database, worker_id: str) -> None:
    """Says goodbye."""

    def work(tx: Transaction) -> None:
        now = tx.now()
        tx.run(update(workers).where(workers.c.id == worker_id).values(stopped_at=now, beat_at=now, busy=0))
        tx.touch(Topic.WORKERS)

    db.write(work)


def status(db: Database) -> WorkersStatus:
    """Returns the workers seen lately, alive ones first. Asks for no principal: it names no tenant."""
    with db.read() as tx:
        now = tx.now()
        rows = tx.run(
            select(workers).where(workers.c.beat_at >= now - FORGET_AFTER).order_by(workers.c.started_at.desc())
        ).all()
    found = [
        WorkerRow(
            id=row.id,
            host=row.host,
            pid=row.pid,
            version=row.version,
            slots=row.slots,
            busy=row.busy,
            seal_key_id=row.seal_key_id,
            is_local=row.is_local,
            started_at=row.started_at,
            beat_at=row.beat_at,
            stopping_at=row.stopping_at,
            stopped_at=row.stopped_at,
            is_alive=row.stopped_at is None and now - row.beat_at <= ALIVE_WITHIN,
        )
        for row in rows
    ]
    alive = [row for row in found if row.is_alive]
    ordered = tuple(sorted(found, key=lambda row: not row.is_alive))
    return WorkersStatus(len(alive), sum(row.slots for row in alive), sum(row.busy for row in alive), ordered)
