"""Merging two people's edits of one thing, as a pure function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.edits import EditConflict, LastChange, merge

FIELDS = ("name", "note", "cloud")
THING = st.fixed_dictionaries({name: st.sampled_from("abc") for name in FIELDS})


def test_what_only_they_changed_stays_theirs() -> None:
    seen = {"name": "a", "note": "old"}
    assert merge(seen, {"name": "a", "note": "theirs"}, {"name": "mine", "note": "old"}) == {"name": "mine"}


def test_the_same_change_by_both_is_no_conflict_and_no_write() -> None:
    assert merge({"name": "a"}, {"name": "b"}, {"name": "b"}) == {}


def test_a_field_both_changed_is_refused_with_both_values_and_who_it_was() -> None:
    by = LastChange("dana", datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    with pytest.raises(EditConflict) as refused:
        merge({"name": "a", "note": ""}, {"name": "b", "note": ""}, {"name": "c", "note": "n"}, by=lambda: by)
    assert refused.value.theirs == {"name": ("a", "b")}
    assert refused.value.by == by
    assert "dana" in str(refused.value)
    assert "name" in str(refused.value)


def test_a_field_that_was_not_looked_at_is_written_outright() -> None:
    assert merge({}, {"name": "b"}, {"name": "c"}) == {"name": "c"}


@given(seen=THING, current=THING, wanted=THING)
def test_a_merge_loses_nothing_of_either_editor(seen: Any, current: Any, wanted: Any) -> None:
    mine = {name for name in FIELDS if wanted[name] != seen[name]}
    theirs = {name for name in FIELDS if current[name] != seen[name]}
    clashes = {name for name in mine & theirs if wanted[name] != current[name]}
    if clashes:
        with pytest.raises(EditConflict) as refused:
            merge(seen, current, wanted)
        assert set(refused.value.theirs) == clashes
        return
    result = current | merge(seen, current, wanted)
    for name in FIELDS:
        assert result[name] == (wanted[name] if name in mine else current[name])
