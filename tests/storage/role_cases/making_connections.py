"""Role table: making and listing connections and what they sign in with."""

from __future__ import annotations

from typing import Any

from storage import connection_changes, connections, credentials, platform_apps
from storage.credential_material import from_secret
from storage.pages import Place
from storage.states import Cloud, CredentialOwner


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


CASES = {
    "connections.find_by_name": (
        "provider.view",
        "contoso",
        lambda f, who, _: connections.find_by_name(f.db, who, f.north, "contoso"),
    ),
    "connections.get": ("provider.view", "contoso", lambda f, who, _: connections.get(f.db, who, _contoso(f))),
    "connections.page": (
        "provider.view",
        "entrance",
        lambda f, who, _: connections.page(f.db, who, connections.ConnectionQuery(f.north), Place.first()),
    ),
    "connection_changes.create": (
        "provider.manage",
        "contoso",
        lambda f, who, _: connection_changes.create(f.db, who, f.tenant["contoso"]),
    ),
    "connection_changes.record_consent": (
        "provider.manage",
        "contoso",
        lambda f, who, _: connection_changes.record_consent(f.db, who, _contoso(f)),
    ),
    "connection_changes.set_default": (
        "provider.manage",
        "contoso",
        lambda f, who, second: connection_changes.set_default(f.db, who, second),
        lambda f: f.add_connection("contoso"),
    ),
    "connection_changes.set_enabled": (
        "provider.manage",
        "contoso",
        lambda f, who, _: connection_changes.set_enabled(f.db, who, _contoso(f), False),
    ),
    "credentials.store": (
        "provider.manage",
        "contoso",
        lambda f, who, _: credentials.store(
            f.db, who, CredentialOwner.CONNECTION, _contoso(f), from_secret("another"), f.public_key
        ),
    ),
    "platform_apps.of_workspace": (
        "provider.view",
        "workspace",
        lambda f, who, _: platform_apps.of_workspace(f.db, who, f.north),
    ),
    "platform_apps.register": (
        "provider.manage",
        "workspace",
        lambda f, who, _: platform_apps.register(
            f.db,
            who,
            f.north,
            cloud=Cloud.CHINA,
            client_id=f.guid(),
            display_name="App",
            home_tenant_id=f.guid(),
        ),
    ),
}
