"""Scopes, memberships and principals: what a person sees, until when, and who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from storage import access, connections, member_changes, notifications, rollups, runs, tenants
from storage.capabilities import Role
from storage.database import open_database
from storage.errors import Conflict, Forbidden, NotFound
from storage.pages import Place
from storage.schema import memberships

HERE = {"dana": "owner", "otto": "owner", "mona": "manager", "omar": "operator", "anna": "auditor", "rita": "readonly"}
SCOPED = {"tina": "operator", "gina": "manager", "fred": "manager"}
OUTSIDE = ("zoe", "eve", "rex", "ivan", "pat")


def membership_of(fleet: Any, login: str) -> int:
    return int(
        fleet.one(
            select(memberships.c.id).where(
                memberships.c.user_id == fleet.people[login].user_id, memberships.c.revoked_at.is_(None)
            )
        )
    )


def test_a_refusal_names_who_could_do_it(fleet: Any) -> None:
    with pytest.raises(Forbidden) as caught:
        fleet.start(fleet.connection["contoso"], by="rita")
    assert caught.value.hint.startswith("Ask ")
    assert "dana (Owner)" in caught.value.hint
    for nobody in ("rita", "eve", "rex", "ivan", "zoe", "fred"):
        assert nobody not in caught.value.hint


def test_lists_show_a_scoped_member_only_what_is_in_scope(fleet: Any) -> None:
    for login, names in (("tina", {"Contoso"}), ("gina", {"Contoso"}), ("fred", {"Fabrikam"})):
        who = fleet.people[login]
        found = connections.page(fleet.db, who, connections.ConnectionQuery(fleet.north), Place.first())
        assert {row.tenant_name for row in found.rows} == names
        assert found.total == 1
        listed = tenants.page(fleet.db, who, tenants.TenantQuery(fleet.north), Place.first())
        assert {row.name for row in listed.rows} == names
        assert rollups.counts(fleet.db, who, fleet.north).total == 1


def test_runs_outside_the_scope_are_neither_listed_nor_counted(fleet: Any) -> None:
    fleet.start(fleet.connection["fabrikam"])
    for login, seen in (("tina", 0), ("gina", 0), ("fred", 1), ("rita", 1)):
        who = fleet.people[login]
        assert len(runs.page(fleet.db, who, runs.RunQuery(fleet.north), Place.first()).rows) == seen
        assert runs.unfinished_counts(fleet.db, who, fleet.north).queued == seen


def test_a_tag_added_to_a_tenant_lets_its_people_in_and_taking_it_away_shuts_them_out(fleet: Any) -> None:
    from storage.schema import tags, tenant_tags

    gina, fabrikam = fleet.people["gina"], fleet.tenant["fabrikam"]
    gold = fleet.one(select(tags.c.id).where(tags.c.name == "gold"))
    with pytest.raises(NotFound):
        tenants.get(fleet.db, gina, fabrikam)
    fleet.write(tenant_tags.insert().values(tenant_id=fabrikam, tag_id=gold))
    assert tenants.get(fleet.db, gina, fabrikam).name == "Fabrikam"
    fleet.write(tenant_tags.delete().where(tenant_tags.c.tenant_id == fabrikam))
    with pytest.raises(NotFound):
        tenants.get(fleet.db, gina, fabrikam)


def test_a_tag_is_one_tag_however_it_is_spelled(fleet: Any) -> None:
    fleet.add_tenant("strasse", tag_names=["Straße"])
    who = fleet.add_member("nora", Role.READONLY, tag="STRASSE")
    seen = tenants.page(fleet.db, who, tenants.TenantQuery(fleet.north), Place.first()).rows
    assert [row.name for row in seen] == ["Strasse"]


def test_an_expiring_role_ends_at_its_moment(fleet: Any) -> None:
    who = fleet.add_member("nora", Role.MANAGER, expires_at=fleet.clock.time + timedelta(hours=1))
    assert connections.get(fleet.db, who, fleet.connection["contoso"]).may_manage
    fleet.clock.advance(hours=1)
    with pytest.raises(NotFound):
        connections.get(fleet.db, who, fleet.connection["contoso"])


def test_entered_workspaces_are_those_one_may_enter(fleet: Any) -> None:
    entered = {login: access.entered_workspaces(fleet.db, who) for login, who in fleet.people.items()}
    for login, role in (HERE | SCOPED).items():
        (entry,) = entered[login]
        assert (entry.slug, entry.role.value, entry.whole) == ("north", role, login in HERE)
    for login in OUTSIDE:
        assert [entry.slug for entry in entered[login]] == (["south"] if login == "zoe" else [])


def test_a_system_principal_has_no_right_of_a_person(fleet: Any) -> None:
    for who in (access.WORKER, access.CONSENT_PAGE):
        with pytest.raises(NotFound):
            connections.get(fleet.db, who, fleet.connection["contoso"])
        assert notifications.look(fleet.db, who, 0).unread == 0
        assert access.entered_workspaces(fleet.db, who) == ()


def test_notifications_are_ones_own(fleet: Any) -> None:
    run = fleet.check(fleet.connection["contoso"])
    (mine,) = notifications.look(fleet.db, fleet.dana, 0).arrived
    assert mine.run_id == run.id
    assert notifications.look(fleet.db, fleet.people["otto"], 0).arrived == ()
    notifications.mark_read(fleet.db, fleet.people["otto"], [mine.id])
    assert notifications.look(fleet.db, fleet.dana, 0).arrived == (mine,)
    notifications.mark_read(fleet.db, fleet.dana, [mine.id])
    assert notifications.look(fleet.db, fleet.dana, 0).unread == 0


def test_who_has_lost_access_is_not_told_about_runs_any_more(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], by="omar")
    fleet.finish(claim)
    omar = fleet.people["omar"]
    assert notifications.look(fleet.db, omar, 0).unread == 1
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, membership_of(fleet, "omar"))
    assert notifications.look(fleet.db, omar, 0).unread == 0


def test_the_last_lasting_owner_stays(fleet: Any) -> None:
    fleet.add_member("nora", Role.OWNER, expires_at=fleet.clock.time + timedelta(days=1))
    fleet.add_member("karl", Role.OWNER, tenant_id=fleet.tenant["contoso"])
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, membership_of(fleet, "otto"))
    # ivan is inactive, nora's role ends, karl owns one tenant: none of them can keep the workspace.
    with pytest.raises(Conflict, match="last Owner"):
        member_changes.revoke(fleet.db, fleet.dana, fleet.north, membership_of(fleet, "dana"))
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, membership_of(fleet, "nora"))
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, membership_of(fleet, "ivan"))


def test_a_clash_in_another_workspace_is_never_revealed(fleet: Any) -> None:
    taken = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).entra_tenant_id
    made = tenants.create(fleet.db, fleet.people["zoe"], fleet.south, entra_tenant_id=taken, name="Ours")
    assert made.entra_tenant_id == taken
    with pytest.raises(Conflict):
        tenants.create(fleet.db, fleet.dana, fleet.north, entra_tenant_id=taken, name="Again")


def test_a_clash_does_not_name_a_tenant_outside_the_scope_of_who_asks(fleet: Any) -> None:
    with pytest.raises(NotFound):
        connections.get(fleet.db, fleet.people["fred"], fleet.connection["contoso"])
    with pytest.raises(NotFound):
        connections.find_by_name(fleet.db, fleet.people["fred"], fleet.north, str(fleet.connection["contoso"]))


def test_the_local_account_must_be_an_active_user(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "os_login", lambda: ("dana", "root"))
    who = access.local_principal(fleet.db)
    assert (who.user_id, who.label) == (fleet.dana.user_id, "dana (root)")
    for account in ("nobody-here", "ivan"):
        monkeypatch.setattr(access, "os_login", lambda account=account: (account, None))
        with pytest.raises(Forbidden, match=account):
            access.local_principal(fleet.db)


def test_the_server_says_whether_it_was_reached_over_its_socket_and_no_variable(
    postgres_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_fleet.db.engine.url
    socket = str(url.query.get("host") or url.host)
    monkeypatch.setenv("PGHOST", socket)
    bare = url.set(host=None, query={}).render_as_string(hide_password=False)
    for address in (postgres_fleet.address, bare):  # the second names no server: the variable does
        db = open_database(address, check=False)
        with db.read() as tx:
            assert access._came_by_socket(tx)
        db.close()
    statement = []
    monkeypatch.setattr(access, "_came_by_socket", lambda tx: bool(statement))
    assert access.account_of(postgres_fleet.db).via == "postgres"
    statement.append("by the socket after all")
    assert access.account_of(postgres_fleet.db).via == "os"


def test_on_a_server_across_the_network_the_principal_is_the_role_that_logged_in(
    postgres_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "os_login", lambda: ("dana", None))
    monkeypatch.setattr(access, "_came_by_socket", lambda tx: False)
    role = postgres_fleet.one(text("SELECT session_user"))
    with pytest.raises(Forbidden, match=role):
        access.local_principal(postgres_fleet.db)
    postgres_fleet.add_member(role, Role.AUDITOR)
    who = access.local_principal(postgres_fleet.db)
    assert (who.login, who.via, who.real_login) == (role, "postgres", None)


def test_the_account_is_never_what_an_environment_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = access.os_login()
    for name in ("USER", "LOGNAME", "SUDO_USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert access.os_login() == before
