"""Headless commands that read a fleet from a file and write one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from atlas_tui.headless.given import read_file
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import write_json, write_line, write_table
from storage import fleet_import, fleet_sheet, tenants
from storage.fleet_import import Plan, RowClass
from storage.pages import MAX_LIMIT, Place
from storage.tenants import TenantQuery

_SHOWN: Final = 200
"""Rows of a preview that a terminal is given of each class; `--json` has them all."""


def import_fleet(options: argparse.Namespace) -> int:
    """`atlas-tui tenant import FILE`."""
    raw = sys.stdin.buffer.read() if options.file == Path("-") else read_file("file", options.file)
    sheet = fleet_import.read(raw)
    with opened(options.config, options.workspace) as here:
        workspace_id = here.workspace.workspace_id
        plan = fleet_import.preview(here.db, here.who, workspace_id, sheet, add_tags=options.tag)
        if options.dry_run:
            return _write_plan(options, plan)
        done = fleet_import.apply(
            here.db, here.who, workspace_id, plan, skip_refused=options.skip_refused, ticket=options.ticket
        )
    if options.json:
        write_json(done)
        return 0
    write_line(
        f"{done.created:,} created, {done.updated:,} updated, {done.unchanged:,} unchanged, {done.skipped:,} left out"
    )
    return 0


def _write_plan(options: argparse.Namespace, plan: Plan) -> int:
    if options.json:
        write_json({"totals": plan.totals, "columns": plan.columns, "ignored": plan.ignored, "rows": plan.rows})
        return 0
    for kind in (RowClass.REFUSED, RowClass.UPDATE, RowClass.CREATE):
        rows = [row for row in plan.rows if row.kind is kind]
        if not rows:
            continue
        write_table(
            ("LINE", kind.value.upper(), "TENANT ID", "WHAT"),
            [
                (str(row.line), row.name or "-", row.entra_tenant_id or "-", row.why or ", ".join(sorted(row.values)))
                for row in rows[:_SHOWN]
            ],
            widest=80,
        )
        if len(rows) > _SHOWN:
            write_line(f"and {len(rows) - _SHOWN:,} more; --json has them all")
    if plan.ignored:
        write_line(f"ignored columns: {', '.join(plan.ignored)}")
    write_line(", ".join(f"{count:,} {kind.value}" for kind, count in plan.totals.items()) + "; nothing was written")
    return 0


def export_fleet(options: argparse.Namespace) -> int:
    """`atlas-tui tenant export [FILTER]`: CSV, or JSON with `--json`; `tenant import` reads both."""
    with opened(options.config, options.workspace) as here:
        rows = _cells(here, " ".join(options.filter))
        if options.json:
            write_json(list(rows))
            return 0
        for line in fleet_sheet.write_csv(rows):
            sys.stdout.write(line)
    return 0


def _cells(here: Opened, text: str) -> Iterator[Mapping[str, str]]:
    query, place = TenantQuery(here.workspace.workspace_id, text), Place.first()
    while True:
        page = tenants.page(here.db, here.who, query, place, MAX_LIMIT)
        yield from (fleet_import.cells_of(row) for row in page.rows)
        if not page.has_after or not page.cursors:
            return
        place = Place.after(page.cursors[-1])
