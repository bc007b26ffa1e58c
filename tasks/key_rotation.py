"""The worker's key over its life: making the first one, showing the public half, changing it.

Promise: a key is never made where sealed credentials exist, since it could not open them. A rotation re-seals one credential at a time by
compare-and-set, can be stopped anywhere and run again, and never leaves a credential that no key here opens: the old key stays beside the
new one, under another name, until a person removes it. What was sealed for that one afterwards is re-sealed when it is run again.

A rotation, step by step; each step is skipped when it is done already: make `KEY.next` → name it in the configuration, so that new
secrets are sealed for it (running workers read it when they first meet such a secret) → re-seal what is sealed for the old one →
rename `KEY` to `KEY.<fingerprint>.old` and `KEY.next` to `KEY`.
"""

from __future__ import annotations

import base64
import dataclasses
import getpass
import json
import os
import sys
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from storage import configuration, resealing
from storage.configuration import Settings
from storage.database import Database, open_database
from storage.errors import Conflict, InvalidInput
from storage.sealing import fingerprint, seal
from tasks import key_files
from tasks.keyring import Keyring, public_bytes, public_fingerprint


def print_key(key: X25519PrivateKey) -> None:
    """Prints a key's public half as JSON: `public_key` (base64 of 32 bytes) and `fingerprint`."""
    public = public_bytes(key)
    print(json.dumps({"public_key": base64.b64encode(public).decode("ascii"), "fingerprint": fingerprint(public)}))


def create_key(path: Path, config: Path | None, *, ask_passphrase: bool = False) -> X25519PrivateKey:
    """Makes the first key.

    Args:
        path: its file, which must not exist.
        config: the configuration, whose database must hold nothing sealed; None when there is no database yet.
        ask_passphrase: asks the terminal for a passphrase to protect it.

    Raises:
        Conflict: the file exists, or sealed credentials do.
        DatabaseError: the database cannot be asked; then no key is made.
    """
    if config is not None:
        db = _open(configuration.load(config))
        try:
            if resealing.count_sealed(db):
                raise Conflict(
                    "The database holds credentials that another key sealed; a new key could not open them.",
                    "Bring the old key back from its backup, or use `atlas-tui keys rotate`.",
                )
        finally:
            db.close()
    return key_files.create(path.absolute(), _new_passphrase() if ask_passphrase else None)


def rotate(config: Path) -> X25519PrivateKey:
    """Changes the key, or goes on with a change that was interrupted. Returns the new key.

    Raises:
        KeyMissing, KeyWrong: the old key is not there or opens a credential no more.
        Conflict: the key is in no file, so it is not ours to change.
        DatabaseError: the database cannot be used.
    """
    settings = configuration.load(config)
    if not settings.key_file:
        raise InvalidInput("key_file", "is not set", "Only a key in a file can be rotated here.")
    path = Path(settings.key_file)
    following = key_files.next_path(path)
    db = _open(settings)
    try:
        if not path.exists() and following.exists():
            following.rename(path)  # stopped between the last two steps
            return key_files.read(path, os.environ)
        old = key_files.read(path, os.environ)
        if not following.exists():
            key_files.create(following, _new_passphrase() if key_files.is_protected(path) else None)
        new = key_files.read(following, os.environ)
        _name_in_configuration(config, settings, new)
        _reseal_all(db, Keyring(lambda: [old, new, *_left_over(db, path)]), new)
    finally:
        db.close()
    path.rename(key_files.old_path(path, public_fingerprint(old)))
    following.rename(path)
    return new


def _open(settings: Settings) -> Database:
    return open_database(settings.database, shared=settings.shared)


def _left_over(db: Database, path: Path) -> list[X25519PrivateKey]:
    """Keys of earlier rotations that something is sealed for still: a dashboard that was open during one went on with the old key."""
    wanted = (key_files.old_path(path, count.key_id) for count in resealing.count_by_key(db))
    return [key_files.read(old, os.environ) for old in wanted if old.exists()]


def _name_in_configuration(config: Path, settings: Settings, key: X25519PrivateKey) -> None:
    public = public_bytes(key)
    encoded = base64.b64encode(public).decode("ascii")
    if settings.public_key == encoded:
        return
    configuration.save(
        config, msgspec.structs.replace(settings, public_key=encoded, key_fingerprint=fingerprint(public))
    )


def _reseal_all(db: Database, keyring: Keyring, new: X25519PrivateKey) -> None:
    """Re-seals until nothing is sealed for another key; somebody may store a secret for the old one meanwhile, so it asks again."""
    new_id = public_fingerprint(new)
    public = public_bytes(new)
    while True:
        rows = resealing.sealed_for_others(db, new_id, limit=100)
        if not rows:
            break
        for row in rows:
            binding = dataclasses.replace(row.binding, key_id=new_id)
            resealing.replace(db, row, seal(keyring.open(row), public, binding), new_id)
    resealing.note_rotation(db, new_id)


def _new_passphrase() -> bytes:
    if not sys.stdin.isatty():
        raise InvalidInput("passphrase", "there is no terminal to ask for it", "Run this in a terminal.")
    first = getpass.getpass("New passphrase: ").encode()
    if len(first) < 12:
        raise InvalidInput("passphrase", "must have at least 12 characters")
    if getpass.getpass("Once more: ").encode() != first:
        raise InvalidInput("passphrase", "the two are not the same")
    return first
