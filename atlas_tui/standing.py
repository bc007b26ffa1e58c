"""Line 1: where I am, who I am, who works, what waits, what is unread in my inbox, how fresh it is; and whether an outage goes on.

Promise: reading it is a few short queries in a worker thread.

Must not know: screens, widgets but the segments of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_tui.widgets.status_line import Segment
from storage.capabilities import CAPABILITIES_OF, Capability

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import Session
    from storage.outages import Outage


@dataclass(frozen=True, slots=True)
class Standing:
    """Who works and what waits.

    Attributes:
        alive: Workers that are alive.
        queued: Runs that wait for a worker.
        running: Runs being worked on.
        waiting: Runs that wait for another run, or for their time.
        outage: What many tenants suffer from at once, if anything.
    """

    alive: int
    queued: int
    running: int
    waiting: int
    outage: Outage | None = None


def read_standing(session: Session) -> Standing:
    """Ask who works and what waits. Blocks; not for the event loop.

    Raises:
        AtlasError: The database cannot be asked.
    """
    from storage import outages, runs, workers

    status = workers.status(session.db)
    if not session.workspaces:
        return Standing(status.alive, 0, 0, 0)
    counts = runs.unfinished_counts(session.db, session.who, session.workspace.workspace_id)
    outage = outages.current(session.db, session.who, session.workspace.workspace_id)
    return Standing(status.alive, counts.queued, counts.running, counts.waiting, outage)


def identity(session: Session | None) -> list[Segment]:
    """The left of line 1."""
    if session is None:
        return [Segment("ATLAS", "title")]
    role = session.workspace.role
    words = [
        Segment("ATLAS", "title", 6),
        Segment(session.workspace.slug, "strong"),
        Segment(f"{session.who.label}/{role.value}", priority=2),
    ]
    if Capability.PROVIDER_RUN not in CAPABILITIES_OF[role]:
        words.append(Segment("read-only", "warn", 4))
    if not session.workspace.whole:
        words.append(Segment("part of it", "muted", 7))
    if not session.db.is_sqlite:
        words.append(Segment(session.db.kind, "muted", 5))
    return words


def identity_of_staff(session: Session) -> list[Segment]:
    """The left of line 1 on the system plane: no workspace, and the platform roles in the place of a role."""
    roles = "+".join(sorted(capability.value.split(".")[1] for capability in session.platform)) or "no role"
    words = [
        Segment("ATLAS", "title", 6),
        Segment("SYSTEM PLANE", "strong"),
        Segment(f"{session.who.label}/{roles}", priority=2),
        Segment("read-only", "warn", 1),
    ]
    if not session.db.is_sqlite:
        words.append(Segment(session.db.kind, "muted", 5))
    return words


def running(app: AtlasApp, *, in_workspace: bool = True) -> list[Segment]:
    """The right of line 1.

    Args:
        app: What is known.
        in_workspace: Whether the queue of the workspace belongs there.
    """
    fresh = app.freshness.words(app.clock(), lambda at: app.times.of_day(at))
    segments: list[Segment] = []
    inbox, standing = app.mailbox.inbox, app.standing
    if inbox is not None and inbox.unread:
        segments.append(Segment(f"unread {inbox.words}", "info", 3))
    if standing is not None:
        if standing.outage is not None and in_workspace and app.notice is not None:
            # The banner says more, but a message stands where it was.
            segments.append(Segment("outage", "warn", 2))
        if standing.alive:
            segments.append(Segment(f"workers {standing.alive}", priority=3))
        elif (code := app.worker.exit_code) is not None:
            segments.append(Segment(f"worker stopped ({code})", "bad", 1))
        elif app.worker.is_starting:
            segments.append(Segment("starting worker...", "warn", 1))
        else:
            segments.append(Segment("no worker running", "bad", 1))
        if in_workspace:
            segments.append(Segment(f"queued {standing.queued}", priority=3))
    return [*segments, Segment(fresh.text, fresh.style)]
