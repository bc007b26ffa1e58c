"""What can be changed in the portal, each by the function that the control endpoint uses.

Promise: a change is whole or nothing, and what is refused is told with a sentence; a new secret's value is returned once and then known
to the directory alone.
Must not know: pages.
"""

from __future__ import annotations

import secrets
import string
import uuid
from typing import Any
from urllib.parse import urlsplit

from simulator.changes import change_tenant
from simulator.clock import iso
from simulator.fleet import FleetError, guid
from simulator.model import Registration, Secret, Tenant
from simulator.portal_forms import Form, read_certificate, read_permissions
from simulator.portal_pages import LIFETIMES
from simulator.world import World

_LETTERS = string.ascii_letters + string.digits
_DAY = 86_400


def add_secret(world: World, tenant: Tenant, app: Registration, form: Form) -> Secret:
    """Add a client secret and return it, value and all."""
    if form["days"] not in dict(LIFETIMES):
        raise FleetError(f"A secret cannot be valid for {form['days']!r} days.")
    now = world.clock.now()
    added = {
        "key_id": str(uuid.uuid4()),
        "value": _new_value(),
        "starts": iso(now),
        "expires": iso(now + int(form["days"]) * _DAY),
    }
    _change(world, tenant, app, secrets={"add": [added]})
    return next(found for found in app.secrets if found.key_id == added["key_id"])


def change_registration(world: World, tenant: Tenant, app: Registration, action: str, form: Form) -> str | None:
    """Change an app registration; return the word for what was done, or None when there is no such action."""
    if action == "delete-secret":
        _change(world, tenant, app, secrets={"remove": [form["key_id"]]})
        return "secret_deleted"
    if action == "upload-certificate":
        pem = read_certificate(form.files.get("certificate", b""))
        _change(world, tenant, app, certificates={"add": [{"key_id": str(uuid.uuid4()), "pem": pem}]})
        return "certificate_added"
    if action == "delete-certificate":
        _change(world, tenant, app, certificates={"remove": [form["key_id"]]})
        return "certificate_deleted"
    if action == "add-permissions":
        more = [name for name in read_permissions(form["permissions"]) if name not in app.required_roles]
        _change(world, tenant, app, required_roles=app.required_roles + more)
        return "permissions_added"
    if action == "remove-permission":
        _change(world, tenant, app, required_roles=[name for name in app.required_roles if name != form["permission"]])
        return "permission_removed"
    if action == "redirects":
        _change(world, tenant, app, redirect_uris=_redirects(form["redirects"]))
        return "redirects_saved"
    if action == "grant-consent":
        return _grant(world, tenant, app)
    return None


def change_enterprise(world: World, tenant: Tenant, app: Registration, action: str) -> str | None:
    """Change an enterprise app; return the word for what was done, or None when there is no such action."""
    if action == "grant-consent":
        return _grant(world, tenant, app)
    if action == "revoke":
        _change(world, tenant, app, granted_roles=[])
        return "consent_revoked"
    if action in ("enable", "disable"):
        _change(world, tenant, app, enabled=action == "enable")
        return f"app_{action}d"
    if action == "delete":
        _change(world, tenant, app, consented=False)
        return "app_deleted"
    return None


def add_app(world: World, tenant: Tenant, form: Form) -> str:
    """Make an application of another organization known to a tenant, without any permission.

    As ``az ad sp create --id`` and ``New-MgServicePrincipal -AppId`` do; the consent page does it by itself.
    """
    client_id = guid(form["client_id"], "client_id")
    app = world.directory.registrations.get(client_id)
    home = world.directory.tenants.get(app.home_tenant) if app else None
    if app is None or home is None or home.cloud != tenant.cloud:
        raise FleetError(f"There is no application {client_id} in the cloud of {tenant.name}.")
    if not app.multi_tenant and app.home_tenant != tenant.id:
        raise FleetError(f"{app.display_name} is for its own organization only: it is not multitenant.")
    if client_id in tenant.service_principals:
        raise FleetError(f"{tenant.name} has {app.display_name} already.")
    _change(world, tenant, app, consented=True, granted_roles=[])
    return "app_added"


def _grant(world: World, tenant: Tenant, app: Registration) -> str:
    _change(world, tenant, app, consented=True, granted_roles=list(app.required_roles))
    return "consent_granted"


def _change(world: World, tenant: Tenant, app: Registration, **change: Any) -> None:
    change_tenant(world, tenant, {"apps": [{"client_id": app.client_id, **change}]})


def _new_value() -> str:
    """Return a value of the shape that Entra makes: three characters, a digit, ``Q~``, and 34 more."""
    tail = "".join(secrets.choice(_LETTERS + "._-~") for _ in range(34))
    return f"{''.join(secrets.choice(_LETTERS) for _ in range(3))}8Q~{tail}"


def _redirects(given: str) -> list[str]:
    """Source: Microsoft, "Redirect URI (reply URL) restrictions and limitations": https, or http on localhost."""
    addresses = list(dict.fromkeys(given.split()))
    for address in addresses:
        try:
            parts = urlsplit(address)
        except ValueError:
            raise FleetError(f"{address!r} is not an address.") from None
        if not parts.hostname or (parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "localhost")):
            raise FleetError(f"{address!r} must begin with https, or with http://localhost.")
    return addresses
