"""The SQLite file itself: which library, which journal, which modes, which places.

Promise: WAL is used only with a library that is safe in it; a private database is 0600 in a 0700 directory; a network file system is
refused. Knows no table.
"""

from __future__ import annotations

import importlib
import os
import re
import stat
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import quote

from storage.errors import DatabaseError

MOUNT_TABLE = Path("/proc/self/mounts")
"""Replaced in tests only."""

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "lustre"}
)


def sqlite_module() -> ModuleType:
    """Returns the DB-API module to use: `pysqlite3` (bundles a recent SQLite) where installed, else the standard one.

    `ATLAS_SQLITE=standard` asks for the standard module, so that both can be tested.
    """
    if os.environ.get("ATLAS_SQLITE") != "standard":
        try:
            return importlib.import_module("pysqlite3.dbapi2")
        except ImportError:
            pass
    return importlib.import_module("sqlite3")


def is_safe_in_wal(version: tuple[int, ...]) -> bool:
    """Says whether this SQLite cannot lose commits in WAL mode when several connections write and checkpoint.

    Fixed in 3.51.3, and in the backports 3.50.7 and 3.44.6 (SQLite release notes, "WAL-reset bug").
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def journal_mode(version: tuple[int, ...]) -> str:
    """Returns the journal mode for a library version: WAL where it is safe, else DELETE."""
    return "WAL" if is_safe_in_wal(version) else "DELETE"


def uri(path: Path) -> str:
    """Returns the URI that opens an existing file for reading and writing and never creates one."""
    return f"file:{quote(str(path))}?mode=rw"


def file_system(path: Path) -> str:
    """Returns the type of the file system a path really is on, by the kernel's mount table; empty where there is none (macOS)."""
    try:
        mounts = MOUNT_TABLE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    target = str(path.resolve())
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), fields[1])
        if (target == mount or target.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, fields[2]
    return kind


def check_place(path: Path, *, shared: bool) -> None:
    """Refuses a database file that is absent, on a network file system, or readable by others.

    Args:
        path: the database file.
        shared: whether a group shares it (0660 in a setgid directory) or it is private (0600).

    Raises:
        DatabaseError: with what is wrong and the command that mends it.
    """
    try:
        details = path.stat()
    except FileNotFoundError:
        raise DatabaseError(
            f"There is no database at {path}.", "Run `atlas-tui init` first, or check the path."
        ) from None
    except OSError as error:
        raise DatabaseError(
            f"The database {path} cannot be read ({error.strerror}).", "Check the path and its modes."
        ) from None
    if not stat.S_ISREG(details.st_mode):
        raise DatabaseError(f"{path} is not a file.", "Check the path in the configuration.")
    kind = file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise DatabaseError(
            f"The database is on a network file system ({kind}), where SQLite's locks cannot be trusted.",
            "Put it on a local disk, or use PostgreSQL.",
        )
    allowed = 0o660 if shared else 0o600
    excess = stat.S_IMODE(details.st_mode) & ~allowed & 0o777
    if excess:
        raise DatabaseError(
            f"The database file is open to other accounts (mode {stat.S_IMODE(details.st_mode):o}).",
            f"Run: chmod {allowed:o} {path}",
        )


def make_private_directory(path: Path) -> None:
    """Creates a directory of mode 0700 with its parents, or refuses one that others may enter.

    Raises:
        DatabaseError: it exists with wider modes, or cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise DatabaseError(f"The directory {path} cannot be made ({error.strerror}).", "Check the path.") from None
    if mode & 0o077:
        raise DatabaseError(
            f"The directory {path} is open to other accounts (mode {mode:o}).", f"Run: chmod 700 {path}"
        )
