"""Headless commands about credentials.

Promise: a secret is read from a prompt without echo, from standard input or from a file, never from an argument, since arguments can be
seen by others.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime, timedelta

from atlas_tui.credential_words import still_valid
from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.credential_owner import Named, find_owner
from atlas_tui.headless.given import read_end, read_file
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.waiting import wait_for
from storage import (
    connections,
    credential_changes,
    credential_expiry,
    credential_material,
    credential_previews,
    credentials,
    runs,
)
from storage.credential_changes import StartedCheck
from storage.credential_material import Material
from storage.errors import Conflict, InvalidInput
from storage.fields import read_guid, read_name
from storage.retired_keys import Reminder
from storage.starting import Blocked, RunRef, ScopeBusy
from storage.states import CredentialOwner, CredentialSlot, RunOutcome


def set_credential(options: argparse.Namespace) -> int:
    """`atlas-tui credential set --connection C | --app CLOUD`: stores a client secret or a certificate, sealed."""
    _check_options(options)
    with opened(options.config, options.workspace) as here:
        public_key = here.settings.public_key_bytes()
        owner = find_owner(here, options)
        info = credentials.store(
            here.db,
            here.who,
            owner.kind,
            owner.id,
            _read_material(options),
            public_key,
            expires_at=read_end("--expires", options.expires),
            client_key_id=read_guid("--key-id", options.key_id) if options.key_id else "",
            ticket=options.ticket,
        )
    if options.json:
        write_json(info)
        return exit_codes.OK
    write_line(f"Stored a {info.kind.value} for {owner.name}, sealed; it is {info.slot.value}.")
    if info.thumbprint:
        write_line(f"valid          {moment(info.starts_at)} to {moment(info.expires_at)}")
        write_line(f"thumbprint     {info.thumbprint} (as the portal shows it)")
        write_line(f"SHA-256        {info.client_key_id}")
    write_next_step(owner, info.slot)
    return exit_codes.OK


def write_next_step(owner: Named, slot: CredentialSlot) -> None:
    """Says how a stored credential is tried."""
    if slot is CredentialSlot.STAGED:
        write_line(f"next           atlas-tui credential verify {owner.flag}")
    elif owner.kind is CredentialOwner.CONNECTION:
        write_line(f"next           atlas-tui check {owner.id}")


def show(options: argparse.Namespace) -> int:
    """`atlas-tui credential show`: the slots, and the old keys that are still to be removed at Microsoft."""
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        stored = credentials.of_owner(here.db, here.who, owner.kind, owner.id)
        old = credential_changes.reminders(here.db, here.who, owner.kind, owner.id)
    if options.json:
        write_json({"credentials": stored, "reminders": old})
        return exit_codes.OK
    if not stored:
        write_line(f"{owner.name} has no credential. Store one: atlas-tui credential set {owner.flag}")
    else:
        write_table(
            ("SLOT", "KIND", "KEY ID OR SHA-256", "EXPIRES", "STORED", "BY"),
            [
                (c.slot.value, c.kind.value, c.client_key_id or "unknown", moment(c.expires_at), moment(c.stored_at),
                 c.stored_by or "-")
                for c in stored
            ],
            widest=64,
        )  # fmt: skip
    for reminder in old:
        write_line(_sentence(reminder))
    return exit_codes.OK


def _sentence(reminder: Reminder) -> str:
    return f"{still_valid(reminder, moment)}: remove it there, then confirm-removed."


def verify(options: argparse.Namespace) -> int:
    """`atlas-tui credential verify`: starts the check that carries the staged credential and, unless told not to, waits."""
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        if options.on and owner.kind is CredentialOwner.CONNECTION:
            raise InvalidInput("--on", "is for a platform app", "A connection's credential is tried on itself.")
        named = [
            connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id for text in options.on
        ]
        started = credential_changes.verify(
            here.db, here.who, owner.kind, owner.id, connection_ids=named, ticket=options.ticket
        )
        if options.wait:
            wait_for(here, [run.id for run in map(run_of, started) if run is not None], options.timeout)
        rows = [_after(here, check) for check in started]
        stored = credentials.of_owner(here.db, here.who, owner.kind, owner.id)
    promoted = all(info.slot is not CredentialSlot.STAGED for info in stored)
    if options.json:
        write_json({"promoted": promoted, "checks": rows, "credentials": stored})
    else:
        write_table(("CONNECTION", "TENANT", "RUN", "CHECK", "REASON"), [tuple(map(str, row.values())) for row in rows])
        write_line("The staged credential is active now." if promoted else "The staged credential is still staged.")
    if not options.wait or promoted:
        return exit_codes.OK
    blocked = any(isinstance(check.result, Blocked) for check in started)
    return exit_codes.BLOCKED if blocked else exit_codes.OUTCOME[RunOutcome.PARTIALLY_SUCCEEDED]


def _after(here: Opened, check: StartedCheck) -> dict[str, object]:
    run = run_of(check)
    row: dict[str, object] = {"connection_id": check.connection_id, "tenant": check.tenant_name}
    if run is None:
        reason = check.result.reason.code if isinstance(check.result, Blocked) else ""
        return row | {"run_id": "", "outcome": "not started", "reason_code": reason}
    now = runs.get(here.db, here.who, run.id).row
    return row | {
        "run_id": run.id,
        "outcome": now.outcome.value if now.outcome else now.status.value,
        "reason_code": now.reason_code or "",
    }


def run_of(check: StartedCheck) -> RunRef | None:
    """Returns the run that a started check is, or will be; None when the gate stopped it."""
    if isinstance(check.result, ScopeBusy):
        return check.result.waiting
    return None if isinstance(check.result, Blocked) else check.result.run


def promote(options: argparse.Namespace) -> int:
    """`atlas-tui credential promote --reason WHY`: says what follows; the reason is the confirmation."""
    reason = read_name("reason", options.reason)
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        confirm(credential_previews.preview_promote(here.db, here.who, owner.kind, owner.id), owner.name, yes=True)
        credential_changes.promote(here.db, here.who, owner.kind, owner.id, reason=reason, ticket=options.ticket)
        return _tell(here, owner, options, "The staged credential is active now; no check has tried it.")


def roll_back(options: argparse.Namespace) -> int:
    """`atlas-tui credential roll-back`: says what follows; promoting again undoes it, so nobody is asked."""
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        confirm(credential_previews.preview_roll_back(here.db, here.who, owner.kind, owner.id), owner.name, yes=True)
        credential_changes.roll_back(here.db, here.who, owner.kind, owner.id, ticket=options.ticket)
        return _tell(here, owner, options, "The previous credential is active again.")


def remove(options: argparse.Namespace) -> int:
    """`atlas-tui credential remove --slot SLOT`: asks when nothing could sign in afterwards."""
    slot = CredentialSlot(options.slot)
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        if slot is CredentialSlot.ACTIVE and not options.yes:
            _ask(f"Nothing can sign in for {owner.name} afterwards. Remove the active credential?")
        credential_changes.remove(here.db, here.who, owner.kind, owner.id, slot, ticket=options.ticket)
        return _tell(
            here, owner, options, f"The {slot.value} credential is destroyed here. At Microsoft it stays valid."
        )


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "is needed without a terminal to ask in", question)
    sys.stderr.write(f"{question} [yes/no] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise Conflict("Nothing was removed.", "Answer yes to remove it.")


def confirm_removed(options: argparse.Namespace) -> int:
    """`atlas-tui credential confirm-removed [KEY]`."""
    with opened(options.config, options.workspace) as here:
        owner = find_owner(here, options)
        ended = credential_changes.confirm_removed(
            here.db, here.who, owner.kind, owner.id, options.key, ticket=options.ticket
        )
        return _tell(here, owner, options, f"Noted: {ended.client_key_id or ended.reference} is gone at Microsoft.")


def _tell(here: Opened, owner: Named, options: argparse.Namespace, sentence: str) -> int:
    """What every change ends with: what is stored now."""
    stored = credentials.of_owner(here.db, here.who, owner.kind, owner.id)
    old = credential_changes.reminders(here.db, here.who, owner.kind, owner.id)
    if options.json:
        write_json({"credentials": stored, "reminders": old})
        return exit_codes.OK
    write_line(sentence)
    for reminder in old:
        write_line(_sentence(reminder))
    return exit_codes.OK


def expiring(options: argparse.Namespace) -> int:
    """`atlas-tui credentials expiring --within DAYS`."""
    if not 0 <= options.within <= credential_expiry.LONGEST.days:
        raise InvalidInput("--within", f"must be from 0 to {credential_expiry.LONGEST.days} days")
    with opened(options.config, options.workspace) as here:
        found = credential_expiry.expiring(
            here.db, here.who, here.workspace.workspace_id, timedelta(days=options.within)
        )
    if options.json:
        write_json(found)
        return exit_codes.OK
    write_table(
        ("STATE", "OWNER", "NAME", "SLOT", "KIND", "EXPIRES", "DAYS"),
        [
            (row.bucket.value, f"{row.owner.value} {row.owner_id}", row.owner_name, row.slot.value, row.kind.value,
             moment(row.expires_at), "?" if row.days_left is None else str(row.days_left))
            for row in found.rows
        ],
    )  # fmt: skip
    write_line(f"{found.expired} expired, {found.expiring} within {options.within} days, {found.unknown} unknown")
    return exit_codes.OK


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
        password = None
        if options.key_password_file:
            password = read_file("--key-password-file", options.key_password_file).strip()
        return credential_material.from_certificate(
            read_file("--certificate", options.certificate),
            read_file("--key", options.key) if options.key else None,
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
