"""A terminal in memory, and a dashboard in it that is used with keys and looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import pyte
from pyte import charsets, modes
from quiet import MOST, WatchedFeed, quiet
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from atlas_tui.app import AtlasApp
from atlas_tui.threads import Asks
from atlas_tui.widgets.virtual_table import VirtualTable

_KEYS: Final = {
    " ": "space",
    ":": "colon",
    "!": "exclamation_mark",
    "#": "number_sign",
    "_": "underscore",
    ".": "full_stop",
}


class CountingDriver(HeadlessDriver):
    """A terminal in memory: keeps what it was sent."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.sent: list[str] = []

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.sent.append(data)


class QuickScreen(pyte.Screen):
    """pyte's, with the same result sooner: plain text that fits on its line is put there without a look at each letter's width."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self._cells: dict[Any, dict[str, Any]] = {}
        super().__init__(*args, **named)

    def draw(self, data: str) -> None:
        cursor = self.cursor
        end = cursor.x + len(data)
        is_plain = data.isascii() and data.isprintable() and end <= self.columns and modes.IRM not in self.mode
        if not is_plain or self.charset or self.g0_charset is not charsets.LAT1_MAP:
            super().draw(data)
            return
        line, cells = self.buffer[cursor.y], self._cells.setdefault(cursor.attrs, {})
        for at, letter in enumerate(data, cursor.x):
            if (cell := cells.get(letter)) is None:
                cell = cells[letter] = cursor.attrs._replace(data=letter)
            line[at] = cell
        cursor.x = end
        self.dirty.add(cursor.y)


class Terminal:
    """A running dashboard and the terminal it writes to."""

    def __init__(self, app: AtlasApp, pilot: Pilot[Any], size: tuple[int, int]) -> None:
        self.app = app
        self.pilot = pilot
        self._heard = -1
        self._screen = QuickScreen(*size)
        self._stream = pyte.Stream(self._screen)
        self._read = 0
        self._shown: list[str] | None = None

    @property
    def _feed(self) -> WatchedFeed | None:
        """The change feed, unless a test made one of its own."""
        feed = self.app._poller._feed if self.app._poller is not None else None
        return feed if isinstance(feed, WatchedFeed) else None

    def _is_busy(self) -> bool:
        """Whether an answer is still to come, or keys are kept behind one that leads elsewhere."""
        app = self.app
        return (
            app.is_asking
            or app._leading is not None
            or any(isinstance(screen, Asks) and screen.is_asking for screen in app.screen_stack)
            or any(isinstance(widget, VirtualTable) and widget.is_busy for widget in app._registry)
        )

    async def wait_for(self, condition: Callable[[], object], seconds: float = MOST) -> None:
        """Until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen; the screen:\n" + self.text()
            if self._feed is not None:
                self.app.hurry_feed()
            await asyncio.sleep(0.005)
        await quiet(self.app)

    async def settle(self) -> None:
        """Until every question has its answer, the feed has told all that was changed by now, and everything is painted."""
        while True:
            await quiet(self.app, self._is_busy)
            feed = self._feed
            if feed is None or not self.app._running:
                return
            heard = await feed.look(self.app.hurry_feed)
            if heard == self._heard:
                return
            self._heard = heard

    async def press(self, *keys: str) -> None:
        """Keys, and whatever follows from them."""
        for key in keys:
            await self.app._press_keys((key,))
            await self.settle()

    async def type(self, text: str) -> None:
        """Letters, and whatever follows from them."""
        await self.app._press_keys([_KEYS.get(character, character) for character in text])
        await self.settle()

    def bytes_written(self) -> int:
        """Bytes sent since this was asked last."""
        driver = self.app._driver
        assert isinstance(driver, CountingDriver)
        new = "".join(driver.sent[self._read :])
        self._read = len(driver.sent)
        if new:
            self._stream.feed(new)
            self._shown = None
        return len(new.encode())

    def display(self) -> list[str]:
        """What a terminal that got all those bytes shows."""
        self.bytes_written()
        if self._shown is None:
            self._shown = self._screen.display
        return list(self._shown)

    def text(self) -> str:
        """The same as one text."""
        return "\n".join(line.rstrip() for line in self.display())

    def shows(self, words: str) -> bool:
        """Whether some line has these words."""
        return any(words in line for line in self.display())
