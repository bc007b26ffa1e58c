"""Headless reading of what operations collected: inventory items, differences, directory counts."""

from __future__ import annotations

import argparse

from atlas_tui.headless import exit_codes
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from storage import connections, directory, inventory, inventory_difference
from storage.inventory import InventoryQuery
from storage.inventory_difference import InventoryDifference


def list_items(options: argparse.Namespace) -> int:
    """`atlas-tui inventory list [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        workspace_id = here.workspace.workspace_id
        connection = options.connection and connections.find_by_name(
            here.db, here.who, workspace_id, options.connection
        )
        query = InventoryQuery(
            workspace_id,
            " ".join(options.filter),
            tenant_id=find_tenant(here, options.tenant) if options.tenant else None,
            connection_id=connection.id if connection else None,
        )
        rows = all_rows(lambda place, most: inventory.page(here.db, here.who, query, place, most), options.limit)
    if options.json:
        write_json(rows)
        return exit_codes.OK
    write_table(
        ("TENANT", "KIND", "NAME", "PLATFORM", "CHANGED", "FIRST SEEN", "LAST SEEN", "REMOVED"),
        [
            (
                row.tenant_name,
                row.kind,
                row.name,
                row.platform or "-",
                moment(row.modified_at),
                moment(row.first_seen_at),
                moment(row.last_seen_at),
                moment(row.removed_at),
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def show_difference(options: argparse.Namespace) -> int:
    """`atlas-tui inventory diff CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        found = inventory_difference.difference(here.db, here.who, row.id)
    if options.json:
        write_json(found)
        return exit_codes.OK
    _tell(found, row.tenant_name)
    return exit_codes.OK


def _tell(found: InventoryDifference, tenant: str) -> None:
    if found.run_id is None:
        write_line(f"{tenant}: no inventory was collected yet. Run: atlas-tui start inventory {found.connection_id}")
        return
    before = (
        f"#{found.before_run_id} of {moment(found.before_at)}" if found.before_run_id else "nothing, it is the first"
    )
    write_line(f"{tenant}: sync #{found.run_id} of {moment(found.run_at)} against {before}")
    for mark, items in (("+", found.created), ("-", found.removed), ("~", found.changed)):
        for item in items:
            write_line(f"  {mark} {item.kind_label}: {item.name}{f' ({item.platform})' if item.platform else ''}")
    if not (found.created or found.removed or found.changed):
        write_line("  nothing changed")
    if found.is_cut:
        write_line(f"  … and more: at most {inventory_difference.DIFFERENCE_LIMIT} of each are listed here")


def show_directory(options: argparse.Namespace) -> int:
    """`atlas-tui directory TENANT`."""
    with opened(options.config, options.workspace) as here:
        found = directory.history(here.db, here.who, find_tenant(here, options.tenant), limit=options.limit)
    if options.json:
        write_json(found)
        return exit_codes.OK
    write_table(
        ("RUN", "WHEN", "USERS", "GUESTS", "GROUPS", "DEVICES", "DOMAINS", "COMPLETE"),
        [
            (
                str(row.run_id),
                moment(row.taken_at),
                *(_number(n) for n in (row.users, row.guests, row.groups, row.devices, row.domains)),
                "yes" if row.is_complete else "no",
            )
            for row in found
        ],
    )
    return exit_codes.OK


def _number(value: int | None) -> str:
    """A number that could not be counted is not zero."""
    return "-" if value is None else f"{value:,}"
