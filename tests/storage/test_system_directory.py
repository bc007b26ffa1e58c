"""The system directory: what platform staff see of all workspaces, and that neither plane leaks into the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from storage import access, platform_grants, runs, system_directory, system_plane, system_runs, tenants
from storage.access import Principal
from storage.capabilities import PLATFORM_CAPABILITIES, Capability
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.ownership import VIA
from storage.pages import Place
from storage.runs import RunQuery
from storage.schema import platform_grants as grants
from storage.schema import users
from storage.states import TenantLifecycle
from storage.system_directory import DirectoryRow
from storage.system_runs import SystemRunQuery
from storage.tenants import TenantQuery

DIRECTORY, RUNS = Capability.PLATFORM_DIRECTORY_VIEW, Capability.PLATFORM_RUNS_VIEW
SOMEBODY_ELSE = Principal(None, "root", via=VIA)
"""Whoever owns the database, who gives platform roles and has none."""


def staff(fleet: Any, login: str, *capabilities: Capability) -> Principal:
    """Somebody with platform roles and no membership."""
    fleet.write(insert(users).values(login=login, display_name=login, created_at=fleet.clock.time))
    user_id = fleet.one(users.select().with_only_columns(users.c.id).where(users.c.login == login))
    for capability in capabilities:
        fleet.write(insert(grants).values(user_id=user_id, capability=capability.value, created_at=fleet.clock.time))
    return Principal(user_id, login)


def add_to_south(fleet: Any, name: str) -> int:
    """A tenant of the other workspace."""
    row = tenants.create(
        fleet.db,
        fleet.people["zoe"],
        fleet.south,
        entra_tenant_id=fleet.guid(),
        name=name,
        primary_domain=f"{name}.example",
    )
    return int(row.id)


def rows(fleet: Any, text: str = "", who: Principal | None = None) -> dict[str, DirectoryRow]:
    """What the directory finds, by the tenant's folded name."""
    found = system_directory.page(fleet.db, who or fleet.people["pat"], text, Place.first(), 100).rows
    return {row.name.casefold(): row for row in found}


QUESTIONS: dict[str, tuple[Capability, Callable[[Any, Principal], Any]]] = {
    "page": (DIRECTORY, lambda f, who: system_directory.page(f.db, who, "", Place.first())),
    "get": (DIRECTORY, lambda f, who: system_directory.get(f.db, who, f.tenant["contoso"])),
    "rollup": (DIRECTORY, lambda f, who: system_directory.rollup(f.db, who)),
    "runs": (RUNS, lambda f, who: system_runs.page(f.db, who, SystemRunQuery(), Place.first())),
    "run": (RUNS, lambda f, who: system_runs.get(f.db, who, f.run)),
}


def test_no_role_in_a_workspace_gives_sight_of_the_directory(fleet: Any) -> None:
    fleet.run = fleet.check(fleet.connection["contoso"]).id
    nobody = [login for login in fleet.people if login != "pat"]
    assert {"dana", "mona", "omar", "anna", "rita", "zoe", "tina", "gina"} < set(nobody)
    for question, (_, ask) in QUESTIONS.items():
        for who in (*(fleet.people[login] for login in nobody), access.WORKER, SOMEBODY_ELSE):
            with pytest.raises(NotFound) as caught:
                ask(fleet, who)
            assert "contoso" not in str(caught.value).casefold(), (question, who.login)
        ask(fleet, fleet.people["pat"])


def test_a_platform_role_gives_the_one_thing_it_names_and_ends_when_it_is_taken(fleet: Any) -> None:
    fleet.run = fleet.check(fleet.connection["contoso"]).id
    for capability in sorted(PLATFORM_CAPABILITIES):
        who = staff(fleet, f"only-{capability.split('.')[1]}", capability)
        assert system_plane.held(fleet.db, who) == {capability}
        for wanted, ask in QUESTIONS.values():
            if wanted is capability:
                ask(fleet, who)
            else:
                with pytest.raises(Forbidden, match=wanted.value) as caught:
                    ask(fleet, who)
                assert f"platform grant {who.login} {wanted.value}" in caught.value.hint
        platform_grants.revoke(fleet.db, SOMEBODY_ELSE, who.login, capability)
        assert system_plane.held(fleet.db, who) == frozenset()
        for _, ask in QUESTIONS.values():
            with pytest.raises(NotFound):
                ask(fleet, who)


