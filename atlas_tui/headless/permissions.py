"""Headless commands about permissions: the manifest to paste, and what a connection was granted."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import connections, operations, permission_manifest, permissions
from storage.fields import read_guid
from storage.permission_manifest import Form, Manifest
from storage.permissions import Comparison, NeededPermission, PermissionTruth, Standing


def write_manifest(options: argparse.Namespace) -> int:
    """`atlas-tui permissions manifest`: needs no database, so that it can be read before anything is set up."""
    wanted = permission_manifest.manifest(options.operations)
    if options.required:
        wanted = replace(wanted, optional=())
    client_id = read_guid("--client-id", options.client_id) if options.client_id else None
    form = Form(options.format)
    if options.json:
        access = permission_manifest.required_resource_access(wanted)
        write_json({"version": wanted.version, "required": wanted.required, "optional": wanted.optional,
                    "requiredResourceAccess": access})  # fmt: skip
    elif form is Form.TABLE:
        _table(wanted)
    else:
        sys.stdout.write(permission_manifest.written(wanted, form, client_id) + "\n")
    return exit_codes.OK


def _table(wanted: Manifest) -> None:
    write_table(
        ("PERMISSION", "NEED", "APP ROLE ID", "FOR", "WHY"),
        [
            (
                entry.permission,
                "required" if entry in wanted.required else "optional",
                entry.app_role_id or "-",
                _labels(entry.needed_by),
                entry.purpose,
            )
            for entry in wanted.entries
        ],
        widest=80,
    )
    write_line(
        f"Manifest {wanted.version}: Microsoft Graph, type Application (not Delegated). "
        "A Global or Privileged Role Administrator must consent."
    )


def _labels(types: tuple[str, ...]) -> str:
    return ", ".join(operations.find(name).label for name in types)


def show(options: argparse.Namespace) -> int:
    """`atlas-tui permissions show CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        truth = permissions.of_connection(here.db, here.who, row.id, options.operations)
    if options.json:
        write_json(truth)
        return exit_codes.OK
    _head(truth)
    write_table(
        ("PERMISSION", "NEED", "STATE", "FOR"),
        [
            (n.permission, "required" if n.is_required else "optional", state(n), _labels(n.needed_by))
            for n in truth.comparison.needed
        ],
        widest=80,
    )
    for line in limits(truth.comparison):
        write_line(line)
    if truth.comparison.beyond:
        write_line()
        write_table(
            ("BEYOND THE NEED", "RISK", "WHY"),
            [
                (b.permission, b.risk.value, b.why + (f"; covers {', '.join(b.covers)}" if b.covers else ""))
                for b in truth.comparison.beyond
            ],
            widest=100,
        )
    return exit_codes.OK


def _head(truth: PermissionTruth) -> None:
    looked = "never looked at" if truth.checked_at is None else f"as of {moment(truth.checked_at)}"
    write_line(f"{truth.tenant_name}: {looked}, manifest {truth.manifest_version}")
    if truth.consent_is_older:
        write_line(
            f"Consent was granted for manifest {truth.consent_manifest_version}, which is older: "
            "ask the customer to consent again."
        )


def state(needed: NeededPermission) -> str:
    """Says how a needed permission stands."""
    if needed.standing is Standing.COVERED:
        return f"covered by {needed.covered_by}"
    return needed.standing.value


def limits(comparison: Comparison) -> list[str]:
    """Says which operations suffer."""
    found = []
    if comparison.limited_operations:
        found.append(f"cannot work: {_labels(comparison.limited_operations)}")
    if comparison.reduced_operations:
        found.append(f"do less: {_labels(comparison.reduced_operations)}")
    return found
