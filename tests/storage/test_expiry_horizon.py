"""The expiry horizon: which credentials end when, and of which nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from storage import expiry_horizon
from storage.errors import InvalidInput
from storage.expiry_horizon import Bucket, HorizonQuery
from storage.pages import Place
from storage.schema import credentials, tenants

DAYS = {"over": -1, "today": 1, "week": 7, "fortnight": 14, "month": 30, "year": 365}


@pytest.fixture
def dated(fleet: Any) -> Any:
    """Six more tenants whose secrets end one after the other; those of contoso, fabrikam and the app have no known end."""
    for name, days in DAYS.items():
        connection = fleet.add_connection(name)
        ends = fleet.clock.time + timedelta(days=days)
        fleet.write(update(credentials).where(credentials.c.connection_id == connection).values(expires_at=ends))
    return fleet


def page(fleet: Any, place: Place | None = None, limit: int = 100, text: str = "", who: str = "dana") -> Any:
    query = HorizonQuery(fleet.north, text)
    return expiry_horizon.page(fleet.db, fleet.people[who], query, place or Place.first(), limit)


def names(found: Any) -> list[str]:
    return [row.name for row in found.rows]


def test_what_is_over_comes_first_then_what_ends_next_and_last_what_nobody_knows(dated: Any) -> None:
    found = page(dated)
    assert names(found) == ["Over", "Today", "Week", "Fortnight", "Month", "Year", "Contoso", "Fabrikam", "North's app"]
    assert [row.bucket.value for row in found.rows[:7]] == ["expired", "1", "7", "14", "30", "later", "unknown"]
    assert [row.days_left for row in found.rows[:3]] == [-1, 1, 7]
    counts = expiry_horizon.counts(dated.db, dated.dana, HorizonQuery(dated.north, "bucket:7"))
    assert counts == dict.fromkeys(Bucket, 1) | {Bucket.UNKNOWN: 3}


def test_pages_go_over_from_dated_to_undated_and_back(dated: Any) -> None:
    whole = names(page(dated))
    forwards, found = [], page(dated, limit=4)
    while True:
        forwards += names(found)
        if not found.has_after:
            break
        found = page(dated, Place.after(found.cursors[-1]), 4)
    assert forwards == whole
    backwards, found = [], page(dated, Place.last(), 4)
    while True:
        backwards = names(found) + backwards
        if not found.has_before:
            break
        found = page(dated, Place.before(found.cursors[0]), 4)
    assert backwards == whole
    third = page(dated).rows[2]
    at = page(dated, Place.at(page(dated).cursors[2], third.id), 4)
    assert (names(at), at.has_before, at.has_after) == (whole[2:6], True, True)
    with pytest.raises(InvalidInput):
        page(dated, Place.after("x"))


def test_the_filter_line_narrows_by_bucket_holder_and_name(dated: Any) -> None:
    assert names(page(dated, text="bucket:unknown owner:app")) == ["North's app"]
    assert names(page(dated, text="bucket:1,7")) == ["Today", "Week"]
    assert names(page(dated, text="!bucket:unknown month")) == ["Month"]
    assert names(page(dated, text="kind:certificate")) == []
    with pytest.raises(InvalidInput, match="bucket:8"):
        page(dated, text="bucket:8")


def test_people_see_the_credentials_of_what_they_see_and_none_of_what_is_archived(dated: Any) -> None:
    assert names(page(dated, who="tina")) == ["Contoso"]
    assert "North's app" in names(page(dated, who="rita"))
    dated.write(update(tenants).where(tenants.c.id == dated.tenant["over"]).values(lifecycle="archived"))
    assert names(page(dated))[0] == "Today"
