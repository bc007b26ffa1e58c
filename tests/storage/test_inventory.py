"""Reading inventories and directory counts: lists, filters, the difference to the sync before, history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import directory, inventory, inventory_difference
from storage import inventory_staging as staging
from storage.directory_counting import CollectedCounts
from storage.errors import InvalidInput, NotFound
from storage.finishing import RunResult
from storage.inventory import InventoryQuery, InventorySort
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import StagedItem
from storage.operations import DIRECTORY_SYNC, INVENTORY_SYNC
from storage.pages import Place
from storage.states import RunOutcome

APPS, POLICIES = "mobile_apps", "compliance_policies"


def sync(fleet: Any, name: str, found: dict[str, list[StagedItem]]) -> Any:
    claim = fleet.begin(fleet.connection[name], INVENTORY_SYNC)
    fleet.clock.advance(minutes=1)
    for kind, items in found.items():
        staging.put(fleet.db, claim.held, kind, items)
    return fleet.finish(claim, RunResult(collected=CollectedInventory(tuple(found))))


@pytest.fixture
def synced(fleet: Any) -> Any:
    """Contoso was synced a week ago and just now, fabrikam just now."""
    long_ago = fleet.clock.time - timedelta(days=200)
    old = [StagedItem("t", "Teams", "windows", long_ago), StagedItem("x", "Excel_100%", "ios", long_ago)]
    sync(fleet, "contoso", {APPS: [*old, StagedItem("g", "Gone", "", long_ago)], POLICIES: []})
    fleet.clock.advance(days=7)
    edited = StagedItem("x", "Excel_100%", "ios", fleet.clock.time - timedelta(hours=1))
    sync(fleet, "contoso", {APPS: [old[0], edited], POLICIES: [StagedItem("f", "Firewall", "windows")]})
    sync(fleet, "fabrikam", {APPS: [StagedItem("t", "Teams", "macos")]})
    return fleet


@pytest.fixture
def names(synced: Any) -> Callable[..., list[str]]:
    def ask(text: str = "", by: str = "dana", **more: Any) -> list[str]:
        query = InventoryQuery(synced.north, text, **more)
        return [item.name for item in inventory.page(synced.db, synced.people[by], query, Place.first()).rows]

    return ask


def test_what_is_there_is_listed_by_tenant_kind_and_name(names: Any) -> None:
    assert names() == ["Firewall", "Excel_100%", "Teams", "Teams"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("teams", ["Teams", "Teams"]),
        ("!teams", ["Firewall", "Excel_100%"]),
        ("_100%", ["Excel_100%"]),
        ("kind:compliance_policies", ["Firewall"]),
        ("!kind:mobile_apps", ["Firewall"]),
        ("platform:ios,macos", ["Excel_100%", "Teams"]),
        ("tenant:fabrikam", ["Teams"]),
        ("new:2d", ["Firewall", "Teams"]),
        ("!new:2d", ["Excel_100%", "Teams"]),
        ("changed:1d", ["Excel_100%"]),
        ("removed:yes", ["Gone"]),
        ("removed:1d", ["Gone"]),
        ("!changed:1d", ["Firewall", "Teams", "Teams"]),
        ("nothing", []),
    ],
)
def test_the_filter_line_narrows(names: Any, text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize("text", ["kind:toasters", "colour:red", "new:soon", "removed:maybe"])
def test_a_filter_that_cannot_be_read_is_refused(names: Any, text: str) -> None:
    with pytest.raises(InvalidInput):
        names(text)


def test_a_list_may_be_one_tenants_or_one_connections(synced: Any, names: Any) -> None:
    assert names(tenant_id=synced.tenant["fabrikam"]) == ["Teams"]
    assert names("teams", connection_id=synced.connection["contoso"]) == ["Teams"]


def test_what_is_out_of_reach_is_not_there(names: Any) -> None:
    assert names(by="fred") == ["Teams"]
    assert names("teams", by="tina") == ["Teams"]
    with pytest.raises(NotFound):
        names(by="zoe")


def test_pages_follow_each_other_without_loss(synced: Any) -> None:
    seen, place = [], Place.first()
    while True:
        page = inventory.page(synced.db, synced.dana, InventoryQuery(synced.north), place, 1)
        seen += [item.name for item in page.rows]
        if not page.has_after:
            break
        place = Place.after(page.cursors[-1])
    assert seen == ["Firewall", "Excel_100%", "Teams", "Teams"]


def test_an_item_says_when_it_was_seen_first_and_last(synced: Any) -> None:
    query = InventoryQuery(synced.north, "teams", connection_id=synced.connection["contoso"])
    (item,) = inventory.page(synced.db, synced.dana, query, Place.first()).rows
    assert item.last_seen_at - item.first_seen_at >= timedelta(days=7)
    assert (item.kind_label, item.tenant_name) == ("Apps", "Contoso")


def test_the_difference_is_the_one_to_the_sync_before(synced: Any) -> None:
    found = inventory_difference.difference(synced.db, synced.dana, synced.connection["contoso"])
    assert found.run_id > found.before_run_id
    assert [item.name for item in found.created] == ["Firewall"]
    assert [item.name for item in found.removed] == ["Gone"]
    assert [item.name for item in found.changed] == ["Excel_100%"]
    assert not found.is_cut


def test_the_difference_is_a_list_of_what_is_new_then_gone_then_changed_page_by_page(synced: Any) -> None:
    connection = synced.connection["contoso"]

    def rows(text: str = "", place: Place | None = None, limit: int = 100) -> Any:
        return inventory_difference.page(synced.db, synced.dana, connection, text, place or Place.first(), limit)

    everything = [("added", "Firewall"), ("removed", "Gone"), ("changed", "Excel_100%")]
    assert [(row.change, row.item.name) for row in rows().rows] == everything
    seen, page = [], rows(limit=1)
    while page.rows:
        seen += [(row.change, row.item.name) for row in page.rows]
        page = rows(place=Place.after(page.cursors[-1]), limit=1)
    assert seen == everything
    for text, expected in (
        ("change:removed,changed", everything[1:]),
        ("!change:removed", [everything[0], everything[2]]),
        ("kind:mobile_apps excel", [everything[2]]),
    ):
        assert [(row.change, row.item.name) for row in rows(text).rows] == expected
    found = inventory_difference.counts(synced.db, synced.dana, connection)
    assert (found.added, found.removed, found.changed, found.syncs.connection_id) == (1, 1, 1, connection)
    nothing = inventory_difference.counts(synced.db, synced.dana, synced.connection["wingtip"])
    assert (nothing.added, nothing.syncs.run_id) == (0, None)


def test_one_tenants_items_can_be_sorted_by_name_and_by_when_they_changed(synced: Any, names: Any) -> None:
    contoso = {"tenant_id": synced.tenant["contoso"]}
    assert names(**contoso, sort=InventorySort.NAME) == ["Excel_100%", "Firewall", "Teams"]
    assert names(**contoso, sort=InventorySort.MODIFIED, descending=True) == ["Excel_100%", "Teams", "Firewall"]
    assert names(descending=True) == ["Teams", "Teams", "Excel_100%", "Firewall"]
    with pytest.raises(InvalidInput):
        names(sort=InventorySort.NAME)


def test_in_the_first_sync_everything_is_new(synced: Any) -> None:
    found = inventory_difference.difference(synced.db, synced.dana, synced.connection["fabrikam"])
    assert (found.before_run_id, [item.name for item in found.created], found.changed) == (None, ["Teams"], ())


def test_without_a_sync_there_is_no_difference(synced: Any) -> None:
    found = inventory_difference.difference(synced.db, synced.dana, synced.connection["wingtip"])
    assert (found.run_id, found.created, found.removed) == (None, (), ())


def test_a_sync_that_failed_or_was_set_aside_is_no_sync_before(synced: Any) -> None:
    connection = synced.connection["contoso"]
    before = inventory_difference.difference(synced.db, synced.dana, connection)
    claim = synced.begin(connection, INVENTORY_SYNC)
    synced.finish(claim, RunResult(RunOutcome.FAILED, "service_unavailable"))
    aside = synced.begin(connection, INVENTORY_SYNC)
    synced.set_connection(connection, generation=50)
    synced.finish(aside, RunResult(collected=CollectedInventory((APPS,))))
    assert inventory_difference.difference(synced.db, synced.dana, connection) == before


def test_directory_counts_are_told_newest_first_and_unknown_is_not_zero(fleet: Any) -> None:
    for users in (10, 12):
        claim = fleet.begin(fleet.connection["contoso"], DIRECTORY_SYNC)
        fleet.clock.advance(hours=1)
        fleet.finish(claim, RunResult(collected=CollectedCounts({"users": users, "guests": 0, "domains": 1})))
    found = directory.history(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert [row.users for row in found] == [12, 10]
    assert (found[0].guests, found[0].groups, found[0].devices, found[0].is_complete) == (0, None, None, False)
    assert len(directory.history(fleet.db, fleet.dana, fleet.tenant["contoso"], limit=1)) == 1
    assert directory.history(fleet.db, fleet.dana, fleet.tenant["fabrikam"]) == ()
