"""Headless reading: connections, runs, reports, tenants, workers, reasons."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from atlas_tui import keyboard
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from atlas_tui.screens.prose import Times
from atlas_tui.screens.standing_text import breaker_words
from storage import access, connections, platform_apps, reasons, runs, tenants, workers
from storage.configuration import load
from storage.connection_operations import OperationStanding
from storage.connections import ConnectionQuery, ConnectionRow
from storage.database import open_database
from storage.runs import RunDetail, RunQuery, RunRow
from storage.tenants import TenantQuery


def list_connections(options: argparse.Namespace) -> int:
    """`atlas-tui connections [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        query = ConnectionQuery(
            here.workspace.workspace_id,
            " ".join(options.filter),
            problems_only=options.problems,
            sort=options.sort,
            descending=options.reverse,
        )
        rows = all_rows(lambda place, n: connections.page(here.db, here.who, query, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    write_table(
        ("ID", "TENANT", "LIFECYCLE", "CONSENT", "VERIFICATION", "CHECKED", "REASON"),
        [_connection(row) for row in rows],
    )
    return 0


def _connection(row: ConnectionRow) -> tuple[str, ...]:
    name = row.tenant_name if row.siblings == 1 else f"{row.tenant_name} / {row.display_name}"
    return (
        str(row.id),
        name,
        "enabled" if row.is_enabled else "disabled",
        row.consent_status.value,
        row.verification_status.value,
        moment(row.last_checked_at),
        row.reason_code or "",
    )


def show_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection show CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        row = _find(here, options.connection)
        detail = connections.get(here.db, here.who, row.id)
    if options.json:
        write_json(detail)
        return 0
    reason = reasons.find(row.reason_code) if row.reason_code else None
    pairs = [
        ("connection", f"{row.id} {row.display_name} of {row.tenant_name}"),
        ("tenant id", row.entra_tenant_id),
        ("domain", row.primary_domain or "-"),
        ("signs in as", f"{detail.client_id or '-'} ({detail.platform_app or 'own app registration'})"),
        ("lifecycle", f"{'enabled' if row.is_enabled else 'disabled'} since {moment(row.lifecycle_changed_at)}"),
        ("consent", f"{row.consent_status.value} since {moment(row.consent_changed_at)}"),
        ("verification", f"{row.verification_status.value} since {moment(row.verification_changed_at)}"),
        ("last checked", moment(row.last_checked_at)),
        ("last good", moment(row.last_good_at)),
    ]
    if detail.checked_with_previous_credential:
        pairs.append(("", "checked with the previous credential"))
    if reason is not None:
        pairs += [
            ("why", f"{reason.code}: {row.reason_sentence or reason.sentence}"),
            ("since", moment(row.reason_since)),
            ("who fixes it", reason.fix_by.value),
        ]
        pairs.append(("next step", reason.next_step))
    if detail.breaker is not None:
        pairs.append(
            ("breaker", f"{breaker_words(detail.breaker, Times(datetime.now(UTC)))}: atlas-tui check {row.id}")
        )
    for credential in detail.credentials:
        pairs.append(
            ("credential", f"{credential.slot.value} {credential.kind.value}, expires {moment(credential.expires_at)}")
        )
    for label, value in pairs:
        write_line(f"{label:14} {value}")
    if detail.operations:
        write_line()
        write_table(
            ("OPERATION", "LAST RUN", "FAILING SINCE", "LAST GOOD", "NEXT DUE", "REASON"),
            [_standing(standing) for standing in detail.operations],
        )
    return 0


def _standing(standing: OperationStanding) -> tuple[str, ...]:
    many = f" x{standing.consecutive_failures}" if standing.consecutive_failures > 1 else ""
    why = [
        standing.last_reason_code or "",
        f"held: {standing.blocked_reason_code}" if standing.blocked_reason_code else "",
    ]
    return (
        standing.label,
        f"{standing.last_outcome.value}{many}" if standing.last_outcome else "never ran",
        moment(standing.failing_since),
        moment(standing.last_good_at),
        moment(standing.next_due_at),
        ", ".join(filter(None, why)),
    )


def _find(here: Opened, text: str) -> ConnectionRow:
    return connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text)


def list_runs(options: argparse.Namespace) -> int:
    """`atlas-tui runs [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        connection_id = _find(here, options.connection).id if options.connection else None
        query = RunQuery(here.workspace.workspace_id, " ".join(options.filter), connection_id=connection_id)
        rows = all_rows(lambda place, n: runs.page(here.db, here.who, query, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    write_table(("ID", "OPERATION", "TENANT", "STATUS", "QUEUED", "BY", "REASON"), [_run(row) for row in rows])
    return 0


def _run(row: RunRow) -> tuple[str, ...]:
    status = row.outcome.value if row.outcome else row.status.value
    return (
        str(row.id),
        row.label,
        row.tenant_name,
        status,
        moment(row.queued_at),
        row.initiator,
        row.reason_code or "",
    )


def show_run(options: argparse.Namespace) -> int:
    """`atlas-tui run ID`."""
    with opened(options.config, options.workspace) as here:
        detail = runs.get(here.db, here.who, options.run)
    if options.json:
        write_json(detail)
        return 0
    write_run(detail)
    return 0


def write_run(detail: RunDetail) -> None:
    """Writes everything about a run, for people."""
    row = detail.row
    status = row.outcome.value if row.outcome else row.status.value
    write_line(f"#{row.id} {row.label} of {row.tenant_name}: {status}")
    write_line(f"queued {moment(row.queued_at)} by {row.initiator}, completed {moment(row.completed_at)}")
    if row.reason_code:
        write_line(f"why        {row.reason_code}: {row.reason_sentence}")
        write_line(f"next step  {reasons.find(row.reason_code).next_step}")
    for step in detail.steps:
        write_line(f"  {step.status.value:8} {step.label}  {step.sentence}")
    for failure in detail.failures:
        identity = f" (Microsoft request id {failure.request_id})" if failure.request_id else ""
        write_line(f"  {failure.reason_code} x{failure.count}: {failure.sentence}{identity}")
    if detail.summary_counts:
        write_line(", ".join(f"{key} {value}" for key, value in detail.summary_counts.items()))


def list_tenants(options: argparse.Namespace) -> int:
    """`atlas-tui tenants [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        query = TenantQuery(here.workspace.workspace_id, " ".join(options.filter))
        rows = all_rows(lambda place, n: tenants.page(here.db, here.who, query, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    write_table(
        ("ID", "TENANT", "TENANT ID", "DOMAIN", "CLOUD", "CONNECTIONS"),
        [
            (str(r.id), r.name, r.entra_tenant_id, r.primary_domain or "-", r.cloud.value, str(r.connections))
            for r in rows
        ],
    )
    return 0


def list_apps(options: argparse.Namespace) -> int:
    """`atlas-tui apps`: the workspace's platform apps."""
    with opened(options.config, options.workspace) as here:
        found = platform_apps.of_workspace(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("ID", "CLOUD", "NAME", "CLIENT ID", "CONNECTIONS", "CREDENTIALS"),
        [
            (
                str(app.id),
                app.cloud.value,
                app.display_name,
                app.client_id,
                str(app.connections),
                ", ".join(f"{c.slot.value} until {moment(c.expires_at)}" for c in app.credentials) or "none",
            )
            for app in found
        ],
    )
    return 0


def list_workers(options: argparse.Namespace) -> int:
    """`atlas-tui workers`."""
    with opened(options.config, options.workspace) as here:
        status = workers.status(here.db)
    if options.json:
        write_json(status)
        return 0
    write_line(f"{status.alive} alive, {status.busy} of {status.slots} slots busy")
    write_table(
        ("HOST", "PID", "STATE", "BUSY", "LAST BEAT"),
        [
            (
                row.host,
                str(row.pid),
                "alive" if row.is_alive else "gone",
                f"{row.busy}/{row.slots}",
                moment(row.beat_at),
            )
            for row in status.workers
        ],
    )
    return 0


def list_workspaces(options: argparse.Namespace) -> int:
    """`atlas-tui workspaces`: those you may enter."""
    settings = load(options.config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        found = access.entered_workspaces(db, keyboard.principal(db))
    finally:
        db.close()
    if options.json:
        write_json(found)
        return 0
    write_table(("WORKSPACE", "NAME", "ROLE"), [(entry.slug, entry.name, entry.role.value) for entry in found])
    return 0
