"""Processes that begin at once: one that has imported the program forks another for each order that it gets.

Starting Python and importing the program takes most of a second of CPU, and tests start hundreds of processes that are then stopped,
killed and frozen. What is forked is a process like any other: with signals, an exit code and standard streams of its own. That the
installed commands start from nothing is shown where that is what a test is about.

Run as a script it is the process that forks: it imports the modules that it is told, and has one thread, so that a fork is sound.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[1]
PIPE = subprocess.PIPE


class Process:
    """A forked process: as much of `subprocess.Popen` as tests use."""

    def __init__(self, call: str, pid: int, ended: int) -> None:
        self.call, self.pid = call, pid
        self.returncode: int | None = None
        self.stdin: IO[Any] | None = None
        self.stdout: IO[Any] | None = None
        self.stderr: IO[Any] | None = None
        self._ended = ended

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(self.call, timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        ending = select.poll()
        ending.register(self._ended, select.POLLIN)
        if ending.poll(None if timeout is None else timeout * 1000):
            self.returncode = int(os.read(self._ended, 16) or -signal.SIGKILL)
            os.close(self._ended)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and that is on its way to us
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Closes its standard input, waits for its end, and returns what it wrote that was not read yet."""
        if self.stdin is not None:
            self.stdin.close()
        self.wait(timeout)
        said = self.stdout.read() if self.stdout is not None else ""
        return said, _whole(self.stderr) if self.stderr is not None else ""

    def close(self) -> None:
        """Ends it, if it runs, and its streams."""
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()


class Nursery:
    """Forks processes of a program.

    Args:
        modules: what is imported beforehand.
        path: where else modules are looked for.
    """

    def __init__(self, *modules: str, path: tuple[Path, ...] = ()) -> None:
        self._channel, theirs = socket.socketpair()
        search = os.pathsep.join(map(str, (ROOT, *path)))
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno()), *modules],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": search},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        assert self._channel.recv(16) == b"ready\n"

    def start(
        self, call: str, *arguments: str, stdin: Any = None, stdout: Any = None, stderr: Any = None, **environment: str
    ) -> Process:
        """Forks a process that calls a function with its command line's arguments and exits with what that returns.

        Args:
            call: `module:function`.
            arguments: its command line.
            stdin: a file, PIPE, or nothing to read.
            stdout: a file, PIPE, or nowhere.
            stderr: likewise; a pipe is a file here, which is never full.
            environment: what is otherwise than here; an empty value takes a variable away.
        """
        with contextlib.ExitStack() as ours, open(os.devnull, "r+b") as nothing:
            given: list[int] = []
            kept: dict[str, IO[Any]] = {}
            for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
                if stream is PIPE and name == "stderr":
                    kept[name] = tempfile.TemporaryFile("r")  # noqa: SIM115 - read when the process has ended
                    given.append(kept[name].fileno())
                elif stream is PIPE:
                    reads, writes = os.pipe()
                    mine, its = (writes, reads) if name == "stdin" else (reads, writes)
                    kept[name] = open(mine, "w" if name == "stdin" else "r")  # noqa: SIM115 - closed with the process
                    ours.callback(os.close, its)
                    given.append(its)
                else:
                    given.append((stream or nothing).fileno())
            ended, says = os.pipe()
            ours.callback(os.close, says)
            around = {**os.environ, **environment}
            order = {"call": call, "arguments": arguments, "environment": {k: v for k, v in around.items() if v}}
            socket.send_fds(self._channel, [json.dumps(order).encode() + b"\n"], [*given, says])
            process = Process(call, int(self._channel.recv(16)), ended)
        for name, opened in kept.items():
            setattr(process, name, opened)
        return process

    def run(
        self, call: str, *arguments: str, timeout: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a process to its end, as `subprocess.run` does."""
        with tempfile.TemporaryFile("r") as out, tempfile.TemporaryFile("r") as err:
            process = self.start(call, *arguments, stdout=out, stderr=err, **environment)
            try:
                process.wait(timeout)
            finally:
                process.close()
            said = [_whole(stream) for stream in (out, err)]
            return subprocess.CompletedProcess([call, *arguments], process.wait(), *said)

    def close(self) -> None:
        """Ends it and everything that it has forked."""
        self._channel.close()
        self._process.wait(30)


def _whole(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


class _Forking:
    """The process that forks."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._children: dict[int, int] = {}
        """Who runs, and where it is said how it ended."""
        self._ends, self._wake = os.pipe()
        for end in (self._ends, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Forks until nobody is there to order."""
        self._channel.sendall(b"ready\n")
        while True:
            ready, _, _ = select.select([self._channel, self._ends], [], [])
            if self._ends in ready:
                os.read(self._ends, 4096)
                self._reap()
            if self._channel in ready and not self._obey():
                break
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            end = self._children.pop(pid)
            os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(end)

    def _obey(self) -> bool:
        order, streams, _, _ = socket.recv_fds(self._channel, 65536, 4)
        while order and not order.endswith(b"\n"):
            order += self._channel.recv(65536)
        if not order:
            return False
        *standard, end = streams
        pid = os.fork()
        if pid == 0:
            self._become(standard, json.loads(order))
        self._children[pid] = end
        for stream in standard:
            os.close(stream)
        self._channel.sendall(str(pid).encode())
        return True

    def _become(self, standard: list[int], order: dict[str, Any]) -> NoReturn:
        """What the child is: nothing of this, and then what was ordered."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(
                signal.SIGINT, signal.default_int_handler
            )  # ignored in what a shell started in the background
            for number, stream in enumerate(standard):
                os.dup2(stream, number)
            os.closerange(3, 1024)
            os.environ.clear()
            os.environ.update(order["environment"])
            module, _, name = order["call"].partition(":")
            try:
                code = int(getattr(importlib.import_module(module), name)(order["arguments"]) or 0)
            except SystemExit as ending:
                code = ending.code if isinstance(ending.code, int) else 0 if ending.code is None else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.flush()
            # As the interpreter ends: a thread that goes on holds it up, and whoever asked to be called at the end is.
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            for writer in (sys.stdout, sys.stderr):
                writer.flush()
            os._exit(code)


def _main(channel: str, *modules: str) -> None:
    for module in modules:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a fork takes one thread along, and what others had locked stays so"
    gc.collect()
    gc.freeze()
    _Forking(socket.socket(fileno=int(channel))).serve()


if __name__ == "__main__":
    _main(*sys.argv[1:])
