"""Headless commands about tenants: show, add, edit, tag, archive, search."""

from __future__ import annotations

import argparse
from typing import Final

from atlas_tui import keyboard
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import platform_apps, tenant_archive, tenant_changes, tenant_detail, tenant_search, tenant_tags, tenants
from storage.configuration import load
from storage.connections import ConnectionRow
from storage.database import open_database
from storage.errors import InvalidInput
from storage.states import Cloud, TenantLifecycle
from storage.tenant_detail import TenantDetail
from storage.tenants import TenantRow

_OPTIONS: Final = {
    "name": "name",
    "domain": "primary_domain",
    "cloud": "cloud",
    "tenant_id": "entra_tenant_id",
    "contact": "contact",
    "time_zone": "time_zone",
    "note": "note",
    "lifecycle": "lifecycle",
}
"""Options of `tenant edit`, and the fields that they are."""


def show_tenant(options: argparse.Namespace) -> int:
    """`atlas-tui tenant show TENANT`."""
    with opened(options.config, options.workspace) as here:
        detail = tenant_detail.get(here.db, here.who, find_tenant(here, options.tenant))
    if options.json:
        write_json(detail)
        return 0
    for label, value in (*_facts(detail.tenant), *_provider(detail), *_end(detail)):
        write_line(f"{label:14} {value}")
    for run in detail.runs:
        status = run.outcome.value if run.outcome else run.status.value
        write_line(f"{'run':14} #{run.id} {run.label}: {status}, {moment(run.queued_at)} by {run.initiator}")
    return 0


def _facts(row: TenantRow) -> list[tuple[str, str]]:
    pairs = [
        ("tenant", f"{row.id} {row.name}"),
        ("tenant id", row.entra_tenant_id),
        ("domain", row.primary_domain or "-"),
        ("cloud", row.cloud.value),
        ("lifecycle", row.lifecycle.value),
        ("tags", " ".join(row.tags) or "-"),
        ("contact", row.contact or "-"),
        ("time zone", row.time_zone),
    ]
    if row.name_differs:
        pairs.insert(1, ("Microsoft", f"{row.microsoft_name} (Microsoft's own name for it)"))
    if row.note:
        pairs.append(("note", " / ".join(row.note.splitlines())))
    return pairs


def _provider(detail: TenantDetail) -> list[tuple[str, str]]:
    if detail.call_to_create is not None:
        call = detail.call_to_create
        todo = f"atlas-tui connection add {detail.tenant.id}" if call.may else call.why_not or call.who_may
        return [("connection", "none yet: nothing can be checked or collected here"), ("next", todo)]
    pairs = [("connection", _badges(row)) for row in detail.connections]
    if detail.more_connections:
        pairs.append(("connection", "and more"))
    summary = detail.permissions
    if summary is not None and summary.checked_at is not None:
        pairs.append(("permissions", f"{len(summary.granted)} granted, checked {moment(summary.checked_at)}"))
        pairs += [("missing", f"{name} (required)") for name in summary.missing_required]
        pairs += [("missing", f"{name} (optional)") for name in summary.missing_optional]
    return pairs


def _badges(row: ConnectionRow) -> str:
    default = " (default)" if row.is_default else ""
    return (
        f"{row.id} {row.display_name}{default}: {'enabled' if row.is_enabled else 'disabled'}, "
        f"consent {row.consent_status.value}, verification {row.verification_status.value}"
        + (f", {row.reason_code}" if row.reason_code else "")
    )


def _end(detail: TenantDetail) -> list[tuple[str, str]]:
    if detail.goodbye is None:
        return []
    if detail.goodbye.purged_at is not None:
        return [("purged", f"{moment(detail.goodbye.purged_at)}: what was collected is deleted")]
    later = "restorable until then" if detail.goodbye.may_restore else "not restorable by you"
    return [("offboarded", f"collected data is deleted after {moment(detail.goodbye.purge_after)}; {later}")]


