"""The change feed: which topics have changed since it was asked last.

Promise: asking costs one tiny query on SQLite and none on PostgreSQL, where the server tells; nothing is asked of a table unless
something was committed. A worker's beat is no topic. One poller owns a feed, from one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select

from storage.database import CHANNEL, Database
from storage.errors import AtlasError, DatabaseError
from storage.schema_core import change_topics
from storage.states import Topic

SLOW_POLL_SECONDS: Final = 30.0
"""PostgreSQL: a notification can be lost with its connection, so now and then the server is asked whether anything was committed."""


class ChangeFeed:
    """Which topics changed. Not thread-safe: one poller asks."""

    def __init__(self, db: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic = monotonic
        self._raw: Any = None
        self._version: int | None = None
        self._sequences: dict[str, int] | None = None
        self._snapshot: str | None = None
        self._asked_at = 0.0

    def poll(self) -> frozenset[Topic]:
        """Returns the topics that changed since the last call; all of them on the first call and after a broken connection.

        Raises:
            DatabaseError: the database cannot be asked; call again later.
        """
        try:
            return self._poll_sqlite() if self._db.is_sqlite else self._poll_postgres()
        except AtlasError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise DatabaseError(
                f"The database cannot be reached ({type(error).__name__}).",
                "Trying again; check the server or the file.",
            ) from None

    def close(self) -> None:
        """Gives the feed's own connection back."""
        raw, self._raw = self._raw, None
        self._version = self._sequences = self._snapshot = None
        if raw is not None:
            raw.invalidate()

    def _poll_sqlite(self) -> frozenset[Topic]:
        if self._raw is None:
            self._raw = self._db.engine.raw_connection()
        version = self._raw.driver_connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return frozenset()
        self._version = version
        with self._db.read() as tx:
            now = {row.topic: row.sequence for row in tx.run(select(change_topics))}
        before, self._sequences = self._sequences, now
        if before is None:
            return frozenset(Topic)
        return frozenset(topic for topic in Topic if now.get(topic) != before.get(topic))

    def _poll_postgres(self) -> frozenset[Topic]:
        fresh = self._raw is None
        if fresh:
            self._raw = self._db.engine.raw_connection()
            self._raw.driver_connection.set_autocommit(True)
            self._raw.driver_connection.execute(f"LISTEN {CHANNEL}")
        connection = self._raw.driver_connection
        told = {notice.payload for notice in connection.notifies(timeout=0)}
        now = self._monotonic()
        if fresh or now - self._asked_at >= SLOW_POLL_SECONDS:
            self._asked_at = now
            snapshot = str(connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())").fetchone()[0])
            missed = fresh or snapshot != self._snapshot
            self._snapshot = snapshot
            if missed:
                return frozenset(Topic)
        return frozenset(topic for topic in Topic if topic.value in told)
