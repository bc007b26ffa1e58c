"""The columns of inventory lists, and the lines of an item's page.

Must not know: queries, screens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.columns import Column
from storage.inventory import InventoryItem
from storage.inventory_difference import Change, InventoryChange

_SHORT: Final = {
    "compliance_policies": "Compliance",
    "device_configurations": "Configuration",
    "mobile_apps": "App",
    "enrollment_configurations": "Enrollment",
    "conditional_access_policies": "Cond. access",
    "named_locations": "Location",
}
"""What a kind is called where there are thirteen cells; an item's page has the whole words."""

CHANGE_WIDTH: Final = 9
_CHANGES: Final = {Change.ADDED: "+", Change.REMOVED: "x", Change.CHANGED: "!"}

Columns = tuple[Column[InventoryItem], ...]


def kind_word(item: InventoryItem) -> str:
    """A kind in a word or two."""
    return _SHORT.get(item.kind, item.kind_label)


def _age(at: datetime | None, now: datetime) -> str:
    return age_bucket(None if at is None else now - at)


def _seen_last(row: InventoryItem, now: datetime) -> Cell:
    """When a sync saw it last; or that it is gone, or new, as far as the syncs that saw it tell."""
    if row.removed_at is not None:
        return badge("-", "removed", CHANGE_WIDTH)
    if row.first_seen_run_id == row.last_seen_run_id:
        return badge("~", "new", CHANGE_WIDTH)
    return cell(_age(row.last_seen_at, now))


def columns(*, of_one_tenant: bool, wide: bool) -> Columns:
    """The columns of a list of items.

    Args:
        of_one_tenant: All rows are of one tenant, which is named above the list; it can be sorted then.
        wide: With what else is known.
    """
    sortable = of_one_tenant
    found: Columns = (
        Column("kind", "KIND", lambda row, now: cell(kind_word(row)), 13, priority=1, sortable=sortable),
        Column("name", "NAME", lambda row, now: cell(row.name), 20, share=4, sortable=sortable),
        Column("platform", "PLATFORM", lambda row, now: cell(row.platform), 8, priority=3),
        Column(
            "modified",
            "MOD.",
            lambda row, now: cell(_age(row.modified_at, now)),
            6,
            priority=2,
            align="right",
            sortable=sortable,
            age_of=lambda row: row.modified_at,
        ),
        Column(
            "first",
            "FIRST",
            lambda row, now: cell(_age(row.first_seen_at, now)),
            5,
            priority=4,
            align="right",
            age_of=lambda row: row.first_seen_at,
        ),
        Column("last", "LAST SEEN", _seen_last, CHANGE_WIDTH, priority=1, age_of=lambda row: row.last_seen_at),
    )
    if not of_one_tenant:
        found = (Column("tenant", "TENANT", lambda row, now: cell(row.tenant_name), 14, share=2), *found)
    if wide:
        found = (*found, Column("external", "ID", lambda row, now: cell(row.external_id), 20, share=1, priority=8))
    return found


def _change(row: InventoryChange, now: datetime) -> Cell:
    return badge(_CHANGES[row.change], row.change.value, CHANGE_WIDTH)


CHANGE_COLUMNS: Final[tuple[Column[InventoryChange], ...]] = (
    Column("change", "CHANGE", _change, CHANGE_WIDTH),
    Column("kind", "KIND", lambda row, now: cell(kind_word(row.item)), 13, priority=1),
    Column("name", "NAME", lambda row, now: cell(row.item.name), 20, share=4),
    Column("platform", "PLATFORM", lambda row, now: cell(row.item.platform), 8, priority=3),
    Column(
        "modified",
        "MODIFIED",
        lambda row, now: cell(_age(row.item.modified_at, now)),
        8,
        priority=2,
        align="right",
        age_of=lambda row: row.item.modified_at,
    ),
)


def item_lines(item: InventoryItem, times: Times, width: int) -> list[Line]:
    """An item's page: what it is, and which syncs saw it."""
    lines = field("Kind", item.kind_label, width)
    lines += field("Name", item.name, width, style="strong")
    lines += field("Id", item.external_id, width)
    lines += field("Platform", item.platform or "none, or several", width)
    modified = f"{times.since(item.modified_at)}, by Microsoft's clock"
    lines += field("Modified", modified if item.modified_at else "Microsoft does not say", width)
    lines += field("First seen", _seen(item.first_seen_at, item.first_seen_run_id, times), width)
    lines += field("Last seen", f"{_seen(item.last_seen_at, item.last_seen_run_id, times)} (l opens it)", width)
    if item.removed_at is not None:
        parts = (Part("- ", "muted"), Part(f"{times.since(item.removed_at)}: a sync found it gone", "warn"))
        lines += field("Removed", parts, width)
    lines += field("Tenant", item.tenant_name, width)
    return lines + field("Connection", f"#{item.connection_id}", width)


def _seen(at: datetime | None, run_id: int, times: Times) -> str:
    return f"{times.since(at)}, run #{run_id}"
