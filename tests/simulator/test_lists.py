"""Lists that change from round to round: what exists follows from a few numbers, and nothing is held."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.lists import Listed, Mapped, Parted, Slots, difference, slots

_sizes, _rounds = st.integers(0, 400), st.integers(0, 25)


def _serials(existing: Slots) -> list[int]:
    return [existing.serial(index) for index in range(len(existing))]


@given(_sizes, st.integers(0, 8), _rounds)
def test_every_entry_is_there_once_and_in_order(size: int, fixed: int, rounds: int) -> None:
    existing = slots("t", "k", size, min(fixed, size), rounds)
    serials = _serials(existing)
    assert serials == sorted(set(serials))
    assert all(existing.has(serial) for serial in serials)
    assert not any(existing.has(serial) for serial in existing.gone)
    assert set(serials) | set(existing.gone) == set(range(existing.tops[-1]))
    assert set(range(min(fixed, size))) <= set(serials), "what is built in is never removed"


@given(_sizes, _rounds, st.integers(0, 10))
def test_a_difference_is_exactly_what_two_looks_differ_in(size: int, rounds: int, more: int) -> None:
    before, after = slots("t", "k", size, 0, rounds), slots("t", "k", size, 0, rounds + more)
    found = difference(before, after)
    was, now = set(_serials(before)), set(_serials(after))
    assert set(found.added) == now - was
    assert set(found.removed) == was - now
    assert set(found.renamed) <= set(found.changed) <= was & now
    unchanged = (was & now) - set(found.changed)
    assert all(before.touched.get(serial) == after.touched.get(serial) for serial in unchanged)


@given(st.integers(1, 400), st.integers(0, 20))
def test_every_round_adds_and_changes_something(size: int, rounds: int) -> None:
    found = difference(slots("t", "k", size, 0, rounds), slots("t", "k", size, 0, rounds + 1))
    assert found.added
    assert found.changed


def test_an_empty_list_stays_empty() -> None:
    assert len(slots("t", "k", 0, 0, 12)) == 0


def test_two_tenants_do_not_change_alike() -> None:
    assert slots("a", "k", 500, 0, 9) != slots("b", "k", 500, 0, 9)


def test_memory_does_not_grow_with_the_length_of_a_list() -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        listed = Listed(slots(f"m{size}", "k", size, 0, 10), lambda serial: {"id": serial})
        assert listed[len(listed) - 1]["id"] >= size
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(5_000_000) < 3 * peak(5_000)


def test_a_list_in_parts_narrows_by_the_property_that_parts_it() -> None:
    parts = Parted("kind", {"a": [{"id": 1}], "b": [{"id": 2}, {"id": 3}]})
    assert list(parts) == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert parts[1:] == [{"id": 2}, {"id": 3}]
    assert parts.narrowed("kind", "b") == [{"id": 2}, {"id": 3}]
    assert parts.narrowed("kind", "c") == ()
    assert parts.narrowed("id", 1) is None
    assert [row["id"] for row in Mapped(parts, lambda row: {"id": -int(row["id"])})] == [-1, -2, -3]


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_there_is_nothing_outside_a_list(index: int) -> None:
    with pytest.raises(IndexError):
        slots("t", "k", 3, 0, 0).serial(index)
