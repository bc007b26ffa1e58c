"""A real terminal for a whole process: a pseudo-terminal, its bytes, and when they came.

Promise: what is counted is what a terminal would get. Times are taken when bytes arrive; what they show is worked out afterwards, so
that looking costs the measured process nothing.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pyte

ROOT: Final = Path(__file__).parents[1]
QUIET: Final = 0.06
"""Seconds without a byte after which an answer counts as complete."""

PROBLEMS: Final = " reasons, "
"""What the first screen says above its rows once they are there, of a fleet that has problems."""

_ENVIRONMENT: Final = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
"""True colour: the most bytes a colour can take."""


class Terminal:
    """A process in a terminal of its own. A context manager; the process is ended at its end.

    Args:
        command: what to run.
        size: columns and lines.
    """

    def __init__(self, command: Sequence[str], size: tuple[int, int]) -> None:
        self.size = size
        self.bytes_read = 0
        self._heard: list[tuple[float, bytes]] = []
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "SSH_CONNECTION")}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment | _ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        os.close(slave)
        self._master = master
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def send(self, keys: bytes) -> None:
        """Types something."""
        os.write(self._master, keys)

    def hear(self, seconds: float) -> bool:
        """Waits for bytes, and keeps them. Says whether any came."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            heard = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.bytes_read += len(heard)
        self._heard.append((time.perf_counter(), heard))
        return bool(heard)

    def answer_to(
        self, act: Callable[[], object], *, within: float = 60.0, quiet: float = QUIET
    ) -> tuple[float, float, int]:
        """Does something and waits until what it causes has been written.

        Args:
            act: what to do.
            within: seconds in which the first byte must come.
            quiet: seconds without a byte after which the answer is complete.

        Returns:
            Seconds until the first byte, seconds until the last one, and how many there were.

        Raises:
            TimeoutError: nothing came.
        """
        while self.hear(0):
            pass
        self._heard.clear()
        before, began = self.bytes_read, time.perf_counter()
        act()
        if not self.hear(within):
            raise TimeoutError("the terminal stayed silent")
        while self.hear(quiet):
            pass
        return self._heard[0][0] - began, self._heard[-1][0] - began, self.bytes_read - before

    def until(self, shows: Callable[[list[str]], bool], *, within: float = 60.0) -> float:
        """Waits until the screen shows something, and returns the seconds from the process's start to the bytes that made it so.

        Raises:
            TimeoutError: it never did; the message holds what the screen shows instead.
        """
        end = time.perf_counter() + within
        while time.perf_counter() < end:
            pending, self._heard = self._heard, []
            for index, (at, heard) in enumerate(pending):
                self._stream.feed(heard)
                if shows(self._screen.display):
                    self._heard = pending[index + 1 :]
                    return at - self.began
            if not self.hear(0.5) and self.process.poll() is not None:
                break
        raise TimeoutError("the screen shows:\n" + "\n".join(self._screen.display))

    def settle(self, quiet: float = 0.5) -> None:
        """Waits until nothing has been written for some seconds."""
        while self.hear(quiet):
            pass

    def bytes_in(self, seconds: float) -> int:
        """Leaves the process alone for some seconds and returns how many bytes it wrote meanwhile."""
        before, end = self.bytes_read, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.hear(left)
        return self.bytes_read - before


def this_python(*arguments: str) -> list[str]:
    """Returns a command line for the interpreter that runs the benchmarks."""
    return [sys.executable, *arguments]


def dashboard(config: Path) -> list[str]:
    """Returns the command line of the real dashboard, without a worker."""
    start = "import sys; from atlas_tui.cli import main; sys.exit(main())"
    return this_python("-c", start, "--config", str(config), "--no-worker")
