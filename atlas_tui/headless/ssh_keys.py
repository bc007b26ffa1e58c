"""Headless commands about the keys that members log in with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from atlas_tui import keyboard
from atlas_tui.headless.acting import acting
from atlas_tui.headless.given import read_end, read_file
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import ssh_keys
from storage.errors import InvalidInput
from storage.openssh import MAX_LENGTH


def list_keys(options: argparse.Namespace) -> int:
    """`atlas-tui member key list [LOGIN]`."""
    with opened(options.config, options.workspace) as here:
        found = ssh_keys.of_workspace(here.db, here.who, here.workspace.workspace_id, options.login)
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("ID", "LOGIN", "LABEL", "TYPE", "FINGERPRINT", "ADDED", "BY", "UNTIL", "REVOKED"),
        [
            (
                str(key.id),
                key.login,
                key.label,
                key.algorithm,
                key.fingerprint,
                moment(key.added_at),
                key.added_by or "-",
                moment(key.expires_at),
                moment(key.revoked_at),
            )
            for key in found
        ],
        widest=50,
    )
    return 0


def add_key(options: argparse.Namespace) -> int:
    """`atlas-tui member key add LOGIN FILE|-`."""
    text = _read_key(options.file)
    end = read_end("--until", options.until)
    with acting(options) as (db, who, workspace_id):
        key = ssh_keys.add(
            db, who, workspace_id, options.login, text, label=options.label, expires_at=end, ticket=options.ticket
        )
    if options.json:
        write_json(key)
    else:
        write_line(f"Key {key.id} of {key.login} ({key.label}, {key.fingerprint}) may log in.")
    return 0


def revoke_key(options: argparse.Namespace) -> int:
    """`atlas-tui member key revoke KEY`."""
    with acting(options) as (db, who, workspace_id):
        key = ssh_keys.revoke(db, who, workspace_id, options.key, ticket=options.ticket)
    if options.json:
        write_json(key)
    else:
        write_line(f"Key {key.id} of {key.login} may not log in any more; open sessions: atlas-tui session list")
    return 0


def _read_key(place: str) -> str:
    if place != "-":
        keyboard.forbid_files("A key", verb="read from")
    raw = sys.stdin.buffer.read(MAX_LENGTH + 1) if place == "-" else read_file("FILE", Path(place))[: MAX_LENGTH + 1]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("key", "is not text", "Give the .pub file.") from None
