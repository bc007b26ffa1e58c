"""The fleet's JSON form: what a file, the demo and the control endpoint give, and what they get back.

Promise: a wrong fleet is refused with a sentence that names the tenant and the field; nothing is half-added.
Must not know: HTTP.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from simulator.catalogue import SCENARIOS
from simulator.clock import iso, parse_iso
from simulator.model import (
    CLOUDS,
    LICENCES,
    LISTS,
    MOST_ROUNDS,
    Certificate,
    Directory,
    Registration,
    ScenarioUse,
    Script,
    Secret,
    ServicePrincipal,
    Tenant,
)

_DOMAIN = re.compile(
    r"^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$"
)
_TENANT_FIELDS = {
    "id", "name", "workspace", "cloud", "domains", "size", "devices", "licences", "scenarios", "scripts", "apps", "demo",
    "amounts", "rounds",
}  # fmt: skip
_APP_FIELDS = {
    "client_id", "display_name", "multi_tenant", "home_tenant", "secrets", "certificates", "consented", "granted_roles",
    "required_roles", "redirect_uris", "enabled",
}  # fmt: skip
T = TypeVar("T")


class FleetError(ValueError):
    """A fleet, or a change to it, that cannot be used; the text is for people."""


def read_fleet(path: Path) -> list[dict[str, Any]]:
    """Read a fleet file and return its tenants and its newcomers (who have no connection yet), not yet checked one by one.

    Raises:
        FleetError: unreadable, not JSON, or without a list of tenants.
    """
    try:
        content = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise FleetError(f"cannot read the fleet {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise FleetError(f"the fleet {path} is not JSON: {error}") from None
    tenants = content.get("tenants") if isinstance(content, dict) else None
    newcomers = content.get("newcomers", []) if isinstance(content, dict) else []
    if not isinstance(tenants, list) or not isinstance(newcomers, list):
        raise FleetError(f'the fleet {path} must be an object with a list "tenants", and may have a list "newcomers"')
    return tenants + newcomers


def add_tenant(directory: Directory, entry: Any) -> Tenant:
    """Check one tenant of a fleet and add it with its apps.

    Raises:
        FleetError: naming the field that is wrong; the directory is unchanged then.
    """
    tenant, registrations = _tenant(entry), []
    for app in objects(entry, "apps"):
        registration, principal = _app(app, tenant.id)
        registrations.append(registration)
        if principal is not None:
            tenant.service_principals[registration.client_id] = principal
    try:
        directory.add(tenant)
    except ValueError as error:
        raise FleetError(str(error)) from None
    for registration in registrations:
        merge_registration(directory, registration)
    return tenant


def merge_registration(directory: Directory, new: Registration) -> None:
    """Add an app registration, or add its credentials to the one known already (tenants repeat multi-tenant apps)."""
    known = directory.registrations.setdefault(new.client_id, new)
    if known is new:
        return
    secrets, certificates = {s.key_id for s in known.secrets}, {c.key_id for c in known.certificates}
    known.secrets += [s for s in new.secrets if s.key_id not in secrets]
    known.certificates += [c for c in new.certificates if c.key_id not in certificates]
    known.required_roles += [r for r in new.required_roles if r not in known.required_roles]
    if known.redirect_uris is None:
        known.redirect_uris = new.redirect_uris


def dump_tenant(directory: Directory, tenant: Tenant) -> dict[str, Any]:
    """Write a tenant in the form :func:`add_tenant` reads."""
    shown = [r for r in directory.registrations.values() if _belongs(r, tenant)]
    changing = {"amounts": tenant.amounts, "rounds": tenant.rounds}
    return {
        "id": tenant.id,
        "name": tenant.name,
        "workspace": tenant.workspace,
        "cloud": tenant.cloud,
        "domains": tenant.domains,
        "size": tenant.size,
        "devices": tenant.devices,
        "licences": tenant.licences,
        "scenarios": [{"name": use.name, **use.options} if use.options else use.name for use in tenant.scenarios],
        "scripts": [{"match": s.match, "answers": s.answers, "then": s.then} for s in tenant.scripts],
        "apps": [_dump_app(r, tenant) for r in shown],
        "demo": tenant.demo,
        **{name: value for name, value in changing.items() if value},
    }


def scenario_uses(entries: Any) -> list[ScenarioUse]:
    """Read a list of scenarios: names, or objects with ``name`` and options. Raises FleetError."""
    if not isinstance(entries, list):
        raise FleetError('"scenarios" must be a list')
    uses = []
    for entry in entries:
        options = dict(entry) if isinstance(entry, dict) else {"name": entry}
        name = options.pop("name", None)
        if name not in SCENARIOS:
            raise FleetError(f"there is no scenario {name!r}; GET /scenarios lists them")
        for option in ("seconds", "megabytes", "times", "after", "depth", "units", "percentage"):
            _number(options, option)
        uses.append(ScenarioUse(name, options))
    return uses


def script(entry: Any) -> Script:
    """Read one script: ``match``, ``answers`` and ``then``. Raises FleetError."""
    if not isinstance(entry, dict):
        raise FleetError("a script must be an object with match, answers and then")
    match, answers, then = entry.get("match", {}), entry.get("answers"), entry.get("then", "fine")
    if not isinstance(match, dict) or not set(match) <= {"where", "path", "method", "client_id"}:
        raise FleetError('a script\'s "match" may hold where, path, method and client_id')
    if not isinstance(answers, list) or not answers:
        raise FleetError('a script\'s "answers" must be a list with at least one answer')
    for answer in answers:
        if isinstance(answer, str) and answer != "fine" and answer not in SCENARIOS:
            raise FleetError(f'a script\'s answer must be "fine", a scenario or an object, not {answer!r}')
        if isinstance(answer, str) and answer != "fine" and SCENARIOS[answer].make is None:
            raise FleetError(f"{answer!r} is a state or damages an answer: switch it on as a scenario, not in a script")
        if not isinstance(answer, str) and not (
            isinstance(answer, dict) and ("status" in answer or "latency" in answer)
        ):
            raise FleetError('a script\'s answer object needs a "status" or a "latency"')
        if isinstance(answer, dict):
            _number(answer, "latency")
            if not isinstance(answer.get("headers", {}), dict):
                raise FleetError('a script\'s "headers" must be an object')
        if isinstance(answer, dict) and not (
            isinstance(answer.get("status", 200), int) and 200 <= answer.get("status", 200) <= 599
        ):
            raise FleetError('a script\'s "status" must be a number from 200 to 599')
    if then not in ("fine", "repeat"):
        raise FleetError('a script\'s "then" must be "fine" or "repeat"')
    return Script({key: str(value) for key, value in match.items()}, answers, then)


def secret(entry: Any, added_at: float = 0.0) -> Secret:
    """Read one client secret; ``added_at`` (seconds) starts its propagation delay. Raises FleetError."""
    value = _field(entry, "value", str)
    if not value:
        raise FleetError('a secret\'s "value" must not be empty')
    return Secret(
        key_id=_guid(entry, "key_id"),
        value=value,
        hint=str(entry.get("hint", value[:3])),
        starts=_moment(entry, "starts"),
        expires=_moment(entry, "expires"),
        added_at=added_at,
    )


def certificate(entry: Any, added_at: float = 0.0) -> Certificate:
    """Read one registered certificate. Raises FleetError."""
    try:
        return Certificate(_guid(entry, "key_id"), _field(entry, "pem", str), added_at)
    except FleetError:
        raise
    except ValueError:
        raise FleetError('a certificate\'s "pem" is not a PEM certificate') from None


def guid(text: Any, name: str) -> str:
    """Return a GUID in lower case. Raises FleetError naming the field."""
    try:
        return str(uuid.UUID(str(text)))
    except ValueError:
        raise FleetError(f'"{name}" must be a GUID, not {text!r}') from None


def names(entries: Any, field: str) -> list[str]:
    """Check a list of strings (permissions, addresses). Raises FleetError naming the field."""
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise FleetError(f'"{field}" must be a list of strings')
    return entries


def count(entry: Any, name: str, default: int) -> int:
    """Check a number of users or devices. Raises FleetError naming the field."""
    value = _field({name: entry.get(name, default)}, name, int)
    if isinstance(value, bool) or not 0 <= value <= 10_000_000:
        raise FleetError(f'"{name}" must be a number from 0 to 10000000')
    return value


def amounts(entries: Any) -> dict[str, int]:
    """Check how many entries lists start with. Raises FleetError naming the list."""
    if not isinstance(entries, dict) or not set(entries) <= LISTS:
        raise FleetError(f'"amounts" may hold numbers for {", ".join(sorted(LISTS))}')
    return {name: count(entries, name, 0) for name in entries}


def objects(entry: Any, name: str) -> list[dict[str, Any]]:
    """Check a list of objects. Raises FleetError naming the field."""
    value = entry.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FleetError(f'"{name}" must be a list of objects')
    return value


def flag(entry: dict[str, Any], name: str, default: bool) -> bool:
    """Check a yes or no. Raises FleetError naming the field."""
    return _field({name: entry.get(name, default)}, name, bool)


def domains(entries: Any) -> list[str]:
    """Check a list of domain names. Raises FleetError."""
    if not isinstance(entries, list) or not entries:
        raise FleetError('"domains" must be a list with at least one domain')
    for domain in entries:
        if not isinstance(domain, str) or not _DOMAIN.match(domain):
            raise FleetError(f'"domains" holds {domain!r}, which is not a domain name')
    return entries


def licences(entries: Any) -> list[str]:
    """Check a list of licences. Raises FleetError."""
    if not isinstance(entries, list) or not set(map(str, entries)) <= set(LICENCES):
        raise FleetError(f'"licences" may hold {", ".join(LICENCES)}')
    return entries


def _tenant(entry: Any) -> Tenant:
    if not isinstance(entry, dict):
        raise FleetError("a tenant must be an object")
    unknown = set(entry) - _TENANT_FIELDS
    if unknown:
        raise FleetError(f"a tenant has no field {', '.join(sorted(map(repr, unknown)))}")
    cloud = entry.get("cloud", "global")
    if cloud not in CLOUDS:
        raise FleetError(f'"cloud" must be one of {", ".join(CLOUDS)}')
    return Tenant(
        id=_guid(entry, "id"),
        name=_field(entry, "name", str),
        cloud=cloud,
        domains=domains(entry.get("domains")),
        size=count(entry, "size", 25),
        devices=count(entry, "devices", 10),
        licences=licences(entry.get("licences", list(LICENCES))),
        scenarios=scenario_uses(entry.get("scenarios", [])),
        scripts=[script(item) for item in objects(entry, "scripts")],
        workspace=str(entry.get("workspace", "")),
        demo=_demo(entry.get("demo", {})),
        amounts=amounts(entry.get("amounts", {})),
        rounds=_rounds(entry.get("rounds", [])),
    )


def _app(entry: dict[str, Any], tenant_id: str) -> tuple[Registration, ServicePrincipal | None]:
    unknown = set(entry) - _APP_FIELDS
    if unknown:
        raise FleetError(f"an app has no field {', '.join(sorted(map(repr, unknown)))}")
    roles = names(entry.get("granted_roles", []), "granted_roles")
    uris = entry.get("redirect_uris")
    registration = Registration(
        client_id=_guid(entry, "client_id"),
        display_name=str(entry.get("display_name", "Atlas")),
        home_tenant=guid(entry.get("home_tenant", tenant_id), "home_tenant"),
        multi_tenant=flag(entry, "multi_tenant", False),
        secrets=[secret(item) for item in objects(entry, "secrets")],
        certificates=[certificate(item) for item in objects(entry, "certificates")],
        required_roles=list(names(entry.get("required_roles", roles), "required_roles")),
        redirect_uris=None if uris is None else names(uris, "redirect_uris"),
    )
    if not registration.multi_tenant and registration.home_tenant != tenant_id:
        raise FleetError(f"app {registration.client_id} is not multi-tenant, so its home_tenant must be this tenant")
    if not flag(entry, "consented", True):
        return registration, None
    return registration, ServicePrincipal(registration.client_id, list(roles), flag(entry, "enabled", True))


def _belongs(registration: Registration, tenant: Tenant) -> bool:
    return registration.home_tenant == tenant.id or registration.client_id in tenant.service_principals


def _dump_app(registration: Registration, tenant: Tenant) -> dict[str, Any]:
    principal = tenant.service_principals.get(registration.client_id)
    dumped = {
        "client_id": registration.client_id,
        "display_name": registration.display_name,
        "multi_tenant": registration.multi_tenant,
        "home_tenant": registration.home_tenant,
        "secrets": [
            {"key_id": s.key_id, "value": s.value, "hint": s.hint, "starts": iso(s.starts), "expires": iso(s.expires)}
            for s in registration.secrets
        ],
        "certificates": [{"key_id": c.key_id, "pem": c.pem} for c in registration.certificates],
        "consented": principal is not None,
        "granted_roles": principal.granted_roles if principal else [],
        "required_roles": registration.required_roles,
        "enabled": principal.enabled if principal else True,
    }
    return dumped if registration.redirect_uris is None else {**dumped, "redirect_uris": registration.redirect_uris}


def _number(entry: dict[str, Any], name: str) -> None:
    value = entry.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise FleetError(f'"{name}" must be a number from 0 to 86400')


def _field(entry: Any, name: str, kind: type[T]) -> T:
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise FleetError(f'"{name}" is missing or is not a {kind.__name__}')
    return value


def _guid(entry: Any, name: str) -> str:
    return guid(_field(entry, name, str), name)


def _demo(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FleetError('"demo" must be an object')
    return value


def _rounds(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_ROUNDS:
        raise FleetError(f'"rounds" must be a list of at most {MOST_ROUNDS} moments')
    return [iso(_moment({"rounds": moment}, "rounds")) for moment in value]


def _moment(entry: Any, name: str) -> float:
    text = _field(entry, name, str)
    try:
        return parse_iso(text)
    except ValueError:
        raise FleetError(f'"{name}" must be an ISO 8601 moment, not {text!r}') from None
