"""Role table: inventory and directory counts."""

from __future__ import annotations

from storage import directory, inventory
from storage.inventory import InventoryQuery
from storage.pages import Place

VIEW = "provider.view"

CASES = {
    "inventory.page": (
        VIEW, "entrance", lambda f, who, _: inventory.page(f.db, who, InventoryQuery(f.north), Place.first())
    ),
    "inventory.difference": (
        VIEW, "contoso", lambda f, who, _: inventory.difference(f.db, who, int(f.connection["contoso"]))
    ),
    "directory.history": (VIEW, "contoso", lambda f, who, _: directory.history(f.db, who, int(f.tenant["contoso"]))),
}  # fmt: skip