def test_a_platform_role_gives_no_right_in_a_workspace_not_even_to_a_member_of_another(fleet: Any) -> None:
    """That it gives none at all is asked of every function, as `pat`, in the role table; here, that it widens no membership."""
    zoe = fleet.people["zoe"]
    for capability in PLATFORM_CAPABILITIES:
        platform_grants.grant(fleet.db, SOMEBODY_ELSE, "zoe", capability)
    assert "contoso" in rows(fleet, who=zoe)
    run = fleet.check(fleet.connection["contoso"]).id
    asked: list[Callable[[], Any]] = [
        lambda: tenants.page(fleet.db, zoe, TenantQuery(fleet.north), Place.first()),
        lambda: tenants.get(fleet.db, zoe, fleet.tenant["contoso"]),
        lambda: runs.page(fleet.db, zoe, RunQuery(fleet.north), Place.first()),
        lambda: runs.get(fleet.db, zoe, run),
    ]
    for ask in asked:
        with pytest.raises(NotFound):
            ask()
    assert [entry.slug for entry in access.entered_workspaces(fleet.db, zoe)] == ["south"]


def test_all_tenants_of_all_workspaces_are_there_by_name_a_page_at_a_time(fleet: Any) -> None:
    for name in ("adatum", "woodgrove"):
        add_to_south(fleet, name)
    archived = fleet.add_tenant("old", lifecycle=TenantLifecycle.DRAFT)
    pat, place, seen = fleet.people["pat"], Place.first(), []
    while True:
        page = system_directory.page(fleet.db, pat, "", place, 2)
        seen += [(row.name, row.workspace) for row in page.rows]
        if not page.has_after:
            break
        place = Place.after(page.cursors[-1])
    assert seen == [
        ("adatum", "south"),
        ("Contoso", "north"),
        ("Fabrikam", "north"),
        ("Wingtip", "north"),
        ("woodgrove", "south"),
    ]
    back = system_directory.page(fleet.db, pat, "", Place.last(), 2)
    assert [row.name for row in back.rows] == ["Wingtip", "woodgrove"]
    assert archived in {row.id for row in rows(fleet, "archived:yes").values()}


def test_the_directory_is_narrowed_by_workspace_word_verification_consent_and_permissions(fleet: Any) -> None:
    add_to_south(fleet, "adatum")
    fleet.set_connection(fleet.connection["fabrikam"], verification_status="blocked", consent_status="revoked")
    fleet.set_permissions(fleet.connection["contoso"], {"User.Read.All": False, "Device.Read.All": True})
    fleet.set_permissions(fleet.connection["wingtip"], {"User.Read.All": True, "AuditLog.Read.All": False})
    guid = rows(fleet)["contoso"].entra_tenant_id
    found = {
        "workspace:south": {"adatum"},
        "!workspace:south": {"contoso", "fabrikam", "wingtip"},
        "toso": {"contoso"},
        guid: {"contoso"},
        "verification:blocked,error": {"fabrikam"},
        "!verification:blocked": {"contoso", "wingtip"},
        "consent:granted verification:healthy workspace:north": {"contoso", "wingtip"},
        "consent:revoked workspace:south": set(),
        "permissions:missing": {"contoso"},
        "!permissions:missing": {"fabrikam", "wingtip"},
        "!workspace:nosuch verification:blocked": {"fabrikam"},
    }
    assert {text: set(rows(fleet, text)) for text in found} == found
    with pytest.raises(InvalidInput, match="tag"):
        rows(fleet, "tag:gold")


