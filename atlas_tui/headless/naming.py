"""Headless commands name things as people do: by number, name, domain or tenant id; here names become rows."""

from __future__ import annotations

from atlas_tui.headless.opening import Opened
from storage import platform_apps as apps
from storage import tenant_search
from storage.errors import NotFound


def find_tenant(here: Opened, text: str) -> int:
    return tenant_search.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id


def find_app(here: Opened, cloud: str) -> tuple[int, str]:
    for app in apps.of_workspace(here.db, here.who, here.workspace.workspace_id):
        if app.cloud.value == cloud:
            return app.id, app.display_name
    raise NotFound(f"This workspace has no platform app for {cloud}.", "Register it: atlas-tui app add")
