"""Headless commands that offboard a tenant and take it back."""

from __future__ import annotations

import argparse
import sys

from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import offboarding
from storage.customer_sheet import CustomerSheet
from storage.errors import InvalidInput
from storage.offboarding import OffboardingPreview
from storage.offboarding_consequences import consequences


def offboard(options: argparse.Namespace) -> int:
    """`atlas-tui tenant offboard TENANT --confirm NAME`, or `--dry-run`, or `--sheet`."""
    with opened(options.config, options.workspace) as here:
        tenant_id = find_tenant(here, options.tenant)
        if options.sheet:
            return _write_sheet(options, offboarding.sheet(here.db, here.who, tenant_id))
        preview = offboarding.preview(here.db, here.who, tenant_id, purge_days=options.purge_days)
        if options.dry_run:
            return _write_preview(options, preview)
        _confirm(options.confirm, preview)
        sheet = offboarding.offboard(here.db, here.who, tenant_id, purge_days=options.purge_days, ticket=options.ticket)
    return _write_sheet(options, sheet)


def _write_sheet(options: argparse.Namespace, sheet: CustomerSheet) -> int:
    if options.json:
        write_json(sheet)
        return 0
    for line in sheet.lines:
        write_line(line)
    return 0


def _confirm(given: str | None, preview: OffboardingPreview) -> None:
    """Lets pass when the tenant's name was given, or is typed now."""
    name = preview.tenant.name
    if given is None and sys.stdin.isatty():
        confirm(consequences(preview), name, yes=False)
    elif given is None or given.strip() != name:
        raise InvalidInput(
            "--confirm",
            "must be the tenant's name, since credentials are destroyed",
            f"--confirm {name!r}; see what happens with --dry-run.",
        )


def _write_preview(options: argparse.Namespace, preview: OffboardingPreview) -> int:
    if options.json:
        write_json(preview)
        return 0
    write_line(f"Offboarding {preview.tenant.name}, which was not done:")
    for sentence in consequences(preview).sentences:
        write_line(f"  {sentence}")
    write_line("The customer would be told:")
    for line in preview.sheet.lines:
        write_line(f"  {line}")
    return 0


def restore(options: argparse.Namespace) -> int:
    """`atlas-tui tenant restore TENANT`."""
    with opened(options.config, options.workspace) as here:
        found = offboarding.restore(here.db, here.who, find_tenant(here, options.tenant), ticket=options.ticket)
    if options.json:
        write_json(found)
        return 0
    write_line(f"Restored {found.tenant.name} (tenant {found.tenant.id}).")
    for connection_id, name in found.disabled:
        missing = connection_id in found.without_credential
        write_line(f"  {name} ({connection_id}) stays disabled" + (", its credential was destroyed" if missing else ""))
        if missing:
            write_line(f"  next           atlas-tui credential set --connection {connection_id}")
        write_line(f"  next           atlas-tui connection enable {connection_id}")
    if found.schedules_stopped:
        write_line(f"  {found.schedules_stopped} schedules stay stopped")
    return 0
