"""Role table: inventory and directory counts."""

from __future__ import annotations

from typing import Any

from storage import directory, inventory, inventory_difference
from storage import inventory_staging as staging
from storage.finishing import RunResult
from storage.inventory import InventoryQuery
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import StagedItem
from storage.operations import INVENTORY_SYNC
from storage.pages import Place

VIEW = "provider.view"


def _item(fleet: Any) -> int:
    claim = fleet.begin(int(fleet.connection["contoso"]), INVENTORY_SYNC)
    staging.put(fleet.db, claim.held, "mobile_apps", [StagedItem("t", "Teams")])
    fleet.finish(claim, RunResult(collected=CollectedInventory(("mobile_apps",))))
    (found,) = inventory.page(fleet.db, fleet.dana, InventoryQuery(fleet.north), Place.first()).rows
    return found.id


CASES = {
    "inventory.page": (
        VIEW, "entrance", lambda f, who, _: inventory.page(f.db, who, InventoryQuery(f.north), Place.first())
    ),
    "inventory.get": (VIEW, "contoso", lambda f, who, item: inventory.get(f.db, who, item), _item),
    "inventory_difference.difference": (
        VIEW, "contoso", lambda f, who, _: inventory_difference.difference(f.db, who, int(f.connection["contoso"]))
    ),
    "inventory_difference.page": (
        VIEW, "contoso",
        lambda f, who, _: inventory_difference.page(f.db, who, int(f.connection["contoso"]), "", Place.first()),
    ),
    "inventory_difference.counts": (
        VIEW, "contoso", lambda f, who, _: inventory_difference.counts(f.db, who, int(f.connection["contoso"]))
    ),
    "directory.history": (VIEW, "contoso", lambda f, who, _: directory.history(f.db, who, int(f.tenant["contoso"]))),
}  # fmt: skip
