"""What was changed at a simulator while it ran, kept in a file for its next start.

Promise: without this file a restarted simulator is as its fleet says, and whatever was consented, rotated or revoked since is gone; with
it the fleet is as it was left. Only the tenants that were changed are written, whole and at once, so that a killed process leaves the old
file or the new one. Credentials stand only with the tenant that their app is registered in.
Must not know: who changes a tenant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from simulator.fleet import FleetError, add_tenant, dump_tenant, read_fleet
from simulator.model import Directory, Tenant
from simulator.tls import write_private


class Memory:
    """The changed tenants of one simulator, in one file."""

    def __init__(self, directory: Directory, path: Path) -> None:
        """Remember for this directory in this file."""
        self._directory, self._path = directory, path
        self._changed: dict[str, None] = {}

    def recall(self) -> None:
        """Put the remembered tenants in the place of the fleet's.

        Raises:
            FleetError: the file cannot be read, or holds no fleet.
        """
        if not self._path.exists():
            return
        for entry in read_fleet(self._path):
            if isinstance(entry, dict) and entry.get("id") in self._directory.tenants:
                self._directory.remove(entry["id"])
            try:
                self._changed[add_tenant(self._directory, entry).id] = None
            except FleetError as error:
                raise FleetError(f"{self._path}: {error}") from None

    def remember(self, *tenants: Tenant) -> None:
        """Write down that tenants, or apps registered in them, are as they are now; a tenant that is gone is forgotten."""
        self._changed |= dict.fromkeys(tenant.id for tenant in tenants)
        kept = [self._directory.tenants[known] for known in self._changed if known in self._directory.tenants]
        content = msgspec.json.encode({"tenants": [self._dump(found) for found in kept]})
        write_private(self._path, content)

    def _dump(self, tenant: Tenant) -> dict[str, Any]:
        dumped = dump_tenant(self._directory, tenant)
        for app in dumped["apps"]:
            if app["home_tenant"] != tenant.id:
                # Its home says what the app has; a copy here would bring back what was removed there.
                app |= {"secrets": [], "certificates": [], "required_roles": []}
                app.pop("redirect_uris", None)
        return dumped
