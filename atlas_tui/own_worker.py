"""The worker that this dashboard runs for itself: starting it, putting another one in its place, saying that it ended.

Promise: one that was killed is replaced, one that ended by itself is told once. While it starts, nobody is told that no worker runs.

Must not know: what a worker does, screens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.worker_process import WorkerProcess
    from storage.errors import AtlasError

STARTS_WITHIN: Final = timedelta(seconds=30)
"""So long a start may take, on a slow machine, before it is called a problem that no worker runs."""


class OwnWorker:
    """What the app knows of its worker.

    Args:
        app: The app.
        process: The worker; None when this dashboard shall have none.
    """

    def __init__(self, app: AtlasApp, process: WorkerProcess | None) -> None:
        self.process = process
        self._app = app
        self._problem = ""
        self._asked_at: datetime | None = None
        self._is_waited_for = process is not None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, before it was started, and when there is none."""
        return self.process.exit_code() if self.process is not None else None

    @property
    def is_starting(self) -> bool:
        """Whether that none works yet is no problem: one was started a moment ago, or is about to be, and has not ended."""
        if self.process is None or self._problem or self.exit_code is not None:
            return False
        return self._asked_at is None or self._app.clock() - self._asked_at < STARTS_WITHIN

    def start(self) -> None:
        """Start it, beside the event loop."""
        if self.process is not None:
            self._begin(self.process.start_or_explain, self._started)

    def look(self) -> None:
        """Start another one in the place of a worker that was killed; say once that it ended by itself, or takes too long."""
        process = self.process
        if process is not None and process.may_start_again():
            self._begin(process.start_again_or_explain, self._replaced)
        elif process is not None and not self._problem and (code := process.exit_code()) is not None:
            self._problem = f"The worker of this dashboard ended ({code})."
            self._app.flash(f"{self._problem} Start one: atlas-tui worker. Its log: {process.log_file}", "bad")
            self._tell()
        elif self._is_waited_for and not self.is_starting:
            self._tell()

    def _begin(self, start: Callable[[], None], done: Callable[[None], None]) -> None:
        self._asked_at, self._is_waited_for = self._app.clock(), True
        self._app.ask("worker", start, done, self._failed)

    def _started(self, _: None) -> None:
        self._app.show_status()

    def _replaced(self, _: None) -> None:
        self._app.flash("The worker was killed; another one was started and takes up what it held.", "warn")
        self._app.show_status()

    def _failed(self, error: AtlasError) -> None:
        self._problem = error.message
        self._app.flash(str(error), "bad")
        self._tell()

    def _tell(self) -> None:
        """What shows that no worker runs has left it out so far."""
        self._is_waited_for = False
        self._app.spread(frozenset({Topic.WORKERS}))
        self._app.show_status()
