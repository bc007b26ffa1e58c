"""The system plane from the command line: looking at all workspaces, as oneself, by a platform role.

Promise: whoever asks is the person at the keyboard (over a forced command the key's member), never whoever owns the database; a platform
role decides, in storage. `--workspace` narrows; it enters nothing.
"""

from __future__ import annotations

import argparse

from atlas_tui.headless.opening import opened_anywhere
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.reading import write_run
from atlas_tui.headless.rows import all_rows
from storage import filters, reasons, system_directory, system_runs
from storage.access import Principal
from storage.database import Database
from storage.errors import Conflict, InvalidInput, NotFound
from storage.pages import Place
from storage.system_directory import COUNT_LIMIT, DirectoryDetail, DirectoryRow
from storage.system_runs import SystemRunQuery


def directory(options: argparse.Namespace) -> int:
    """`atlas-tui system directory [FILTER]`."""
    text = " ".join(options.filter) + _within(options.workspace)
    with opened_anywhere(options.config) as (db, who):
        rows = all_rows(lambda place, n: system_directory.page(db, who, text, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    head = ("ID", "WORKSPACE", "TENANT", "TENANT ID", "LIFECYCLE", "CONSENT", "VERIFICATION", "CHECKED", "REASON")
    write_table(head, [_tenant(row) for row in rows])
    return 0


def _within(workspace: str | None) -> str:
    """`--workspace` as a part of the filter line; a name that no workspace can have finds nothing."""
    return "" if not workspace else f' workspace:"{workspace.replace(chr(34), " ")}"'


def _tenant(row: DirectoryRow) -> tuple[str, ...]:
    truth, head = row.default, (str(row.id), row.workspace, row.name, row.entra_tenant_id)
    if truth is None:
        return (*head, "no connection", "", "", "", "")
    return (
        *head,
        "enabled" if truth.is_enabled else "disabled",
        truth.consent_status.value,
        truth.verification_status.value,
        moment(truth.last_checked_at),
        truth.reason_code or "",
    )


def health(options: argparse.Namespace) -> int:
    """`atlas-tui system health`: by default connection, in all workspaces or in `--workspace`."""
    with opened_anywhere(options.config) as (db, who):
        found = system_directory.rollup(db, who, options.workspace)
    if options.json:
        write_json({"rollup": found, "count_limit": COUNT_LIMIT})
        return 0
    for label, counts in (("verification", found.verification), ("consent", found.consent)):
        write_line(f"{label:14} " + "  ".join(f"{word} {_number(number)}" for word, number in counts.items() if number))
    write_line(f"{'permissions':14} missing {_number(found.missing_permissions)}")
    return 0


def _number(value: int) -> str:
    return f"{value:,}+" if value >= COUNT_LIMIT else f"{value:,}"


def tenant(options: argparse.Namespace) -> int:
    """`atlas-tui system tenant TENANT`."""
    with opened_anywhere(options.config) as (db, who):
        found = system_directory.get(db, who, _find(db, who, options.tenant, options.workspace))
    if options.json:
        write_json(found)
        return 0
    for label, value in _pairs(found):
        write_line(f"{label:14} {value}")
    return 0


def _pairs(found: DirectoryDetail) -> list[tuple[str, str]]:
    row, truth = found.row, found.row.default
    pairs = [
        ("tenant", f"{row.id} {row.name}"),
        ("workspace", f"{row.workspace} ({row.workspace_name})"),
        ("tenant id", row.entra_tenant_id),
        ("domain", f"{row.primary_domain or '-'} ({row.cloud.value})"),
        ("lifecycle", row.lifecycle.value),
    ]
    if truth is None:
        pairs.append(("connection", "none"))
    else:
        enabled = "enabled" if truth.is_enabled else "disabled"
        pairs += [
            ("connection", f"{enabled} since {moment(truth.lifecycle_changed_at)} ({truth.connection_type.value})"),
            ("consent", f"{truth.consent_status.value} since {moment(truth.consent_changed_at)}"),
            ("verification", f"{truth.verification_status.value} since {moment(truth.verification_changed_at)}"),
            ("last checked", moment(truth.last_checked_at)),
            ("last good", moment(truth.last_good_at)),
        ]
        if truth.reason_code:
            reason = reasons.find(truth.reason_code)
            pairs += [
                ("why", f"{reason.code}: {truth.reason_sentence or reason.sentence}"),
                ("who fixes it", reason.fix_by.value),
            ]
    if found.permissions is not None:
        missing = ", ".join(found.permissions.missing_required) or "none"
        pairs.append(("missing", missing if found.permissions.checked_at else "not known yet"))
    if not found.may_see_runs:
        pairs.append(("runs", "not shown: this takes platform.runs.view"))
    for run in found.runs:
        outcome = run.outcome.value if run.outcome else run.status.value
        pairs.append((f"run {run.id}", f"{run.label}: {outcome}, {moment(run.completed_at or run.queued_at)}"))
    return pairs


def _find(db: Database, who: Principal, text: str, workspace: str | None) -> int:
    """The one tenant that is meant: by number, tenant id, domain or name, or a part of the name."""
    quoted = text.replace('"', " ").strip()
    if not quoted:
        raise InvalidInput("tenant", "is blank", "Name it: number, name, domain or tenant id.")
    if (number := filters.read_number(quoted)) is not None:
        return number
    narrowed = f'"{quoted}" archived:yes{_within(workspace)}'
    found = system_directory.page(db, who, narrowed, Place.first(), 20).rows
    folded = filters.fold(quoted)
    exact = [row for row in found if folded in (filters.fold(row.name), row.entra_tenant_id, row.primary_domain)]
    candidates = exact or list(found)
    if not candidates:
        raise NotFound(f"No tenant fits {quoted[:80]!r}.", "See `atlas-tui system directory`.")
    if len(candidates) > 1:
        names = ", ".join(f"{row.id} {row.name} ({row.workspace})" for row in candidates[:5])
        raise Conflict(f"Several tenants fit {quoted[:80]!r}.", f"Name one by its number: {names}.")
    return candidates[0].id


def list_runs(options: argparse.Namespace) -> int:
    """`atlas-tui system runs [FILTER]`."""
    query = SystemRunQuery(" ".join(options.filter), options.tenant, options.workspace)
    with opened_anywhere(options.config) as (db, who):
        rows = all_rows(lambda place, n: system_runs.page(db, who, query, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    table = []
    for found in rows:
        run = found.run
        state = run.outcome.value if run.outcome else run.status.value
        table.append(
            (
                str(run.id),
                found.workspace,
                run.label,
                run.tenant_name,
                state,
                moment(run.queued_at),
                run.reason_code or "",
            )
        )
    write_table(("ID", "WORKSPACE", "OPERATION", "TENANT", "STATUS", "QUEUED", "REASON"), table)
    return 0


def show_run(options: argparse.Namespace) -> int:
    """`atlas-tui system run RUN`."""
    with opened_anywhere(options.config) as (db, who):
        found = system_runs.get(db, who, options.run)
    if options.json:
        write_json(found)
        return 0
    write_line(f"workspace {found.workspace}")
    write_run(found.run)
    return 0
