"""Headless commands that change provider connections."""

from __future__ import annotations

import argparse

from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import (
    connection_changes,
    connections,
)
from storage.states import ConnectionType


def add_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection add TENANT`."""
    with opened(options.config, options.workspace) as here:
        tenant = find_tenant(here, options.tenant)
        row = connection_changes.create(
            here.db,
            here.who,
            tenant,
            display_name=options.name,
            connection_type=ConnectionType(options.type) if options.type else None,
            client_id=options.client_id,
            ticket=options.ticket,
        )
    if options.json:
        write_json(row)
        return 0
    write_line(f"Added connection {row.id} of {row.tenant_name} ({row.connection_type.value}).")
    if row.connection_type is ConnectionType.DEDICATED:
        write_line(f"next           atlas-tui credential set --connection {row.id}")
    else:
        write_line(f"next           atlas-tui check {row.id}")
    return 0


def change_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection enable|disable|set-default|consent-granted CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        if options.change in ("enable", "disable"):
            row = connection_changes.set_enabled(
                here.db, here.who, row.id, options.change == "enable", ticket=options.ticket
            )
        elif options.change == "set-default":
            row = connection_changes.set_default(here.db, here.who, row.id, ticket=options.ticket)
        else:
            row = connection_changes.record_consent(here.db, here.who, row.id, ticket=options.ticket)
    if options.json:
        write_json(row)
    else:
        write_line(
            f"{row.tenant_name}: lifecycle {'enabled' if row.is_enabled else 'disabled'}, "
            f"consent {row.consent_status.value}, verification {row.verification_status.value}"
        )
    return 0
