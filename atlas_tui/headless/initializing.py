"""`atlas-tui init`: a key, a database, the first workspace with you as its Owner, a configuration.

Promise: what cannot be used is refused before anything is made; the configuration is written last, so that after a failure the same
command goes on where it stopped, with the same key. A key is never made for a database whose credentials another one sealed.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from atlas_tui.headless.output import write_line
from atlas_tui.headless.processes import make_key
from storage import access, configuration, ownership, resealing, upgrading, workspaces
from storage.configuration import Settings
from storage.database import Database, open_database, read_url
from storage.errors import AtlasError, Conflict, InvalidInput
from storage.fields import read_login, read_name, read_slug
from storage.sqlite_file import make_private_directory


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked for, checked."""

    config: Path
    data: Path
    database: str
    login: str
    name: str
    slug: str
    workspace_name: str

    @property
    def key_file(self) -> Path:
        return self.data / "worker.key"


def init(options: argparse.Namespace) -> int:
    """`atlas-tui init`. Can be run again after a failure.

    Raises:
        InvalidInput: a value cannot be used; nothing was made.
        Conflict: there is a configuration already, or the database's credentials were sealed for a key that is not here.
        DatabaseError: the database cannot be used.
    """
    wanted = _read(options)
    upgrading.current(wanted.database)
    _prepare_place(wanted.config)
    make_private_directory(wanted.data)
    upgrading.upgrade(wanted.database)
    db = open_database(wanted.database)
    try:
        if not wanted.key_file.exists() and resealing.count_sealed(db):
            raise Conflict(
                "The database holds credentials that a key sealed which is not here.",
                f"Bring that key back to {wanted.key_file}; a new one could not open them.",
            )
        public_key, fingerprint = make_key(wanted.key_file)
        if resealing.sealed_for_others(db, fingerprint, limit=1):
            raise Conflict(
                f"The database holds credentials that another key than {wanted.key_file} sealed.",
                "Put the right key there; this one could not open them.",
            )
        _make_workspace(db, wanted)
        shown = db.url if not db.is_sqlite else wanted.database
    finally:
        db.close()
    settings = Settings(
        database=wanted.database,
        state_directory=str(wanted.data / "state"),
        key_file=str(wanted.key_file),
        public_key=public_key,
        key_fingerprint=fingerprint,
        workspace=wanted.slug,
    )
    configuration.save(wanted.config, settings)
    write_line(f"Ready. You ({wanted.login}) are Owner of the workspace {wanted.slug}.")
    write_line(f"configuration  {wanted.config}")
    write_line(f"database       {shown}")
    write_line(f"worker's key   {wanted.key_file} (fingerprint {fingerprint}); keep a copy somewhere safe")
    write_line("next           atlas-tui tenant add NAME TENANT-ID --domain DOMAIN")
    return 0


def _read(options: argparse.Namespace) -> _Wanted:
    path: Path = (options.config or configuration.default_path()).absolute()
    if path.exists():
        raise Conflict(f"There is a configuration already: {path}.", "Use it, or name another one with --config.")
    login, _ = access.os_login()
    slug = read_slug("--workspace", options.workspace or "main")
    data = configuration.default_data_directory() if options.directory is None else options.directory.absolute()
    return _Wanted(
        config=path,
        data=data,
        database=_absolute(options.database or str(data / "atlas.db")),
        login=read_login("login", login),
        name=read_name("--name", options.name or login),
        slug=slug,
        workspace_name=read_name("--workspace-name", options.workspace_name or options.workspace or "Main"),
    )


def _absolute(address: str) -> str:
    """An address that means the same from every directory, and beside every configuration file."""
    url = read_url(address)
    return address if url.get_backend_name() != "sqlite" else str(url.database)


def _prepare_place(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(0, "not allowed")
    except OSError as error:
        raise InvalidInput(
            "--config", f"{path} cannot be written ({error.strerror})", "Name another place with --config."
        ) from None


def _make_workspace(db: Database, wanted: _Wanted) -> None:
    """Makes the workspace, unless an interrupted `init` has made it for this account already.

    The first one of a database belongs to whoever made that; further ones take whoever owns the database.
    """
    try:
        entered = access.entered_workspaces(db, access.local_principal(db))
    except AtlasError:
        entered = ()  # a new database knows nobody
    if any(entry.slug == wanted.slug for entry in entered):
        return
    account = access.account_of(db)
    owner = ownership.database_owner(db) if workspaces.are_there(db) else None
    workspaces.initialize(
        db,
        login=account.login,
        display_name=wanted.name,
        slug=wanted.slug,
        name=wanted.workspace_name,
        owner=owner,
    )
