"""Huey, reduced to what it is good for here: threads that are woken with a number.

Promise: a message holds a run's number and nothing else can be read from it (no pickle); nothing is stored about results; losing the
whole queue loses nothing, since runs are rows in the database and hints are given again. What Huey would log is reduced by `tasks.logs`.

Facts about Huey 3.5.4 that this module works round (read in its source): a consumer takes over the process's signals; its polling delays
the start or costs idle CPU, so threads of the process that gives a hint are woken by a bell; its SQLite storage keeps one connection and
does not notice that its file was deleted; its scheduler looks for work that we never schedule.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from huey import Huey, PostgresHuey, RedisHuey  # type: ignore[import-untyped]
from huey.consumer import Consumer, Worker  # type: ignore[import-untyped]
from huey.exceptions import ConfigurationError  # type: ignore[import-untyped]
from huey.registry import Message  # type: ignore[import-untyped]
from huey.serializer import Serializer  # type: ignore[import-untyped]
from huey.storage import SqliteStorage  # type: ignore[import-untyped]

from storage.errors import AtlasError, InvalidInput

QUEUE_NAME: Final = "atlas"
TASK_NAME: Final = "perform"
_MODULE: Final = "atlas"
IDLE_POLL: Final = 1.0
"""Seconds between two looks of an idle thread when nobody rang: only a message from elsewhere needs that."""


class _Hint(msgspec.Struct, forbid_unknown_fields=True):
    """A message."""

    id: str
    run: int


class _HintSerializer(Serializer):  # type: ignore[misc]
    """Turns Huey's message into JSON with two fields, and JSON with exactly these back into a message for the one task."""

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message):
            raise TypeError("only hints go into this queue")
        return msgspec.json.encode(_Hint(data.id, data.args[0]))

    def _deserialize(self, data: Any) -> Any:
        hint = msgspec.json.decode(bytes(data), type=_Hint)
        return Message(id=hint.id, name=f"{_MODULE}.{TASK_NAME}", retries=0, retry_delay=0, args=(hint.run,), kwargs={})


class _HintFile(SqliteStorage):  # type: ignore[misc]
    """Huey's SQLite storage, made again when its file is gone.

    DELETE mode, not WAL, because the standard library's SQLite may lose commits there; without fsync, because hints may be lost.
    """

    def __init__(self, name: str, filename: str) -> None:
        self._conn: Any = None
        self._inode: int | None = None
        super().__init__(name, filename=filename, journal_mode="delete", fsync=False, cache_mb=1)

    @property
    def conn(self) -> Any:
        """The connection, to the file that is there now; called under the storage's lock."""
        if self._conn is not None and self._inode != _inode_of(self.filename):
            self._conn.close()
            self._conn = None
        if self._conn is None:
            self._conn = self._create_connection()
            for statement in self.ddl:
                self._conn.execute(statement)
            self._inode = _inode_of(self.filename)
        return self._conn


def _inode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


class _BellWorker(Worker):  # type: ignore[misc]
    """Huey's worker thread, but asleep until the bell rings."""

    def sleep(self) -> None:
        """Waits for the bell, or for the idle poll."""
        self.huey.bell.acquire(timeout=IDLE_POLL)


class _Threads(Consumer):  # type: ignore[misc]
    """Huey's consumer inside our process: it leaves the signals to us."""

    worker_class = _BellWorker

    def _set_signal_handlers(self) -> None:
        return


class HintQueue:
    """The queue and its threads.

    Args:
        address: where messages are kept: empty for a file in `directory`, else `redis://…` or `postgresql://…`.
        directory: this process's own directory, 0700.
        slots: how many threads work.
        perform: what a thread does with a run's number; must not raise.

    Raises:
        InvalidInput: the address is none.
        AtlasError: the queue cannot be reached, or its driver is not installed.
    """

    def __init__(self, address: str, directory: Path, slots: int, perform: Callable[[int], None]) -> None:
        self._huey = _open(address, directory)
        self._huey.bell = threading.Semaphore(0)
        self._slots = slots

        def work(run_id: int) -> None:
            perform(run_id)

        work.__module__ = _MODULE  # Huey names a task by its function's module; the serializer fills the same name in.
        self._task = self._huey.task(name=TASK_NAME)(work)
        self._threads = _Threads(
            self._huey,
            workers=slots,
            periodic=False,
            initial_delay=IDLE_POLL,
            max_delay=IDLE_POLL,
            backoff=1.0,
            scheduler_interval=60,
            worker_type="thread",
        )

    def give(self, run_id: int) -> None:
        """Puts a hint into the queue and rings the bell."""
        self._huey.enqueue(self._task.s(run_id))
        self._huey.bell.release()

    def start(self) -> None:
        """Starts the threads."""
        self._threads.start()

    def mend(self) -> None:
        """Replaces threads that have died."""
        self._threads.check_worker_health()

    def stop(self) -> None:
        """Tells the threads to take no more hints; those that work go on."""
        self._threads.stop_flag.set()
        for _ in range(self._slots):
            self._huey.bell.release()

    def close(self) -> None:
        """Closes the storage."""
        self._huey.storage.close()


def _open(address: str, directory: Path) -> Huey:
    options: dict[str, Any] = {"results": False, "serializer": _HintSerializer()}
    scheme = urlsplit(address).scheme.split("+")[0]
    try:
        if not address:
            return Huey(QUEUE_NAME, storage_class=_HintFile, filename=str(directory / "hints.db"), **options)
        if scheme in ("redis", "rediss"):
            return RedisHuey(QUEUE_NAME, url=address, **options)
        if scheme in ("postgresql", "postgres"):
            return PostgresHuey(QUEUE_NAME, dsn=address.replace("+psycopg", "", 1), **options)
    except ConfigurationError:
        raise AtlasError(
            f"The queue's driver for {scheme} is not installed.", "Install the extra: redis or postgres."
        ) from None
    except Exception as error:  # whatever the driver raises at its first connection; its text may hold the address
        raise AtlasError(
            f"The queue cannot be opened ({type(error).__name__}).", "Check worker.queue in the configuration."
        ) from None
    raise InvalidInput(
        "worker.queue", "is not an address of a queue", "Use redis://…, postgresql://…, or leave it out."
    )
