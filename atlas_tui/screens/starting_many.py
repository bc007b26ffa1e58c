"""Starting one operation on several connections, one after the other.

Promise: each goes through the same gate as a single one; what is busy waits instead of being dropped; the result is told in the gate's
own classes, and nothing that failed is counted as started.

Must not know: screens.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_tui.screens.list_filter import asked, sort_key
from atlas_tui.widgets.flash_line import Level
from storage import connections, starting
from storage.connections import ConnectionQuery
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.starting import AlreadyRunning, ScopeBusy, Started

if TYPE_CHECKING:
    from atlas_tui.screens.acting import Targets
    from atlas_tui.session import Session

MOST: Final = 500
"""Connections that may be started at once from the screen."""


@dataclass(frozen=True, slots=True)
class ManyTold:
    """What became of all of them, in one line."""

    text: str
    level: Level


def targets_in(session: Session, targets: Targets) -> tuple[int, ...]:
    """The connections that are meant. Blocks; not for the event loop.

    Raises:
        InvalidInput: They are more than `MOST`.
        AtlasError: The database cannot be asked.
    """
    if not targets.all_in_filter or targets.request is None:
        found = list(targets.connection_ids)
    else:
        wanted, tenant_id = asked(targets.request)
        sort, descending = sort_key(targets.request.sort, "tenant")
        query = ConnectionQuery(
            session.workspace.workspace_id, wanted.text, wanted.problems, tenant_id, sort, descending
        )
        excepted, found, place = set(targets.connection_ids), [], Place.first()
        while len(found) <= MOST:
            page = connections.page(session.db, session.who, query, place, targets.request.limit)
            found += [row.id for row in page.rows if row.id not in excepted]
            if not page.has_after or not page.cursors:
                break
            place = Place.after(page.cursors[-1])
    if len(found) > MOST:
        raise InvalidInput("marked", f"more than {MOST} connections", "Filter, and start them in parts.")
    return tuple(found)


def start_many(session: Session, connection_ids: tuple[int, ...], operation_type: str) -> ManyTold:
    """Start them all and count the answers. Blocks; not for the event loop.

    Raises:
        AtlasError: The database cannot be asked; those started by then stay started.
    """
    classes: Counter[str] = Counter()
    for connection_id in connection_ids:
        try:
            result = starting.start(session.db, session.who, connection_id, operation_type, run_after=True)
        except Forbidden:
            classes["not permitted"] += 1
        except NotFound:
            classes["gone"] += 1
        else:
            classes[_class_of(result)] += 1
    words = ", ".join(f"{count} {name}" for name, count in classes.most_common())
    started = classes["queued"] + classes["waiting"] + classes["attached"]
    return ManyTold(f"{len(connection_ids)} connections: {words or 'none'}", "ok" if started else "warn")


def _class_of(result: starting.StartResult) -> str:
    if isinstance(result, Started):
        return "queued"
    if isinstance(result, AlreadyRunning):
        return "attached"
    if isinstance(result, ScopeBusy):
        return "waiting" if result.waiting is not None else "busy"
    return f"blocked ({result.reason.code})"
