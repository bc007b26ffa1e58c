"""Headless commands about tenants."""

from __future__ import annotations

import argparse

from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import (
    tenants,
)
from storage.states import Cloud


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
            tag_names=options.tag or (),
        )
    if options.json:
        write_json(row)
        return 0
    write_line(f"Added {row.name} (tenant {row.id}).")
    write_line(f"next           atlas-tui connection add {row.id} --client-id CLIENT-ID")
    return 0
