"""A list of any length: columns that fit, a header, a cursor, marks; only lines that differ are written.

Promise: an idle list writes nothing, a step of the cursor writes two lines, a changed row writes its line. Every action has an entry
in `ACTIONS`, moves nothing but the cursor, the view and the marks, and changes no data. (How rows come: `paged_rows`.)

Must not know: what the rows are, which keys are bound (a registry reads `ACTIONS`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import events

from atlas_tui.cells import Line, Part, fit_line, join_parts, next_bucket_change
from atlas_tui.widgets.columns import Column, Placed, column_at, header_parts, place, row_parts
from atlas_tui.widgets.marks import Marks, Selection
from atlas_tui.widgets.paged_rows import PagedRows
from atlas_tui.widgets.pages import Direction, PageSource, Row, Sort
from atlas_tui.widgets.table_messages import (
    ListAction,
    ListTexts,
    MarksChanged,
    RangeRefused,
    RowOpened,
    SortChanged,
)
from storage.errors import AtlasError

GUTTER = 3
"""Cells left of the columns: the cursor's `>`, the mark's `*`, a blank."""

WHEEL_ROWS = 3
"""Rows the wheel scrolls by."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class VirtualTable(PagedRows[Row], can_focus=True):
    """The list. See the module.

    Args:
        columns: All columns; `place` chooses those that fit.
        key_of: The stable key of a row (its id).
        source: Asked from worker threads; None until `set_source`.
        texts: What is said when there are no rows.
        clock: Now, for ages.
        sort: The order to begin with, None for the source's own.
        filter: The filter to begin with; opaque here, compared with `==`.
    """

    ACTIONS: ClassVar[tuple[ListAction, ...]] = (
        ListAction("cursor_up", "Move up", ("up", "k")),
        ListAction("cursor_down", "Move down", ("down", "j")),
        ListAction("page_up", "One screen up", ("pageup",)),
        ListAction("page_down", "One screen down", ("pagedown",)),
        ListAction("top", "First row", ("g", "home")),
        ListAction("bottom", "Last row", ("G", "end")),
        ListAction("toggle_mark", "Mark this row", ("space",)),
        ListAction("mark_range", "Mark from the last marked row to this one", ("v",)),
        ListAction("mark_all", "Mark all in this filter", ("A",)),
        ListAction("clear_marks", "Take all marks away", ()),
        ListAction("sort_next", "Sort by the next column", ("o",)),
        ListAction("sort_reverse", "Reverse the order", ("O",)),
        ListAction("open_row", "Open this row", ("enter",)),
    )

    DEFAULT_CSS = """
    VirtualTable { height: 1fr; }
    """

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key_of: Callable[[Row], Hashable],
        source: PageSource[Row] | None = None,
        *,
        texts: ListTexts | None = None,
        clock: Callable[[], datetime] = _utc_now,
        sort: Sort | None = None,
        filter: object = None,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(key_of, source, clock=clock, sort=sort, filter=filter, name=name, id=id, classes=classes)
        self.columns: tuple[Column[Row], ...] = tuple(columns)
        self.texts = texts or ListTexts()
        self._marks = Marks()
        self._placed: tuple[Placed[Row], ...] = ()
        self._row_lines: dict[Hashable, Line] = {}
        # The moment and the rows that `_row_lines` were made from.
        self._lines_now: datetime | None = None
        self._lines_rows: Sequence[Row] = ()

    @property
    def selection(self) -> Selection:
        """The marked rows."""
        return self._marks.selection(self.total)

    def set_source(self, source: PageSource[Row]) -> None:
        """Read from another source, from its first row on, with nothing marked."""
        self.action_clear_marks()
        super().set_source(source)

    def set_query(self, *, sort: Sort | None, filter: object) -> None:
        """Another order or filter. The cursor stays on its row if that is still in the list, else goes to the first row.

        Marks of single rows stay (their count is shown); "all in this filter" ends with the filter it was about.
        """
        if filter != self._filter and self._marks.all_in_filter:
            self.action_clear_marks()
        if sort != self._sort:
            self.post_message(SortChanged(self, sort.key if sort else None, sort.descending if sort else False))
        super().set_query(sort=sort, filter=filter)

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Show other columns (wide and narrow lists)."""
        self.columns = tuple(columns)
        self._lay_out()
        self.repaint()

    def refresh_ages(self, now: datetime) -> int:
        """Repaint the rows whose visible age changed.

        Args:
            now: The present.

        Returns:
            How many lines were written; 0 as long as no bucket changed.
        """
        self._now = now
        return self.repaint()

    def next_age_change(self, now: datetime) -> datetime | None:
        """When an age on the screen will next read differently, None when none will. The owner sets one timer to it."""
        clocks = [placed.column.age_of for placed in self._placed if placed.column.age_of is not None]
        moments = (age_of(row) for age_of in clocks for row in self.visible_rows)
        changes = (next_bucket_change(moment, now) for moment in moments if moment is not None)
        return min((change for change in changes if change is not None), default=None)

    # Painting

    def rows_changed(self) -> None:
        """The line at the bottom that calls the rows stale takes one from them."""
        self._lay_out()

    def _lay_out(self) -> None:
        self._placed = place(self.columns, max(0, self.size.width - GUTTER))
        says_stale = self.is_stale and bool(len(self._window))
        self._view.resize(self.size.height - 1 - says_stale, len(self._window))
        self._lines_now = None

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The header and the rows on the screen, or why there are none."""
        sort, view, window = self._sort, self._view, self._window
        header = header_parts(self._placed, sort.key if sort else None, sort.descending if sort else False)
        lines: list[Line] = [(Part(" " * GUTTER), *header)]
        if not len(window):
            return [*lines, *self._no_rows()]
        if self._lines_now != self._now or self._lines_rows is not window.rows:
            # Other rows, another time: every row may read differently.
            self._row_lines.clear()
            self._lines_now, self._lines_rows = self._now, window.rows
        last = min(view.top + view.height, len(window))
        lines.extend(self._row_line(index, width) for index in range(view.top, last))
        if self._error is not None:
            lines.extend([()] * (height - 1 - len(lines)))
            sentence, hint = _words_for(self._error)
            lines.append((Part(" STALE ", "bad"), Part(f"{sentence} ", "strong"), Part(hint)))
        return lines

    def _row_line(self, index: int, width: int) -> Line:
        key = self._window.key_at(index)
        if (shown := self._row_lines.get(key)) is None:
            shown = join_parts(row_parts(self._placed, self._window.rows[index], self._now))
            self._row_lines[key] = shown
        mark = "*" if key in self._marks else " "
        if index != self._view.cursor:
            return fit_line((Part(f" {mark} "), *shown), width)
        line = fit_line((Part(f">{mark} "), *shown), width)
        # One style for the whole line: reverse video, in which the badges' colours could not be told from each other anyway.
        return (Part("".join(part.text for part in line), "cursor"),) if self.has_focus else line

    def _no_rows(self) -> list[Line]:
        indent = Part(" " * GUTTER)
        if self._error is not None:
            sentence, hint = _words_for(self._error)
            return [(indent, Part(sentence, "bad")), (indent, Part(hint))]
        if not self._answered_once:
            return [(indent, Part(self.texts.loading, "muted"))]
        return [(indent, Part(self.texts.empty)), (indent, Part(self.texts.empty_hint, "muted"))]

    # Textual calls the handlers of every base class too; none here may call super().

    def on_mount(self) -> None:
        """Ask for the first page; the loading text stands until it comes."""
        self._lay_out()
        self._ask_around(None)

    def on_resize(self, event: events.Resize) -> None:
        """Another size: other columns, more or fewer rows."""
        self._lay_out()
        self._read_ahead()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor's row is shown in reverse while keys come here; when they go elsewhere it keeps its `>`."""
        super().watch_has_focus(has_focus)
        self.repaint()

    # Actions

    def action_cursor_up(self) -> None:
        """One row up."""
        self.move_cursor(-1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self.move_cursor(1)

    def action_page_up(self) -> None:
        """One screen up; the cursor stays on its line where it can."""
        self._turn(-self._view.height)

    def action_page_down(self) -> None:
        """One screen down; the cursor stays on its line where it can."""
        self._turn(self._view.height)

    def action_top(self) -> None:
        """The first row of the whole list."""
        self._to_end(Direction.FIRST)

    def action_bottom(self) -> None:
        """The last row of the whole list."""
        self._to_end(Direction.LAST)

    def action_toggle_mark(self) -> None:
        """Mark this row, or take its mark away, and go to the next."""
        if (key := self.cursor_key) is not None:
            self._marks.toggle(key)
            self._tell_marks()
            self.move_cursor(1)

    def action_mark_range(self) -> None:
        """Mark every row from the one marked last to this one."""
        if self.cursor_key is None:
            return
        if self._marks.anchor is None:
            reason = "Mark the first row of the range with space, then go to its last row."
            self.post_message(RangeRefused(self, reason))
        elif (start := self._window.index_of(self._marks.anchor)) is None:
            reason = "The range begins too far away. Mark in steps, or filter and mark all."
            self.post_message(RangeRefused(self, reason))
        else:
            first, last = sorted((start, self._view.cursor))
            self._marks.mark(self._window.key_at(index) for index in range(first, last + 1))
            self._tell_marks()

    def action_mark_all(self) -> None:
        """Mark everything this filter finds."""
        self._marks.mark_all()
        self._tell_marks()

    def action_clear_marks(self) -> None:
        """Take all marks away."""
        if self._marks:
            self._marks.clear()
            self._tell_marks()

    def _tell_marks(self) -> None:
        self.post_message(MarksChanged(self, self._marks.count(self.total)))
        self.repaint()

    def action_sort_next(self) -> None:
        """Sort by the next sortable column on the screen; after the last one, in the source's own order."""
        columns = [placed.column for placed in self._placed if placed.column.sortable]
        keys = [column.key for column in columns]
        if keys:
            at = keys.index(self._sort.key) + 1 if self._sort is not None and self._sort.key in keys else 0
            self.set_query(sort=_first_order(columns[at]) if at < len(keys) else None, filter=self._filter)

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        if self._sort is not None:
            self.set_query(sort=Sort(self._sort.key, not self._sort.descending), filter=self._filter)

    def action_open_row(self) -> None:
        """Open this row."""
        if (key := self.cursor_key) is not None:
            self.post_message(RowOpened(self, key, self.cursor_row))

    # The mouse

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls the view; the cursor only moves to stay in it."""
        self._wheel(event, WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls the view; the cursor only moves to stay in it."""
        self._wheel(event, -WHEEL_ROWS)

    def _wheel(self, event: events.MouseEvent, rows: int) -> None:
        event.stop()
        self._view.scroll(rows, len(self._window))
        self._moved()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row, a double click opens it; a click on a column's title sorts by it."""
        if event.y == 0:
            column = column_at(self._placed, event.x - GUTTER)
            if column is not None and column.sortable:
                order = _first_order(column)
                self.set_query(
                    sort=Sort(column.key, not order.descending) if self._sort == order else order, filter=self._filter
                )
            return
        index = self._view.top + event.y - 1
        if event.y <= self._view.height and index < len(self._window):
            self._view.show(index, self._view.top, len(self._window))
            self._owed = 0
            self._moved()
            if event.chain == 2:
                self.action_open_row()


def _first_order(column: Column[Any]) -> Sort:
    """How a list is sorted by a column at first."""
    return Sort(column.key, column.largest_first)


def _words_for(error: Exception) -> tuple[str, str]:
    """A sentence and a hint about an error. The text of an error that is not ours is never shown: it may hold values."""
    if isinstance(error, AtlasError):
        return error.message, error.hint or ""
    return "The list could not be read.", f"Unexpected {type(error).__name__}; the log has more."
