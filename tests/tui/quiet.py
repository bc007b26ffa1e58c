"""When a dashboard under test has nothing left to do: known, not guessed from a pause.

Textual's own pilot takes a process that works little for one that is done; on a machine that is busy with something else, or stopped for
a moment, that is wrong. Here the event loop is asked whether any task can run, every widget whether it waits for a message, the screen
whether something is unpainted, and the change feed whether it has told everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import textual.app
import textual.pilot
from textual.app import App
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen

LOOK: Final = 0.001
"""Seconds between two looks at what a thread does."""

MOST: Final = 60.0
"""Seconds after which something hangs. Only a test that fails waits for so long."""


async def drained(*_: Any) -> None:
    """Until no task of the event loop can run: each waits for a key, a timer or a thread."""
    loop: Any = asyncio.get_running_loop()
    end = time.monotonic() + MOST
    while True:
        await asyncio.sleep(0)
        if not loop._ready:
            return
        assert time.monotonic() < end, "the event loop is never done"


def _waits(pump: MessagePump) -> bool:
    """Whether a widget waits for its next message, and does not handle one."""
    queue: Any = pump._message_queue
    is_idle = queue.empty() and pump._pending_message is None and not pump._next_callbacks
    return is_idle and any(not waiter.done() for waiter in queue.ready_event._waiters)


def _is_unpainted(screen: Screen[Any]) -> bool:
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )


async def quiet(app: App[Any], is_busy: Callable[[], bool] = lambda: False) -> None:
    """Until every message is handled and everything painted, or the app has ended.

    Args:
        app: The app.
        is_busy: What else may be outstanding, such as an answer from a thread.
    """
    end = time.monotonic() + MOST
    while True:
        await drained()
        if not app._running or app._exception is not None:
            return
        if app._screen_stacks[app._current_mode] and _is_unpainted(app.screen):
            app.screen._on_timer_update()  # what its timer does 60 times a second
            await drained()
        elif all(map(_waits, (app, *app._registry))) and not is_busy():
            return
        assert time.monotonic() < end, (
            f"it is never quiet: {[pump for pump in (app, *app._registry) if not _waits(pump)]}"
        )
        await asyncio.sleep(LOOK)


class WatchedFeed:
    """A change feed of which one knows how often it was asked and how often it had something to tell.

    Args:
        feed: The real one.
    """

    def __init__(self, feed: Any) -> None:
        self._feed = feed
        self.asked = 0
        self.answered = 0
        self.told = 0
        self.is_open = True

    def poll(self) -> frozenset[Any]:
        self.asked += 1
        try:
            topics: frozenset[Any] = self._feed.poll()
        except Exception:
            self.told += 1
            raise
        else:
            self.told += bool(topics)
            return topics
        finally:
            self.answered += 1

    def close(self) -> None:
        self.is_open = False
        self._feed.close()

    async def look(self, hurry: Callable[[], None]) -> int:
        """Has it asked once more, and waits until all that it told by then is posted.

        Args:
            hurry: Has it asked at once.

        Returns:
            How often it has told something.
        """
        end = time.monotonic() + MOST
        while True:
            asked, told = self.asked, self.told
            # What it told before is posted when it is asked again.
            while self.is_open and self.answered <= asked:
                assert time.monotonic() < end, "the change feed does not answer"
                hurry()
                await asyncio.sleep(LOOK)
            if not self.is_open or self.told == told:
                return told


async def _wait_for_screen(pilot: Pilot[Any], timeout: float = MOST) -> bool:
    await quiet(pilot.app)
    return True


async def _pause(pilot: Pilot[Any], delay: float | None = None) -> None:
    await quiet(pilot.app)
    await asyncio.sleep(LOOK if delay is None else delay)
    await quiet(pilot.app)


def install() -> None:
    """Has Textual's pilot know, too."""
    for module in (textual.app, textual.pilot):
        setattr(module, "wait_for_idle", drained)  # noqa: B010 - mypy knows that they do not export it
    Pilot._wait_for_screen = _wait_for_screen  # type: ignore[method-assign]
    Pilot.pause = _pause  # type: ignore[method-assign]
