"""Headless compliance: a tenant's devices by state and platform, its trend, and every tenant in a line."""

from __future__ import annotations

import argparse
from typing import Final

from atlas_tui.compliance_words import standing
from atlas_tui.headless import exit_codes
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from storage import compliance as snapshots
from storage.compliance import Compliance, ComplianceOrder, Snapshot, TenantCompliance, TrendPoint
from storage.compliance_publishing import PLATFORMS, STATES
from storage.errors import InvalidInput
from storage.tenants import TenantQuery

_LARGEST_FIRST: Final = (ComplianceOrder.NONCOMPLIANT, ComplianceOrder.CHANGE, ComplianceOrder.DEVICES)
"""Orders that begin with the largest; the others begin with the smallest share, the oldest snapshot, the first name."""


def compliance(options: argparse.Namespace) -> int:
    """`atlas-tui compliance [TENANT] [--trend DAYS]`."""
    if options.tenant is None and options.trend is not None:
        raise InvalidInput("--trend", "is about one tenant", "Name it: atlas-tui compliance TENANT --trend DAYS")
    with opened(options.config, options.workspace) as here:
        if options.tenant is None:
            return _every_tenant(here, options)
        tenant_id = find_tenant(here, options.tenant)
        if options.trend is not None:
            return _trend(snapshots.trend(here.db, here.who, tenant_id, days=options.trend), options.json)
        return _tenant(snapshots.latest(here.db, here.who, tenant_id), options.json)


def _every_tenant(here: Opened, options: argparse.Namespace) -> int:
    order = ComplianceOrder(options.sort)
    query = TenantQuery(here.workspace.workspace_id, descending=order in _LARGEST_FIRST)
    rows = all_rows(
        lambda place, n: snapshots.of_workspace(here.db, here.who, query, place, n, order=order), options.limit
    )
    if options.json:
        write_json([{**_line(row), "points": [_point(point) for point in row.points]} for row in rows])
    else:
        head = ("ID", "TENANT", "TAKEN", "DEVICES", "COMPLIANT", "NONCOMPLIANT", "CHANGE", "STATE")
        write_table(head, [_cells(row) for row in rows])
    return exit_codes.OK


def _line(row: TenantCompliance) -> dict[str, object]:
    known = {"tenant_id": row.tenant_id, "tenant_name": row.tenant_name, **_document(row.now)}
    return known | {"last_run": row.last_run}


def _document(known: Compliance) -> dict[str, object]:
    return {
        "snapshot": known.snapshot,
        "before": known.before,
        "partial": known.partial,
        "difference": known.difference,
    }


def _cells(row: TenantCompliance) -> tuple[str, ...]:
    now, change = row.now.snapshot, row.now.difference
    name = (str(row.tenant_id), row.tenant_name)
    state = standing(row)[1]
    if now is None:
        why = f" ({row.last_run.reason_code})" if row.last_run is not None and row.last_run.reason_code else ""
        return (*name, "-", "-", "-", "-", "-", f"{state}{why}")
    moved = "-" if change is None else f"{change['noncompliant']:+,}"
    counts = (f"{now.total:,}", f"{now.counts['compliant']:,}", f"{now.counts['noncompliant']:,}")
    return (*name, moment(now.taken_at), *counts, moved, state)


def _tenant(known: Compliance, as_json: bool) -> int:
    if as_json:
        write_json(_document(known))
        return exit_codes.OK
    if known.snapshot is None and known.partial is None:
        write_line("No snapshot was taken yet. A compliance snapshot of its connection takes one.")
        return exit_codes.OK
    if known.snapshot is not None:
        _write_snapshot(known.snapshot, known.difference)
    if known.partial is not None:
        write_line(
            f"The snapshot of {moment(known.partial.taken_at)} (#{known.partial.run_id}) is not whole: "
            f"{known.partial.total:,} devices were counted. It is no point of the trend."
        )
    return exit_codes.OK


def _write_snapshot(snapshot: Snapshot, difference: object) -> None:
    write_line(f"{snapshot.total:,} devices on {moment(snapshot.taken_at)} (#{snapshot.run_id})")
    platforms = [name for name in PLATFORMS if name in snapshot.by_platform]
    rows = []
    for state in STATES:
        change = f"{difference[state]:+,}" if isinstance(difference, dict) and difference[state] else ""
        by_platform = (f"{snapshot.by_platform[name].get(state, 0):,}" for name in platforms)
        rows.append((state, f"{snapshot.counts[state]:,}", change, *by_platform))
    write_table(("STATE", "DEVICES", "CHANGE", *(name.upper() for name in platforms)), rows)


def _trend(points: tuple[TrendPoint, ...], as_json: bool) -> int:
    if as_json:
        write_json([_point(point) for point in points])
        return exit_codes.OK
    head = ("DAY", "DEVICES", "COMPLIANT", "NONCOMPLIANT", "SHARE")
    write_table(
        head,
        [
            (
                point.day.isoformat(),
                f"{point.total:,}",
                f"{point.counts['compliant']:,}",
                f"{point.counts['noncompliant']:,}",
                "-" if point.share is None else f"{point.share:.1%}",
            )
            for point in points
        ],
    )
    return exit_codes.OK


def _point(point: TrendPoint) -> dict[str, object]:
    return {
        "day": point.day,
        "taken_at": point.taken_at,
        "total": point.total,
        "counts": point.counts,
        "share": point.share,
    }
