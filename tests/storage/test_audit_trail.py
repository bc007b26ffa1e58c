"""Reading the audit trail: what is found, by whom, and what is taken away."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, select

from storage import access, audit, audit_export, audit_trail, cancelling, connection_changes, tenants
from storage.audit_filters import AuditQuery
from storage.audit_trail import AuditEntry
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.schema import audit_entries


@pytest.fixture
def lively(fleet: Any) -> Any:
    """A fleet in which several people did several things on several days."""
    contoso, fabrikam = fleet.connection["contoso"], fleet.connection["fabrikam"]
    connection_changes.set_enabled(fleet.db, fleet.people["mona"], fabrikam, False, ticket="CHG-1")
    fleet.clock.advance(days=10)
    run = fleet.start(contoso, by="omar").run.id
    cancelling.cancel(fleet.db, fleet.dana, run, ticket="INC-2")
    with pytest.raises(Forbidden):
        fleet.start(contoso, by="rita")
    fleet.check(contoso)
    return fleet


def find(fleet: Any, text: str, who: str = "dana", **more: Any) -> list[AuditEntry]:
    page = audit_trail.page(fleet.db, fleet.people[who], AuditQuery(fleet.north, text, **more), Place.first(), 500)
    return list(page.rows)


def everything(fleet: Any) -> list[Any]:
    return list(fleet.rows(select(audit_entries).where(audit_entries.c.workspace_id == fleet.north)))


def test_entries_come_newest_first_a_page_at_a_time(lively: Any) -> None:
    query, place, seen = AuditQuery(lively.north), Place.first(), []
    while True:
        page = audit_trail.page(lively.db, lively.dana, query, place, 4)
        seen += [row.id for row in page.rows]
        if not page.has_after:
            break
        place = Place.after(page.cursors[-1])
    assert seen == sorted((row.id for row in everything(lively)), reverse=True)
    last = audit_trail.page(lively.db, lively.dana, query, Place.last(), 4)
    assert [row.id for row in last.rows] == seen[-4:]


FILTERS: dict[str, Callable[[Any], bool]] = {
    "action:connection.disable": lambda e: e.action == "connection.disable",
    "action:run.*": lambda e: e.action.startswith("run."),
    "action:run": lambda e: e.action.startswith("run."),
    "!action:run.*": lambda e: not e.action.startswith("run."),
    "action:run.start,connection.disable": lambda e: e.action in ("run.start", "connection.disable"),
    "actor:omar": lambda e: e.actor == "omar",
    "actor:worker": lambda e: e.actor == "system:worker",
    "!actor:dana": lambda e: e.actor != "dana",
    "actor:nobody": lambda e: False,
    "outcome:refused": lambda e: e.outcome == "refused",
    "outcome:done": lambda e: e.outcome == "done",
    "outcome:refused actor:rita": lambda e: e.outcome == "refused",
    "target:platform_app": lambda e: e.target_kind == "platform_app",
    "ticket:chg-1": lambda e: e.ticket == "CHG-1",
    "ticket:-": lambda e: e.ticket is not None,
    "!ticket:chg": lambda e: e.ticket != "CHG-1",
    "disabled": lambda e: e.action == "connection.disable",
    "inc-2": lambda e: e.ticket == "INC-2",
    "omar !start": lambda e: e.actor == "omar" and "start" not in e.action,
    '"cannot be there"': lambda e: False,
}


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_finds_what_it_says_and_nothing_else(lively: Any, text: str) -> None:
    wanted = FILTERS[text]
    expected = {row.id for row in everything(lively) if wanted(row)}
    assert {entry.id for entry in find(lively, text)} == expected
    assert expected or text in ("actor:nobody", '"cannot be there"', "omar !start")
    assert len(expected) < len(everything(lively))


def test_since_finds_what_is_not_older(lively: Any) -> None:
    begins = lively.clock.time.replace(hour=0)
    expected = {row.id for row in everything(lively) if row.at >= begins}
    assert 0 < len(expected) < len(everything(lively))
    assert {entry.id for entry in find(lively, "since:1d")} == expected


def test_a_tenant_is_named_by_its_number_a_part_of_its_name_or_its_domain(lively: Any) -> None:
    number = lively.tenant["fabrikam"]
    expected = {row.id for row in everything(lively) if row.tenant_id == number}
    assert expected
    for text in (f"tenant:{number}", "tenant:fabri", "tenant:fabrikam.example", "fabrikam"):
        assert {entry.id for entry in find(lively, text)} == expected, text
    assert {entry.id for entry in find(lively, "", tenant_id=number)} == expected
    assert find(lively, "tenant:zzz") == []


def test_a_run_finds_its_whole_story_and_no_other_runs(lively: Any) -> None:
    starts = find(lively, "action:run.start outcome:done")
    cancelled, checked = starts[-1].detail["run"], starts[0].detail["run"]
    assert [e.action for e in reversed(find(lively, f"run:{cancelled}"))] == ["run.start", "run.complete", "run.cancel"]
    story = {e.action for e in find(lively, f"run:{checked}")}
    assert {"run.start", "verification.result", "run.complete"} <= story
    assert "run.cancel" not in story
    with pytest.raises(Forbidden):
        cancelling.cancel(lively.db, lively.people["rita"], lively.start(lively.connection["contoso"]).run.id)
    assert find(lively, "outcome:refused")[0].target_kind == "run"


def test_a_connection_finds_what_is_about_it(lively: Any) -> None:
    number = lively.connection["fabrikam"]
    found = find(lively, f"connection:{number}")
    assert {(e.target_kind, e.target_id) for e in found} == {("connection", str(number))}
    assert found == find(lively, f"target:connection:{number}")


@pytest.mark.parametrize(
    "text", ["colour:red", "action:nothing", "outcome:perhaps", "since:soon", "run:x", "connection:0x1", "target:::"]
)
def test_a_filter_that_cannot_be_read_is_refused_by_name(sqlite_fleet: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        find(sqlite_fleet, text)
    assert text.split(":")[0] in str(caught.value)


@pytest.mark.parametrize("who", ["tina", "gina"])
def test_who_reaches_one_tenant_sees_only_what_is_about_it(lively: Any, who: str) -> None:
    found = find(lively, "", who)
    assert {entry.tenant_id for entry in found} == {lively.tenant["contoso"]}
    assert {entry.id for entry in found} == {
        row.id for row in everything(lively) if row.tenant_id == lively.tenant["contoso"]
    }
    assert find(lively, "tenant:fabrikam", who) == []
    assert find(lively, "!action:tenant.create !tenant:contoso", who) == []
    theirs = next(row.id for row in everything(lively) if row.tenant_id == lively.tenant["fabrikam"])
    nobodys = next(row.id for row in everything(lively) if row.tenant_id is None)
    for id in (theirs, nobodys):
        with pytest.raises(NotFound) as caught:
            audit_trail.get(lively.db, lively.people[who], id)
        assert caught.value.message == f"Audit entry {id} does not exist."


def test_neighbours_are_those_the_reader_may_see(lively: Any) -> None:
    found = find(lively, "", "tina")
    for newer, older in itertools.pairwise(found):
        detail = audit_trail.get(lively.db, lively.people["tina"], older.id)
        assert detail.newer_id == newer.id
        assert audit_trail.get(lively.db, lively.people["tina"], newer.id).older_id == older.id
    assert audit_trail.get(lively.db, lively.people["tina"], found[-1].id).older_id is None


def test_an_entry_shows_before_and_after_and_its_place_in_the_chain(lively: Any) -> None:
    (entry,) = find(lively, "action:connection.disable")
    detail = audit_trail.get(lively.db, lively.dana, entry.id)
    change = next(change for change in detail.changes if change.name == "is_enabled")
    assert (change.before, change.after) == (True, False)
    assert (detail.fits, detail.via, detail.connection_id) == (True, "os", lively.connection["fabrikam"])
    assert msgspec.json.decode(detail.canonical)["ticket"] == "CHG-1"
    assert entry.target_name.startswith("Fabrikam / ")
    assert entry.sentence == "connection disabled"


def test_the_run_an_entry_names_can_be_gone_to(lively: Any) -> None:
    entry = find(lively, "action:run.cancel")[0]
    assert audit_trail.get(lively.db, lively.dana, entry.id).run_id == entry.detail["run"]


def test_pairs_of_a_detail_become_changes() -> None:
    detail = {
        "before": 1,
        "after": 2,
        "from": "a",
        "to": "b",
        "x_before": 1,
        "x": 2,
        "y_before": 3,
        "y_after": 4,
        "z": 5,
    }
    changes, facts = audit_trail.split_changes({**detail, "alone_before": 6})
    assert {(c.name, c.before, c.after) for c in changes} == {
        ("value", 1, 2), ("value", "a", "b"), ("x", 1, 2), ("y", 3, 4),
    }  # fmt: skip
    assert facts == {"z": 5, "alone_before": 6}


def test_the_systems_trail_is_for_platform_staff_alone(lively: Any) -> None:
    assert audit_trail.page(lively.db, lively.people["pat"], AuditQuery(None), Place.first()).rows
    assert audit_trail.verify_trail(lively.db, lively.people["pat"], None).first_bad is None
    system = lively.rows(select(audit_entries.c.id).where(audit_entries.c.workspace_id.is_(None)))[0].id
    assert audit_trail.get(lively.db, lively.people["pat"], system).chain == "system"
    for who in ("dana", "zoe", "rita"):
        with pytest.raises(NotFound):
            audit_trail.page(lively.db, lively.people[who], AuditQuery(None), Place.first())
        with pytest.raises(NotFound):
            audit_trail.get(lively.db, lively.people[who], system)


def test_a_word_of_a_filter_is_looked_up_without_reading_every_entry_for_its_actors(lively: Any) -> None:
    asked: list[str] = []
    event.listen(lively.db.engine, "before_cursor_execute", lambda c, cursor, statement, *_: asked.append(statement))
    find(lively, "actor:omar")
    assert any("RECURSIVE" in statement for statement in asked)


def test_an_export_holds_the_hashed_bytes_oldest_first_and_ends_where_it_began(lively: Any) -> None:
    begun = audit_export.begin(lively.db, lively.dana, AuditQuery(lively.north), format="jsonl", ticket="CHG-9")
    exported = list(audit_export.read(lively.db, lively.dana, begun))
    entry = find(lively, "action:audit.export")[0]
    assert [found.id for found in exported] == sorted(row.id for row in everything(lively) if row.id < entry.id)
    assert (entry.actor, entry.ticket, entry.detail["format"]) == ("dana", "CHG-9", "jsonl")
    stored = {row.id: bytes(row.canonical).decode() for row in everything(lively)}
    assert all(found.canonical == stored[found.id] for found in exported)


def test_an_export_is_read_in_chunks(lively: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "CHUNK", 3)
    begun = audit_export.begin(lively.db, lively.dana, AuditQuery(lively.north, "actor:dana"), format="csv")
    exported = [found.id for found in audit_export.read(lively.db, lively.dana, begun)]
    assert exported == sorted({entry.id for entry in find(lively, "actor:dana !action:audit.export")})


def test_who_reaches_one_tenant_takes_away_only_what_is_about_it(lively: Any) -> None:
    tina = lively.people["tina"]
    begun = audit_export.begin(lively.db, tina, AuditQuery(lively.north), format="csv")
    taken = list(audit_export.read(lively.db, tina, begun))
    assert {found.entry.tenant_id for found in taken} == {lively.tenant["contoso"]}


def test_a_refused_export_is_told(lively: Any) -> None:
    with pytest.raises(Forbidden):
        audit_export.begin(lively.db, lively.people["rita"], AuditQuery(lively.north), format="csv")
    entry = find(lively, "outcome:refused")[0]
    assert (entry.action, entry.actor, entry.detail["format"]) == ("audit.export", "rita", "csv")


def test_since_is_found_by_steps_even_with_a_clock_that_was_set_back(sqlite_fleet: Any) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    fleet.clock.advance(days=3)
    for step in range(6):
        connection_changes.set_enabled(fleet.db, fleet.dana, connection, bool(step % 2))
        fleet.clock.advance(minutes=-5 if step == 2 else 20)
    found = find(fleet, "since:1h")
    begins = fleet.clock.time.timestamp() - 3600
    assert {e.id for e in found} == {row.id for row in everything(fleet) if row.at.timestamp() >= begins}


def test_names_of_others_are_data(fleet: Any) -> None:
    id = fleet.add_tenant("odd", {"name": "Odd [/b] 漢字"})
    tenants.get(fleet.db, fleet.dana, id)
    (entry,) = find(fleet, f"target:tenant:{id} action:tenant.create")
    assert entry.target_name == entry.tenant_name == "Odd [/b] 漢字"


def test_an_entry_of_another_version_is_shown_as_it_is(fleet: Any) -> None:
    who = access.Principal(fleet.dana.user_id, "dana")
    fleet.db.write(
        lambda tx: audit.record(tx, who, "of.the_future", target_kind="thing", target_id="x", workspace_id=fleet.north)
    )
    entry = find(fleet, "")[0]
    assert (entry.sentence, entry.target_name) == ("of.the_future", "thing x")
