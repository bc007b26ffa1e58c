"""Role table: connections, the resolver, platform apps."""

from __future__ import annotations

from typing import Any

from storage import (
    connection_edits,
    connection_previews,
    connection_removal,
    platform_app_changes,
    platform_app_checks,
    platform_apps,
    resolver,
)
from storage.states import Cloud

MANAGE, VIEW = "provider.manage", "provider.view"


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _draft(fleet: Any) -> int:
    return int(fleet.add_connection("contoso", ready=False))


def _unused_app(fleet: Any) -> int:
    return platform_apps.register(
        fleet.db,
        fleet.dana,
        fleet.north,
        cloud=Cloud.CHINA,
        client_id=fleet.guid(),
        display_name="Spare",
        home_tenant_id=fleet.guid(),
    ).id


CASES = {
    "connection_edits.edit": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_edits.edit(f.db, who, _contoso(f), {"display_name": f"By {who.login}"}),
    ),
    "connection_edits.fields": (MANAGE, "contoso", lambda f, who, _: connection_edits.fields(f.db, who, _contoso(f))),
    "connection_edits.consequences": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_edits.consequences(f.db, who, _contoso(f), {"display_name": "X"}),
    ),
    "connection_previews.preview_disable": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_previews.preview_disable(f.db, who, _contoso(f)),
    ),
    "connection_previews.preview_enable": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_previews.preview_enable(f.db, who, _contoso(f)),
    ),
    "connection_removal.delete_draft": (
        MANAGE,
        "contoso",
        lambda f, who, draft: connection_removal.delete_draft(f.db, who, draft),
        _draft,
    ),
    "connection_removal.preview_delete": (
        MANAGE,
        "contoso",
        lambda f, who, draft: connection_removal.preview_delete(f.db, who, draft),
        _draft,
    ),
    "connection_removal.preview_revoke": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_removal.preview_revoke(f.db, who, _contoso(f)),
    ),
    "connection_removal.revoke_consent": (
        MANAGE,
        "contoso",
        lambda f, who, _: connection_removal.revoke_consent(f.db, who, _contoso(f)),
    ),
    "resolver.resolve": (VIEW, "contoso", lambda f, who, _: resolver.resolve(f.db, who, f.tenant["contoso"])),
    "platform_apps.get": (VIEW, "workspace", lambda f, who, _: platform_apps.get(f.db, who, f.app)),
    "platform_app_changes.fields": (
        MANAGE,
        "workspace",
        lambda f, who, _: platform_app_changes.fields(f.db, who, f.app),
    ),
    "platform_app_changes.consequences": (
        MANAGE,
        "workspace",
        lambda f, who, _: platform_app_changes.consequences(f.db, who, f.app, {"display_name": "X"}),
    ),
    "platform_app_changes.edit": (
        MANAGE,
        "workspace",
        lambda f, who, _: platform_app_changes.edit(f.db, who, f.app, {"display_name": f"By {who.login}"}),
    ),
    "platform_app_changes.preview_delete": (
        MANAGE,
        "workspace",
        lambda f, who, app: platform_app_changes.preview_delete(f.db, who, app),
        _unused_app,
    ),
    "platform_app_changes.delete_unused": (
        MANAGE,
        "workspace",
        lambda f, who, app: platform_app_changes.delete_unused(f.db, who, app),
        _unused_app,
    ),
    "platform_app_checks.verify": (
        "provider.run",
        "workspace",
        lambda f, who, _: platform_app_checks.verify(f.db, who, f.app, [f.connection["wingtip"]]),
    ),
}

ONCE = {"connection_removal.delete_draft", "platform_app_changes.delete_unused", "connection_removal.preview_delete"}

READS = {
    "connection_edits.fields",
    "connection_edits.consequences",
    "connection_previews.preview_disable",
    "connection_previews.preview_enable",
    "connection_removal.preview_delete",
    "connection_removal.preview_revoke",
    "platform_app_changes.fields",
    "platform_app_changes.consequences",
    "platform_app_changes.preview_delete",
}
"""They ask for the right to change, and change nothing."""
