"""Changes to a tenant while the simulator runs: what ``PATCH /tenants/{id}`` may ask for.

Promise: a change is checked whole before anything is changed; new credentials and new consent start their propagation now.
Must not know: HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.fleet import (
    FleetError,
    amounts,
    certificate,
    count,
    domains,
    flag,
    guid,
    licences,
    names,
    objects,
    scenario_uses,
    script,
    secret,
)
from simulator.model import Registration, ServicePrincipal, Tenant
from simulator.world import World

_FIELDS = {"name", "domains", "size", "devices", "licences", "scenarios", "scripts", "apps", "demo", "amounts"}
_APP_FIELDS = {
    "client_id", "granted_roles", "required_roles", "consented", "enabled", "secrets", "certificates", "redirect_uris",
}  # fmt: skip
Change = Callable[[], None]


def change_tenant(world: World, tenant: Tenant, body: Any) -> None:
    """Apply a change.

    ``apps`` is a list of objects with ``client_id`` and any of ``granted_roles``, ``required_roles``, ``consented``,
    ``enabled``, ``redirect_uris``, ``secrets`` and ``certificates`` (``{"add": […], "expire": [key ids], "remove": [key
    ids]}``); the other fields replace the tenant's.

    Raises:
        FleetError: naming what is wrong; nothing was changed.
    """
    if not isinstance(body, dict) or not set(body) <= _FIELDS:
        raise FleetError(f"a change may hold {', '.join(sorted(_FIELDS))}")
    changes: list[Change] = []
    if "name" in body:
        changes.append(_set(tenant, "name", str(body["name"])))
    for field in ("size", "devices"):
        if field in body:
            changes.append(_set(tenant, field, count(body, field, 0)))
    if "licences" in body:
        changes.append(_set(tenant, "licences", licences(body["licences"])))
    if "scenarios" in body:
        changes.append(_set(tenant, "scenarios", scenario_uses(body["scenarios"])))
    if "scripts" in body:
        changes.append(_set(tenant, "scripts", [script(item) for item in objects(body, "scripts")]))
    if "amounts" in body:
        changes.append(_set(tenant, "amounts", amounts(body["amounts"])))
    if "demo" in body and isinstance(body["demo"], dict):
        changes.append(_set(tenant, "demo", body["demo"]))
    for app in objects(body, "apps"):
        changes += _app_changes(world, tenant, app)
    if "domains" in body:
        # Last to be checked and first to be applied: the only change that can still be refused.
        wanted = domains(body["domains"])
        try:
            world.directory.replace_domains(tenant, wanted)
        except ValueError as error:
            raise FleetError(str(error)) from None
    for change in changes:
        change()
    world.remember(tenant)
    for client_id in {guid(app.get("client_id"), "client_id") for app in objects(body, "apps")}:
        _remember_home(world, tenant, client_id)


def _remember_home(world: World, tenant: Tenant, client_id: str) -> None:
    """An app may be changed through any tenant that knows it; what it has stands with its home."""
    home = world.directory.tenants.get(world.directory.registrations[client_id].home_tenant)
    if home is not None and home is not tenant:
        world.remember(home)


def _app_changes(world: World, tenant: Tenant, app: dict[str, Any]) -> list[Change]:
    if not set(app) <= _APP_FIELDS:
        raise FleetError(f"a change of an app may hold {', '.join(sorted(_APP_FIELDS))}")
    client_id = guid(app.get("client_id"), "client_id")
    registration = world.directory.registrations.get(client_id)
    if registration is None:
        raise FleetError(f"there is no app {client_id}")
    changes: list[Change] = []
    if "required_roles" in app:
        changes.append(_set(registration, "required_roles", names(app["required_roles"], "required_roles")))
    if "redirect_uris" in app:
        changes.append(_set(registration, "redirect_uris", names(app["redirect_uris"], "redirect_uris")))
    changes += _secret_changes(world, registration, app.get("secrets") or {})
    changes += _certificate_changes(world, registration, app.get("certificates") or {})
    if "granted_roles" in app:
        names(app["granted_roles"], "granted_roles")
    for field in ("consented", "enabled"):
        flag(app, field, True)
    changes.append(lambda: _change_principal(world, tenant, registration, app))
    return changes


def _change_principal(world: World, tenant: Tenant, registration: Registration, app: dict[str, Any]) -> None:
    known = tenant.service_principals.get(registration.client_id)
    if app.get("consented") is False:
        tenant.service_principals.pop(registration.client_id, None)
        return
    roles = list(app["granted_roles"]) if "granted_roles" in app else None
    if known is None:
        if app.get("consented") is not True:
            return
        granted = roles if roles is not None else list(registration.required_roles)
        known = ServicePrincipal(registration.client_id, granted, True, world.clock.now())
        tenant.service_principals[registration.client_id] = known
    elif roles is not None:
        if set(roles) - set(known.granted_roles):
            known.consented_at = world.clock.now()
        known.granted_roles = roles
    if "enabled" in app:
        known.enabled = app["enabled"]


def _secret_changes(world: World, registration: Registration, wanted: Any) -> list[Change]:
    added = [secret(item, world.clock.now()) for item in _part(wanted, "add")]
    expired, removed = set(names(_part(wanted, "expire"), "expire")), set(names(_part(wanted, "remove"), "remove"))
    _known(expired | removed, {s.key_id for s in registration.secrets}, "secret")

    def change() -> None:
        for item in registration.secrets:
            if item.key_id in expired:
                item.expires = world.clock.now()
        registration.secrets[:] = [s for s in registration.secrets if s.key_id not in removed] + added

    return [change]


def _certificate_changes(world: World, registration: Registration, wanted: Any) -> list[Change]:
    added = [certificate(item, world.clock.now()) for item in _part(wanted, "add")]
    removed = set(names(_part(wanted, "remove"), "remove"))
    _known(removed, {c.key_id for c in registration.certificates}, "certificate")

    def change() -> None:
        registration.certificates[:] = [c for c in registration.certificates if c.key_id not in removed] + added

    return [change]


def _part(wanted: Any, name: str) -> list[Any]:
    if not isinstance(wanted, dict) or not set(wanted) <= {"add", "expire", "remove"}:
        raise FleetError('credentials are changed by {"add": […], "expire": [key ids], "remove": [key ids]}')
    part = wanted.get(name, [])
    if not isinstance(part, list):
        raise FleetError(f'"{name}" must be a list')
    return part


def _known(wanted: set[Any], known: set[str], kind: str) -> None:
    if wanted - known:
        raise FleetError(f"the app has no {kind} {', '.join(sorted(map(str, wanted - known)))}")


def _set(target: object, name: str, value: Any) -> Change:
    return lambda: setattr(target, name, value)
