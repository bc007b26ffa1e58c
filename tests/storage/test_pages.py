"""Keyset pages against the plainest thing there is: a list that Python sorted."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from storage import connections, runs, tenants
from storage.connections import SORTS, ConnectionQuery, ConnectionRow
from storage.errors import InvalidInput
from storage.filters import fold
from storage.pages import Place
from storage.schema import provider_connections as pc
from storage.schema import tenants as tenant_table
from storage.states import ConsentStatus, VerificationStatus

COUNT = 60
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ["alpha", "Alpha", "ALPHA 漢字", "100%", "a_b", "b\\c", "[/x]", "Zoë", "zz", "Ångström", "éa", "𐩀", "O'Neil"]


@pytest.fixture
def crowd(fleet: Any) -> Any:
    """Sixty connections with every combination of badges, many equal names and times, and no seed left to chance."""
    rng = random.Random(7)

    def work(tx: Any) -> None:
        for number in range(COUNT):
            name, domain = rng.choice(NAMES), None if number % 3 else f"d{number}.example"
            tenant_id = tx.run(
                insert(tenant_table)
                .values(
                    workspace_id=fleet.north, entra_tenant_id=fleet.guid(), name=name, sort_name=fold(name),
                    primary_domain=domain, lifecycle="active",
                    created_at=fleet.clock.time, updated_at=fleet.clock.time,
                )
                .returning(tenant_table.c.id, tenant_table.c.entra_tenant_id)
            ).one()  # fmt: skip
            checked = rng.choice([None, NEVER + timedelta(days=20_000, milliseconds=rng.randrange(5))])
            tx.run(
                insert(pc).values(
                    workspace_id=fleet.north, tenant_id=tenant_id.id, entra_tenant_id=tenant_id.entra_tenant_id,
                    display_name="Microsoft", sort_name=tenants.sort_name(name, "Microsoft", domain),
                    connection_type="dedicated", is_default=True, is_enabled=rng.random() < 0.7,
                    consent_status=rng.choice(list(ConsentStatus)).value,
                    verification_status=rng.choice(list(VerificationStatus)).value,
                    last_reason_code=rng.choice([None, "secret_expired", "throttled"]), last_checked_at=checked,
                    lifecycle_changed_at=fleet.clock.time, created_at=fleet.clock.time, updated_at=fleet.clock.time,
                )
            )  # fmt: skip

    fleet.db.write(work)
    return fleet


def leading(sort: str) -> Callable[[ConnectionRow], Any]:
    return {
        "tenant": lambda row: 0,
        "checked": lambda row: row.last_checked_at or NEVER,
        "consent": lambda row: row.consent_status.value,
        "verification": lambda row: row.verification_status.value,
        "reason": lambda row: row.reason_code or "",
        "problems": rank,
    }[sort]


def rank(row: ConnectionRow) -> int:
    if not row.is_enabled:
        return 3
    if row.verification_status in ("blocked", "error") or row.consent_status in ("revoked", "failed"):
        return 0
    return 2 if (row.verification_status, row.consent_status) == ("healthy", "granted") else 1


def key(sort: str) -> Callable[[ConnectionRow], Any]:
    first = leading(sort)
    return lambda row: (first(row), tenants.sort_name(row.tenant_name, row.display_name, row.primary_domain), row.id)


def everything(fleet: Any) -> list[ConnectionRow]:
    with fleet.db.read() as tx:
        ids = list(tx.run(select(pc.c.id).where(pc.c.workspace_id == fleet.north)).scalars())
        return connections.rows_by_id(tx, ids)


FILTERS: dict[str, Callable[[ConnectionRow], bool]] = {
    "": lambda row: True,
    "%": lambda row: "%" in row.tenant_name,
    "_": lambda row: "_" in row.tenant_name,
    "\\": lambda row: "\\" in row.tenant_name,
    "漢字": lambda row: "漢字" in row.tenant_name,
    "[/x]": lambda row: row.tenant_name == "[/x]",
    "alpha !漢字": lambda row: "alpha" in fold(row.tenant_name) and "漢字" not in row.tenant_name,
    "consent:granted": lambda row: row.consent_status == "granted",
    "!verification:healthy": lambda row: row.verification_status != "healthy",
    "problems:yes": lambda row: rank(row) != 2,
    "nothing-like-this": lambda row: False,
}


def test_every_page_is_a_slice_of_the_sorted_list(crowd: Any) -> None:
    db, who, rows = crowd.db, crowd.dana, everything(crowd)

    @settings(max_examples=40, deadline=None)
    @given(
        sort=st.sampled_from(SORTS),
        descending=st.booleans(),
        text=st.sampled_from(sorted(FILTERS)),
        limit=st.integers(1, 25),
        at=st.integers(0, 80),
    )
    def each(sort: str, descending: bool, text: str, limit: int, at: int) -> None:
        query = ConnectionQuery(crowd.north, text, sort=sort, descending=descending)
        expected = sorted(filter(FILTERS[text], rows), key=key(sort), reverse=descending)

        def page(place: Place, size: int = limit) -> Any:
            return connections.page(db, who, query, place, size)

        whole = page(Place.first(), 500)
        assert list(whole.rows) == expected
        assert (whole.has_before, whole.has_after, whole.position) == (False, False, 0)
        for found in (page(Place.first()), page(Place.last())):
            assert (found.total, found.total_is_exact) == (len(expected), True)
        first = page(Place.first())
        assert list(first.rows) == expected[:limit]
        assert first.has_after == (len(expected) > limit)
        last = page(Place.last())
        assert list(last.rows) == expected[-limit:]
        assert last.position == max(0, len(expected) - limit)
        assert (last.has_before, last.has_after) == (len(expected) > limit, False)
        if not expected:
            return
        at %= len(expected)
        cursor = whole.cursors[at]
        after = page(Place.after(cursor))
        assert list(after.rows) == expected[at + 1 : at + 1 + limit]
        assert after.has_after == (at + 1 + limit < len(expected))
        before = page(Place.before(cursor))
        assert list(before.rows) == expected[max(0, at - limit) : at]
        assert before.has_before == (at > limit)
        for place in (Place.at(cursor), Place.at(None, expected[at].id), Place.at(whole.cursors[0], expected[at].id)):
            here = page(place)
            assert list(here.rows) == expected[at : at + limit]
            assert here.has_before == (at > 0)
            assert here.has_after == (at + limit < len(expected))

    each()


def test_walking_forth_and_back_meets_every_row_once(crowd: Any) -> None:
    for sort in SORTS:
        query = ConnectionQuery(crowd.north, sort=sort)
        forth: list[int] = []
        found = connections.page(crowd.db, crowd.dana, query, Place.first(), 7)
        while True:
            forth += [row.id for row in found.rows]
            if not found.has_after:
                break
            found = connections.page(crowd.db, crowd.dana, query, Place.after(found.cursors[-1]), 7)
        back: list[int] = []
        found = connections.page(crowd.db, crowd.dana, query, Place.last(), 7)
        while True:
            back = [row.id for row in found.rows] + back
            if not found.has_before:
                break
            found = connections.page(crowd.db, crowd.dana, query, Place.before(found.cursors[0]), 7)
        assert forth == back
        assert len(forth) == len(set(forth)) == COUNT + 3


def test_a_place_survives_the_row_it_named(crowd: Any) -> None:
    query = ConnectionQuery(crowd.north)
    whole = connections.page(crowd.db, crowd.dana, query, Place.first(), 500)
    gone, cursor = whole.rows[20], whole.cursors[20]
    crowd.write(delete(pc).where(pc.c.id == gone.id))
    found = connections.page(crowd.db, crowd.dana, query, Place.at(cursor, gone.id), 5)
    assert [row.id for row in found.rows] == [row.id for row in whole.rows[21:26]]
    assert found.total == len(whole.rows) - 1


def test_the_cursor_follows_its_row_when_the_row_moves(crowd: Any) -> None:
    query = ConnectionQuery(crowd.north, sort="verification")
    whole = connections.page(crowd.db, crowd.dana, query, Place.first(), 500)
    row = next(row for row in whole.rows if row.verification_status == "blocked")
    cursor = whole.cursors[whole.rows.index(row)]
    crowd.set_connection(row.id, verification_status="unknown")
    found = connections.page(crowd.db, crowd.dana, query, Place.at(cursor, row.id), 5)
    assert found.rows[0].id == row.id
    assert found.rows[0].verification_status == "unknown"


def cursors_of(fleet: Any) -> dict[str, str]:
    north, db, who = fleet.north, fleet.db, fleet.dana
    fleet.check(fleet.connection["contoso"])
    made = {
        f"connections by {sort} {descending}": connections.page(
            db, who, ConnectionQuery(north, sort=sort, descending=descending), Place.first()
        ).cursors[0]
        for sort in SORTS
        for descending in (False, True)
    }
    made["runs"] = runs.page(db, who, runs.RunQuery(north), Place.first()).cursors[0]
    made["tenants"] = tenants.page(db, who, tenants.TenantQuery(north), Place.first()).cursors[0]
    return made


def test_a_cursor_of_another_list_is_refused(fleet: Any) -> None:
    made = cursors_of(fleet)

    def ask(name: str, place: Place) -> Any:
        if name == "runs":
            return runs.page(fleet.db, fleet.dana, runs.RunQuery(fleet.north), place)
        if name == "tenants":
            return tenants.page(fleet.db, fleet.dana, tenants.TenantQuery(fleet.north), place)
        _, _, sort, descending = name.split(" ")
        query = ConnectionQuery(fleet.north, sort=sort, descending=descending == "True")
        return connections.page(fleet.db, fleet.dana, query, place)

    for name in made:
        assert ask(name, Place.at(made[name])).rows
        for other, cursor in made.items():
            if other != name:
                for place in (Place.after(cursor), Place.before(cursor), Place.at(cursor)):
                    with pytest.raises(InvalidInput, match="cursor"):
                        ask(name, place)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_made_up_cursor_is_refused(fleet: Any, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        connections.page(fleet.db, fleet.dana, ConnectionQuery(fleet.north, sort="checked"), Place.after(cursor))


@pytest.mark.parametrize(
    "values",
    ['["x"]', "[1,2,3]", '[{"t":1},"a",1]', '[{"t":"2026-01-01T00:00:00"},"a",1]', '[{"t":"x"},"a",1]', "[null,null,null]",
     '[{"t":"2026-01-01T00:00:00+00:00"},"a",99999999999999999999999]', '[{"t":"2026-01-01T00:00:00+00:00"},"a\\u0000",1]',
     "{}", "1"],
)  # fmt: skip
def test_a_forged_cursor_is_refused(fleet: Any, values: str) -> None:
    query = ConnectionQuery(fleet.north, sort="checked")
    real = connections.page(fleet.db, fleet.dana, query, Place.first()).cursors[0]
    assert base64.urlsafe_b64decode(real).startswith(b"[")
    signature = base64.urlsafe_b64decode(real).split(b",")[0][1:].decode()
    for document in (values, values.replace("[", f"[{signature},", 1)):
        forged = base64.urlsafe_b64encode(document.encode()).decode()
        with pytest.raises(InvalidInput):
            connections.page(fleet.db, fleet.dana, query, Place.after(forged))


def test_an_unknown_sort_is_refused(fleet: Any) -> None:
    with pytest.raises(InvalidInput, match="sort"):
        connections.page(fleet.db, fleet.dana, ConnectionQuery(fleet.north, sort="status"), Place.first())


def test_a_page_is_never_larger_than_the_limit_allows(crowd: Any) -> None:
    for limit, expected in ((0, 1), (-5, 1), (10**9, COUNT + 3)):
        found = connections.page(crowd.db, crowd.dana, ConnectionQuery(crowd.north), Place.first(), limit)
        assert len(found.rows) == expected


def test_runs_come_newest_first_in_every_direction(fleet: Any) -> None:
    ids = [fleet.check(fleet.connection["contoso"]).id for _ in range(7)][::-1]

    def page(place: Place) -> Any:
        return runs.page(fleet.db, fleet.dana, runs.RunQuery(fleet.north), place, 3)

    first = page(Place.first())
    assert [row.id for row in first.rows] == ids[:3]
    assert [row.id for row in page(Place.after(first.cursors[-1])).rows] == ids[3:6]
    last = page(Place.last())
    assert [row.id for row in last.rows] == ids[-3:]
    assert [row.id for row in page(Place.before(last.cursors[0])).rows] == ids[1:4]
    assert [row.id for row in page(Place.at(None, ids[2])).rows] == ids[2:5]
