"""Who is at the keyboard of this process, and whether they came in through sshd's forced command.

Promise: decided once, before anything is opened, by how the process was started; nothing that its user can set later changes it. Over
a forced command nothing leaves the program but its screen: no suspending to a shell, no writing of files, no other configuration.

Must not know: screens, commands.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.errors import Forbidden

if TYPE_CHECKING:
    from storage.access import Principal
    from storage.database import Database

_key_id: int | None = None


@contextmanager
def with_key(key_id: int) -> Iterator[None]:
    """Let this process be that of the member whose SSH key logged in, and confine it."""
    global _key_id
    before, _key_id = _key_id, key_id
    try:
        yield
    finally:
        _key_id = before


def is_confined() -> bool:
    """Whether the person came in through a forced command, and so has no account of their own on this host."""
    return _key_id is not None


def principal(db: Database) -> Principal:
    """Who is at the keyboard. Blocks; not for the event loop.

    Raises:
        Forbidden: Nobody that this database knows, or a key that may not log in any more. The trail says so.
        DatabaseError: The database cannot be asked.
    """
    from storage import access, sessions, ssh_keys

    try:
        return access.local_principal(db) if _key_id is None else ssh_keys.principal_of(db, _key_id)
    except Forbidden as error:
        if _key_id is not None:
            sessions.refused(db, f"key {_key_id}", "ssh", error.message)
        else:
            _turn_away_account(db, error)
        raise


def owner(db: Database) -> Principal:
    """Whoever owns the database, if that is who started this process. Blocks; not for the event loop.

    Raises:
        Forbidden: It is somebody else, or came in through a forced command. The trail says so.
        DatabaseError: The database cannot be asked.
    """
    from storage import ownership

    try:
        forbid_owning()
    except Forbidden as error:
        turned_away(db, principal(db), error)
        raise
    try:
        return ownership.database_owner(db)
    except Forbidden as error:
        _turn_away_account(db, error)
        raise


def _turn_away_account(db: Database, why: Forbidden) -> None:
    from storage import access, sessions

    account = access.account_of(db)
    sessions.refused(db, account.login, account.via, why.message)


def can_suspend() -> bool:
    """Whether a shell with job control waits for this program, and can bring it back with `fg`.

    Such a shell puts every job into a process group of its own; what sshd, tmux or a script started runs in the group of the session's
    first process, and nothing would ever continue it (POSIX.1-2017, 2.4.3 and 11.1.4: orphaned process groups).
    """
    return os.getpgrp() != os.getsid(0)


def turned_away(db: Database, who: Principal, why: Forbidden) -> None:
    """Write down that somebody who is known here has nowhere to go. Blocks; not for the event loop."""
    from storage import sessions

    sessions.refused(db, who.login, who.via, why.message)


def host() -> str:
    """Where the person sits: this host, or over a forced command the address that sshd saw.

    sshd sets SSH_CONNECTION itself; it is shown beside a session, and nothing is decided by it.
    """
    address = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return socket.gethostname()


def forbid_files(what: str, verb: str = "written to") -> None:
    """Refuse to use a file for somebody who came in through a forced command: it would be the service account's.

    Args:
        what: What was to be written or read, for the sentence: `An export`.
        verb: `written to`, or `read from`.

    Raises:
        Forbidden: They did.
    """
    if is_confined():
        raise Forbidden(
            f"{what} cannot be {verb} a file over this connection.",
            "Name a command and use your own side of it: ssh HOST COMMAND > FILE, or - for standard input.",
        )


def forbid_owning() -> None:
    """Refuse the database owner's rights to somebody who came in through a forced command: the process is the owner's, they are not.

    Raises:
        Forbidden: They did. The operating system's answer, that this account owns the database, is about the service account.
    """
    if is_confined():
        raise Forbidden(
            "This is for whoever owns the installation, and may not be asked for over this connection.",
            "They run it on the host itself.",
        )
