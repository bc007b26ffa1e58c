"""Health: who works, what waits, which database, how many connections have which badge.

Promise: three dimensions are counted one by one and never summed up; a worker's beat repaints nothing.

Must not know: how a worker works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atlas_tui.cells import Line, Part, fit
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.prose import Times, blank, field, heading
from storage import connections, runs, workers
from storage.rollups import BadgeCounts
from storage.runs import UnfinishedCounts
from storage.schema_version import SCHEMA_NUMBER
from storage.states import Topic
from storage.workers import WorkerRow, WorkersStatus


@dataclass(frozen=True, slots=True)
class _Read:
    workers: WorkersStatus
    queue: UnfinishedCounts
    badges: BadgeCounts


class HealthScreen(PageScreen):
    """The page."""

    VIEW = View.HEALTH
    PLACES = (Where.HEALTH,)
    TOPICS = frozenset({Topic.WORKERS, Topic.RUNS, Topic.CONNECTIONS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.subject = 0

    def link(self) -> Link:
        """This view."""
        return Link(View.HEALTH)

    def follow(self, link: Link) -> None:
        """It shows one thing only."""

    def read_subject(self, id: int) -> _Read:
        """Workers, queue, badges."""
        session = self.session
        workspace_id = session.workspace.workspace_id
        return _Read(
            workers.status(session.db),
            runs.unfinished_counts(session.db, session.who, workspace_id),
            connections.counts(session.db, session.who, workspace_id),
        )

    def lines(self, width: int) -> list[Line]:
        """The page."""
        read: _Read = self.read
        session, times = self.session, self.times
        lines: list[Line] = [heading("Workers", f"{read.workers.busy} of {read.workers.slots} places taken")]
        if not read.workers.alive:
            lines += self._no_worker(width)
        for worker in read.workers.workers:
            lines.append(_worker(worker, times))
        queue = f"queued {read.queue.queued}, running {read.queue.running}, waiting {read.queue.waiting}"
        lines += [blank(), heading("Queue", session.workspace.slug), *field("", queue, width)]
        lines += [blank(), heading("Connections", f"{read.badges.total:,}")]
        lines += field("Lifecycle", _counted(read.badges.lifecycle), width)
        lines += field("Consent", _counted(read.badges.consent), width)
        lines += field("Verification", _counted(read.badges.verification), width)
        lines += [blank(), heading("Database")]
        lines += field("Kind", session.db.kind, width)
        lines += field("Place", session.place or session.db.url, width)
        lines += field("Schema", f"{SCHEMA_NUMBER:04d}", width)
        if (error := self.atlas.freshness.error) is not None:
            lines += field("Trouble", str(error), width, style="bad")
        return lines

    def _no_worker(self, width: int) -> list[Line]:
        worker = self.atlas.worker
        if worker.is_starting:
            return field("", "The worker of this dashboard is starting; what is queued waits for it.", width)
        lines = field("", "No worker is running: what is queued waits, and no schedule is kept.", width, style="warn")
        if worker.process is not None and (code := worker.exit_code) is not None:
            ended = f"The worker of this dashboard ended with {code}; see {worker.process.log_file}"
            return lines + field("", ended, width, style="bad")
        return lines + field("Next step", "Run: atlas-tui worker", width, style="strong")

    def command_copy_json(self) -> None:
        """Nothing here is worth copying."""


def _worker(worker: WorkerRow, times: Times) -> Line:
    if worker.is_alive:
        state = Part("+ stopping " if worker.stopping_at else "+ alive    ", "ok")
    elif worker.stopped_at is not None:
        state = Part("- stopped  ", "muted")
    else:
        state = Part("x lost     ", "bad")
    kind = "local" if worker.is_local else ""
    words = f"{fit(f'{worker.host} {worker.pid}', 28)} {worker.busy}/{worker.slots} busy  {kind}"
    return (Part(" "), state, Part(f"{words}  since {times.of_day(worker.started_at)}"))


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in counts.items() if count) or "-"
