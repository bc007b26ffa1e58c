"""Headless commands about platform apps."""

from __future__ import annotations

import argparse

from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import platform_apps as apps
from storage.states import Cloud


def add_app(options: argparse.Namespace) -> int:
    """`atlas-tui app add`: registers the workspace's platform app of a cloud."""
    with opened(options.config, options.workspace) as here:
        app = apps.register(
            here.db,
            here.who,
            here.workspace.workspace_id,
            cloud=Cloud(options.cloud),
            client_id=options.client_id,
            display_name=options.name,
            home_tenant_id=options.home_tenant,
            **({"redirect_uri": options.redirect_uri} if options.redirect_uri else {}),
        )
    if options.json:
        write_json(app)
        return 0
    write_line(f"Registered the platform app {app.display_name} for {app.cloud.value} (app {app.id}).")
    write_line(f"next           atlas-tui credential set --app {app.cloud.value}")
    return 0
