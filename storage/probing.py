"""A person's probe: does signing in work again on a connection whose breaker is open?

Promise: an ordinary connection check through the start gate, with that gate's authority and trail. Must not know when a breaker closes:
the check's end says that (`breakers.note_completed`).
"""

from __future__ import annotations

from storage import operations, starting
from storage.access import Principal
from storage.database import Database
from storage.starting import StartResult


def probe_now(db: Database, who: Principal, connection_id: int, *, ticket: str | None = None) -> StartResult:
    """Starts a connection check to see whether signing in works again; people are never held back by a breaker.

    Returns:
        What the start gate answered; the check closes the breaker when it passes.

    Raises:
        NotFound: the connection is not visible.
        Forbidden: starting is not allowed (audited).
    """
    return starting.start(db, who, connection_id, operations.CONNECTION_CHECK, run_after=True, ticket=ticket)
