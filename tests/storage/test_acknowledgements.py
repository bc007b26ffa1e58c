"""Acknowledging a problem: whose it is, until when, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, or_, select, update

from storage import (
    acknowledgement_sweep,
    acknowledgements,
    acknowledging,
    attention,
    attention_members,
    audit_trail,
    connections,
    leaving,
)
from storage.acknowledgement_times import read_until
from storage.acknowledging import Terms
from storage.attention import AttentionQuery
from storage.connections import ConnectionQuery
from storage.errors import Conflict, InvalidInput
from storage.pages import Place
from storage.schema import acknowledgements as table
from storage.schema import credentials, workers

CODE = "secret_invalid"


@pytest.fixture
def broken(fleet: Any) -> Any:
    """The fleet with a worker; contoso and fabrikam are blocked for one reason."""
    beat = fleet.clock.time + timedelta(days=400)
    fleet.write(insert(workers).values(id="w1", host="a", pid=1, version="0", slots=8, started_at=beat, beat_at=beat))
    for name in ("contoso", "fabrikam"):
        block(fleet, name)
    return fleet


def block(fleet: Any, name: str, code: str = CODE) -> None:
    now = fleet.clock.time
    fleet.set_connection(fleet.connection[name], verification_status="blocked", last_reason_code=code, reason_since=now)


def overview(fleet: Any, **query: Any) -> attention.Overview:
    return attention.overview(fleet.db, fleet.dana, AttentionQuery(fleet.north, **query))


def acknowledge(fleet: Any, name: str, by: str = "omar", **terms: Any) -> int:
    ticket = terms.pop("ticket", None)
    ids = [fleet.connection[name]]
    return acknowledging.acknowledge(fleet.db, fleet.people[by], ids, CODE, Terms(**terms), ticket=ticket)


def holding(fleet: Any) -> list[Any]:
    return list(acknowledgements.page(fleet.db, fleet.dana, fleet.north, Place.first()).rows)


def ends(fleet: Any) -> list[tuple[str, str, str]]:
    rows = fleet.rows(select(table).where(table.c.ended_at.is_not(None)).order_by(table.c.id))
    return [(row.reason_code, row.ended_by, row.ended_reason) for row in rows]


def told(fleet: Any, about: str) -> list[str]:
    entries = audit_trail.page(
        fleet.db, fleet.dana, audit_trail.AuditQuery(fleet.north, f"action:{about}"), Place.first()
    )
    return [entry.sentence for entry in entries.rows]


def test_what_is_acknowledged_counts_apart_and_says_whose_it_is_until_when(broken: Any) -> None:
    until = broken.clock.time + timedelta(hours=4)
    assert acknowledge(broken, "contoso", until=until, note="waits for the portal", owner="mona", ticket="INC-7") == 1
    found = overview(broken)
    assert [(p.connections, p.acknowledged) for p in found.problems] == [(1, 1)]
    assert [p.reason_code for p in found.acknowledged] == [CODE]
    [row] = holding(broken)
    assert (row.owner, row.name, row.until, row.note, row.ticket) == (
        "mona", "Contoso", until, "waits for the portal", "INC-7",
    )  # fmt: skip
    rows = attention_members.page(broken.db, broken.dana, broken.north, found.problems[0].id, Place.first()).rows
    assert [member.acknowledgement and member.acknowledgement.owner for member in rows] == ["mona", None]
    assert told(broken, "problem.acknowledge") == [
        f"problem acknowledged: {CODE}, owner mona, until {until:%Y-%m-%d %H:%M}Z: waits for the portal"
    ]
    query = ConnectionQuery(broken.north, "acked:yes")
    assert [c.id for c in connections.page(broken.db, broken.dana, query, Place.first()).rows] == [
        broken.connection["contoso"]
    ]


def test_acknowledging_again_changes_the_terms_and_taking_it_back_shows_it_again(broken: Any) -> None:
    acknowledge(broken, "contoso", note="first")
    acknowledge(broken, "contoso", by="dana", note="second")
    [row] = holding(broken)
    assert (row.owner, row.note) == ("dana", "second")
    ids = [broken.connection["contoso"]]
    assert acknowledging.withdraw(broken.db, broken.people["omar"], ids, CODE) == 1
    assert acknowledging.withdraw(broken.db, broken.people["omar"], ids, CODE) == 0
    assert overview(broken).problems[0].connections == 2
    assert ends(broken) == [(CODE, "omar", "withdrawn")]


def test_only_what_is_there_can_be_acknowledged_by_and_for_somebody_who_is(broken: Any) -> None:
    with pytest.raises(Conflict, match="None of them has"):
        acknowledging.acknowledge(broken.db, broken.dana, [broken.connection["wingtip"]], CODE)
    with pytest.raises(Conflict, match="Nothing that signs in with this app"):
        acknowledging.acknowledge_app(broken.db, broken.dana, broken.app, CODE)
    for terms, problem in (
        ({"owner": "zoe"}, "no member"),
        ({"owner": "rex"}, "no member"),
        ({"until": broken.clock.time}, "past"),
        ({"until": broken.clock.time + timedelta(days=400)}, "more than a year"),
        ({"note": "\x07"}, "note"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            acknowledge(broken, "contoso", **terms)
    with pytest.raises(InvalidInput, match="reason"):
        acknowledging.acknowledge(broken.db, broken.dana, [broken.connection["contoso"]], "no_such_reason")
    assert holding(broken) == []


def test_a_whole_problem_is_acknowledged_at_once_and_an_app_with_what_comes_later(broken: Any) -> None:
    for number in range(4):
        broken.add_connection(f"user{number}", client_id=None)
    names = ["wingtip", *(f"user{number}" for number in range(4))]
    for name in names:
        block(broken, name)
    app, others = overview(broken).problems
    assert (app.platform_app_id, others.connections) == (broken.app, 2)
    for problem, count in ((app, 1), (others, 2)):
        assert attention_members.acknowledge_problem(broken.db, broken.dana, broken.north, problem.id) == count
    assert overview(broken).problems == ()
    broken.add_connection("late", client_id=None)
    block(broken, "late")
    assert overview(broken).problems == (), "it signs in with the app"
    assert [p.acknowledged for p in overview(broken).acknowledged] == [6, 2]
    for problem, count in ((app, 1), (others, 2)):
        assert attention_members.withdraw_problem(broken.db, broken.dana, broken.north, problem.id) == count
    assert [p.connections for p in overview(broken).problems] == [6, 2]


def test_another_reason_shows_by_itself_and_what_is_solved_ends_with_a_word_in_the_trail(broken: Any) -> None:
    acknowledge(broken, "contoso")
    acknowledge(broken, "fabrikam")
    assert acknowledgement_sweep.sweep(broken.db) == acknowledgement_sweep.Swept(0, 0)
    block(broken, "contoso", "tenant_not_found")
    assert [p.reason_code for p in overview(broken).problems] == ["tenant_not_found"]
    broken.set_connection(broken.connection["fabrikam"], verification_status="unknown")
    assert acknowledgement_sweep.sweep(broken.db).ended == 1, "of fabrikam nobody knows yet"
    broken.set_connection(broken.connection["fabrikam"], verification_status="healthy", last_reason_code=None)
    assert acknowledgement_sweep.sweep(broken.db).ended == 1
    assert ends(broken) == [(CODE, "system:worker", "solved")] * 2
    assert told(broken, "problem.solve") == [f"acknowledged problem ended: {CODE}, solved, of omar"] * 2
    block(broken, "fabrikam")
    assert CODE in {p.reason_code for p in overview(broken).problems}, "the same again is a new problem"


def test_a_snooze_is_over_at_its_time_whether_or_not_it_was_swept(broken: Any) -> None:
    acknowledge(broken, "contoso", until=broken.clock.time + timedelta(hours=4))
    broken.clock.advance(hours=4)
    assert overview(broken).problems[0].connections == 2
    assert holding(broken) == []
    assert acknowledgement_sweep.sweep(broken.db).ended == 1
    assert ends(broken) == [(CODE, "system:worker", "expired")]
    assert acknowledge(broken, "contoso") == 1


def test_disabling_ends_it_and_an_app_is_solved_when_nothing_of_it_shows_the_reason(broken: Any) -> None:
    block(broken, "wingtip")
    acknowledge(broken, "contoso")
    acknowledging.acknowledge_app(broken.db, broken.dana, broken.app, CODE)
    broken.set_connection(broken.connection["contoso"], is_enabled=False)
    broken.set_connection(broken.connection["wingtip"], verification_status="healthy")
    assert acknowledgement_sweep.sweep(broken.db).ended == 2
    assert ends(broken) == [(CODE, "system:worker", "disabled"), (CODE, "system:worker", "solved")]


def test_a_credential_that_runs_out_is_acknowledged_with_its_holder_and_solved_by_another_one(
    sqlite_fleet: Any,
) -> None:
    db, dana, app, code = sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.app, "secret_expiring"
    contoso, soon = sqlite_fleet.connection["contoso"], sqlite_fleet.clock.time + timedelta(days=3)
    owned = or_(credentials.c.platform_app_id == app, credentials.c.connection_id == contoso)
    sqlite_fleet.write(update(credentials).where(owned).values(expires_at=soon))
    acknowledging.acknowledge(db, dana, [contoso], code)
    acknowledging.acknowledge_app(db, dana, app, code)
    assert code not in {p.reason_code for p in overview(sqlite_fleet).problems}
    assert [p.acknowledged for p in overview(sqlite_fleet).acknowledged] == [1, 1]
    assert acknowledgement_sweep.sweep(db).ended == 0
    sqlite_fleet.write(update(credentials).where(owned).values(expires_at=soon + timedelta(days=90)))
    assert acknowledgement_sweep.sweep(db).ended == 2


def test_a_leavers_acknowledgements_have_another_owner(broken: Any) -> None:
    acknowledge(broken, "contoso")
    leaving.leave(broken.db, broken.dana, broken.north, "omar")
    assert [row.owner for row in holding(broken)] == ["dana"]


def test_people_see_acknowledgements_of_what_they_see(broken: Any) -> None:
    block(broken, "wingtip")
    acknowledge(broken, "contoso")
    acknowledge(broken, "fabrikam")
    acknowledging.acknowledge_app(broken.db, broken.dana, broken.app, CODE)
    assert len(holding(broken)) == 3
    for login, name in (("tina", "Contoso"), ("fred", "Fabrikam")):
        rows = acknowledgements.page(broken.db, broken.people[login], broken.north, Place.first()).rows
        assert [row.name for row in rows] == [name]


NOW = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("", None),
        ("  ", None),
        ("4h", NOW + timedelta(hours=4)),
        ("3D", NOW + timedelta(days=3)),
        ("tomorrow", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("tomorrow  17:15", datetime(2026, 3, 2, 17, 15, tzinfo=UTC)),
        ("Today 18:00", datetime(2026, 3, 1, 18, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T08:00+02:00", datetime(2026, 12, 1, 6, tzinfo=UTC)),
    ],
)
def test_until_is_read_as_people_write_it(text: str, until: datetime | None) -> None:
    assert read_until(text, NOW) == until


@pytest.mark.parametrize(
    "text", ["soon", "0h", "today 09:00", "tomorrow 25:00", "2026-02-30", "2026-02-01", "400d", "99999w", "4", "-4h"]
)
def test_what_is_no_moment_to_come_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="until"):
        read_until(text, NOW)
