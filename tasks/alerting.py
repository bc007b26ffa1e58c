"""The worker's part in alerts: sending what is due, and looking now and then at what no run tells of.

Promise: every worker does it and any number of them may; what is sent is held by one (`storage.alert_queue`). A message is sent outside of
any transaction. What cannot be sent is tried again later, and whatever a service or an address does, the loop goes on. The log tells the
number of a message and a reason, never an address.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from storage import alert_queue, alert_watching
from storage.alert_queue import Message
from storage.database import Database
from storage.errors import KeyMissing, KeyWrong
from tasks.counters import ALERTS
from tasks.held_runs import Clock, steady_clock
from tasks.keyring import Keyring
from tasks.logs import Log
from tasks.timing import Timing

WATCH_EVERY: Final = 60.0
"""Seconds between looks at hosts and the queue."""

EXPIRY_EVERY: Final = 600.0
"""Seconds between looks at what expires."""

PRUNE_EVERY: Final = 600.0
IN_ONE_ROUND: Final = 20
"""So many messages at most before the loop can be told to stop."""


class Alerting:
    """Sends and watches for this process.

    Args:
        db: the database.
        worker_id: this process.
        keyring: opens the addresses of channels.
        timing: how often it is looked.
        log: where it is written.
        clock: ours; replaced in tests.
    """

    def __init__(
        self, db: Database, worker_id: str, keyring: Keyring, timing: Timing, log: Log, clock: Clock = steady_clock
    ) -> None:
        self._db = db
        self._worker_id = worker_id
        self._keyring = keyring
        self._timing = timing
        self._log = log
        self._clock = clock
        self._watch_at = self._expiry_at = clock()
        self._prune_at = clock() + PRUNE_EVERY

    def step(self) -> float:
        """Does one round; returns seconds until the next.

        Raises:
            DatabaseError: the database is away; what is held is sent again when its lease is over.
        """
        for _ in range(IN_ONE_ROUND):
            message = alert_queue.claim(self._db, self._worker_id, lease=timedelta(seconds=self._timing.alert_lease))
            if message is None:
                break
            self._send(message)
        else:
            return 0.0
        if self._clock() >= self._watch_at:
            with_expiry = self._clock() >= self._expiry_at
            alert_watching.watch(self._db, with_expiry=with_expiry)
            self._watch_at = self._clock() + WATCH_EVERY
            if with_expiry:
                self._expiry_at = self._clock() + EXPIRY_EVERY
        if self._clock() >= self._prune_at:
            alert_queue.prune(self._db)
            self._prune_at = self._clock() + PRUNE_EVERY
        return self._timing.sweep

    def _send(self, message: Message) -> None:
        reason, partly = self._try(message)
        if reason is None:
            is_ours = alert_queue.delivered(self._db, message, partly)
            ALERTS.add("delivered")
            self._log.info(
                "alert_delivered",
                alert=message.message_id,
                count=len(message.items),
                attempt=message.attempt,
                outcome="delivered" if is_ours else "not_held",
            )
            return
        again = alert_queue.failed(self._db, message, reason)
        ALERTS.add("given_up" if again is None else "failed")
        self._log.warning(
            "alert_not_delivered",
            alert=message.message_id,
            reason=reason,
            attempt=message.attempt,
            outcome="given_up" if again is None else "again",
        )

    def _try(self, message: Message) -> tuple[str | None, str | None]:
        """Sends a message; returns why not, None when it arrived; and then why not everywhere, None when it did."""
        # Apprise takes a while to import, and most workers never send anything.
        from tasks import alert_sending
        from tasks.alert_message import compose

        if message.address is None:
            return alert_sending.UNUSABLE, None
        try:
            address = self._keyring.open(message.address).secret
        except KeyWrong:
            return "credential_undecryptable", None
        except KeyMissing:
            return "key_missing", None
        try:
            return None, alert_sending.send(address, compose(message), message.message_id)
        except alert_sending.NotSent as error:
            return error.reason_code, None
