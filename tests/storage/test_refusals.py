"""Refused reads in the trail: each as one entry an hour. That every read has one is asked in the role table."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select

from storage import audit_chain, audit_trail, connection_previews, system_directory
from storage.access import Principal
from storage.capabilities import Capability
from storage.errors import Forbidden
from storage.pages import Place
from storage.schema import audit_entries, platform_grants, users


def _refused(fleet: Any) -> list[Any]:
    refused = select(audit_entries).where(audit_entries.c.outcome == "refused").order_by(audit_entries.c.id)
    return list(fleet.rows(refused))


def _ask_for_the_trail(fleet: Any, login: str, key: str) -> None:
    with pytest.raises(Forbidden):
        audit_trail.of_connection(fleet.db, fleet.people[login], fleet.connection[key])


def test_people_things_and_what_it_takes_are_told_apart_and_repeats_are_not_told(fleet: Any) -> None:
    for _ in range(3):
        _ask_for_the_trail(fleet, "rita", "contoso")
        _ask_for_the_trail(fleet, "rita", "fabrikam")
        with pytest.raises(Forbidden):
            connection_previews.preview_disable(fleet.db, fleet.people["rita"], fleet.connection["contoso"])
        with pytest.raises(Forbidden):
            connection_previews.preview_disable(fleet.db, fleet.people["omar"], fleet.connection["contoso"])
    found = [
        (e.actor, e.target_kind, e.target_id, audit_chain.detail_of(e.canonical)["needs"]) for e in _refused(fleet)
    ]
    contoso, fabrikam = str(fleet.tenant["contoso"]), str(fleet.tenant["fabrikam"])
    assert found == [
        ("rita", "tenant", contoso, "audit.view"),
        ("rita", "tenant", fabrikam, "audit.view"),
        ("rita", "tenant", contoso, "provider.manage"),
        ("omar", "tenant", contoso, "provider.manage"),
    ]
    query = audit_trail.AuditQuery(fleet.north, "outcome:refused actor:rita", fleet.tenant["contoso"])
    newest = audit_trail.page(fleet.db, fleet.dana, query, Place.first()).rows[0]
    assert newest.sentence == (
        f"asked to see: Connection {fleet.connection['contoso']}, for connection.disable, needs provider.manage"
    )
    assert "rita may not do this" in newest.detail["why"]
    assert audit_trail.verify_trail(fleet.db, fleet.dana, fleet.north).first_bad is None


def test_an_answer_that_was_given_and_one_that_reveals_nothing_leave_no_entry(sqlite_fleet: Any) -> None:
    entries = sqlite_fleet.count(audit_entries)
    audit_trail.of_connection(sqlite_fleet.db, sqlite_fleet.people["anna"], sqlite_fleet.connection["contoso"])
    with pytest.raises(Exception, match="does not exist"):
        audit_trail.of_connection(sqlite_fleet.db, sqlite_fleet.people["zoe"], sqlite_fleet.connection["contoso"])
    assert sqlite_fleet.count(audit_entries) == entries


def test_on_the_system_plane_the_systems_own_trail_tells_who_asked(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    user_id = fleet.people["rita"].user_id
    fleet.write(
        insert(platform_grants).values(
            user_id=user_id, capability=Capability.PLATFORM_RUNS_VIEW.value, created_at=fleet.clock()
        )
    )
    for _ in range(2):
        with pytest.raises(Forbidden):
            system_directory.rollup(fleet.db, fleet.people["rita"])
    (entry,) = _refused(fleet)
    assert (entry.workspace_id, entry.actor, entry.target_kind, entry.target_id) == (None, "rita", "account", "rita")


def test_a_shared_account_is_told_with_the_login_behind_it(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    row = fleet.rows(select(users.c.id).where(users.c.login == "rita"))[0]
    for behind in ("ann", "bob", "ann"):
        with pytest.raises(Forbidden):
            audit_trail.verify_trail(fleet.db, Principal(row.id, "rita", real_login=behind), fleet.north)
    page = audit_trail.page(fleet.db, fleet.dana, audit_trail.AuditQuery(fleet.north, "outcome:refused"), Place.first())
    assert {row.target_name for row in page.rows} == {"North"}
    assert [(e.actor, e.target_kind) for e in _refused(fleet)] == [
        ("rita (ann)", "workspace"),
        ("rita (bob)", "workspace"),
    ]
