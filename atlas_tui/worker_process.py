"""The worker that a dashboard on its own machine starts for itself, and stops again.

Promise: the worker never outlives the dashboard: it is told at a normal end, and when the dashboard is killed its standard input ends,
which `--exit-with-parent` takes for the same. What it prints goes to a log (0600), never to the screen.

Must not know: what a worker does, screens.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Final

from storage.errors import AtlasError

LOG_NAME: Final = "worker.log"
MOST_RESTARTS: Final = 5
"""A worker that is killed again and again (no memory, say) is left for a person to look at."""
STOP_SECONDS: Final = 10.0
"""How long a worker may take to finish or give back what it holds."""


def worker_command(config_path: Path | None) -> list[str]:
    """The command line of the worker.

    Args:
        config_path: The configuration file; the worker's own default when None.
    """
    command = [sys.executable, "-m", "tasks", "worker"]
    if config_path is not None:
        command += ["--config", str(config_path)]
    return [*command, "--exit-with-parent"]


class WorkerProcess:
    """One worker process, in a session of its own (Ctrl+C in the terminal is not for it).

    Args:
        command: Its command line.
        state_directory: Where its log goes.
    """

    def __init__(self, command: list[str], state_directory: Path) -> None:
        self._command = command
        self._log_file = state_directory / LOG_NAME
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0

    @property
    def log_file(self) -> Path:
        """Where it writes to."""
        return self._log_file

    @property
    def pid(self) -> int | None:
        """Its process id, None before it was started."""
        return self._process.pid if self._process is not None else None

    @property
    def was_started(self) -> bool:
        """Whether `start` was called."""
        return self._process is not None

    def exit_code(self) -> int | None:
        """How it ended, None while it runs or before it was started."""
        return self._process.poll() if self._process is not None else None

    def may_start_again(self) -> bool:
        """Whether it was killed (by a signal; not by an error of its own, which would come again) and has restarts left."""
        code = self.exit_code()
        return code is not None and code < 0 and self._restarts < MOST_RESTARTS

    def start_again_or_explain(self) -> None:
        """Start another one in the place of one that was killed; it takes up what that one held.

        Raises:
            AtlasError: In words for people.
        """
        if not self.may_start_again():
            return
        self._restarts += 1
        killed, self._process = self._process, None
        _close(killed.stdin if killed is not None else None)
        self.start_or_explain()

    def start(self) -> None:
        """Start it.

        Raises:
            OSError: The log cannot be written, or the program cannot be started.
        """
        if self._process is not None:
            return
        self._log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(
            self._log_file, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self._restarts else os.O_TRUNC), 0o600
        )
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def start_or_explain(self) -> None:
        """Start it, or say why that is not possible.

        Raises:
            AtlasError: In words for people.
        """
        try:
            self.start()
        except OSError as error:
            raise AtlasError(
                f"The worker could not be started ({error.strerror}).", "Start one yourself: atlas-tui worker."
            ) from None

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Ask it to stop and wait; when it does not, end it.

        Args:
            seconds: How long it may take.

        Returns:
            Whether it stopped by itself. What it held when it was killed is taken up again by another worker.
        """
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            _close(process.stdin if process is not None else None)
            return True
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
            stopped = True
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            stopped = False
        _close(process.stdin)
        return stopped


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(OSError):
            pipe.close()
