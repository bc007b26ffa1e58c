"""Headless setting up: tenants, applications, connections, credentials, members, the database. `init` is next door.

Promise: a secret is read from a prompt without echo, from standard input or from a file, never from an argument, since arguments can be
seen by others.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path

from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import write_json, write_line
from storage import (
    configuration,
    connection_changes,
    connections,
    credential_material,
    credentials,
    tenants,
    workspaces,
)
from storage import platform_apps as apps
from storage.capabilities import Role
from storage.credential_material import Material
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_guid
from storage.pages import Place
from storage.states import Cloud, ConnectionType, CredentialOwner
from storage.tenants import TenantQuery
from storage.upgrading import upgrade


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


def add_app(options: argparse.Namespace) -> int:
    """`atlas-tui app add`: registers the workspace's platform app of a cloud."""
    with opened(options.config, options.workspace) as here:
        app = apps.register(
            here.db,
            here.who,
            here.workspace.workspace_id,
            cloud=Cloud(options.cloud),
            client_id=options.client_id,
            display_name=options.name,
            home_tenant_id=options.home_tenant,
            **({"redirect_uri": options.redirect_uri} if options.redirect_uri else {}),
        )
    if options.json:
        write_json(app)
        return 0
    write_line(f"Registered the platform app {app.display_name} for {app.cloud.value} (app {app.id}).")
    write_line(f"next           atlas-tui credential set --app {app.cloud.value}")
    return 0


def add_connection(options: argparse.Namespace) -> int:
    """`atlas-tui connection add TENANT`."""
    with opened(options.config, options.workspace) as here:
        tenant = _find_tenant(here, options.tenant)
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


def _find_tenant(here: Opened, text: str) -> int:
    workspace_id = here.workspace.workspace_id
    if not text.replace('"', " ").strip():
        raise InvalidInput("tenant", "is blank", "Name it: number, name, domain or tenant id.")
    if text.isascii() and text.isdigit():
        if len(text) > 18:
            raise NotFound("Nothing has a number that large.")
        row = tenants.get(here.db, here.who, int(text))
        if row.workspace_id == workspace_id:
            return row.id
        raise NotFound(f"There is no tenant {text} in this workspace.")
    quoted = text.replace('"', " ")
    query = TenantQuery(workspace_id, f'"{quoted}" archived:yes')
    found = tenants.page(here.db, here.who, query, Place.first(), 10).rows
    exact = [row for row in found if text.casefold() in (row.name.casefold(), row.entra_tenant_id, row.primary_domain)]
    candidates = exact or list(found)
    if not candidates:
        raise NotFound(f"No tenant fits {quoted[:80]!r}.", "See `atlas-tui tenants`.")
    if len(candidates) > 1:
        names = ", ".join(f"{row.id} {row.name}" for row in candidates[:5])
        raise Conflict(f"{len(candidates)} tenants fit {quoted[:80]!r}.", f"Name one by its number: {names}.")
    return candidates[0].id


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


def set_credential(options: argparse.Namespace) -> int:
    """`atlas-tui credential set --connection C | --app CLOUD`: stores a client secret or a certificate, sealed."""
    _check_options(options)
    with opened(options.config, options.workspace) as here:
        public_key = here.settings.public_key_bytes()
        if options.app:
            owner, owner_id, name = CredentialOwner.PLATFORM_APP, *_find_app(here, options.app)
        else:
            row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
            owner, owner_id, name = CredentialOwner.CONNECTION, row.id, row.tenant_name
        info = credentials.store(
            here.db,
            here.who,
            owner,
            owner_id,
            _read_material(options),
            public_key,
            expires_at=_read_end("--expires", options.expires),
            client_key_id=read_guid("--key-id", options.key_id) if options.key_id else "",
            ticket=options.ticket,
        )
    if options.json:
        write_json(info)
        return 0
    write_line(f"Stored a {info.kind.value} for {name}, sealed; it is {info.slot.value}.")
    if owner is CredentialOwner.CONNECTION:
        write_line(f"next           atlas-tui check {owner_id}")
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """Refuses what would be ignored: a key without its certificate would end in a prompt for a secret."""
    for option, value in (("--key", options.key), ("--key-password-file", options.key_password_file)):
        if value and not options.certificate:
            raise InvalidInput(option, "belongs to a certificate", "Give it with --certificate FILE.")
    for option, value in (("--expires", options.expires), ("--key-id", options.key_id)):
        if value and options.certificate:
            raise InvalidInput(option, "is for a secret", "A certificate says it itself: leave the option out.")


def _find_app(here: Opened, cloud: str) -> tuple[int, str]:
    for app in apps.of_workspace(here.db, here.who, here.workspace.workspace_id):
        if app.cloud.value == cloud:
            return app.id, app.display_name
    raise NotFound(f"This workspace has no platform app for {cloud}.", "Register it: atlas-tui app add")


def _read_material(options: argparse.Namespace) -> Material:
    if options.certificate:
        key_path = options.key or options.certificate
        password = None
        if options.key_password_file:
            password = _read_file("--key-password-file", options.key_password_file).strip()
        return credential_material.from_pem(
            _read_file("--certificate", options.certificate),
            _read_file("--key", key_path),
            password,
            now=datetime.now(UTC),
        )
    if options.secret_file:
        raw = (
            sys.stdin.buffer.read()
            if str(options.secret_file) == "-"
            else _read_file("--secret-file", options.secret_file)
        )
        try:
            return credential_material.from_secret(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise InvalidInput(
                "client secret", "is not text", "Give a file that holds the secret's value alone."
            ) from None
    if not sys.stdin.isatty():
        raise InvalidInput(
            "client secret", "cannot be asked for without a terminal", "Use --secret-file FILE, or `-` for stdin."
        )
    return credential_material.from_secret(getpass.getpass("Client secret (its value, not its ID; not shown): "))


def _read_file(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(option, f"{path} cannot be read ({error.strerror})") from None


def _read_end(option: str, text: str | None) -> datetime | None:
    """Reads a moment that is still to come; without a zone it is UTC."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        is_over = value <= datetime.now(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(option, "is not a date", "Write it as 2027-03-31 or 2027-03-31T08:00.") from None
    if is_over:
        raise InvalidInput(option, "is in the past", "Give a moment that is still to come.")
    return value


def upgrade_database(options: argparse.Namespace) -> int:
    """`atlas-tui db upgrade`: brings the configured database to this program's schema."""
    settings = configuration.load(options.config)
    result = upgrade(settings.database)
    if result.from_ == result.to:
        write_line(f"The database is at schema {result.to} already.")
    else:
        backup = f" A copy of how it was: {result.backup}." if result.backup else ""
        write_line(f"The database went from schema {result.from_} to {result.to}.{backup}")
    return 0


def add_member(options: argparse.Namespace) -> int:
    """`atlas-tui member add LOGIN ROLE`."""
    with opened(options.config, options.workspace) as here:
        member = workspaces.add_member(
            here.db,
            here.who,
            here.workspace.workspace_id,
            login=options.login,
            display_name=options.name or options.login,
            role=Role(options.role),
            tag=options.tag,
            expires_at=_read_end("--until", options.until),
        )
    if options.json:
        write_json(member)
    else:
        write_line(f"{member.login} is {member.role.value} ({member.scope}).")
    return 0
