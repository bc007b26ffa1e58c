"""The change feed in the dashboard: one thread that asks what changed and posts it, and the words for how fresh the screen is.

Promise: nobody but this thread asks the feed; it ends within one interval of being told to; an unreachable database is asked again with
growing pauses and, once it is back, everything counts as changed. The words change only when there is something to say: no clock.

Must not know: screens, tables, what a topic means.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from textual.message import Message

from atlas_tui.cells import Part
from storage.errors import AtlasError, DatabaseBusy
from storage.states import Topic

if TYPE_CHECKING:
    from storage.database import Database

INTERVAL_SECONDS: Final = 0.3
RETRY_SECONDS: Final = (1.0, 2.0, 5.0)
"""Pauses between attempts to reach a database that went away."""

STALE_AFTER: Final = timedelta(seconds=10)
"""A feed that has not answered for so long is hanging, and the screen says so."""

_STALE_STEPS: Final = (10, 15, 30, 45, 60, 120, 300, 600, 1800, 3600)


class Feed(Protocol):
    """What can be polled; `storage.feed.ChangeFeed` is one."""

    def poll(self) -> frozenset[Topic]:
        """The topics that changed since the last call."""

    def close(self) -> None:
        """Give back what it holds."""


class Changed(Message, bubble=False):
    """Something of these topics changed."""

    def __init__(self, topics: frozenset[Topic]) -> None:
        super().__init__()
        self.topics = topics


class Reached(Message, bubble=False):
    """The database went away (`error`), or came back (None)."""

    def __init__(self, error: AtlasError | None) -> None:
        super().__init__()
        self.error = error


class Poller:
    """The thread that asks.

    Args:
        feed: What is asked; closed by the thread when it ends.
        post: Takes messages, from this thread.
        now: The present.
        interval: Seconds between two questions.
        pauses: Seconds to wait after failures.
    """

    def __init__(
        self,
        feed: Feed,
        post: Callable[[Message], object],
        now: Callable[[], datetime],
        *,
        interval: float = INTERVAL_SECONDS,
        pauses: tuple[float, ...] = RETRY_SECONDS,
    ) -> None:
        self._feed = feed
        self._post = post
        self._now = now
        self._interval = interval
        self._pauses = pauses
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self.answered_at = now()
        """When the feed answered last."""

    def run(self) -> None:
        """Ask until stopped. Called in a worker thread."""
        failures = 0
        try:
            while not self._stop.is_set():
                pause = self._interval
                try:
                    topics = self._feed.poll()
                except AtlasError as error:
                    pause = self._pauses[min(failures, len(self._pauses) - 1)]
                    failures += 1
                    self._post(Reached(error))
                else:
                    self.answered_at = self._now()
                    if failures:
                        failures, topics = 0, frozenset(Topic)
                        self._post(Reached(None))
                    if topics:
                        self._post(Changed(topics))
                self._hurry.wait(pause)
                self._hurry.clear()
        finally:
            self._feed.close()

    def hurry(self) -> None:
        """Ask now instead of after the pause."""
        self._hurry.set()

    def stop(self) -> None:
        """Ask no more. Returns at once; the thread ends when its last question is answered."""
        self._stop.set()
        self._hurry.set()


def open_feed(db: Database) -> Feed:
    """The feed of a database. Imports storage, so not to be called before the first paint."""
    from storage.feed import ChangeFeed

    return ChangeFeed(db)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the screen is.

    Attributes:
        changed_at: When something on the screen changed last, by the database's news.
        answered_at: When the feed answered last.
        is_paused: A person stopped the repainting.
        error: The database is unreachable.
    """

    changed_at: datetime | None = None
    answered_at: datetime | None = None
    is_paused: bool = False
    error: AtlasError | None = None

    def words(self, now: datetime, show_time: Callable[[datetime], str]) -> Part:
        """What line 1 says, in one style: `upd 14:02:07Z live`, `PAUSED`, `STALE 45s`, `DB unreachable`.

        Args:
            now: The present.
            show_time: A moment as a time of day, in the zone people chose.
        """
        if self.error is not None:
            return Part("DB locked" if isinstance(self.error, DatabaseBusy) else "DB unreachable", "bad")
        if self.is_paused:
            return Part("PAUSED", "warn")
        if self.answered_at is not None and now - self.answered_at > STALE_AFTER:
            return Part(f"STALE {_silence(now - self.answered_at)}", "bad")
        if self.changed_at is None:
            return Part("live", "ok")
        return Part(f"upd {show_time(self.changed_at)} live", "ok")


def _silence(length: timedelta) -> str:
    seconds = max(step for step in _STALE_STEPS if step <= max(10, length.total_seconds()))
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m"
