"""Headless commands about credentials.

Promise: a secret is read from a prompt without echo, from standard input or from a file, never from an argument, since arguments can be
seen by others.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime

from atlas_tui.headless.given import read_end, read_file
from atlas_tui.headless.naming import find_app
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import (
    connections,
    credential_material,
    credentials,
)
from storage.credential_material import Material
from storage.errors import InvalidInput
from storage.fields import read_guid
from storage.states import CredentialOwner


def set_credential(options: argparse.Namespace) -> int:
    """`atlas-tui credential set --connection C | --app CLOUD`: stores a client secret or a certificate, sealed."""
    _check_options(options)
    with opened(options.config, options.workspace) as here:
        public_key = here.settings.public_key_bytes()
        if options.app:
            owner, owner_id, name = CredentialOwner.PLATFORM_APP, *find_app(here, options.app)
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
            expires_at=read_end("--expires", options.expires),
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


def _read_material(options: argparse.Namespace) -> Material:
    if options.certificate:
        key_path = options.key or options.certificate
        password = None
        if options.key_password_file:
            password = read_file("--key-password-file", options.key_password_file).strip()
        return credential_material.from_pem(
            read_file("--certificate", options.certificate),
            read_file("--key", key_path),
            password,
            now=datetime.now(UTC),
        )
    if options.secret_file:
        raw = (
            sys.stdin.buffer.read()
            if str(options.secret_file) == "-"
            else read_file("--secret-file", options.secret_file)
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
