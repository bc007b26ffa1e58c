"""Who may do what: every function that takes a principal, asked by everybody there is.

The table of roles stands here a second time, as the product's rule states it, so that a change of the program's own map is seen.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

import storage
from storage import (
    access,
    audit,
    cancelling,
    connection_changes,
    connections,
    credentials,
    notifications,
    platform_apps,
    reports,
    rollups,
    runs,
    starting,
    tenants,
    workspaces,
)
from storage.access import Principal
from storage.capabilities import CAPABILITIES_OF, Capability, Role, roles_with
from storage.credential_material import from_secret
from storage.errors import Conflict, Forbidden, NotFound
from storage.operations import CONNECTION_CHECK
from storage.pages import Place
from storage.schema import audit_entries, memberships
from storage.states import Cloud, CredentialOwner

OWNER, MANAGER, OPERATOR, AUDITOR, READONLY = "owner", "manager", "operator", "auditor", "readonly"
EVERYBODY = {OWNER, MANAGER, OPERATOR, AUDITOR, READONLY}
RULE = {
    "tenant.view": EVERYBODY,
    "provider.view": EVERYBODY,
    "run.view": EVERYBODY,
    "provider.run": {OWNER, MANAGER, OPERATOR},
    "provider.manage": {OWNER, MANAGER},
    "audit.view": {OWNER, MANAGER, OPERATOR, AUDITOR},
    "alert.manage": {OWNER},
    "member.manage": {OWNER},
}

PEOPLE = {
    # login: (role, what it reaches)
    "dana": (OWNER, "workspace"),
    "otto": (OWNER, "workspace"),
    "mona": (MANAGER, "workspace"),
    "omar": (OPERATOR, "workspace"),
    "anna": (AUDITOR, "workspace"),
    "rita": (READONLY, "workspace"),
    "tina": (OPERATOR, "contoso"),
    "gina": (MANAGER, "contoso"),  # by its tag
    "fred": (MANAGER, "fabrikam"),
    "zoe": (None, "nothing"),  # Owner, but of another workspace
    "eve": (None, "nothing"),  # her membership has expired
    "rex": (None, "nothing"),  # revoked
    "ivan": (None, "nothing"),  # no active user any more
    "pat": (None, "nothing"),  # has every platform grant
}


@dataclass(frozen=True)
class Case:
    """How one function is called on contoso, and what it asks for.

    Attributes:
        capability: what the work needs.
        see: what is needed to know that the thing exists.
        reach: `contoso` when it is about that tenant, `workspace` when about the whole workspace, `entrance` when any membership will do.
        call: does it; gets the fleet, the principal and what `prepare` gave.
        prepare: makes what the call needs, as the Owner.
    """

    capability: str
    reach: str
    call: Callable[[Any, Principal, Any], Any]
    prepare: Callable[[Any], Any] = lambda fleet: None

    def expected(self, login: str) -> type[Exception] | None:
        """The exception that somebody gets; None when the work is done."""
        role, reached = PEOPLE[login]
        if role is None:
            return NotFound
        if self.reach == "entrance":
            return None
        if self.reach == "workspace":
            return None if reached == "workspace" and role in RULE[self.capability] else Forbidden
        if reached not in ("workspace", self.reach):
            return NotFound
        return None if role in RULE[self.capability] else Forbidden


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _completed_run(fleet: Any) -> int:
    return int(fleet.check(_contoso(fleet)).id)


def _queued_run(fleet: Any) -> int:
    return int(fleet.start(_contoso(fleet)).run.id)


def _membership(fleet: Any) -> int:
    return int(fleet.one(select(memberships.c.id).where(memberships.c.user_id == fleet.people["omar"].user_id)))


CASES: dict[str, Case] = {
    "audit.of_connection": Case("audit.view", "contoso", lambda f, who, _: audit.of_connection(f.db, who, _contoso(f))),
    "cancelling.cancel": Case(
        "provider.run", "contoso", lambda f, who, run: cancelling.cancel(f.db, who, run), _queued_run
    ),
    "connection_changes.create": Case(
        "provider.manage", "contoso", lambda f, who, _: connection_changes.create(f.db, who, f.tenant["contoso"])
    ),
    "connection_changes.record_consent": Case(
        "provider.manage", "contoso", lambda f, who, _: connection_changes.record_consent(f.db, who, _contoso(f))
    ),
    "connection_changes.set_default": Case(
        "provider.manage",
        "contoso",
        lambda f, who, second: connection_changes.set_default(f.db, who, second),
        lambda f: f.add_connection("contoso"),
    ),
    "connection_changes.set_enabled": Case(
        "provider.manage", "contoso", lambda f, who, _: connection_changes.set_enabled(f.db, who, _contoso(f), False)
    ),
    "connections.find_by_name": Case(
        "provider.view", "contoso", lambda f, who, _: connections.find_by_name(f.db, who, f.north, "contoso")
    ),
    "connections.get": Case("provider.view", "contoso", lambda f, who, _: connections.get(f.db, who, _contoso(f))),
    "connections.page": Case(
        "provider.view",
        "entrance",
        lambda f, who, _: connections.page(f.db, who, connections.ConnectionQuery(f.north), Place.first()),
    ),
    "credentials.store": Case(
        "provider.manage",
        "contoso",
        lambda f, who, _: credentials.store(
            f.db, who, CredentialOwner.CONNECTION, _contoso(f), from_secret("another"), f.public_key
        ),
    ),
    "platform_apps.of_workspace": Case(
        "provider.view", "workspace", lambda f, who, _: platform_apps.of_workspace(f.db, who, f.north)
    ),
    "platform_apps.register": Case(
        "provider.manage",
        "workspace",
        lambda f, who, _: platform_apps.register(
            f.db,
            who,
            f.north,
            cloud=Cloud.CHINA,
            client_id=f.guid(),
            display_name="App",
            home_tenant_id=f.guid(),
        ),
    ),
    "reports.latest": Case(
        "provider.view", "contoso", lambda f, who, _: reports.latest(f.db, who, _contoso(f)), _completed_run
    ),
    "reports.of_run": Case("run.view", "contoso", lambda f, who, run: reports.of_run(f.db, who, run), _completed_run),
    "rollups.counts": Case("provider.view", "entrance", lambda f, who, _: rollups.counts(f.db, who, f.north)),
    "runs.get": Case("run.view", "contoso", lambda f, who, run: runs.get(f.db, who, run), _completed_run),
    "runs.page": Case(
        "run.view", "entrance", lambda f, who, _: runs.page(f.db, who, runs.RunQuery(f.north), Place.first())
    ),
    "runs.unfinished_counts": Case(
        "run.view", "entrance", lambda f, who, _: runs.unfinished_counts(f.db, who, f.north)
    ),
    "starting.preview": Case(
        "provider.run", "contoso", lambda f, who, _: starting.preview(f.db, who, _contoso(f), CONNECTION_CHECK)
    ),
    "starting.retry": Case(
        "provider.run", "contoso", lambda f, who, run: starting.retry(f.db, who, run), _completed_run
    ),
    "starting.start": Case(
        "provider.run", "contoso", lambda f, who, _: starting.start(f.db, who, _contoso(f), CONNECTION_CHECK)
    ),
    "tenants.create": Case(
        "provider.manage",
        "workspace",
        lambda f, who, _: tenants.create(f.db, who, f.north, entra_tenant_id=f.guid(), name="New"),
    ),
    "tenants.get": Case("tenant.view", "contoso", lambda f, who, _: tenants.get(f.db, who, f.tenant["contoso"])),
    "tenants.page": Case(
        "tenant.view",
        "entrance",
        lambda f, who, _: tenants.page(f.db, who, tenants.TenantQuery(f.north), Place.first()),
    ),
    "tenants.rename": Case(
        "provider.manage", "contoso", lambda f, who, _: tenants.rename(f.db, who, f.tenant["contoso"], "Renamed")
    ),
    "workspaces.add_member": Case(
        "member.manage",
        "workspace",
        lambda f, who, _: workspaces.add_member(
            f.db, who, f.north, login="nina", display_name="Nina", role=Role.READONLY
        ),
    ),
    "workspaces.find_workspace": Case(
        "tenant.view", "entrance", lambda f, who, _: workspaces.find_workspace(f.db, who, "north")
    ),
    "workspaces.revoke_member": Case(
        "member.manage",
        "workspace",
        lambda f, who, member: workspaces.revoke_member(f.db, who, f.north, member),
        _membership,
    ),
}

OWN_TESTS = {
    "access.entered_workspaces": "answers with nothing instead of refusing",
    "notifications.unread": "is about the principal's own",
    "notifications.mark_read": "is about the principal's own",
    "audit.attempt": "runs somebody's work, which asks for itself",
}


def _functions_that_take_a_principal() -> Iterator[str]:
    for module_info in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{module_info.name}")
        for name, function in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(function) or function.__module__ != module.__name__:
                continue
            if list(inspect.signature(function).parameters)[:2] == ["db", "who"]:
                yield f"{module_info.name}.{name}"


def test_every_function_that_takes_a_principal_is_asked_by_everybody() -> None:
    found = set(_functions_that_take_a_principal())
    assert found == set(CASES) | set(OWN_TESTS)
    assert len(found) > 30


def test_the_roles_are_those_of_the_rule() -> None:
    for capability in Capability:
        assert {role.value for role in roles_with(capability)} == RULE.get(capability.value, set()), capability
    assert {role.value for role in CAPABILITIES_OF} == EVERYBODY


@pytest.mark.parametrize("name", sorted(CASES))
def test_everybody_gets_what_the_rule_says(fleet: Any, name: str) -> None:
    case = CASES[name]
    prepared = case.prepare(fleet)
    refused = {login: case.expected(login) for login in PEOPLE if case.expected(login) is not None}
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    for login, error in refused.items():
        with pytest.raises((NotFound, Forbidden, Conflict)) as caught:
            case.call(fleet, fleet.people[login], prepared)
        assert caught.type is error, f"{login} got {caught.type.__name__}: {caught.value}"
    after = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    assert after == before, "a refused call changed something"
    allowed = [login for login in PEOPLE if case.expected(login) is None]
    case.call(fleet, fleet.people[allowed[-1]], prepared)
    for login in allowed[:-1]:
        try:
            case.call(fleet, fleet.people[login], prepared)
        except Conflict:
            pass  # somebody allowed has done it already
        except NotFound:
            assert name == "workspaces.revoke_member"


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_does_not_exist_reads_like_what_one_may_not_see(sqlite_fleet: Any, name: str) -> None:
    case = CASES[name]
    prepared = case.prepare(sqlite_fleet)
    sentences = {}
    for login in ("zoe", "pat"):
        with pytest.raises(NotFound) as caught:
            case.call(sqlite_fleet, sqlite_fleet.people[login], prepared)
        sentences[login] = caught.value.message
    assert len(set(sentences.values())) == 1
    assert "contoso.example" not in str(sentences)


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
    from datetime import timedelta

    who = fleet.add_member("nora", Role.MANAGER, expires_at=fleet.clock.time + timedelta(hours=1))
    assert connections.get(fleet.db, who, fleet.connection["contoso"]).may_manage
    fleet.clock.advance(hours=1)
    with pytest.raises(NotFound):
        connections.get(fleet.db, who, fleet.connection["contoso"])


def test_entered_workspaces_are_those_one_may_enter(fleet: Any) -> None:
    entered = {login: access.entered_workspaces(fleet.db, who) for login, who in fleet.people.items()}
    for login, (role, reached) in PEOPLE.items():
        if role is None:
            assert [entry.slug for entry in entered[login]] == (["south"] if login == "zoe" else [])
            continue
        (entry,) = entered[login]
        assert (entry.slug, entry.role.value, entry.whole) == ("north", role, reached == "workspace")


def test_a_system_principal_has_no_right_of_a_person(fleet: Any) -> None:
    for who in (access.WORKER, access.CONSENT_PAGE):
        with pytest.raises(NotFound):
            connections.get(fleet.db, who, fleet.connection["contoso"])
        assert notifications.unread(fleet.db, who) == ()
        assert access.entered_workspaces(fleet.db, who) == ()


def test_notifications_are_ones_own(fleet: Any) -> None:
    run = fleet.check(fleet.connection["contoso"])
    (mine,) = notifications.unread(fleet.db, fleet.dana)
    assert mine.run_id == run.id
    assert notifications.unread(fleet.db, fleet.people["otto"]) == ()
    notifications.mark_read(fleet.db, fleet.people["otto"], [mine.id])
    assert notifications.unread(fleet.db, fleet.dana) == (mine,)
    notifications.mark_read(fleet.db, fleet.dana, [mine.id])
    assert notifications.unread(fleet.db, fleet.dana) == ()


def test_who_has_lost_access_is_not_told_about_runs_any_more(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], by="omar")
    fleet.finish(claim)
    omar = fleet.people["omar"]
    assert len(notifications.unread(fleet.db, omar)) == 1
    workspaces.revoke_member(fleet.db, fleet.dana, fleet.north, _membership(fleet))
    assert notifications.unread(fleet.db, omar) == ()


REFUSABLE = sorted(
    name
    for name in CASES
    if CASES[name].capability in ("provider.run", "provider.manage", "member.manage") and name != "starting.preview"
)


@pytest.mark.parametrize("name", REFUSABLE)
def test_a_refused_change_is_written_down(fleet: Any, name: str) -> None:
    case = CASES[name]
    prepared = case.prepare(fleet)
    refused = select(audit_entries).where(audit_entries.c.outcome == "refused")
    assert fleet.rows(refused) == []
    with pytest.raises(Forbidden):
        case.call(fleet, fleet.people["rita"], prepared)
    (entry,) = fleet.rows(refused)
    assert (entry.actor, entry.workspace_id) == ("rita", fleet.north)
    with pytest.raises(NotFound):
        case.call(fleet, fleet.people["zoe"], prepared)
    assert len(fleet.rows(refused)) == 1


def test_the_last_lasting_owner_stays(fleet: Any) -> None:
    from datetime import timedelta

    def membership(login: str) -> int:
        return int(
            fleet.one(
                select(memberships.c.id).where(
                    memberships.c.user_id == fleet.people[login].user_id, memberships.c.revoked_at.is_(None)
                )
            )
        )

    fleet.add_member("nora", Role.OWNER, expires_at=fleet.clock.time + timedelta(days=1))
    fleet.add_member("karl", Role.OWNER, tenant_id=fleet.tenant["contoso"])
    workspaces.revoke_member(fleet.db, fleet.dana, fleet.north, membership("otto"))
    # ivan is inactive, nora's role ends, karl owns one tenant: none of them can keep the workspace.
    with pytest.raises(Conflict, match="last Owner"):
        workspaces.revoke_member(fleet.db, fleet.dana, fleet.north, membership("dana"))
    workspaces.revoke_member(fleet.db, fleet.dana, fleet.north, membership("nora"))
    workspaces.revoke_member(fleet.db, fleet.dana, fleet.north, membership("ivan"))


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


def test_the_account_is_never_what_an_environment_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = access.os_login()
    for name in ("USER", "LOGNAME", "SUDO_USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert access.os_login() == before
