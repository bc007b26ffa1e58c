"""`atlas-tui doctor`: looks at everything an installation needs and says what is wrong, line by line.

Promise: changes nothing, asks nothing of the network, prints no secret. Exit code 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from atlas_tui.headless.output import write_json, write_line
from atlas_tui.headless.processes import ask
from storage import configuration, sqlite_file, workers
from storage.configuration import Settings
from storage.database import open_database
from storage.errors import AtlasError

Finding = tuple[str, bool, str]


def doctor(options: argparse.Namespace) -> int:
    """Prints one line for each thing looked at."""
    findings: list[Finding] = [_python(), _sqlite()]
    path: Path = options.config or configuration.default_path()
    try:
        settings = configuration.load(path)
        findings.append(("configuration", True, str(path)))
    except AtlasError as error:
        findings.append(("configuration", False, str(error)))
    else:
        findings += [
            _tried("database", lambda: _database(settings)),
            _tried("public key", lambda: f"fingerprint {_pinned(settings)}"),
            _tried("worker's key", lambda: _key(settings)),
            _tried("workers", lambda: _workers(settings)),
        ]
    if options.json:
        write_json([{"what": what, "ok": ok, "found": found} for what, ok, found in findings])
    else:
        for what, ok, found in findings:
            write_line(f"{'+' if ok else 'x'} {what:14} {found}")
    return 0 if all(ok for _, ok, _ in findings) else 1


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return (what, True, look())
    except AtlasError as error:
        return (what, False, str(error))


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return ("python", sys.version_info >= (3, 11), version)


def _sqlite() -> Finding:
    module = sqlite_file.sqlite_module()
    mode = sqlite_file.journal_mode(module.sqlite_version_info)
    why = "" if mode == "WAL" else ", because this version can lose commits in WAL mode"
    return ("sqlite", True, f"{module.sqlite_version} ({module.__name__.split('.')[0]}), journal mode {mode}{why}")


def _database(settings: Settings) -> str:
    db = open_database(settings.database, shared=settings.shared)
    try:
        return f"{db.kind}, id {db.database_id}"
    finally:
        db.close()


def _pinned(settings: Settings) -> str:
    from storage.sealing import fingerprint

    return fingerprint(settings.public_key_bytes())


def _key(settings: Settings) -> str:
    path = Path(settings.key_file)
    if not settings.key_file or not path.exists():
        raise AtlasError(
            "no key file on this machine", "That is right if the worker runs elsewhere; else run `atlas-tui init`."
        )
    if not os.access(path, os.R_OK):
        return f"{path} belongs to another account, as it should when the worker runs as one"
    mode = stat.S_IMODE(path.stat().st_mode)
    answer = ask("tasks", "keys", "public", "--key-file", str(path))
    if answer["fingerprint"] != _pinned(settings):
        raise AtlasError("the key file is not the key that public_key names", "Put the right key back, or rotate keys.")
    return f"{path} (mode {mode:o}) fits"


def _workers(settings: Settings) -> str:
    db = open_database(settings.database, shared=settings.shared)
    try:
        status = workers.status(db)
    finally:
        db.close()
    if status.alive == 0:
        return "none is running; the dashboard starts its own, or run: atlas-tui worker"
    return f"{status.alive} alive, {status.busy} of {status.slots} slots busy"
