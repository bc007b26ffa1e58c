"""Who a command about members acts as: an Owner in their workspace, or, asked for with `--system`, whoever owns the database."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from atlas_tui.headless.opening import opened, opened_by_owner
from storage import configuration, workspaces
from storage.access import Principal
from storage.database import Database
from storage.errors import NotFound


@contextmanager
def acting(options: argparse.Namespace) -> Iterator[tuple[Database, Principal, int]]:
    """Opens the database as whom the options name; gives it with the principal and the workspace's id.

    Args:
        options: the command's, with `system`.

    Raises:
        Forbidden: `--system`, and this account does not own the database.
        NotFound: the workspace is not there.
    """
    if not options.system:
        with opened(options.config, options.workspace) as here:
            yield here.db, here.who, here.workspace.workspace_id
        return
    slug = options.workspace or configuration.load(options.config).workspace
    with opened_by_owner(options.config) as (db, who):
        for workspace in workspaces.of_installation(db, who):
            if workspace.slug == slug:
                yield db, who, workspace.id
                return
        raise NotFound(f"There is no workspace {slug}." if slug else "No workspace is named.", "Name it: --workspace")
