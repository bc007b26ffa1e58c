"""Finding tenants over all workspaces."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from storage import connection_changes, member_changes, tenant_changes, tenant_search, tenants, workspaces
from storage.capabilities import Role
from storage.errors import InvalidInput, NotFound
from storage.pages import Place
from storage.schema import provider_connections, users
from storage.schema import tenants as tenant_table
from storage.states import TenantLifecycle
from storage.tenant_search import FoundBy


def found(fleet: Any, text: str, by: str = "dana", **more: Any) -> list[str]:
    return [hit.tenant.name for hit in tenant_search.search(fleet.db, fleet.people[by], text, **more).hits]


def guid_of(fleet: Any, name: str) -> str:
    return str(tenants.get(fleet.db, fleet.dana, fleet.tenant[name]).entra_tenant_id)


def test_a_tenant_is_found_by_name_domain_id_and_tag_and_the_hit_says_by_what(fleet: Any) -> None:
    guid = guid_of(fleet, "contoso")
    for text, by in (
        ("CONTO", FoundBy.NAME),
        ("contoso.example", FoundBy.DOMAIN),
        (guid, FoundBy.TENANT_ID),
        (guid.upper(), FoundBy.TENANT_ID),
        ("gold", FoundBy.TAG),
        ("tag:gold", FoundBy.TAG),
        ("gold oso", FoundBy.NAME),
    ):
        hits = tenant_search.search(fleet.db, fleet.dana, text).hits
        assert [(hit.tenant.name, hit.by, hit.workspace) for hit in hits] == [("Contoso", by, "north")], text
    assert set(found(fleet, guid[:13])) == {"Contoso", "Fabrikam", "Wingtip"}
    assert found(fleet, guid[:35] + ("0" if guid[35] != "0" else "1")) != ["Contoso"]


def test_all_words_must_fit_and_unwanted_ones_must_not(fleet: Any) -> None:
    assert found(fleet, "contoso fabrikam") == []
    assert found(fleet, "example !contoso") == ["Fabrikam", "Wingtip"]
    assert found(fleet, "example cloud:china") == []
    assert found(fleet, "") == []
    with pytest.raises(InvalidInput, match="not known here"):
        found(fleet, "verification:healthy")


def test_connections_are_not_found_globally_by_anything_of_theirs(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(connection, display_name="Peculiar", sort_name="contoso\x1fpeculiar\x1f")
    client = fleet.one(select(provider_connections.c.client_id).where(provider_connections.c.id == connection))
    for text in ("peculiar", client, client[:8] + client[8:14], "Microsoft", "provider_consent_missing"):
        names = found(fleet, text)
        assert names == [] or guid_of(fleet, names[0].lower()).startswith(text), text
    assert found(fleet, "peculiar archived:yes") == []


def test_drafts_and_archived_tenants_are_found_only_when_asked_for(fleet: Any) -> None:
    for lifecycle in ("draft", "archived"):
        fleet.write(
            update(tenant_table).where(tenant_table.c.id == fleet.tenant["contoso"]).values(lifecycle=lifecycle)
        )
        for text in ("contoso", "gold", guid_of(fleet, "contoso")):
            assert found(fleet, text) == [], (lifecycle, text)
            assert found(fleet, f"{text} archived:yes") == ["Contoso"]
        for text in (f"contoso lifecycle:{lifecycle}", f"lifecycle:{lifecycle}", "contoso !lifecycle:active"):
            assert found(fleet, text) == [], "naming the lifecycle does not widen a search"
            assert found(fleet, f"{text} archived:yes") == ["Contoso"]


@pytest.mark.parametrize(
    ("login", "seen"),
    [
        ("dana", {"Contoso", "Fabrikam", "Wingtip"}),
        ("rita", {"Contoso", "Fabrikam", "Wingtip"}),
        ("tina", {"Contoso"}),
        ("gina", {"Contoso"}),
        ("fred", {"Fabrikam"}),
        ("eve", set()),
        ("rex", set()),
        ("ivan", set()),
        ("pat", set()),
        ("zoe", set()),
    ],
)
def test_everybody_finds_what_their_memberships_reach(fleet: Any, login: str, seen: set[str]) -> None:
    assert set(found(fleet, "example", by=login)) == seen
    for name in ("contoso", "fabrikam"):
        by_id = found(fleet, guid_of(fleet, name), by=login)
        assert by_id == ([name.title()] if name.title() in seen else [])


def test_a_search_goes_over_all_workspaces_that_one_may_enter_and_no_other(fleet: Any) -> None:
    zoe = fleet.people["zoe"]
    shared = guid_of(fleet, "contoso")
    tenants.create(fleet.db, zoe, fleet.south, entra_tenant_id=shared, name="Contoso South", tag_names=["gold"])
    assert found(fleet, shared) == ["Contoso"]
    workspaces_of_rita = [hit.workspace for hit in tenant_search.search(fleet.db, fleet.people["rita"], "contoso").hits]
    assert workspaces_of_rita == ["north"]
    login = fleet.one(select(users.c.login).where(users.c.id == fleet.people["rita"].user_id))
    member_changes.add(fleet.db, zoe, fleet.south, login=login, display_name="Rita", role=Role.READONLY)
    hits = tenant_search.search(fleet.db, fleet.people["rita"], "contoso").hits
    assert {(hit.tenant.name, hit.workspace) for hit in hits} == {("Contoso", "north"), ("Contoso South", "south")}
    assert found(fleet, "contoso", by="rita", workspace_id=fleet.south) == ["Contoso South"]
    with pytest.raises(NotFound):
        found(fleet, "contoso", workspace_id=fleet.south)
    assert workspaces.find_workspace(fleet.db, zoe, "south") == fleet.south


def test_the_best_hits_are_not_cut_off_by_many_others(fleet: Any) -> None:
    for number in range(8):
        fleet.add_tenant(f"a fab {number}", primary_domain=f"a{number}.example")
    hits = tenant_search.search(fleet.db, fleet.dana, "fab", limit=3)
    assert hits.hits[0].tenant.name == "Fabrikam"
    assert (len(hits.hits), hits.has_more) == (3, True)


def test_the_list_finds_a_domain_and_a_name_alike(fleet: Any) -> None:
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["contoso"], changes={"primary_domain": "other.example"})
    for text in ("other.exa", "contoso", guid_of(fleet, "contoso")):
        page = tenants.page(fleet.db, fleet.dana, tenants.TenantQuery(fleet.north, text), Place.first())
        assert [row.name for row in page.rows] == ["Contoso"], text
    assert tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).lifecycle is TenantLifecycle.ACTIVE
    connection_changes.set_enabled(fleet.db, fleet.dana, fleet.connection["contoso"], False)
    assert found(fleet, "contoso") == ["Contoso"]
