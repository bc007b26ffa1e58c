"""The part of a list that knows rows: asks for pages, keeps the few around the screen, and keeps the cursor on its row.

Promise: a million rows cost what a hundred do. The cursor follows its row's key through every refresh, sort and filter; a row that
vanished hands it to its nearest neighbour. Nothing here blocks the event loop: the source is asked from worker threads that only
post messages, and answers that were overtaken are dropped. Nothing ticks.

Must not know: columns, marks, keys, what a line looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Generic

from textual import on
from textual.message import Message

from atlas_tui.widgets.asking import Asking, Question
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.pages import Direction, PageRequest, PageResult, PageSource, Row, Sort
from atlas_tui.widgets.table_messages import PageFailed, PageShown, RowHighlighted
from atlas_tui.widgets.viewport import Viewport
from atlas_tui.widgets.windows import Window
from storage.errors import Forbidden

LEAST_PAGE = 60
"""Rows asked for at once, at least; on tall screens twice the height."""

PAGES_KEPT = 3
"""Pages that stay in memory when a new one arrives at one end. Fewer, and what is dropped at the other end would be wanted at once."""

PAGES_REFRESHED = 4
"""Pages' worth of rows that a refresh reads again at most."""


class Landing(StrEnum):
    """What happens to the cursor when an answer comes."""

    TOP = "top"
    """It goes to the first row."""
    BOTTOM = "bottom"
    """It goes to the last row."""
    KEEP = "keep"
    """It stays on its row; if that is not in the answer, the source is asked where it went."""
    SETTLE = "settle"
    """It goes to the row asked for or, if there is none, stays or goes to the nearest neighbour."""
    EXTEND = "extend"
    """It stays; the answer is added to the rows in memory."""


class _Answer(Message, bubble=False):
    """From the worker thread to the event loop: what a question brought."""

    def __init__(self, number: int, result: PageResult[Any] | None, error: Exception | None) -> None:
        super().__init__()
        self.number = number
        self.result = result
        self.error = error


