"""What the widget tests share: a terminal that counts bytes and shows what it was sent, a list to look at, a way to wait."""

from __future__ import annotations

import ast
import asyncio
import bisect
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyte
import pytest
from quiet import MOST, quiet
from terminals import CountingDriver, QuickScreen
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from atlas_tui.badges import consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, age_bucket, cell
from atlas_tui.theme import register
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import Direction, PageRequest, PageResult, Sort
from atlas_tui.widgets.virtual_table import VirtualTable
from storage.states import ConsentStatus, VerificationStatus

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Connection:
    """A row as storage hands it out."""

    id: int
    tenant: str
    is_enabled: bool = True
    consent: ConsentStatus = ConsentStatus.GRANTED
    verification: VerificationStatus = VerificationStatus.HEALTHY
    checked_at: datetime | None = None
    reason: str = ""


class Fleet:
    """A source in memory with keyset cursors: `"12"` is the place behind the row that sorts as the 12th key.

    Args:
        rows: Sorted by id.
        counts_positions: Whether answers say where they stand.
    """

    def __init__(self, rows: list[Connection], *, counts_positions: bool = False) -> None:
        self.rows = rows
        self.counts_positions = counts_positions
        self.requests: list[PageRequest] = []
        self.threads: set[str] = set()
        self.error: Exception | None = None
        self.gate: threading.Event | None = None

    def fetch(self, request: PageRequest) -> PageResult[Connection]:
        self.requests.append(request)
        self.threads.add(threading.current_thread().name)
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        rows = self._ordered(request.sort)
        if isinstance(request.filter, str):
            rows = [row for row in rows if request.filter in row.tenant]
        ids = {row.id: index for index, row in enumerate(rows)}
        start = self._start(request, rows, ids)
        page = rows[start : start + request.limit]
        end = start + len(page)
        return PageResult(
            tuple(page),
            previous_cursor=repr(self._place(request.sort, page[0])) if page and start else None,
            next_cursor=repr(self._place(request.sort, page[-1])) if page and end < len(rows) else None,
            total=len(rows),
            position=start + 1 if self.counts_positions and page else None,
        )

    def _start(self, request: PageRequest, rows: list[Connection], ids: dict[int, int]) -> int:
        if request.direction is Direction.FIRST:
            return 0
        if request.direction is Direction.LAST:
            return max(0, len(rows) - request.limit)
        if request.direction is Direction.AT and request.key in ids:
            return ids[request.key]
        if request.cursor is None:
            return 0
        places = [self._place(request.sort, row) for row in rows]
        if request.sort is not None and request.sort.descending:
            places = [(_Backwards(place[0]), place[1]) for place in places]
        place = ast.literal_eval(request.cursor)
        if request.sort is not None and request.sort.descending:
            place = (_Backwards(place[0]), place[1])
        if request.direction is Direction.AFTER:
            return bisect.bisect_right(places, place)
        if request.direction is Direction.BEFORE:
            return max(0, bisect.bisect_left(places, place) - request.limit)
        return bisect.bisect_left(places, place)

    def _ordered(self, sort: Sort | None) -> list[Connection]:
        if sort is None:
            return self.rows
        rows = sorted(self.rows, key=lambda row: row.id)
        return sorted(rows, key=lambda row: self._place(sort, row)[0], reverse=sort.descending)

    def _place(self, sort: Sort | None, row: Connection) -> tuple[Any, int]:
        return ("", row.id) if sort is None else (str(getattr(row, sort.key)), row.id)

    def change(self, id: int, **fields: Any) -> None:
        """Another state of one row."""
        self.rows = [replace(row, **fields) if row.id == id else row for row in self.rows]

    def remove(self, *ids: int) -> None:
        """Rows that are gone."""
        self.rows = [row for row in self.rows if row.id not in ids]


@dataclass(frozen=True, order=False)
class _Backwards:
    value: str

    def __lt__(self, other: _Backwards) -> bool:
        return self.value > other.value


def _name(row: Connection, now: datetime) -> Cell:
    return cell(row.tenant)


COLUMNS: tuple[Column[Connection], ...] = (
    Column("tenant", "TENANT", _name, 15, share=2, sortable=True),
    Column("is_enabled", "LIFECYCLE", lambda row, now: lifecycle_badge(row.is_enabled), 10, priority=1),
    Column("consent", "CONSENT", lambda row, now: consent_badge(row.consent), 10, sortable=True, priority=1),
    Column("verification", "VERIFICATION", lambda row, now: verification_badge(row.verification), 12, sortable=True),
    Column(
        "checked_at",
        "AGE",
        lambda row, now: cell(age_bucket(now - row.checked_at if row.checked_at else None)),
        5,
        priority=2,
        align="right",
        age_of=lambda row: row.checked_at,
    ),
    Column("reason", "REASON", lambda row, now: cell(row.reason), 14, share=3, priority=3),
)