def test_few_and_many_that_fit_are_the_same_to_the_reader(sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = sqlite_fleet
    fleet.set_permissions(fleet.connection["contoso"], {"User.Read.All": False})
    texts = ("verification:healthy", "!consent:revoked", "permissions:missing", "!permissions:missing wingtip")
    by_index = [set(rows(fleet, text)) for text in texts]
    monkeypatch.setattr("storage.system_directory_filters.FEW", 0)
    assert [set(rows(fleet, text)) for text in texts] == by_index
    assert by_index[2] == {"contoso"}


def test_health_is_the_default_connections_alone(fleet: Any) -> None:
    second = fleet.add_connection("contoso")
    fleet.set_connection(
        second, verification_status="blocked", consent_status="failed", last_reason_code="secret_expired"
    )
    fleet.set_permissions(second, {"User.Read.All": False})
    before = system_directory.rollup(fleet.db, fleet.people["pat"])
    assert (before.verification["healthy"], before.verification["blocked"], before.consent["granted"]) == (3, 0, 3)
    assert before.missing_permissions == 0
    truth = rows(fleet)["contoso"].default
    assert truth is not None
    assert (truth.verification_status, truth.consent_status, truth.reason_code) == ("healthy", "granted", None)
    assert truth.missing_permissions is None, "no check has had a token"
    assert rows(fleet, "verification:blocked") == rows(fleet, "permissions:missing") == {}
    fleet.set_permissions(fleet.connection["contoso"], {"User.Read.All": False, "Device.Read.All": False})
    fleet.set_connection(fleet.connection["contoso"], verification_status="degraded")
    after = system_directory.rollup(fleet.db, fleet.people["pat"])
    assert (after.verification["healthy"], after.verification["degraded"], after.missing_permissions) == (2, 1, 1)
    detail = system_directory.get(fleet.db, fleet.people["pat"], fleet.tenant["contoso"])
    assert detail.permissions is not None
    assert detail.permissions.missing_required == ("Device.Read.All", "User.Read.All")
    there = system_directory.rollup(fleet.db, fleet.people["pat"], "south")
    assert sum(there.verification.values()) == 0


def test_a_tenant_without_a_connection_has_no_health_and_says_so(sqlite_fleet: Any) -> None:
    bare = sqlite_fleet.add_tenant("bare")
    detail = system_directory.get(sqlite_fleet.db, sqlite_fleet.people["pat"], bare)
    assert (detail.row.default, detail.permissions, detail.runs) == (None, None, ())


def test_runs_of_all_workspaces_are_read_but_neither_cancelled_nor_retried(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    first, second = (fleet.check(fleet.connection[name]).id for name in ("contoso", "fabrikam"))
    pat = fleet.people["pat"]
    seen = system_runs.page(fleet.db, pat, SystemRunQuery(), Place.first()).rows
    assert [(row.run.id, row.workspace) for row in seen] == [(second, "north"), (first, "north")]
    of_one = system_runs.page(fleet.db, pat, SystemRunQuery(tenant_id=fleet.tenant["contoso"]), Place.first()).rows
    assert [row.run.id for row in of_one] == [first]
    assert system_runs.page(fleet.db, pat, SystemRunQuery(workspace="south"), Place.first()).rows == ()
    assert system_runs.page(fleet.db, pat, SystemRunQuery("outcome:failed"), Place.first()).rows == ()
    detail = system_runs.get(fleet.db, pat, first).run
    assert (detail.may_cancel, detail.may_retry, detail.why_not) == (False, False, system_runs.WHY_NOT)
    of_tenant = system_directory.get(fleet.db, pat, fleet.tenant["contoso"])
    assert (of_tenant.may_see_runs, [row.id for row in of_tenant.runs]) == (True, [first])
    looks_only = staff(fleet, "lena", DIRECTORY)
    hidden = system_directory.get(fleet.db, looks_only, fleet.tenant["contoso"])
    assert (hidden.may_see_runs, hidden.runs) == (False, ())
