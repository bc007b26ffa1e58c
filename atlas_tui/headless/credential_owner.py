"""Which connection or platform app a command about credentials means."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from atlas_tui.headless.naming import find_app
from atlas_tui.headless.opening import Opened
from storage import connections, platform_apps
from storage.states import CredentialOwner


@dataclass(frozen=True, slots=True)
class Named:
    """An owner of credentials, as named on the command line.

    Attributes:
        kind: connection or platform app.
        id: its number.
        name: the tenant's name, or the app's.
        flag: how to name it on another command.
    """

    kind: CredentialOwner
    id: int
    name: str
    flag: str


def find_owner(here: Opened, options: argparse.Namespace) -> Named:
    """Finds what `--connection` or `--app` names.

    Raises:
        InvalidInput, NotFound, Conflict: it names nothing, or several things.
    """
    if options.app:
        app_id, name = find_app(here, options.app)
        return Named(CredentialOwner.PLATFORM_APP, app_id, name, f"--app {options.app}")
    row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
    return Named(CredentialOwner.CONNECTION, row.id, row.tenant_name, f"--connection {row.id}")


def client_id_of(here: Opened, owner: Named) -> str:
    """Returns the client id of the app registration whose credentials these are."""
    if owner.kind is CredentialOwner.CONNECTION:
        return connections.get(here.db, here.who, owner.id).client_id or ""
    found = platform_apps.of_workspace(here.db, here.who, here.workspace.workspace_id)
    return next(app.client_id for app in found if app.id == owner.id)
