"""Headless making of a certificate: the private key is born in this process, sealed, and gone; the public certificate is written.

Promise: nothing but the public certificate leaves. An existing file is never overwritten, and the file is there before anything is stored.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from atlas_tui.credential_words import upload_lines
from atlas_tui.headless import exit_codes
from atlas_tui.headless.credential_owner import client_id_of, find_owner
from atlas_tui.headless.credentials import write_next_step
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line
from storage import certificate_making, credentials
from storage.certificate_making import MadeCertificate
from storage.credentials import CredentialInfo
from storage.errors import Conflict, InvalidInput
from storage.states import CredentialSlot


def generate(options: argparse.Namespace) -> int:
    """`atlas-tui credentials generate-cert CONNECTION | --app CLOUD [--days N] [--out FILE]`."""
    with opened(options.config, options.workspace) as here:
        public_key = here.settings.public_key_bytes()
        owner = find_owner(here, options)
        client_id = client_id_of(here, owner)
        made = certificate_making.make(
            f"Atlas TUI {owner.name}", now=datetime.now(UTC), days=options.days, key_size=options.bits
        )
        out: Path | None = options.out
        if out is not None:
            _write_new(out, made.certificate_pem)
        try:
            info = credentials.store(
                here.db, here.who, owner.kind, owner.id, made.material, public_key, ticket=options.ticket
            )
        except BaseException:
            if out is not None:
                out.unlink(missing_ok=True)  # a certificate whose key is nowhere must not reach the portal
            raise
    if options.json:
        write_json(_document(info, made, client_id, out))
        return exit_codes.OK
    if out is None:
        for line in made.certificate_pem.splitlines():
            write_line(line)
    else:
        write_line(f"certificate    {out} (public; the private key is sealed here and nowhere else)")
    write_line(f"stored as      {info.slot.value} for {owner.name}")
    write_line(f"valid until    {moment(made.expires_at)}")
    write_line(f"thumbprint     {made.thumbprint} (as the portal shows it)")
    write_line(f"SHA-256        {made.sha256}")
    write_line()
    write_line("Upload it in one of these ways, then verify:")
    for how, line in upload_lines(client_id, _named(out)).items():
        write_line(f"{how:14} {line}")
    write_next_step(owner, info.slot)
    if info.slot is CredentialSlot.ACTIVE:
        write_line("It is used at once: until it is uploaded, sign-in fails.")
    return exit_codes.OK


def _named(out: Path | None) -> str:
    return "certificate.pem" if out is None else str(out)


def _document(info: CredentialInfo, made: MadeCertificate, client_id: str, out: Path | None) -> dict[str, object]:
    return {
        "credential": info,
        "certificate_pem": made.certificate_pem,
        "thumbprint": made.thumbprint,
        "sha256": made.sha256,
        "starts_at": made.starts_at,
        "expires_at": made.expires_at,
        "file": None if out is None else str(out),
        "upload": upload_lines(client_id, _named(out)),
    }


def _write_new(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except FileExistsError:
        raise Conflict(f"The file {path} exists.", "Name another one with --out.") from None
    except OSError as error:
        raise InvalidInput("--out", f"{path} cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
