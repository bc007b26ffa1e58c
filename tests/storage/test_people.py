"""Members, leavers, platform roles and workspaces: what changes, what is told, and what a workspace never loses."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from storage import (
    access,
    connections,
    drafts,
    leaving,
    member_changes,
    members,
    ownership,
    platform_grants,
    sessions,
    ssh_keys,
    system_plane,
    tenants,
    workspaces,
)
from storage.access import Principal
from storage.capabilities import Capability, Role
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.schema import acknowledgements, audit_entries, memberships, users

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nora@laptop"
BOSS = Principal(None, "root", via=ownership.VIA)


def everybody(fleet: Any, text: str = "", by: str = "dana") -> dict[str, members.Member]:
    query = members.MemberQuery(fleet.north, text)
    return {row.login: row for row in members.page(fleet.db, fleet.people[by], query, Place.first()).rows}


def trail(fleet: Any, action: str) -> list[Any]:
    return fleet.rows(select(audit_entries).where(audit_entries.c.action == action).order_by(audit_entries.c.id))


def test_the_list_has_those_whose_role_counts_now_with_what_it_reaches(fleet: Any) -> None:
    found = everybody(fleet)
    assert set(found) == {"dana", "otto", "mona", "omar", "anna", "rita", "tina", "gina", "fred"}
    assert {login: row.scope for login, row in found.items() if row.scope != "workspace"} == {
        "tina": "tenant Contoso",
        "fred": "tenant Fabrikam",
        "gina": "tag gold",
    }
    assert (found["omar"].role, found["omar"].granted_by, found["dana"].granted_by) == (Role.OPERATOR, "dana", None)
    assert set(everybody(fleet, "role:manager")) == {"mona", "gina", "fred"}
    assert set(everybody(fleet, "scope:tenant !fre")) == {"tina"}
    assert set(everybody(fleet, "OMA", by="anna")) == {"omar"}


def test_the_list_comes_in_pages(sqlite_fleet: Any) -> None:
    query, seen = members.MemberQuery(sqlite_fleet.north), []
    place = Place.first()
    while True:
        page = members.page(sqlite_fleet.db, sqlite_fleet.dana, query, place, 4)
        seen += [row.login for row in page.rows]
        if not page.has_after:
            break
        place = Place.after(page.cursors[-1])
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 9


def test_ones_own_role_is_readable_without_the_right_to_read_others(fleet: Any) -> None:
    tina = fleet.people["tina"]
    (own,) = members.of_login(fleet.db, tina, fleet.north, "tina")
    assert members.get(fleet.db, tina, fleet.north, own.id) == own
    with pytest.raises(Forbidden):
        members.of_login(fleet.db, tina, fleet.north, "fred")
    assert members.of_login(fleet.db, fleet.people["anna"], fleet.north, "tina") == (own,)
    for login in ("zoe", "rex", "ivan", "eve"):
        with pytest.raises(NotFound):
            members.of_login(fleet.db, fleet.people[login], fleet.north, login)


def test_a_role_changes_with_its_trail_and_at_once(fleet: Any) -> None:
    rita = everybody(fleet)["rita"]
    changed = member_changes.change_role(fleet.db, fleet.dana, fleet.north, rita.id, Role.MANAGER, ticket="CHG-1")
    assert changed.role is Role.MANAGER
    assert connections.get(fleet.db, fleet.people["rita"], fleet.connection["contoso"]).may_manage
    (entry,) = trail(fleet, "member.role")
    assert (entry.actor, entry.ticket, entry.workspace_id) == ("dana", "CHG-1", fleet.north)
    assert b'"after":"manager","before":"readonly","login":"rita"' in bytes(entry.canonical)


def test_an_end_is_set_moved_and_lifted(fleet: Any) -> None:
    mona = everybody(fleet)["mona"]
    at_eight = fleet.clock.time + timedelta(hours=8)
    assert member_changes.set_end(fleet.db, fleet.dana, fleet.north, mona.id, at_eight).expires_at == at_eight
    with pytest.raises(InvalidInput, match="past"):
        member_changes.set_end(fleet.db, fleet.dana, fleet.north, mona.id, fleet.clock.time)
    fleet.clock.advance(hours=8)
    assert "mona" not in everybody(fleet)
    assert members.of_login(fleet.db, fleet.dana, fleet.north, "mona") == ()
    assert member_changes.set_end(fleet.db, fleet.dana, fleet.north, mona.id, None).expires_at is None
    assert "mona" in everybody(fleet)
    assert len(trail(fleet, "member.until")) == 2


def test_the_same_reach_is_given_once_and_another_reach_beside_it(fleet: Any) -> None:
    for scope in ({}, {"tag": "silver"}, {"tenant_id": fleet.tenant["contoso"]}):
        fleet.add_member("nora", Role.OPERATOR, **scope)
        with pytest.raises(Conflict, match="already"):
            fleet.add_member("nora", Role.MANAGER, **scope)
    assert len(members.of_login(fleet.db, fleet.dana, fleet.north, "nora")) == 3


def test_what_cannot_be_given_is_refused_before_anything_is_written(fleet: Any) -> None:
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    for error, scope in (
        (InvalidInput, {"expires_at": fleet.clock.time}),
        (InvalidInput, {"tenant_id": fleet.tenant["contoso"], "tag": "gold"}),
        (NotFound, {"tenant_id": 10**9}),
    ):
        with pytest.raises(error):
            fleet.add_member("nora", Role.OPERATOR, **scope)
    theirs = tenants.create(fleet.db, fleet.people["zoe"], fleet.south, entra_tenant_id=fleet.guid(), name="South's")
    with pytest.raises(NotFound):
        fleet.add_member("nora", Role.OPERATOR, tenant_id=theirs.id)
    assert before["users"] == fleet.contents()["users"]
    assert before["memberships"] == fleet.contents()["memberships"]


def _keep_only_dana(fleet: Any) -> int:
    found = everybody(fleet)
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, found["otto"].id)
    return int(found["dana"].id)


@pytest.mark.parametrize("way", ["demote", "expire", "revoke", "leave", "deactivate"])
def test_the_last_lasting_owner_stays_whichever_way_is_tried(fleet: Any, way: str) -> None:
    last = _keep_only_dana(fleet)
    fleet.add_member("nora", Role.OWNER, expires_at=fleet.clock.time + timedelta(days=1))
    by = fleet.people["nora"]
    ways = {
        "demote": lambda: member_changes.change_role(fleet.db, by, fleet.north, last, Role.MANAGER),
        "expire": lambda: member_changes.set_end(fleet.db, by, fleet.north, last, fleet.clock.time + timedelta(days=9)),
        "revoke": lambda: member_changes.revoke(fleet.db, by, fleet.north, last),
        "leave": lambda: leaving.leave(fleet.db, by, fleet.north, "dana"),
        "deactivate": lambda: leaving.deactivate(fleet.db, BOSS, "dana"),
    }
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    with pytest.raises(Conflict, match="dana is the last Owner of North"):
        ways[way]()
    assert fleet.contents(without=("audit_entries", "audit_heads", "change_topics")) == before
    fleet.add_member("karl", Role.OWNER)
    ways[way]()


def test_two_owners_who_take_each_other_away_at_once_leave_one(fleet: Any) -> None:
    ids = {login: everybody(fleet)[login].id for login in ("dana", "otto")}
    ways = (
        lambda: member_changes.change_role(fleet.db, fleet.dana, fleet.north, ids["otto"], Role.MANAGER),
        lambda: leaving.leave(fleet.db, fleet.people["otto"], fleet.north, "dana"),
    )
    gate, answers = threading.Barrier(len(ways)), []

    def go(way: Any) -> None:
        gate.wait(60)
        try:
            way()
            answers.append("done")
        except (Conflict, Forbidden, NotFound) as error:
            answers.append(type(error).__name__)

    threads = [threading.Thread(target=go, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers).count("done") == 1, answers
    owners = fleet.rows(
        select(memberships.c.id)
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.id.in_(ids.values()),
            memberships.c.role == "owner",
            memberships.c.revoked_at.is_(None),
            users.c.is_active,
        )
    )
    assert len(owners) == 1


def _settle_in(fleet: Any, login: str) -> str:
    """Gives somebody everything that a leaver leaves behind; returns the id of their session."""
    who = fleet.people[login]
    ssh_keys.add(fleet.db, fleet.dana, fleet.north, login, KEY)
    drafts.save(fleet.db, who, "tenant.edit", "tenant:1", {"note": "x"}, fleet.north)
    fleet.write(
        insert(acknowledgements).values(
            workspace_id=fleet.north,
            reason_code="provider_consent_missing",
            connection_id=fleet.connection["contoso"],
            user_id=who.user_id,
            created_at=fleet.clock.time,
        )
    )
    return sessions.begin(fleet.db, who, "host")


def test_who_leaves_leaves_nothing_open_and_comes_back_with_nothing_of_before(fleet: Any) -> None:
    omar = fleet.people["omar"]
    session = _settle_in(fleet, "omar")
    fleet.add_member("omar", Role.MANAGER, tag="silver")
    left = leaving.leave(fleet.db, fleet.people["otto"], fleet.north, "omar", ticket="HR-7")
    assert left == leaving.Leaver("omar", memberships=2, sessions=1, keys=1, acknowledgements=1, drafts=1)
    assert fleet.rows(select(acknowledgements.c.user_id)) == [(fleet.people["otto"].user_id,)]
    assert sessions.standing(fleet.db, omar, session).ended == "The account omar was closed."
    with pytest.raises(Forbidden):
        drafts.load(fleet.db, omar, "tenant.edit", "tenant:1")
    (entry,) = trail(fleet, "member.leave")
    assert (entry.ticket, entry.actor) == ("HR-7", "otto")
    again = fleet.add_member("omar", Role.READONLY)
    assert again.user_id == omar.user_id
    assert [row.role for row in members.of_login(fleet.db, fleet.dana, fleet.north, "omar")] == [Role.READONLY]
    assert [key.revoked_at is None for key in ssh_keys.mine(fleet.db, omar)] == [False]
    assert drafts.mine(fleet.db, omar, fleet.north) == ()


def test_who_leaves_one_workspace_stays_in_the_other(fleet: Any) -> None:
    zoe = fleet.people["zoe"]
    member_changes.add(fleet.db, zoe, fleet.south, login="rita", display_name="Rita", role=Role.OPERATOR)
    drafts.save(fleet.db, fleet.people["rita"], "tenant.edit", "tenant:9", {"note": "x"}, fleet.south)
    left = leaving.leave(fleet.db, fleet.dana, fleet.north, "rita")
    assert (left.memberships, left.keys, left.drafts) == (1, 0, 0)
    rita = fleet.people["rita"]
    assert [entry.slug for entry in access.entered_workspaces(fleet.db, rita)] == ["south"]
    assert len(drafts.mine(fleet.db, rita, fleet.south)) == 1
    with pytest.raises(NotFound):
        leaving.leave(fleet.db, fleet.dana, fleet.north, "rita")


def test_a_closed_account_has_left_every_workspace_and_the_system(fleet: Any) -> None:
    session = _settle_in(fleet, "omar")
    zoe, omar = fleet.people["zoe"], fleet.people["omar"]
    member_changes.add(fleet.db, zoe, fleet.south, login="omar", display_name="Omar", role=Role.OPERATOR)
    platform_grants.grant(fleet.db, BOSS, "omar", Capability.PLATFORM_RUNS_VIEW)
    left = leaving.deactivate(fleet.db, BOSS, "omar")
    assert (left.memberships, left.sessions, left.keys, left.acknowledgements) == (2, 1, 1, 1)
    # Nobody who does it is a member, so the Owner who was there first takes the acknowledgements.
    assert fleet.rows(select(acknowledgements.c.user_id)) == [(fleet.dana.user_id,)]
    assert access.entered_workspaces(fleet.db, omar) == ()
    assert sessions.standing(fleet.db, omar, session).ended is not None
    assert {entry.workspace_id for entry in trail(fleet, "member.leave")} == {fleet.north, fleet.south}
    assert [entry.workspace_id for entry in trail(fleet, "user.deactivate")] == [None]
    assert "omar" not in {row.login for row in platform_grants.of_installation(fleet.db, BOSS)}
    fleet.add_member("omar", Role.READONLY)
    assert [entry.slug for entry in access.entered_workspaces(fleet.db, omar)] == ["north"]
    assert "omar" not in {row.login for row in platform_grants.of_installation(fleet.db, BOSS)}


def test_platform_roles_come_from_the_owner_of_the_database_alone(fleet: Any) -> None:
    made = platform_grants.grant(fleet.db, BOSS, "sven", Capability.PLATFORM_DIRECTORY_VIEW, ticket="CHG-2")
    assert (made.login, made.capability) == ("sven", Capability.PLATFORM_DIRECTORY_VIEW)
    with pytest.raises(Conflict):
        platform_grants.grant(fleet.db, BOSS, "sven", Capability.PLATFORM_DIRECTORY_VIEW)
    with pytest.raises(InvalidInput):
        platform_grants.grant(fleet.db, BOSS, "sven", Capability.MEMBER_MANAGE)
    sven = Principal(fleet.one(select(users.c.id).where(users.c.login == "sven")), "sven")
    with fleet.db.read() as tx:
        assert system_plane.has_platform_grant(tx, sven, Capability.PLATFORM_DIRECTORY_VIEW)
    assert access.entered_workspaces(fleet.db, sven) == ()
    platform_grants.revoke(fleet.db, BOSS, "sven", Capability.PLATFORM_DIRECTORY_VIEW)
    with pytest.raises(NotFound):
        platform_grants.revoke(fleet.db, BOSS, "sven", Capability.PLATFORM_DIRECTORY_VIEW)
    assert [(e.workspace_id, e.ticket) for e in trail(fleet, "platform.grant")] == [(None, "CHG-2")]
    assert len(trail(fleet, "platform.revoke")) == 1


def test_a_workspace_is_made_by_the_owner_of_the_database_and_renamed_by_its_own(fleet: Any) -> None:
    mina = workspaces.create(fleet.db, BOSS, slug="west", name="West", login="mina", display_name="Mina")
    west = workspaces.find_workspace(fleet.db, mina, "west")
    workspaces.rename(fleet.db, mina, west, "Wild West")
    assert [(row.slug, row.name) for row in workspaces.of_installation(fleet.db, BOSS)][-1] == ("west", "Wild West")
    with pytest.raises(NotFound):
        workspaces.rename(fleet.db, fleet.dana, west, "Ours")
    with pytest.raises(Conflict):
        workspaces.create(fleet.db, BOSS, slug="west", name="West", login="dana", display_name="Dana")
    (entry,) = [entry for entry in trail(fleet, "workspace.create") if entry.target_id == str(west)]
    assert (entry.actor, entry.workspace_id) == ("root", None)


def test_the_owner_of_the_database_is_who_owns_the_file(sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "os_login", lambda: ("dana", None))
    who = ownership.database_owner(sqlite_fleet.db)
    assert (who.user_id, who.login, who.via) == (sqlite_fleet.dana.user_id, "dana", "owner")
    monkeypatch.setattr(ownership.os, "geteuid", lambda: 12345)
    with pytest.raises(Forbidden, match="owns the database"):
        ownership.database_owner(sqlite_fleet.db)
    with pytest.raises(Forbidden):
        ownership.require_gateway(sqlite_fleet.db)
    with pytest.raises(Forbidden):
        ssh_keys.principal_of(sqlite_fleet.db, 1)


def test_owning_the_database_gives_no_sight_of_a_workspace(fleet: Any) -> None:
    with pytest.raises(NotFound):
        tenants.get(fleet.db, BOSS, fleet.tenant["contoso"])
    assert access.entered_workspaces(fleet.db, BOSS) == ()


OWNERS_OF_THE_DATABASE_ONLY = {
    "leaving.deactivate": lambda f, who: leaving.deactivate(f.db, who, "omar"),
    "platform_grants.grant": lambda f, who: platform_grants.grant(f.db, who, "omar", Capability.PLATFORM_RUNS_VIEW),
    "platform_grants.of_installation": lambda f, who: platform_grants.of_installation(f.db, who),
    "platform_grants.revoke": lambda f, who: platform_grants.revoke(f.db, who, "pat", Capability.PLATFORM_RUNS_VIEW),
    "workspaces.create": lambda f, who: workspaces.create(
        f.db, who, slug="west", name="West", login="mina", display_name="Mina"
    ),
    "workspaces.of_installation": lambda f, who: workspaces.of_installation(f.db, who),
}


@pytest.mark.parametrize("name", sorted(OWNERS_OF_THE_DATABASE_ONLY))
def test_what_is_for_the_owner_of_the_database_is_refused_to_every_role(fleet: Any, name: str) -> None:
    call = OWNERS_OF_THE_DATABASE_ONLY[name]
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    for who in (*fleet.people.values(), access.WORKER):
        with pytest.raises(Forbidden, match="owns the database"):
            call(fleet, who)
    assert fleet.contents(without=("audit_entries", "audit_heads", "change_topics")) == before
    refused = fleet.rows(select(audit_entries).where(audit_entries.c.outcome == "refused"))
    is_reading = name.endswith("of_installation")
    assert {entry.workspace_id for entry in refused} == (set() if is_reading else {None})
    assert len(refused) == (0 if is_reading else len(fleet.people) + 1)
    call(fleet, BOSS)
