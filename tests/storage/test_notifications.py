"""An inbox: whose it is, what is in it, reading, and what becomes of old ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from storage import finishing, member_changes, members, notifications
from storage.access import WORKER, Principal
from storage.capabilities import Role
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.schema import notifications as stored
from storage.states import RunOutcome


def told(fleet: Any, login: str = "dana", text: str = "") -> list[str]:
    """The titles in somebody's inbox, newest first."""
    return [row.title for row in notifications.page(fleet.db, fleet.people[login], text, Place.first()).rows]


def check(fleet: Any, name: str, login: str = "dana") -> int:
    """A check that somebody started and that has ended."""
    return int(fleet.finish(fleet.begin(fleet.connection[name], by=login)).id)


def pile_up(fleet: Any, login: str, number: int) -> None:
    """Notifications about nothing that is there any more."""
    row = {
        "user_id": fleet.people[login].user_id,
        "workspace_id": fleet.north,
        "kind": "run_completed",
        "created_at": fleet.clock.time,
    }
    fleet.write(insert(stored).values([row | {"title": f"old {index}"} for index in range(number)]))


def test_they_are_written_where_a_run_and_where_a_batch_completes_and_nowhere_else() -> None:
    root, writers = Path(__file__).parents[2], set()
    for room in ("storage", "tasks", "atlas_tui"):
        for path in (root / room).rglob("*.py"):
            if re.search(r"insert\(\s*notifications\b|INSERT INTO notifications", path.read_text(encoding="utf-8")):
                writers.add(path.name)
    assert writers == {"completing.py", "batch_ending.py"}


def test_what_one_started_is_told_to_oneself_alone(fleet: Any) -> None:
    run = check(fleet, "contoso", "omar")
    claim = fleet.begin(fleet.connection["fabrikam"], by="mona")
    finishing.finish(fleet.db, claim.held, finishing.RunResult(check=fleet.failing_report("secret_expired")))
    (mine,) = notifications.page(fleet.db, fleet.people["omar"], "", Place.first()).rows
    assert (mine.run_id, mine.workspace, mine.outcome, mine.read_at) == (run, "north", RunOutcome.SUCCEEDED, None)
    assert mine.title == "Connection check of Contoso: succeeded"
    assert "secret_expired" in told(fleet, "mona")[0]
    assert told(fleet, "dana") == []
    assert notifications.get(fleet.db, fleet.people["omar"], mine.id) == mine
    with pytest.raises(NotFound):
        notifications.get(fleet.db, fleet.dana, mine.id)
    assert notifications.mark_read(fleet.db, fleet.dana, [mine.id]) == 0, "an Owner cannot read somebody else's"
    assert notifications.look(fleet.db, fleet.people["omar"]).unread == 1


def test_whoever_is_nobody_here_has_an_empty_inbox_and_marks_nothing(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    pile_up(fleet, "ivan", 1)
    pile_up(fleet, "eve", 1)
    for who in (fleet.people["ivan"], fleet.people["eve"], fleet.people["pat"], WORKER, Principal(None, "root")):
        assert notifications.look(fleet.db, who, 0).unread == 0
        assert notifications.page(fleet.db, who, "", Place.first()).rows == ()
    for who in (fleet.people["ivan"], WORKER):
        with pytest.raises(Forbidden):
            notifications.mark_all_read(fleet.db, who)


def test_what_one_may_not_see_any_more_is_not_told(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    sam = fleet.add_member("sam", Role.OPERATOR, tenant_id=fleet.tenant["contoso"])
    check(fleet, "contoso", "sam")
    assert len(told(fleet, "sam")) == notifications.look(fleet.db, sam, 0).unread == 1
    (row,) = members.of_login(fleet.db, fleet.dana, fleet.north, "sam")
    member_changes.add(
        fleet.db,
        fleet.dana,
        fleet.north,
        login="sam",
        display_name="Sam",
        role=Role.OPERATOR,
        tenant_id=fleet.tenant["fabrikam"],
    )
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, row.id)
    assert told(fleet, "sam") == []
    assert notifications.look(fleet.db, sam, 0) == notifications.Inbox(0, False, 0)


def test_a_look_counts_what_is_unread_and_says_what_is_new_since(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    first = notifications.look(fleet.db, fleet.dana)
    assert (first.unread, first.arrived, first.words) == (0, (), "0")
    check(fleet, "contoso")
    check(fleet, "fabrikam")
    second = notifications.look(fleet.db, fleet.dana, first.newest_id)
    assert [row.title.split()[3] for row in second.arrived] == ["Fabrikam:", "Contoso:"]
    assert notifications.look(fleet.db, fleet.dana, second.newest_id).arrived == ()
    notifications.mark_read(fleet.db, fleet.dana, [second.arrived[0].id])
    assert notifications.look(fleet.db, fleet.dana).unread == 1
    assert [row.title.split()[3] for row in notifications.look(fleet.db, fleet.dana, 0).arrived] == ["Contoso:"]


def test_counting_stops_at_a_hundred_and_marking_goes_on_to_the_end(sqlite_fleet: Any, monkeypatch: Any) -> None:
    fleet = sqlite_fleet
    monkeypatch.setattr(notifications, "CHUNK", 50)
    pile_up(fleet, "dana", 120)
    assert notifications.look(fleet.db, fleet.dana).words == "99+"
    assert notifications.mark_all_read(fleet.db, fleet.dana) == 120
    assert notifications.look(fleet.db, fleet.dana).words == "0"
    assert notifications.mark_all_read(fleet.db, fleet.dana) == 0


def test_the_inbox_is_narrowed_by_word_kind_outcome_age_and_what_is_unread(fleet: Any) -> None:
    check(fleet, "contoso")
    fleet.clock.advance(days=2)
    claim = fleet.begin(fleet.connection["fabrikam"])
    finishing.finish(fleet.db, claim.held, finishing.RunResult(check=fleet.failing_report("secret_expired")))
    newest = notifications.look(fleet.db, fleet.dana, 0).arrived[0]
    notifications.mark_read(fleet.db, fleet.dana, [newest.id])
    fits = {
        "": 2,
        "CONTOSO": 1,
        "!contoso kind:run": 1,
        "kind:batch": 0,
        "outcome:blocked": 1,
        "!outcome:blocked": 1,
        "since:1d": 1,
        "unread:yes": 1,
        "!unread:yes fabrikam": 1,
    }
    assert {text: len(told(fleet, "dana", text)) for text in fits} == fits
    assert notifications.mark_all_read(fleet.db, fleet.dana, "fabrikam") == 0
    with pytest.raises(InvalidInput, match="reason"):
        told(fleet, "dana", "reason:x")


def test_old_ones_go_read_ones_sooner(fleet: Any) -> None:
    pile_up(fleet, "dana", 3)
    oldest = notifications.look(fleet.db, fleet.dana, 0).arrived[-1]
    notifications.mark_read(fleet.db, fleet.dana, [oldest.id])
    fleet.clock.advance(days=29)
    assert notifications.prune(fleet.db) == 0
    fleet.clock.advance(days=2)
    assert notifications.prune(fleet.db) == 1
    assert told(fleet) == ["old 2", "old 1"]
    fleet.clock.advance(days=150)
    assert notifications.prune(fleet.db, parts=1, chunk=1) == 1, "a sweep does so much and no more"
    assert notifications.prune(fleet.db) == 1
    assert told(fleet) == []
