"""Headless commands that change provider connections."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import write_json, write_line
from storage import (
    connection_changes,
    connection_edits,
    connection_previews,
    connection_removal,
    connections,
    onboarding_state,
    resolver,
)
from storage.connections import ConnectionRow
from storage.consequences import Consequences
from storage.errors import InvalidInput
from storage.resolver import Unresolved
from storage.states import ConnectionType, OnboardingStatus


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
        onboarding = onboarding_state.of_tenant(here.db, here.who, tenant)
    if options.json:
        write_json(row)
        return exit_codes.OK
    write_line(f"Added connection {row.id} of {row.tenant_name} ({row.connection_type.value}).")
    if onboarding is not None and onboarding.status is OnboardingStatus.OPEN:
        write_line(f"next           atlas-tui onboard {tenant}")
    elif row.connection_type is ConnectionType.DEDICATED:
        write_line(f"next           atlas-tui credential set --connection {row.id}")
    else:
        write_line(f"next           atlas-tui consent link {row.id}")
        write_line(f"or             atlas-tui check {row.id}   # when the customer has consented already")
    return exit_codes.OK


def edit_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection edit CONNECTION`."""
    given = {"display_name": options.name, "connection_type": options.type, "client_id": options.client_id}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidInput("connection edit", "changes nothing", "Use --name, --type or --client-id.")
    with opened(options.config, options.workspace) as here:
        row = _find(here, options.connection)
        # What was confirmed is what is written: somebody else's change in between is told, not overwritten.
        seen = connection_edits.fields(here.db, here.who, row.id)
        found = connection_edits.consequences(here.db, here.who, row.id, changes)
        confirm(found, row.tenant_name, yes=options.yes)
        row = connection_edits.edit(here.db, here.who, row.id, changes, seen=seen, ticket=options.ticket)
    return _tell(row, as_json=options.json)


def change_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection enable|set-default|consent-granted CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        row = _find(here, options.connection)
        if options.change == "enable":
            confirm(connection_previews.preview_enable(here.db, here.who, row.id), row.tenant_name, yes=True)
            row = connection_changes.set_enabled(here.db, here.who, row.id, True, ticket=options.ticket)
        elif options.change == "set-default":
            row = connection_changes.set_default(here.db, here.who, row.id, ticket=options.ticket)
        else:
            row = connection_changes.record_consent(here.db, here.who, row.id, ticket=options.ticket)
    return _tell(row, as_json=options.json)


def take_away(options: argparse.Namespace) -> int:
    """`atlas-tui connection disable|delete|revoke-consent CONNECTION`: what it does is written out and confirmed first."""
    previews: dict[str, Callable[..., Consequences]] = {
        "disable": connection_previews.preview_disable,
        "delete": connection_removal.preview_delete,
        "revoke-consent": connection_removal.preview_revoke,
    }
    with opened(options.config, options.workspace) as here:
        row = _find(here, options.connection)
        confirm(previews[options.change](here.db, here.who, row.id), row.tenant_name, yes=options.yes)
        if options.change == "disable":
            row = connection_changes.set_enabled(here.db, here.who, row.id, False, ticket=options.ticket)
        elif options.change == "revoke-consent":
            row = connection_removal.revoke_consent(here.db, here.who, row.id, ticket=options.ticket)
        else:
            connection_removal.delete_draft(here.db, here.who, row.id, ticket=options.ticket)
            if options.json:
                write_json({"deleted": row.id})
            else:
                write_line(f"Deleted connection {row.id} of {row.tenant_name}.")
            return exit_codes.OK
    return _tell(row, as_json=options.json)


def resolve(options: argparse.Namespace) -> int:
    """`atlas-tui connection resolve TENANT`: exit code 10 when no connection can be used."""
    with opened(options.config, options.workspace) as here:
        found = resolver.resolve(here.db, here.who, find_tenant(here, options.tenant))
    if options.json:
        write_json(found)
    elif isinstance(found, Unresolved):
        write_line(f"blocked        {found.reason}: {found.sentence}")
        write_line(f"next step      {found.next_step}")
    else:
        row = found.connection
        write_line(f"{row.tenant_name}: connection {row.id} {row.display_name} ({row.connection_type.value})")
    return exit_codes.BLOCKED if isinstance(found, Unresolved) else exit_codes.OK


def _find(here: Opened, text: str) -> ConnectionRow:
    return connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text)


def _tell(row: ConnectionRow, *, as_json: bool) -> int:
    if as_json:
        write_json(row)
    else:
        write_line(
            f"{row.tenant_name}: lifecycle {'enabled' if row.is_enabled else 'disabled'}, "
            f"consent {row.consent_status.value}, verification {row.verification_status.value}"
        )
    return exit_codes.OK