def add_tenant(options: argparse.Namespace) -> int:
    """`atlas-tui tenant add NAME TENANT-ID`."""
    with opened(options.config, options.workspace) as here:
        row = tenants.create(
            here.db,
            here.who,
            here.workspace.workspace_id,
            entra_tenant_id=options.tenant_id,
            name=options.name,
            primary_domain=options.domain,
            cloud=Cloud(options.cloud),
            lifecycle=TenantLifecycle(options.lifecycle or "active"),
            tag_names=options.tag or (),
            contact=options.contact or "",
            time_zone=options.time_zone or "UTC",
            note=options.note or "",
            ticket=options.ticket,
        )
        apps = platform_apps.of_workspace(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json(row)
        return 0
    own = "" if any(app.cloud is row.cloud for app in apps) else " --client-id CLIENT-ID"
    write_line(f"Added {row.name} (tenant {row.id}).")
    write_line(f"next           atlas-tui connection add {row.id}{own}")
    return 0


def edit_tenant(options: argparse.Namespace) -> int:
    """`atlas-tui tenant edit TENANT --FIELD VALUE …`."""
    changes = {field: value for option, field in _OPTIONS.items() if (value := getattr(options, option)) is not None}
    if not changes:
        raise InvalidInput("tenant edit", "is given nothing to change", "Name a field, such as --contact.")
    with opened(options.config, options.workspace) as here:
        tenant_id = find_tenant(here, options.tenant)
        row = tenant_changes.edit(here.db, here.who, tenant_id, changes=changes, ticket=options.ticket)
    return _written(options, row)


def tag_tenant(options: argparse.Namespace) -> int:
    """`atlas-tui tenant tag TENANT --add TAG --remove TAG`."""
    if not (options.add or options.remove):
        raise InvalidInput("tenant tag", "is given no tag", "Use --add or --remove.")
    with opened(options.config, options.workspace) as here:
        tenant_id = find_tenant(here, options.tenant)
        row = tenant_tags.change(
            here.db, here.who, tenant_id, add=options.add, remove=options.remove, ticket=options.ticket
        )
    return _written(options, row)


def archive_tenant(options: argparse.Namespace) -> int:
    """`atlas-tui tenant archive|unarchive TENANT`."""
    with opened(options.config, options.workspace) as here:
        tenant_id = find_tenant(here, options.tenant)
        change = tenant_archive.archive if options.change == "archive" else tenant_archive.unarchive
        row = change(here.db, here.who, tenant_id, ticket=options.ticket)
    return _written(options, row)


def _written(options: argparse.Namespace, row: TenantRow) -> int:
    if options.json:
        write_json(row)
        return 0
    for label, value in _facts(row):
        write_line(f"{label:14} {value}")
    return 0


def list_tags(options: argparse.Namespace) -> int:
    """`atlas-tui tenant tags`."""
    with opened(options.config, options.workspace) as here:
        found = tenant_tags.of_workspace(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("TAG", "TENANTS", "MEMBERSHIPS"), [(tag.name, str(tag.tenants), _known(tag.memberships)) for tag in found]
    )
    return 0


def _known(count: int | None) -> str:
    return "-" if count is None else str(count)


def rename_tag(options: argparse.Namespace) -> int:
    """`atlas-tui tenant rename-tag TAG NEW-NAME`."""
    with opened(options.config, options.workspace) as here:
        workspace_id = here.workspace.workspace_id
        tag = tenant_tags.rename(here.db, here.who, workspace_id, options.tag, options.new_name, ticket=options.ticket)
    if options.json:
        write_json(tag)
    else:
        write_line(f"{tag.name}: {tag.tenants} tenants")
    return 0


def search(options: argparse.Namespace) -> int:
    """`atlas-tui search TEXT`: over all workspaces, or the one that `--workspace` names."""
    text = " ".join(options.text)
    if options.workspace:
        with opened(options.config, options.workspace) as here:
            found = _search(here, text, options.limit)
    else:
        settings = load(options.config)
        db = open_database(settings.database, shared=settings.shared)
        try:
            found = tenant_search.search(db, keyboard.principal(db), text, limit=options.limit)
        finally:
            db.close()
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("ID", "TENANT", "WORKSPACE", "TENANT ID", "DOMAIN", "FOUND BY"),
        [_hit(hit) for hit in found.hits],
    )
    if found.has_more:
        write_line(f"and more; narrow it, or use --limit (up to {tenant_search.MAX_HITS})")
    return 0


def _search(here: Opened, text: str, limit: int) -> tenant_search.Hits:
    return tenant_search.search(here.db, here.who, text, workspace_id=here.workspace.workspace_id, limit=limit)


def _hit(hit: tenant_search.Hit) -> tuple[str, ...]:
    row = hit.tenant
    return str(row.id), row.name, hit.workspace, row.entra_tenant_id, row.primary_domain or "-", hit.by.value
