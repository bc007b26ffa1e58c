"""Headless commands name things as people do: by number, name, domain or tenant id; here names become rows."""

from __future__ import annotations

from atlas_tui.headless.opening import Opened
from storage import platform_apps as apps
from storage import (
    tenants,
)
from storage.errors import Conflict, InvalidInput, NotFound
from storage.pages import Place
from storage.tenants import TenantQuery


def find_tenant(here: Opened, text: str) -> int:
    workspace_id = here.workspace.workspace_id
    if not text.replace('"', " ").strip():
        raise InvalidInput("tenant", "is blank", "Name it: number, name, domain or tenant id.")
    if text.isascii() and text.isdigit():
        if len(text) > 18:
            raise NotFound("Nothing has a number that large.")
        row = tenants.get(here.db, here.who, int(text))
        if row.workspace_id == workspace_id:
            return row.id
        raise NotFound(f"There is no tenant {text} in this workspace.")
    quoted = text.replace('"', " ")
    query = TenantQuery(workspace_id, f'"{quoted}" archived:yes')
    found = tenants.page(here.db, here.who, query, Place.first(), 10).rows
    exact = [row for row in found if text.casefold() in (row.name.casefold(), row.entra_tenant_id, row.primary_domain)]
    candidates = exact or list(found)
    if not candidates:
        raise NotFound(f"No tenant fits {quoted[:80]!r}.", "See `atlas-tui tenants`.")
    if len(candidates) > 1:
        names = ", ".join(f"{row.id} {row.name}" for row in candidates[:5])
        raise Conflict(f"{len(candidates)} tenants fit {quoted[:80]!r}.", f"Name one by its number: {names}.")
    return candidates[0].id


def find_app(here: Opened, cloud: str) -> tuple[int, str]:
    for app in apps.of_workspace(here.db, here.who, here.workspace.workspace_id):
        if app.cloud.value == cloud:
            return app.id, app.display_name
    raise NotFound(f"This workspace has no platform app for {cloud}.", "Register it: atlas-tui app add")
