"""What an upgrade does around a SQLite file: a lock beside it, a private empty file, a copy before the change.

Promise: nothing it makes is readable by others; of the copies only the newest two are kept. Knows no table.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from storage import sqlite_file
from storage.errors import DatabaseBusy, DatabaseError

KEPT_COPIES: Final = 2
_POLL_SECONDS: Final = 0.05


@contextlib.contextmanager
def upgrade_lock(path: Path, wait_seconds: float) -> Iterator[None]:
    """Holds the lock against other upgrades of a file; the kernel lets go of it when the process dies.

    Args:
        path: the database file, which need not exist; the lock is a file beside it and stays there.
        wait_seconds: how long to wait for the holder.

    Raises:
        DatabaseBusy: another upgrade held it for longer.
        DatabaseError: the lock file cannot be made.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    try:
        descriptor = os.open(f"{path}.upgrade-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, mode)  # who shares the database shares its lock
    except OSError as error:
        raise DatabaseError(
            f"No file can be written beside {path} ({error.strerror}).", "Check the directory's owner and mode."
        ) from None
    try:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise DatabaseBusy("Another upgrade of this database is under way.", "Wait for it to end.")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def created_if_absent(path: Path) -> Iterator[None]:
    """Makes an empty file of mode 0600 where there is none, and takes it away again when what follows fails.

    SQLite gives its journals the mode of the file, so they are private too.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        yield
        return
    except OSError as error:
        raise DatabaseError(
            f"The database {path} cannot be made ({error.strerror}).", "Check the directory's owner and mode."
        ) from None
    try:
        yield
    except BaseException:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        raise


def copy_before(path: Path, schema: int) -> Path:
    """Copies a database to `<file>.before-<schema>`, mode 0600, and forgets all copies but the newest two.

    Args:
        path: the database file; it may be in use (SQLite's backup API copies one moment of it).
        schema: the schema number that the database is about to get.

    Raises:
        DatabaseError: the copy could not be written.
    """
    module = sqlite_file.sqlite_module()
    copy = Path(f"{path}.before-{schema}")
    unfinished = Path(f"{copy}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with (
            contextlib.closing(module.connect(sqlite_file.uri(path), uri=True)) as source,
            contextlib.closing(module.connect(str(unfinished))) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE").close()
        unfinished.replace(copy)
    except (OSError, module.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise DatabaseError(
            f"The copy before the change could not be written ({type(error).__name__}).", "Check the free space."
        ) from None
    for old in _copies(path)[:-KEPT_COPIES]:
        old.unlink(missing_ok=True)
    return copy


def _copies(path: Path) -> list[Path]:
    """Finds the finished copies, oldest first."""
    prefix = f"{path.name}.before-"
    found = [one for one in path.parent.iterdir() if one.name.startswith(prefix) and one.name[len(prefix) :].isdigit()]
    return sorted(found, key=lambda one: one.stat().st_mtime_ns)
