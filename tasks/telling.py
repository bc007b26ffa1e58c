"""What a worker tells others while it works: alerts, its sign of life, its figures.

Promise: none of it keeps a worker from beginning, from working or from ending. A port that is taken, as by the worker that this one
replaces, is tried again. A dashboard's own worker sends alerts but gives no sign of life and no figures: it ends with the dashboard, and
that is nobody's alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from storage.configuration import Settings
from storage.database import Database
from storage.errors import InvalidInput
from tasks.alerting import Alerting
from tasks.heartbeat import Heartbeat
from tasks.keyring import Keyring
from tasks.logs import Log
from tasks.loops import Loop
from tasks.ping import Ping
from tasks.timing import Timing

if TYPE_CHECKING:
    from tasks.metrics import Endpoint

LISTEN_AGAIN: Final = 10.0
LISTENING: Final = 3600.0


class Telling:
    """Everything that one worker tells.

    Args:
        db: the database.
        worker_id: this process.
        settings: the configuration.
        keyring: opens the addresses of alert channels.
        heartbeat: knows whether the database hears this worker.
        busy: how many runs it is working on.
        timing: its rhythm.
        version: the program's.
        is_local: it belongs to a dashboard.
    """

    def __init__(
        self,
        db: Database,
        worker_id: str,
        settings: Settings,
        keyring: Keyring,
        heartbeat: Heartbeat,
        busy: Callable[[], int],
        timing: Timing,
        *,
        version: str,
        is_local: bool,
    ) -> None:
        self._db = db
        self._settings = settings.worker
        self._busy = busy
        self._version = version
        self._log = Log("telling")
        self._endpoint: Endpoint | None = None
        alerting = Alerting(db, worker_id, keyring, timing, Log("alerts"))
        self._loops = [Loop("alerts", alerting.step, self._log)]
        if settings.worker.heartbeat_url and not is_local:
            ping = Ping(
                settings.worker.heartbeat_url,
                heartbeat.is_heard,
                self._log,
                ca_bundle=settings.ca_bundle,
                proxy=settings.proxy,
                every=timing.ping,
            )
            self._loops.append(Loop("ping", ping.step, self._log))
        if settings.worker.metrics_port and not is_local:
            self._loops.append(Loop("metrics", self._listen, self._log))

    def start(self) -> None:
        """Begins."""
        for loop in self._loops:
            loop.start()

    def stop(self, seconds: float) -> None:
        """Ends: a message that is being sent has so many seconds; what is not written down by then is sent again by another worker."""
        for loop in self._loops:
            loop.stop(seconds)
        if self._endpoint is not None:
            self._endpoint.close()

    @property
    def metrics_port(self) -> int | None:
        """The port that is listened on; None while none is."""
        return None if self._endpoint is None else self._endpoint.port

    def _listen(self) -> float:
        if self._endpoint is not None:
            return LISTENING
        # Most workers are not asked for figures, and the library takes a while to import.
        from tasks.metrics import Endpoint, Figures

        figures = Figures(self._db, self._version, self._settings.slots, self._busy)
        try:
            self._endpoint = Endpoint(figures, self._settings.metrics_address, self._settings.metrics_port)
        except InvalidInput as error:
            self._log.failure("metrics_unavailable", error)
            return LISTEN_AGAIN
        self._log.info("metrics_available")
        return LISTENING
