"""Which key seals what, and whether this machine has it.

Promise: shows fingerprints and counts, never a key. Reads the database and the key file. That nobody is there to be asked for a passphrase
is a finding, no failure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from storage import configuration, resealing, workers
from storage.configuration import Settings
from storage.database import open_database
from storage.errors import AtlasError, KeyWrong
from storage.resealing import SealedCount
from storage.sealing import fingerprint
from tasks.keyring import find_keys, public_fingerprint


class WorkerKey(msgspec.Struct, frozen=True):
    """A living worker and the key it holds.

    Attributes:
        worker: host and process.
        key_id: its key's fingerprint; None when it told none.
    """

    worker: str
    key_id: str | None


class KeyStatus(msgspec.Struct, frozen=True):
    """What is known about keys.

    Attributes:
        pinned: fingerprint of the public key in the configuration, for which new secrets are sealed; None when it is not set.
        held: fingerprints of the private keys that are here, the one in use first.
        problem: why they cannot be read; empty when they can.
        sealed: how many credentials are sealed for which key.
        workers: the living workers and their keys.
        is_rotating: a rotation was begun and has not ended: run `keys rotate` again.
        left_over: files of old keys that a person may remove.
        findings: what is wrong, in sentences; empty when all is well.
    """

    pinned: str | None
    held: list[str]
    problem: str
    sealed: list[SealedCount]
    workers: list[WorkerKey]
    is_rotating: bool
    left_over: list[str]
    findings: list[str]


def status(config: Path | None, environment: Mapping[str, str] = os.environ) -> KeyStatus:
    """Looks at the configuration, the key files and the database.

    Raises:
        InvalidInput: the configuration cannot be used.
        DatabaseError: the database cannot be used.
    """
    settings = configuration.load(config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        sealed = list(resealing.count_by_key(db))
        living = [
            WorkerKey(f"{row.host} {row.pid}", row.seal_key_id) for row in workers.status(db).workers if row.is_alive
        ]
    finally:
        db.close()
    pinned = fingerprint(settings.public_key_bytes()) if settings.public_key else None
    held: list[str] = []
    problem = ""
    try:
        held = [public_fingerprint(key) for key in find_keys(settings.key_file, environment)]
    except AtlasError as error:
        problem = error.message
    found = KeyStatus(pinned, held, problem, sealed, living, _is_rotating(settings), _left_over(settings), [])
    return msgspec.structs.replace(found, findings=_findings(found))


def _is_rotating(settings: Settings) -> bool:
    from tasks.key_files import next_path

    return bool(settings.key_file) and next_path(Path(settings.key_file)).exists()


def _left_over(settings: Settings) -> list[str]:
    if not settings.key_file:
        return []
    path = Path(settings.key_file)
    return sorted(str(old) for old in path.parent.glob(f"{path.name}.*.old"))


def _findings(found: KeyStatus) -> list[str]:
    sentences = []
    if found.problem:
        sentences.append(found.problem)
    if found.is_rotating:
        sentences.append("A rotation has not ended; go on with it: atlas-tui keys rotate")
    if found.pinned is None:
        sentences.append("The configuration names no public key, so no secret can be stored.")
    elif not found.problem and found.pinned not in found.held:
        sentences.append(f"New secrets are sealed for the key {found.pinned}, which is not here.")
    for count in found.sealed:
        if not found.problem and count.key_id not in found.held:
            cure = (
                "that key was rotated away, go on with: atlas-tui keys rotate"
                if any(f".{count.key_id}.old" in path for path in found.left_over)
                else "bring that key back, or store them again"
            )
            sentences.append(
                f"{count.total} credentials are sealed for the key {count.key_id}, which is not here: {cure}."
            )
    sentences += [
        f"The worker {worker.worker} holds the key {worker.key_id}, not the pinned one. Right after a rotation, look again in a "
        "moment; else restart it with the right key."
        for worker in found.workers
        if worker.key_id is not None and found.pinned is not None and worker.key_id != found.pinned
    ]
    return sentences


def write(found: KeyStatus, *, as_json: bool) -> int:
    """Prints a status and returns the exit code: 0, or that of a wrong key when something is."""
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print(f"pinned     {found.pinned or 'none'}")
        print(f"held here  {', '.join(found.held) or 'none'}")
        for count in found.sealed:
            print(
                f"sealed     {count.key_id}: {count.active} active, {count.staged} staged, {count.previous} previous"
                f" ({count.alert_channels} of alert channels)"
            )
        for worker in found.workers:
            print(f"worker     {worker.worker}: {worker.key_id or 'no key told'}")
        for old in found.left_over:
            print(f"old key    {old}: nothing is sealed for it" if _is_unused(found, old) else f"old key    {old}")
        for sentence in found.findings:
            print(f"! {sentence}")
    return KeyWrong.exit_code if found.findings else 0


def _is_unused(found: KeyStatus, path: str) -> bool:
    return not any(count.key_id in path for count in found.sealed)
