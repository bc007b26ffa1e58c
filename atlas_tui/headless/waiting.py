"""Waiting for several runs at once, looking only when something changed; Ctrl+C stops the waiting, never the runs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from atlas_tui.headless.following import Following
from atlas_tui.headless.opening import Opened
from storage import notifications, runs, workers
from storage.consequences import count
from storage.feed import ChangeFeed
from storage.states import RunStatus

_LOOK_EVERY: Final = 0.2


def wait_for(here: Opened, run_ids: Sequence[int], timeout: float) -> bool:
    """Waits until all these runs have completed, and says on a terminal how many have. Returns False when the time was over before that.

    Whoever has waited for them need not read in the inbox that they have.
    """
    left, line = set(run_ids), Following(sys.stderr)
    total = len(left)

    def done() -> bool:
        for run_id in sorted(left):
            if runs.get(here.db, here.who, run_id).row.status is RunStatus.COMPLETED:
                left.discard(run_id)
                notifications.mark_seen(here.db, here.who, run_ids=[run_id])
        line.show(f"{total - len(left)} of {count(total, 'run')} ended")
        return not left

    try:
        return wait_until(here, done, timeout)
    finally:
        line.end()


def wait_until(here: Opened, done: Callable[[], bool], timeout: float) -> bool:
    """Waits until a condition on the database holds. Returns False when the time was over before that.

    Raises:
        KeyboardInterrupt: somebody pressed ctrl+c; it was said that what was started goes on.
    """
    if done():
        return True
    if workers.status(here.db).alive == 0:
        sys.stderr.write("No worker is running, so nothing will happen until one does: atlas-tui worker\n")
    feed, pause, until = ChangeFeed(here.db), threading.Event(), time.monotonic() + timeout
    try:
        while time.monotonic() < until:
            if feed.poll() and done():
                return True
            pause.wait(_LOOK_EVERY)
        return done()
    except KeyboardInterrupt:
        sys.stderr.write("\nWhat was started goes on; see it with: atlas-tui runs\n")
        raise
    finally:
        feed.close()
