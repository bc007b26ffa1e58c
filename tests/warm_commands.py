"""`atlas-tui` commands without what a new interpreter costs: one process has imported the program and forks for each command.

A command is a process of its own all the same: its own memory, streams and exit code, nothing left over from the one before. Only the
interpreter's start and the imports are shared; what is about those starts an interpreter of its own. For tests; loaded by path, since test
folders are no packages.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]


class Commands:
    """The warm process. A context manager; the process ends with it, or when the tests' process does.

    Args:
        environment: what the commands find in theirs.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._room, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                cwd=ROOT,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.close()
        self._process.wait(60)

    def __call__(
        self, *lines: Sequence[str], stdin: bytes = b"", timeout: float = 110.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs one command, or several one after the other in one process; the exit code is the largest.

        Raises:
            subprocess.TimeoutExpired: it was not over in time, and was killed.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            reading, writing = os.pipe()
            handed = array.array("i", [reading, out.fileno(), err.fileno()])
            self._room.sendmsg([json.dumps(lines).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
            os.close(reading)
            with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as typed:
                typed.write(stdin)
            self._room.settimeout(timeout)
            pid = 0
            try:
                pid = self._answer()
                code = self._answer()
            except TimeoutError:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    self._room.settimeout(20)
                    self._answer()
                raise subprocess.TimeoutExpired(list(lines), timeout) from None
            finally:
                self._room.settimeout(None)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(lines, code, out.read(), err.read())

    def _answer(self) -> int:
        return int(self._room.recv(64))


@contextlib.contextmanager
def _nothing_to_collect() -> Iterator[None]:
    gc.disable()
    yield
    gc.collect()
    gc.freeze()  # or the first collection of each command copies every page
    gc.enable()


def _warm_up() -> None:
    import storage
    from atlas_tui import arguments, cli, headless

    with _nothing_to_collect():
        for package in (arguments, headless, storage):
            for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
                __import__(module.name)
        for name in ("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "alembic.command"):
            __import__(name)
        cli.parser()


def _next_command(room: socket.socket) -> list[list[str]] | None:
    """Serves until it is a new process that shall be a command; None at the end, in the process that served."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(room, 1 << 20, 3)
        if not asked:
            return None
        pid = os.fork()
        if pid == 0:
            room.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return list(json.loads(asked))
        for descriptor in descriptors:
            os.close(descriptor)
        room.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):
            room.send(str(os.waitstatus_to_exitcode(status)).encode())


def _serve(room: socket.socket) -> NoReturn:
    from atlas_tui.cli import main

    _warm_up()
    lines = _next_command(room)
    if lines is None:
        sys.exit(0)
    sys.argv = ["-c"]
    sys.exit(max([main(line) for line in lines]))


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _serve(socket.socket(fileno=int(sys.argv[1])))
