"""Following one run until it has ended: a line on stderr that says how far it is, when somebody looks; nothing when nobody does.

Promise: the database is asked only when something changed; standard output stays for the result. Ctrl+C stops following, never the run.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, TextIO

from atlas_tui.cells import cut, plain
from atlas_tui.headless.opening import Opened
from atlas_tui.screens.prose import Times
from atlas_tui.screens.run_text import progress_bar, progress_words
from storage import notifications, runs
from storage.feed import ChangeFeed
from storage.runs import RunDetail, RunRow
from storage.states import RunStatus

LOOK_EVERY: Final = 0.2
_CLEAR: Final = "\r\x1b[K"
"""Back to the beginning of the line, and nothing on it (ECMA-48, EL)."""


class Following:
    """The line that says how far a run is. Writes to a terminal only.

    Args:
        stream: where to.
        width: cells of a line.
    """

    def __init__(self, stream: TextIO, width: Callable[[], int] = lambda: shutil.get_terminal_size().columns) -> None:
        self._stream = stream
        self._width = width
        self._shown = ""
        self._is_seen = stream.isatty()

    def show(self, words: str) -> None:
        """Write another text over the last one; nothing when it reads the same."""
        text = cut(plain(words), max(20, self._width() - 1))
        if self._is_seen and text != self._shown:
            self._shown = text
            self._stream.write(f"{_CLEAR}{text}")
            self._stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._shown = ""


def state_words(row: RunRow, now: datetime) -> str:
    """Where a run is, in one line: `#7 Inventory sync of Contoso: running [####....] 37 % (3/8) items`."""
    where = row.status.value
    if row.cancel_requested_at is not None:
        where = "stops at its next safe point"
    elif row.status is RunStatus.RUNNING and row.waiting_until is not None and row.waiting_until > now:
        where = f"waits for Microsoft until {Times(now).of_day(row.waiting_until)}"
    elif row.status is RunStatus.QUEUED and row.not_before is not None and row.not_before > now:
        where = f"goes on at {Times(now).of_day(row.not_before)}"
    elif row.status is RunStatus.WAITING:
        where = "waits for the run before it"
    bar = progress_bar(row.progress_done, row.progress_total)
    words = progress_words(row.progress_done, row.progress_total, row.phase)
    return " ".join(part for part in (f"#{row.id} {row.label} of {row.tenant_name}:", where, bar, words) if part)


def follow(here: Opened, run_id: int, timeout: float, *, line: Following | None = None) -> RunDetail | None:
    """Waits until a run has ended. Whoever has waited for it need not read in the inbox that it has.

    Args:
        here: the command's surroundings.
        run_id: which run.
        timeout: seconds.
        line: where it is said how far the run is; standard error when None.

    Returns:
        The run as it ended; None when the time was over before that.

    Raises:
        NotFound: it is not visible (any more).
        KeyboardInterrupt: somebody pressed ctrl+c; the line is gone, the run goes on.
    """
    line = line or Following(sys.stderr)
    feed, pause, until = ChangeFeed(here.db), threading.Event(), time.monotonic() + timeout
    try:
        while True:
            if feed.poll():
                detail = runs.get(here.db, here.who, run_id)
                if detail.row.status is RunStatus.COMPLETED:
                    notifications.mark_seen(here.db, here.who, run_ids=[run_id])
                    return detail
                line.show(state_words(detail.row, _now(here)))
            if time.monotonic() >= until:
                return None
            pause.wait(LOOK_EVERY)
    finally:
        line.end()
        feed.close()


def _now(here: Opened) -> datetime:
    with here.db.read() as tx:
        return tx.now()
