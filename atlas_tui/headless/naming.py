"""Headless commands name things as people do: by number, name, domain or tenant id; here names become rows."""

from __future__ import annotations

from atlas_tui.headless.opening import Opened
from storage import platform_apps as apps
from storage import schedules, tenant_search
from storage.errors import NotFound
from storage.filters import read_number


def find_tenant(here: Opened, text: str) -> int:
    return tenant_search.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id


def find_app(here: Opened, cloud: str) -> tuple[int, str]:
    for app in apps.of_workspace(here.db, here.who, here.workspace.workspace_id):
        if app.cloud.value == cloud:
            return app.id, app.display_name
    raise NotFound(f"This workspace has no platform app for {cloud}.", "Register it: atlas-tui app add")


def find_schedule(here: Opened, text: str) -> int:
    """Returns the id of the schedule that is meant: by its number, or its name.

    Raises:
        NotFound: none of this name is visible. A number is taken as it is.
    """
    number = read_number(text)
    return schedules.find_by_name(here.db, here.who, here.workspace.workspace_id, text) if number is None else number