class PagedRows(PaintedLines, Generic[Row]):
    """Rows around a cursor. `VirtualTable` paints them and gives them keys.

    Args:
        key_of: The stable key of a row (its id).
        source: Asked from worker threads; None until `set_source`.
        clock: Now, for ages.
        sort: The order to begin with, None for the source's own.
        filter: The filter to begin with; opaque here, compared with `==`.
    """

    def __init__(
        self,
        key_of: Callable[[Row], Hashable],
        source: PageSource[Row] | None,
        *,
        clock: Callable[[], datetime],
        sort: Sort | None,
        filter: object,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._source = source
        self._clock = clock
        self._now = clock()
        self._sort = sort
        self._filter = filter
        self._window: Window[Row] = Window(key_of)
        self._view = Viewport()
        self._asking = Asking()
        self._error: Exception | None = None
        self._answered_once = False
        self._refresh_wanted = False
        self._owed = 0
        self._is_jumping = False
        self._told_row: tuple[Hashable | None, Row | None] = (None, None)
        self._told_place: tuple[int | None, int | None, bool] = (None, None, True)

    # What there is

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor, None when there are no rows."""
        return self._window.key_at(self._view.cursor) if len(self._window) else None

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, None when there are no rows."""
        return self._window.rows[self._view.cursor] if len(self._window) else None

    @property
    def visible_rows(self) -> tuple[Row, ...]:
        """The rows on the screen."""
        return tuple(self._window.rows[self._view.top : self._view.top + self._view.height])

    @property
    def rows_in_memory(self) -> int:
        """How many rows are held."""
        return len(self._window)

    @property
    def total(self) -> int | None:
        """Rows in the whole list, None when unknown."""
        return self._window.total

    @property
    def position(self) -> int | None:
        """The cursor's place in the whole list, from 1; None when unknown or there are no rows."""
        if not len(self._window) or self._window.position is None:
            return None
        return self._window.position + self._view.cursor

    @property
    def sort(self) -> Sort | None:
        """The order, None for the source's own."""
        return self._sort

    @property
    def filter(self) -> object:
        """The filter, as the owner set it."""
        return self._filter

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come. Tests wait for this to end."""
        return self._asking.busy or self._refresh_wanted

    @property
    def is_stale(self) -> bool:
        """Whether the last attempt to read failed: the rows on the screen are older than it."""
        return self._error is not None

    # What an owner may ask

    def set_source(self, source: PageSource[Row]) -> None:
        """Read from another source, from its first row on."""
        self._source = source
        self._forget_moves()
        self._ask(Direction.FIRST, Landing.TOP)

    def set_query(self, *, sort: Sort | None, filter: object) -> None:
        """Another order or filter. The cursor stays on its row if that is still in the list, else goes to the first row."""
        self._sort, self._filter = sort, filter
        self._forget_moves()
        self._ask_around(self.cursor_key)
        self.repaint()

    def refresh_page(self) -> None:
        """Read the rows in memory again and repaint the lines that differ; while a question is under way, right after it."""
        if self._asking.busy:
            self._refresh_wanted = True
            return
        self._refresh_wanted = False
        window, most = self._window, PAGES_REFRESHED * self.page_size
        start = 0 if len(window) <= most else max(0, min(self._view.top - self.page_size, len(window) - most))
        limit = max(self.page_size, min(len(window), most))
        if start == 0 and window.previous_cursor is None:
            self._ask(Direction.FIRST, Landing.KEEP, limit=limit)
        else:
            self._ask(Direction.AT, Landing.KEEP, cursor=window.previous_cursor, key=window.key_at(start), limit=limit)

    def show_key(self, key: Hashable) -> None:
        """Put the cursor on the row with this key: at once if it is in memory, else when the source has answered."""
        was_jumping = self._is_jumping
        self._forget_moves()
        if (index := self._window.index_of(key)) is not None and not was_jumping:
            self._view.show(index, self._view.top, len(self._window))
            self._moved()
        else:
            self._ask_around(key)

    # Asking

    @property
    def page_size(self) -> int:
        """Rows asked for at once."""
        return max(LEAST_PAGE, 2 * self.size.height)

    def _ask_around(self, key: Hashable | None) -> None:
        if key is None:
            self._ask(Direction.FIRST, Landing.TOP)
        else:
            self._ask(Direction.AT, Landing.SETTLE, key=key)

    def _ask(
        self,
        direction: Direction,
        landing: Landing,
        *,
        cursor: str | None = None,
        key: Hashable | None = None,
        limit: int | None = None,
    ) -> None:
        if self._source is not None:
            request = PageRequest(direction, limit or self.page_size, cursor, key, self._sort, self._filter)
            self._send(self._asking.ask(request, landing))

    def _send(self, question: Question | None) -> None:
        if question is not None and self._source is not None:
            self.run_worker(
                partial(self._fetch, self._source, question),
                name=f"page {question.number}",
                group="virtual-table",
                exit_on_error=False,
                thread=True,
            )

    def _fetch(self, source: PageSource[Row], question: Question) -> None:
        """In a worker thread: ask, and post what came. Whatever went wrong is the answer, for the event loop to show."""
        try:
            result = source.fetch(question.request)
        except Exception as error:
            self.post_message(_Answer(question.number, None, error))
        else:
            self.post_message(_Answer(question.number, result, None))

    def _read_ahead(self) -> None:
        """Ask for the next page before the cursor gets there."""
        window, view = self._window, self._view
        if self._asking.busy or not len(window):
            return
        if len(window) - view.top < 2 * view.height and window.next_cursor is not None:
            self._ask(Direction.AFTER, Landing.EXTEND, cursor=window.next_cursor)
        elif view.top < view.height and window.previous_cursor is not None:
            self._ask(Direction.BEFORE, Landing.EXTEND, cursor=window.previous_cursor)

    # Answers

    @on(_Answer)
    def _take_answer(self, message: _Answer) -> None:
        question, following = self._asking.answered(message.number)
        self._send(following)
        if question is None:
            return
        self._now = self._clock()
        held = len(self._window)
        failed_before, self._error = self._error, message.error
        if message.error is not None:
            self._forget_moves()
            if isinstance(message.error, Forbidden):
                # Whoever may not read them any more is not shown them as stale ones either.
                self._window.replace(PageResult(()))
                self._view.show(0, 0, 0)
            self.post_message(PageFailed(self, message.error))
        elif message.result is not None:
            self._answered_once = True
            self._land(question, message.result)
        if (failed_before is None) != (self._error is None) or held == 0 or not len(self._window):
            self.rows_changed()
        # A source that goes on and on without bringing rows is asked again only when someone moves.
        brought = message.result is not None and bool(message.result.rows)
        self._moved(read_ahead=brought)
        if self._refresh_wanted and not self._asking.busy:
            self.refresh_page()

    def rows_changed(self) -> None:
        """There are rows where there were none, or the list became stale or fresh: the room for rows may be another."""

    def _land(self, question: Question, result: PageResult[Row]) -> None:
        """Put an answer into the window and the cursor where it belongs."""
        if question.landing == Landing.EXTEND:
            self._extend(question.request.direction, result)
            return
        window, view = self._window, self._view
        key, order, line = self.cursor_key, window.keys(), view.cursor - view.top
        top_key = window.key_at(view.top) if len(window) else None
        at_start = view.top == 0 and window.previous_cursor is None
        window.replace(result)
        count = len(window)
        if question.landing == Landing.TOP:
            view.show(0, 0, count)
            self._make_up()
        elif question.landing == Landing.BOTTOM:
            view.show(count - 1, count, count)
            self._make_up()
        else:
            if question.landing == Landing.SETTLE and window.index_of(question.request.key) is not None:
                key = question.request.key
            index = window.nearest(key, order) or 0
            top = 0 if at_start else window.nearest(top_key, order)
            view.show(index, index - line if top is None else top, count)
            elsewhere = result.previous_cursor is not None or result.next_cursor is not None
            if question.landing == Landing.KEEP and key is not None and window.index_of(key) is None and elsewhere:
                # The row left this stretch of the list. It moved, or it is gone: only the source knows.
                limit = question.request.limit
                self._ask(Direction.AT, Landing.SETTLE, key=key, cursor=result.previous_cursor, limit=limit)

    def _extend(self, direction: Direction, result: PageResult[Row]) -> None:
        window, view, keep = self._window, self._view, PAGES_KEPT * self.page_size
        if direction is Direction.AFTER:
            view.shift(-window.append(result, keep), len(window))
        else:
            view.shift(window.prepend(result, keep), len(window))
        self._make_up()

    # Moving

    def move_cursor(self, rows: int) -> None:
        """Move the cursor by some rows, negative for up. What is not in memory yet is made up for when it comes."""
        if not self._is_behind_jump(rows):
            self._owe(self._view.move(rows, len(self._window)), rows)
            self._moved()

    def _turn(self, rows: int) -> None:
        """Move the cursor and the view together."""
        if not self._is_behind_jump(rows):
            self._owe(self._view.turn(rows, len(self._window)), rows)
            self._moved()

    def _is_behind_jump(self, rows: int) -> bool:
        """Keep a move for the end of the list that is on its way: it starts there."""
        if self._is_jumping:
            self._owed = max(-self.page_size, min(self.page_size, self._owed + rows))
        return self._is_jumping

    def _make_up(self) -> None:
        """Make the moves that memory ended, or that were made while a jump was on its way."""
        rows = self._owed
        self._forget_moves()
        if rows:
            move = self._view.turn if abs(rows) >= self._view.height else self._view.move
            self._owe(move(rows, len(self._window)), rows)

    def _forget_moves(self) -> None:
        self._owed, self._is_jumping = 0, False

    def _owe(self, missing: int, rows: int) -> None:
        """Remember moves that memory ended, if the list goes on there; at most a page, so that a held key can be let go."""
        cursor = self._window.next_cursor if rows > 0 else self._window.previous_cursor
        if not missing or cursor is None:
            self._owed = 0
            return
        owed = missing + (self._owed if (self._owed > 0) == (rows > 0) else 0)
        self._owed = max(-self.page_size, min(self.page_size, owed))

    def _to_end(self, direction: Direction) -> None:
        """To the first or last row of the whole list, by one query at most; another jump that is on its way is overtaken."""
        was_jumping = self._is_jumping
        self._forget_moves()
        count = len(self._window)
        if direction is Direction.FIRST:
            if was_jumping or self._window.previous_cursor is not None:
                self._ask(Direction.FIRST, Landing.TOP)
                self._is_jumping = True
                return
            self._view.show(0, 0, count)
        else:
            if was_jumping or self._window.next_cursor is not None:
                self._ask(Direction.LAST, Landing.BOTTOM)
                self._is_jumping = True
                return
            self._view.show(count - 1, count, count)
        self._moved()

    def _moved(self, *, read_ahead: bool = True) -> None:
        """The cursor or the rows changed: paint, tell, and read ahead."""
        self.repaint()
        row = (self.cursor_key, self.cursor_row)
        if row != self._told_row:
            self._told_row = row
            self.post_message(RowHighlighted(self, *row))
        place = (self.position, self.total, self._window.total_is_exact)
        if place != self._told_place:
            self._told_place = place
            self.post_message(PageShown(self, *place))
        if read_ahead:
            self._read_ahead()
