"""The parts a list is made of, without a screen: columns, window, view, marks, questions, the bridge to storage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_tui.cells import cell, width_of
from atlas_tui.widgets.asking import MOST_AT_ONCE, Asking
from atlas_tui.widgets.columns import GAP, Column, column_at, header_parts, place, row_parts
from atlas_tui.widgets.marks import Marks
from atlas_tui.widgets.pages import Direction, PageRequest, PageResult
from atlas_tui.widgets.stored_pages import StoredPages
from atlas_tui.widgets.viewport import Viewport
from atlas_tui.widgets.windows import Window
from storage.pages import Page, Place

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def column(key: str, width: int, **named: Any) -> Column[str]:
    return Column(key, key.upper(), lambda row, now: cell(f"{key} {row}"), width, **named)


COLUMNS = (
    column("name", 10, share=2, sortable=True),
    column("state", 9, priority=1),
    column("age", 4, priority=3, align="right"),
    column("why", 8, share=1, priority=2),
)


@given(st.integers(1, 300), st.sampled_from([None, "name", "age"]), st.booleans())
def test_columns_and_gaps_fill_every_width(width: int, sort_key: str | None, descending: bool) -> None:
    placed = place(COLUMNS, width)
    assert sum(p.width for p in placed) + GAP * (len(placed) - 1) == max(width, 1)
    for parts in (row_parts(placed, "row", NOW), header_parts(placed, sort_key, descending)):
        assert sum(width_of(part.text) for part in parts) == width


def test_the_least_important_columns_go_first_and_the_order_stays() -> None:
    assert [p.column.key for p in place(COLUMNS, 80)] == ["name", "state", "age", "why"]
    assert [p.column.key for p in place(COLUMNS, 30)] == ["name", "state", "why"]
    assert [p.column.key for p in place(COLUMNS, 20)] == ["name", "state"]
    assert [p.column.key for p in place(COLUMNS, 18)] == ["name", "age"], "in the place of a wide one that had to go"
    assert [p.column.key for p in place(COLUMNS, 5)] == ["name"]


def test_a_position_belongs_to_a_column_or_a_gap() -> None:
    placed = place(COLUMNS, 20)
    assert column_at(placed, 0) is COLUMNS[0]
    assert column_at(placed, placed[0].width) is None
    assert column_at(placed, placed[0].width + GAP) is COLUMNS[1]
    assert column_at(placed, 200) is None


moves = st.lists(st.tuples(st.sampled_from(["move", "turn", "scroll", "shift"]), st.integers(-90, 90)), max_size=30)


@given(st.integers(1, 50), st.integers(0, 200), moves)
def test_the_cursor_is_always_on_a_row_and_on_the_screen(height: int, count: int, steps: list[tuple[str, int]]) -> None:
    view = Viewport(height=height)
    for name, delta in steps:
        getattr(view, name)(delta, count)
        assert 0 <= view.cursor <= max(0, count - 1)
        assert 0 <= view.top <= max(0, count - height)
        assert view.top <= view.cursor < view.top + height


def results(*ranges: tuple[int, int], total: int = 1000) -> list[PageResult[int]]:
    return [
        PageResult(
            tuple(range(first, last)),
            str(first) if first > 0 else None,
            str(last) if last < total else None,
            total=total,
        )
        for first, last in ranges
    ]


def test_a_window_drops_whole_pages_at_the_far_end_and_can_fetch_them_again() -> None:
    window: Window[int] = Window(lambda row: row)
    first, second, third, fourth = results((0, 50), (50, 100), (100, 150), (150, 200))
    window.replace(first)
    assert [window.append(page, 100) for page in (second, third, fourth)] == [0, 50, 50]
    assert (window.rows, window.position) == (list(range(100, 200)), 101)
    assert (window.previous_cursor, window.next_cursor) == ("100", "200")
    assert window.prepend(second, 100) == 50
    assert (window.rows, window.position, window.next_cursor) == (list(range(50, 150)), 51, "150")


def test_a_row_that_moved_between_two_answers_stands_in_the_window_once() -> None:
    window: Window[int] = Window(lambda row: row)
    window.replace(PageResult((1, 2, 3), None, "3"))
    window.append(PageResult((3, 4), "3", None), 100)
    assert window.rows == [1, 2, 3, 4]


@pytest.mark.parametrize(("gone", "next_to_it"), [({3}, 4), ({3, 4, 5}, 2), ({1, 2, 3, 4, 5}, None)])
def test_the_nearest_neighbour_is_looked_for_below_first(gone: set[int], next_to_it: int | None) -> None:
    window: Window[int] = Window(lambda row: row)
    window.replace(PageResult(tuple(row for row in (1, 2, 3, 4, 5) if row not in gone)))
    index = window.nearest(3, [1, 2, 3, 4, 5])
    assert (None if index is None else window.rows[index]) == next_to_it


def test_the_place_in_the_list_is_known_at_both_ends_and_kept_in_between() -> None:
    window: Window[int] = Window(lambda row: row)
    middle, end = results((400, 450), (950, 1000))
    window.replace(middle)
    assert window.position is None, "nobody can know"
    window.replace(end)
    assert window.position == 951
    window.replace(PageResult(tuple(range(970, 1000)), "970", "more", total=1000))
    assert window.position == 971, "a row we knew still stands where it stood"


def test_marks_count_what_is_in_them() -> None:
    marks = Marks()
    marks.toggle(1)
    marks.mark([1, 2, 3])
    assert (marks.count(10), 2 in marks, 4 in marks) == (3, True, False)
    marks.mark_all()
    marks.toggle(7)
    assert (marks.count(10), marks.count(None), 7 in marks, 8 in marks) == (9, None, False, True)
    marks.mark([7])
    assert marks.count(10) == 10
    marks.clear()
    assert not marks


def test_only_the_newest_question_counts_and_few_are_under_way() -> None:
    asking = Asking()
    sent = [asking.ask(PageRequest(Direction.FIRST, 10, filter=word), "top") for word in "abcd"]
    assert [question is not None for question in sent] == [True, True, False, False]
    assert sum(question is not None for question in sent) == MOST_AT_ONCE
    accepted, following = asking.answered(1)
    assert accepted is None
    assert following is not None
    assert following.request.filter == "d"
    assert asking.answered(2) == (None, None)
    assert asking.busy
    assert asking.answered(following.number) == (following, None)
    assert not asking.busy


def test_a_list_reads_storages_pages() -> None:
    asked: list[tuple[Place, PageRequest]] = []

    def read(where: Place, request: PageRequest) -> Page[str]:
        asked.append((where, request))
        return Page(("b", "c"), ("cursor b", "cursor c"), has_before=True, has_after=True, total=9, position=1)

    source = StoredPages(read)
    result = source.fetch(PageRequest(Direction.AT, 2, cursor="x", key=7))
    assert result == PageResult(("b", "c"), "cursor b", "cursor c", 9, True, 2)
    assert asked[0][0] == Place.at("x", 7)
    for direction in Direction:
        assert direction.value in ("first", "last", "after", "before", "at")
    with pytest.raises(TypeError):
        source.fetch(PageRequest(Direction.AT, 2, key="seven"))


def test_an_empty_page_of_storage_has_no_ends() -> None:
    source: StoredPages[str] = StoredPages(lambda where, request: Page((), (), has_before=True, has_after=False))
    assert source.fetch(PageRequest(Direction.FIRST, 5)) == PageResult(())