_CONSENT, _VERIFICATION = list(ConsentStatus), list(VerificationStatus)


def make_rows(count: int) -> list[Connection]:
    """A believable mix: most are well, every seventh has something."""
    return [
        Connection(
            id=number,
            tenant=f"Tenant {number:07}",
            is_enabled=number % 13 != 0,
            consent=_CONSENT[number % 5] if number % 7 == 0 else ConsentStatus.GRANTED,
            verification=_VERIFICATION[number % 6] if number % 7 == 0 else VerificationStatus.HEALTHY,
            checked_at=NOON - timedelta(minutes=number % 50),
            reason="secret_expired" if number % 7 == 0 else "",
        )
        for number in range(1, count + 1)
    ]


class Terminal:
    """A running app and the terminal it writes to."""

    def __init__(self, app: WidgetApp, pilot: Pilot[Any], size: tuple[int, int]) -> None:
        self.app = app
        self.pilot = pilot
        self.screen = QuickScreen(*size)
        self._stream = pyte.Stream(self.screen)
        self._read = 0

    @property
    def driver(self) -> CountingDriver:
        driver = self.app._driver
        assert isinstance(driver, CountingDriver)
        return driver

    async def wait_for(self, condition: Callable[[], object], seconds: float = MOST) -> None:
        """Until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            await asyncio.sleep(0.005)
        await self.pilot.pause()

    async def settle(self) -> None:
        """Until every list has its answers and everything is painted."""
        await quiet(self.app, lambda: any(table.is_busy for table in self.app.query(VirtualTable)))

    async def press(self, *keys: str) -> None:
        """Keys, and whatever follows from them."""
        for key in keys:
            await self.app._press_keys((key,))
            await self.settle()

    def bytes_written(self) -> int:
        """Bytes sent since this was asked last."""
        new = "".join(self.driver.sent[self._read :])
        self._read = len(self.driver.sent)
        self._stream.feed(new)
        return len(new.encode())

    def display(self) -> list[str]:
        """What a terminal that got all those bytes shows."""
        self.bytes_written()
        return list(self.screen.display)

    def styles(self) -> list[tuple[Any, ...]]:
        """Every cell with its colours, as that terminal has it."""
        self.bytes_written()
        return [tuple(self.screen.buffer[y][x] for x in range(self.screen.columns)) for y in range(self.screen.lines)]


class WidgetApp(App[None]):
    """The smallest app around some widgets."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: $background; }"

    def __init__(self, *widgets: Widget, theme: str = "atlas-dark", ansi_color: bool | None = None) -> None:
        super().__init__(driver_class=CountingDriver, ansi_color=ansi_color)
        register(self)
        self.theme = theme
        self._content = widgets
        self.heard: list[Any] = []

    def compose(self) -> ComposeResult:
        yield from self._content

    def on_mount(self) -> None:
        for table in self.query(VirtualTable):
            for action in table.ACTIONS:
                for key in action.keys:
                    table._bindings.bind(key, action.id)


@pytest.fixture(autouse=True)
def a_terminal_in_true_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most bytes a colour can take, whatever terminal the tests are started in."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def run() -> Callable[..., AbstractAsyncContextManager[Terminal]]:
    """`async with run(widget, …, size=(80, 24)) as terminal`."""

    @asynccontextmanager
    async def running(*widgets: Widget, size: tuple[int, int] = (80, 24), **named: Any) -> Any:
        app = WidgetApp(*widgets, **named)
        async with app.run_test(headless=False, size=size) as pilot:
            terminal = Terminal(app, pilot, size)
            await terminal.settle()
            yield terminal

    return running


@pytest.fixture
def fleet() -> Callable[..., Fleet]:
    """A fleet of so many connections."""
    return lambda count, **named: Fleet(make_rows(count), **named)


@pytest.fixture
def table() -> Callable[..., VirtualTable[Connection]]:
    """A list of a fleet, at noon."""

    def make(source: Fleet | None, **named: Any) -> VirtualTable[Connection]:
        named.setdefault("clock", lambda: NOON)
        return VirtualTable(COLUMNS, lambda row: row.id, source, **named)

    return make


@pytest.fixture
def listen() -> Callable[..., list[Any]]:
    """The messages of some kinds that a list posts from now on."""

    def begin(table: VirtualTable[Any], *kinds: type[Any]) -> list[Any]:
        heard: list[Any] = []
        post = table.post_message

        def posted(message: Any) -> bool:
            if isinstance(message, kinds):
                heard.append(message)
            return post(message)

        table.post_message = posted  # type: ignore[method-assign]
        return heard

    return begin


@pytest.fixture
def noon() -> datetime:
    """The time in these tests."""
    return NOON
