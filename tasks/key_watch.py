"""Which key a worker opens credentials with: noticed when a rotation changes it, and told with the worker.

Promise: after `keys rotate` a running worker on the same key file is soon shown with the new key, so that `keys status` names only
workers that cannot find it. Opening a credential never waits for this (`keyring` looks by itself). Must not know: how a key is rotated.
"""

from __future__ import annotations

from storage import workers
from storage.database import Database
from tasks.keyring import Keyring
from tasks.logs import Log


class KeyWatch:
    """Watches the key of this process.

    Args:
        db: the database.
        worker_id: this process.
        keyring: what it opens credentials with.
        key_id: the key that it was registered with.
        log: where a change is written.
    """

    def __init__(self, db: Database, worker_id: str, keyring: Keyring, key_id: str, log: Log) -> None:
        self._db = db
        self._worker_id = worker_id
        self._keyring = keyring
        self._key_id = key_id
        self._log = log

    def step(self) -> None:
        """Looks once, and tells a change.

        Raises:
            DatabaseError: the database is away.
        """
        key_id = self._keyring.look_again()
        if key_id == self._key_id:
            return
        workers.change_key(self._db, self._worker_id, key_id)
        self._key_id = key_id
        self._log.info("worker_key_changed", worker=self._worker_id, key_id=key_id)
